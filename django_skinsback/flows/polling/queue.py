"""What is due stands in the rows: where, and what a pass over them counts."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import Case, F, Q, QuerySet, Value, When

from ... import schedule
from ...models import Deposit, Purchase
from ...models.fields import utc_now
from ..ledger.database import database

Row = TypeVar("Row", Deposit, Purchase)


def is_due(column: str, now: datetime) -> Q:
    """The condition that a due time has come, or lies farther ahead than any that a right clock writes.

    These are two ranges of the column, so that its index is used.
    """
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + schedule.LONGEST_WAIT})


@dataclass(frozen=True)
class Queue(Generic[Row]):
    """A table whose rows say when they are ``due``, and by ``count`` how often they were asked about in vain.

    ``since`` is the column nearest to the time that SkinsBack gives a row in its lists, ``our_id`` what it calls it by.
    """

    model: type[Row]
    due: str
    count: str
    since: str
    our_id: str

    def rows(self, *conditions: Q, **values: Any) -> QuerySet[Row]:
        rows: QuerySet[Row] = self.model._default_manager.using(database()).filter(*conditions, **values)
        return rows

    def due_rows(self, account: str, now: datetime) -> QuerySet[Row]:
        """What is to be asked about now."""
        return self.rows(is_due(self.due, now), account=account)

    def due_keys(self, account: str, now: datetime, atmost: int, **conditions: Any) -> list[int]:
        """The first keys of these, in their order."""
        due = self.due_rows(account, now).filter(**conditions)
        return list(due.order_by("pk").values_list("pk", flat=True)[:atmost])

    def reschedule(self, times: Mapping[int, datetime], unchanged: Q) -> None:
        """Note, in one statement, that rows were asked about in vain, and when they are asked about next.

        ``unchanged`` is a condition: a row that another process has rescheduled meanwhile stays as it is.
        """
        if not times:
            return
        keys = defaultdict(list)
        for pk, time in times.items():
            keys[time].append(pk)
        commonest = max(keys, key=lambda time: len(keys[time]))
        others = [When(pk__in=keys[time], then=self._value(time)) for time in keys if time != commonest]
        due: Any = Case(*others, default=self._value(commonest)) if others else commonest
        rows = self.rows(unchanged, pk__in=list(times))
        rows.update(**{self.due: due, self.count: F(self.count) + 1, "failing_since": None})

    def _value(self, time: datetime) -> Value:
        column: Any = self.model._meta.get_field(self.due)
        return Value(time, output_field=column)


PURCHASES = Queue(Purchase, due="next_poll_at", count="poll_count", since="submitted_at", our_id="custom_id")
DEPOSITS = Queue(Deposit, due="next_poll_at", count="poll_count", since="created_at", our_id="order_id")


Advance = Callable[[int], object]
"""Is told how many more rows were taken up."""


def nobody(_rows: int) -> None:
    """An ``Advance`` for whom nobody waits."""


@dataclass
class Counts:
    """What a pass did: rows taken up, rows whose status moved, and the error that ended it early."""

    asked: int = 0
    changed: int = 0
    stopped_by: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """When rows were asked about. They have one ``chance`` (0 to 1) together, so that they stay together as well."""

    now: datetime
    chance: float

    def after(self, delay: timedelta) -> datetime:
        """A time about ``delay`` later."""
        return self.now + schedule.spread(delay, self.chance)


@dataclass(frozen=True)
class Sweep(Generic[Row]):
    """A pass over the due rows of one account, ``until`` when no more are taken up.

    ``chance`` gives numbers from 0 to 1, which spread the times. ``in_vain`` are keys of new purchases sent one after
    the other without a readable answer.
    """

    queue: Queue[Row]
    account: str
    now: datetime
    counts: Counts
    chance: Callable[[], float]
    advance: Advance
    until: datetime
    in_vain: list[int] = field(default_factory=list)

    def is_over(self) -> bool:
        return utc_now() >= self.until

    def moment(self) -> Moment:
        return Moment(utc_now(), self.chance())

    def took(self, rows: int) -> None:
        self.counts.asked += rows
        self.advance(rows)

    def note(self, before: Row, after: Row | None) -> None:
        """Count a row if its status has moved."""
        self.counts.changed += after is not None and after.status != before.status
