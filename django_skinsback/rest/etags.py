"""ETags of single deposits and purchases. A poll takes one query and renders nothing if the row has not changed."""

import hashlib
from typing import Any, TypeVar

from django.db.models import OuterRef, Subquery
from django.http import Http404
from django.utils.http import parse_etags
from django.utils.translation import get_language
from rest_framework.request import Request

from ..models import Deposit, LedgerEntry, Purchase, StatusChange
from ..player_texts.versions import SINCE_STATUSES, timed_parts
from .rows import rows_of

RowModel = TypeVar("RowModel", Deposit, Purchase)


def read_row(model: type[RowModel], user: Any, public_id: Any) -> tuple[RowModel, str]:
    """Return the user's row and the ETag of the row, with one query. Raise Http404 if the user has no such row.

    The ETag changes if ``updated_at``, the newest ledger entry or the language changes. Each change by a flow sets
    ``updated_at``. The ETag also changes when a day of a hold ends, when a trade offer expires, and when the text of a
    purchase changes because the market does not answer.
    """
    name = model._meta.model_name
    entries = LedgerEntry.objects.filter(**{f"{name}_id": OuterRef("pk")}).order_by("-pk").values("pk")
    changes = StatusChange.objects.filter(**{f"{name}_id": OuterRef("pk")}, to_status__in=SINCE_STATUSES[model])
    rows = rows_of(model, user).filter(public_id=public_id)
    row: Any = rows.annotate(
        newest_entry=Subquery(entries[:1]), since=Subquery(changes.order_by("created_at").values("created_at")[:1])
    ).first()
    if row is None:
        raise Http404
    parts = [row.pk, row.updated_at, row.newest_entry, get_language(), *timed_parts(row, row.since)]
    return row, '"' + hashlib.sha256(repr(parts).encode()).hexdigest()[:32] + '"'


def is_unchanged(request: Request, tag: str) -> bool:
    """Return whether the header ``If-None-Match`` of the request contains ``tag`` or is ``*``."""
    given = parse_etags(request.headers.get("If-None-Match", ""))
    return given == ["*"] or tag in [each.removeprefix("W/") for each in given]
