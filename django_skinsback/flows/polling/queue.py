"""The rows that are due for a poll. A deposit or purchase is due if its ``next_poll_at`` is in the past."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Case, F, Q, QuerySet, Value, When

from ... import schedule
from ...models import Deposit, Purchase
from ..ledger.database import database

Row = TypeVar("Row", Deposit, Purchase)


def is_due(column: str, now: datetime) -> Q:
    """Return the condition that the time in ``column`` is not in the future, or too far in the future.

    Only a wrong clock writes a time that is too far in the future. The condition consists of two ranges, so that the
    database uses the index.
    """
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + schedule.LONGEST_WAIT})


def due_rows(model: type[Row], account: str, now: datetime) -> QuerySet[Row]:
    """Return a query of the account's rows that are due, in the ledger's database."""
    rows: QuerySet[Row] = model._default_manager.using(database())
    return rows.filter(is_due("next_poll_at", now), account=account)


def reschedule(rows: QuerySet[Row], times: Mapping[int, datetime]) -> None:
    """Set the next poll of rows that were polled without a change. This takes one statement.

    ``times`` maps the primary key of a row to its next poll. Keys that are not in the query ``rows`` are skipped. So
    the caller can leave out rows that another process has rescheduled.
    """
    if not times:
        return
    column: Any = rows.model._meta.get_field("next_poll_at")
    keys = defaultdict(list)
    for pk, time in times.items():
        keys[time].append(pk)
    most_frequent = max(keys, key=lambda time: len(keys[time]))
    others = [When(pk__in=keys[time], then=Value(time, output_field=column)) for time in keys if time != most_frequent]
    default = Value(most_frequent, output_field=column)
    rows.filter(pk__in=list(times)).update(
        next_poll_at=Case(*others, default=default) if others else most_frequent,
        poll_count=F("poll_count") + 1,
        failing_since=None,
    )
