"""How far each list was read, and that one process at a time reads it."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from ... import schedule
from ...models import ListCursor, ListName
from ..ledger.database import database

LEASE = 10 * schedule.MINUTE
"""How long a run owns a list without having said that it is alive."""

OVERLAP = schedule.HOUR
"""Whether SkinsBack's ranges include their ends, and by whose clock, is not published."""

LOOK_BACK = schedule.HOLD + 2 * schedule.DAY
LOOK_BACK_EVERY = schedule.DAY
"""A row may change long after it was made, when a hold ends: once a day so much is read again."""

FIRST_LOOK = 30 * schedule.DAY
RESUME_WITHIN = schedule.DAY


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time of one list, and the page with which to begin."""

    since: datetime
    until: datetime
    start_from: str = ""

    @property
    def reaches_far_back(self) -> bool:
        """Whether it covers a whole hold."""
        return self.until - self.since >= LOOK_BACK


def next_window(cursor: ListCursor, now: datetime) -> Window:
    """What is to be read next: the run that broke off, else from the last complete one's end, with an overlap.

    A mark that lies ahead was made by a clock that was wrong, so that a whole hold is read again.
    """
    if cursor.start_from and cursor.since and cursor.until and now - cursor.until < RESUME_WITHIN:
        return Window(cursor.since, cursor.until, cursor.start_from)
    if cursor.complete_until is None:
        return Window(now - FIRST_LOOK, now)
    looked_back_at = cursor.looked_back_at
    far = looked_back_at is None or now - looked_back_at >= LOOK_BACK_EVERY
    if far or max(looked_back_at or now, cursor.complete_until) > now:
        return Window(min(cursor.complete_until, now) - LOOK_BACK, now)
    return Window(cursor.complete_until - OVERLAP, now)


@contextmanager
def afterwards(act: Callable[[], object]) -> Iterator[None]:
    """Do ``act`` after the block, also if it failed or was interrupted; not in a process that is dying otherwise."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        act()
        raise
    act()


class Lease:
    """The right to read one list of one account, taken with ``Lease.take``."""

    def __init__(self, cursor: ListCursor, clock: Callable[[], datetime]) -> None:
        self.cursor = cursor
        self._clock = clock
        self._noted: dict[str, Any] = {}

    @classmethod
    def take(cls, account: str, name: ListName, clock: Callable[[], datetime]) -> "Lease | None":
        """None if another run has it."""
        now, token = clock(), secrets.token_hex(16)
        cursors = ListCursor.objects.using(database()).filter(account=account, name=name)
        over = Q(leased_until=None) | Q(leased_until__lte=now)
        by_a_wrong_clock = Q(leased_until__gt=now + 2 * LEASE)
        free = cursors.filter(over | by_a_wrong_clock)
        taken = free.update(lease=token, leased_until=now + LEASE)
        if not taken and not cursors.exists():
            with suppress(IntegrityError), transaction.atomic(using=database()):  # another run may be first
                ListCursor(account=account, name=name).save(using=database(), force_insert=True)
            taken = free.update(lease=token, leased_until=now + LEASE)
        return cls(cursors.get(lease=token), clock) if taken else None

    def now(self) -> datetime:
        return self._clock()

    def note(self, **values: Any) -> None:
        """Remember how far the run came; it is written when the lease is renewed, and at the end."""
        self._noted |= values
        for name, value in values.items():
            setattr(self.cursor, name, value)

    def keep(self) -> bool:
        """Say that the run is alive, if that is due; False if another run has taken over."""
        if self.cursor.leased_until is not None and self.cursor.leased_until - self._clock() > LEASE / 2:
            return True
        self.note(leased_until=self._clock() + LEASE)
        return self._write(**self._noted)

    def release(self, **values: Any) -> None:
        """End the run and keep how far it came."""
        self._write(**{**self._noted, **values, "lease": "", "leased_until": None})

    def _write(self, **values: Any) -> bool:
        mine = ListCursor.objects.using(database()).filter(pk=self.cursor.pk, lease=self.cursor.lease)
        return bool(mine.update(**{**values, "updated_at": self._clock()}))
