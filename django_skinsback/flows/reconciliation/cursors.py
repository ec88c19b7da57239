"""Cursors store how far each list was read. A claim ensures that only one process at a time reads a list."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from ... import schedule
from ...exceptions import SkinsBackError
from ...models import ListCursor, ListName
from ..ledger.database import database

CLAIM_TIME = 10 * schedule.MINUTE
"""A claim ends after this time, unless it is extended."""

OVERLAP = schedule.HOUR
"""The time by which two windows overlap.

SkinsBack does not document whether a range includes its ends, and whose clock the range uses.
"""

LOOK_BACK = schedule.HOLD + 2 * schedule.DAY
LOOK_BACK_EVERY = schedule.DAY
"""Once in this time, the window begins ``LOOK_BACK`` earlier, because a deposit may change until its hold ends."""

FIRST_WINDOW = 30 * schedule.DAY
RESUME_WITHIN = schedule.DAY


@dataclass(frozen=True, slots=True)
class Window:
    """A time range of one list, and the cursor of the page at which reading begins."""

    since: datetime
    until: datetime
    start_from: str = ""

    @property
    def covers_a_hold(self) -> bool:
        return self.until - self.since >= LOOK_BACK


def next_window(cursor: ListCursor, now: datetime) -> Window:
    """Return the window to read next.

    If the last run was interrupted less than a day ago, this is the window of that run. Otherwise, the window begins
    where the last complete window ended, minus ``OVERLAP``. Once a day, and if the cursor contains a time in the future
    that a wrong clock has stored, the window begins ``LOOK_BACK`` earlier. The first window is 30 days long.
    """
    if cursor.start_from and cursor.since and cursor.until and now - cursor.until < RESUME_WITHIN:
        return Window(cursor.since, cursor.until, cursor.start_from)
    if cursor.complete_until is None:
        return Window(now - FIRST_WINDOW, now)
    looked_back_at = cursor.looked_back_at
    look_back = looked_back_at is None or now - looked_back_at >= LOOK_BACK_EVERY
    if look_back or max(looked_back_at or now, cursor.complete_until) > now:
        return Window(min(cursor.complete_until, now) - LOOK_BACK, now)
    return Window(cursor.complete_until - OVERLAP, now)


@contextmanager
def run_at_end(action: Callable[[], object]) -> Iterator[None]:
    """Call ``action`` after the block, even if the block raises an exception or Ctrl-C ends it.

    After SystemExit, ``action`` is not called.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        action()
        raise
    action()


class ListClaim:
    """The exclusive right to read one list of one account. Use ``ListClaim.acquire`` to get it."""

    def __init__(self, cursor: ListCursor, clock: Callable[[], datetime]) -> None:
        self.cursor = cursor
        self._clock = clock
        self._unsaved: dict[str, Any] = {}

    @classmethod
    def acquire(cls, account: str, name: ListName, clock: Callable[[], datetime]) -> "ListClaim | None":
        """Claim the list and return the claim. Return None if another run has claimed it. Replace an expired claim."""
        now, token = clock(), secrets.token_hex(16)
        cursors = ListCursor.objects.using(database()).filter(account=account, name=name)
        expired = Q(claimed_until=None) | Q(claimed_until__lte=now)
        from_wrong_clock = Q(claimed_until__gt=now + 2 * CLAIM_TIME)
        free = cursors.filter(expired | from_wrong_clock)
        claimed = free.update(claim_token=token, claimed_until=now + CLAIM_TIME)
        if not claimed and not cursors.exists():
            with suppress(IntegrityError), transaction.atomic(using=database()):  # another run may insert it first
                ListCursor(account=account, name=name).save(using=database(), force_insert=True)
            claimed = free.update(claim_token=token, claimed_until=now + CLAIM_TIME)
        return cls(cursors.get(claim_token=token), clock) if claimed else None

    def set(self, **values: Any) -> None:
        """Set columns of the cursor. The columns are saved when the claim is extended or released."""
        self._unsaved |= values
        for name, value in values.items():
            setattr(self.cursor, name, value)

    def extend(self) -> None:
        """Extend the claim and save the cursor. Do nothing if more than half of ``CLAIM_TIME`` is left.

        Raises SkinsBackError if another run has replaced the claim.
        """
        claimed_until = self.cursor.claimed_until
        if claimed_until is not None and claimed_until - self._clock() > CLAIM_TIME / 2:
            return
        self.set(claimed_until=self._clock() + CLAIM_TIME)
        if not self._save(**self._unsaved):
            raise SkinsBackError(_("Another run has claimed this list."))

    def release(self, **values: Any) -> None:
        """End the claim and save the cursor. ``values`` are further columns to save."""
        self._save(**{**self._unsaved, **values, "claim_token": "", "claimed_until": None})

    def _save(self, **values: Any) -> bool:
        """Save the cursor and return True. Save nothing and return False if another run has replaced the claim."""
        cursors = ListCursor.objects.using(database()).filter(pk=self.cursor.pk, claim_token=self.cursor.claim_token)
        return bool(cursors.update(**{**values, "updated_at": self._clock()}))
