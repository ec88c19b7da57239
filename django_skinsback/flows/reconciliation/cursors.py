"""Cursors store how far each list was read. A claim lets only one process at a time read a list."""

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
"""A claim ends this long after it was made or last extended."""

OVERLAP = schedule.HOUR
"""Two windows overlap by this: SkinsBack does not publish whether ranges include their ends, or whose clock it uses."""

LOOK_BACK = schedule.HOLD + 2 * schedule.DAY
LOOK_BACK_EVERY = schedule.DAY
"""A deposit may change when its hold ends. Once a day the window begins ``LOOK_BACK`` earlier."""

FIRST_WINDOW = 30 * schedule.DAY
RESUME_WITHIN = schedule.DAY


@dataclass(frozen=True, slots=True)
class Window:
    """A time range of one list, and the page to begin with."""

    since: datetime
    until: datetime
    start_from: str = ""

    @property
    def covers_a_hold(self) -> bool:
        return self.until - self.since >= LOOK_BACK


def next_window(cursor: ListCursor, now: datetime) -> Window:
    """Return the window to read next.

    It is the window of an interrupted run, or else it begins where the last complete window ended, with an overlap.

    A time in the future was stored while the clock was wrong. Then the window covers a whole hold.
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
    """Call ``action`` after the block, also after an exception or Ctrl-C, but not after SystemExit."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        action()
        raise
    action()


class ListClaim:
    """The exclusive right to read one list of one account. Made by ``ListClaim.acquire``."""

    def __init__(self, cursor: ListCursor, clock: Callable[[], datetime]) -> None:
        self.cursor = cursor
        self._clock = clock
        self._unsaved: dict[str, Any] = {}

    @classmethod
    def acquire(cls, account: str, name: ListName, clock: Callable[[], datetime]) -> "ListClaim | None":
        """Claim the list; None if another run holds it. An expired claim is replaced."""
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
        """Set columns of the cursor. They are saved when the claim is extended or released."""
        self._unsaved |= values
        for name, value in values.items():
            setattr(self.cursor, name, value)

    def extend(self) -> None:
        """Extend the claim and save the cursor if at most half of ``CLAIM_TIME`` is left.

        Raises SkinsBackError if another run has replaced the claim.
        """
        claimed_until = self.cursor.claimed_until
        if claimed_until is not None and claimed_until - self._clock() > CLAIM_TIME / 2:
            return
        self.set(claimed_until=self._clock() + CLAIM_TIME)
        if not self._save(**self._unsaved):
            raise SkinsBackError(_("Another run has claimed this list."))

    def release(self, **values: Any) -> None:
        """End the claim and save the cursor."""
        self._save(**{**self._unsaved, **values, "claim_token": "", "claimed_until": None})

    def _save(self, **values: Any) -> bool:
        """Save if the claim still holds; return whether it does."""
        cursors = ListCursor.objects.using(database()).filter(pk=self.cursor.pk, claim_token=self.cursor.claim_token)
        return bool(cursors.update(**{**values, "updated_at": self._clock()}))
