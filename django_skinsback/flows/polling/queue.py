"""The rows are the queue: a deposit or a purchase is due when its ``next_poll_at`` has come."""

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
    """Return the condition that the time in ``column`` has come, or is later than the schedule allows.

    Only a wrong clock writes such a time. The condition consists of two ranges, so the database uses the index.
    """
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + schedule.LONGEST_WAIT})


def due_rows(model: type[Row], account: str, now: datetime) -> QuerySet[Row]:
    """Return the rows of the account that are due, from the database that money is written to."""
    rows: QuerySet[Row] = model._default_manager.using(database())
    return rows.filter(is_due("next_poll_at", now), account=account)


def reschedule(rows: QuerySet[Row], times: Mapping[int, datetime]) -> None:
    """Set the next poll, by key, of rows that were polled without a change. This is one statement.

    Keys that are not among ``rows`` are skipped, so the caller can leave out rows that another process has rescheduled.
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
