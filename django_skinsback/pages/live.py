"""Live status: a page fetches a fragment of HTML repeatedly. If nothing has changed, the answer has the status 304."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Count, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language

from ..models import Deposit, Purchase
from ..models.fields import utc_now
from .rendering import PageContext

R = TypeVar("R", Deposit, Purchase)

_READS = 3
"""How often a row is read at most, if the row changes between the queries."""

_COLUMNS = ("pk", "status", "updated_at", "needs_review")


def read_tag(rows: "QuerySet[Any]", *columns: str, after: Mapping[str, int] | None = None) -> str:
    """Return the ETag of the few rows in ``rows``, with one query. Raises Http404 if there is no row.

    The ETag changes if a row, its ledger entries, the language or the time zone changes. It also changes every hour.

    ``columns`` are the names of columns that contain a time or None. The page may show another text after this time, so
    the ETag changes at this time. ``after`` maps the name of such a column to a number of seconds. The ETag then
    changes that many seconds after the time in the column.
    """
    entries = {"last_entry": Max("entries__pk"), "entry_count": Count("entries__pk")}
    found = rows.order_by("pk").values(*dict.fromkeys((*_COLUMNS, *columns, *(after or {})))).annotate(**entries)
    now = utc_now()
    moments = dict.fromkeys(columns, 0) | dict(after or {})
    values = [
        [*row.values(), *(_is_reached(row[name], seconds, now) for name, seconds in moments.items())] for row in found
    ]
    if not values:
        raise Http404
    parts = [values, f"{now:%Y%m%d%H}", get_language(), timezone.get_current_timezone_name()]
    return '"' + hashlib.sha256(repr([str(part) for part in parts]).encode()).hexdigest()[:32] + '"'


def _is_reached(moment: datetime | None, seconds: int, now: datetime) -> bool:
    return moment is not None and (now - moment).total_seconds() >= seconds


def read_row(rows: "QuerySet[R]", read_tag_now: Callable[["QuerySet[R]"], str]) -> tuple[R, str]:
    """Return the one row in ``rows`` and the ETag of the row. The ledger entries and the history are prefetched.

    A webhook may change the row between the query for the row and the query for the entries. Then a page would show an
    old status beside a new entry. So the row and the entries are read again, at most three times in all.

    Raises Http404 if ``rows`` has no row.
    """
    tag = read_tag_now(rows)
    for _attempt in range(_READS - 1):
        row = get_object_or_404(rows.prefetch_related("entries", "changes"))
        newest = read_tag_now(rows)
        if newest == tag:
            return row, tag
        tag = newest
    return get_object_or_404(rows.prefetch_related("entries", "changes")), tag


def answer(
    request: HttpRequest, tag: str, template: str, make_context: Callable[[], Mapping[str, Any]], *, section: str
) -> HttpResponse:
    """Return the fragment ``skinsback/<template>`` with the ETag ``tag``.

    If the request already has this ETag, the status is 304. Otherwise ``make_context`` is called and the fragment is
    rendered.

    The caller must read ``tag`` before ``make_context`` reads the row. If the row changes after ``tag`` was read, the
    next request gets another ETag and the new fragment.
    """
    unchanged = get_conditional_response(request, etag=tag)
    if unchanged is not None:
        unchanged.headers["ETag"] = tag
        return unchanged
    context = {
        "skinsback": PageContext(request, section),
        "request": request,
        **make_context(),
    }
    return HttpResponse(render_to_string(f"skinsback/{template}", context, request), headers={"ETag": tag})
