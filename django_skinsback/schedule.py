"""When to ask SkinsBack again: pure functions of a row's status, its age and how often it was asked in vain."""

from datetime import datetime, timedelta

from .statuses import DEPOSIT_FINAL, PURCHASE_FINAL, DepositStatus, PurchaseStatus

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))

CREATE_UNANSWERED = 10 * MINUTE
"""A ``create`` whose answer was lost and whose order is still not found after this did not happen."""

PAY_LINK_LIFETIME = 3 * DAY
"""How long a deposit nobody pays is asked for. SkinsBack publishes no lifetime; a later payment still counts."""

HOLD = 8 * DAY
"""Steam Trade Protection: how long a trade of CS2 skins can be taken back (``/docs/api/v1/offers_with_hold``)."""

ROLLBACK_MARGIN = DAY
"""How long after its hold an accepted purchase is still asked for, since a rollback may be told late."""

ACCEPT_WITHIN = 10 * MINUTE
"""A trade offer not accepted in this time runs out (``/docs/api/v1/market_getinfo``)."""

CLAIM = 2 * MINUTE
"""How long a due row belongs to the sweep that took it, see ``flows.leases``."""

CLAIM_EXTENDED_BELOW = MINUTE
"""A sweep extends its claim, between two calls, once less than this is left of it."""

ACCOUNT_ERROR_DELAY = 2 * MINUTE
"""Delay of the next poll after an error that every call of the account would meet."""

OFFER_LIFETIME = ACCEPT_WITHIN + 2 * MINUTE
"""How long after it was sent a purchase can wait for its user: SkinsBack makes the offer first."""

RESEND_AFTER = 2 * MINUTE
"""How long a purchase SkinsBack does not know is left alone before it is sent again with the same id."""

RESEND_ATMOST = 5
REVIEW_AFTER = DAY
"""A purchase that could not be sent for this long wants an operator."""

WITHHELD_CHECKS = 5
"""How often a finished deposit whose credit is withheld is asked for before only the operator is left."""

SPREAD = 0.1
"""By which part a wait may be shorter or longer, so that what began together does not stay together."""

LONGEST_WAIT = DAY + HOUR
"""No due time is set farther ahead than this: the longest wait, for the end of a purchase's hold, is a day, and an hour
is margin. A due time farther ahead was written while the clock was wrong, and counts as due."""

CLOCK_SKEW = 2 * MINUTE
"""By how much the clocks of two servers may differ. A past event may lie so far ahead and has just happened."""

LONG_AGO = 30 * DAY
"""The age of a past event that lies farther ahead than ``CLOCK_SKEW``: longer than anything is waited for."""

_LONGEST_BACKOFF = 15 * MINUTE


def age_for_waiting(since: datetime, now: datetime) -> timedelta:
    """The time since a past event, to decide whether to go on waiting.

    An event that lies ahead was dated by a clock that was wrong. It counts as long ago, so that the wait ends. A refund
    must not be decided by this age: compare the times themselves.
    """
    age = now - since
    return LONG_AGO if age < -CLOCK_SKEW else max(age, timedelta(0))


def next_check(status: str, age: timedelta, attempts: int) -> timedelta | None:
    """How long to wait before a deposit is asked for again; None: never by the clock.

    ``age`` is the time since it was created, ``attempts`` how often it was asked for since its last change.
    """
    if status in DEPOSIT_FINAL or status == DepositStatus.ABANDONED:
        return None
    if status == DepositStatus.CREATED:
        return MINUTE
    if status in {DepositStatus.IN_HOLD, DepositStatus.HOLD_APPROVED}:
        return 6 * HOUR if age < HOLD else backoff(attempts, first=30 * MINUTE, longest=6 * HOUR)
    if age < 10 * MINUTE:
        return 2 * MINUTE
    if age < HOUR:
        return 10 * MINUTE
    return HOUR if age < DAY else 6 * HOUR


def next_poll(status: str, age: timedelta, attempts: int) -> timedelta | None:
    """How long to wait before a purchase is asked for again; None: never by the clock.

    ``age`` is the time since it was last sent, ``attempts`` how often it was asked for since its last change.
    """
    if status in PURCHASE_FINAL:
        return None
    if status == PurchaseStatus.ACCEPTED:
        return 6 * HOUR
    if status == PurchaseStatus.REQUESTED:
        return backoff(attempts, first=MINUTE)
    if status == PurchaseStatus.UNKNOWN:
        return backoff(attempts, first=30 * SECOND)
    return 10 * SECOND if age < OFFER_LIFETIME else backoff(attempts, first=MINUTE, longest=HOUR)


def backoff(attempts: int, first: timedelta = MINUTE, longest: timedelta = _LONGEST_BACKOFF) -> timedelta:
    """Twice as long after each vain attempt, from ``first`` up to ``longest``."""
    doublings = min(max(attempts, 0), 20)
    return min(first * (1 << doublings), longest)


def spread(delay: timedelta, chance: float) -> timedelta:
    """``delay``, up to a tenth shorter or longer; ``chance`` is from 0 to 1, and 0.5 leaves it as it is."""
    return delay * (1 - SPREAD + 2 * SPREAD * chance)


def hold_until(
    game: str, in_hold: bool | None, in_hold_until: datetime | None, accepted_at: datetime
) -> datetime | None:
    """When the hold of an accepted purchase ends; None where there is no hold.

    Without hold data a CS2 skin is taken to be in hold, and a hold of unknown length to be a whole one.
    """
    if in_hold_until is not None:
        return in_hold_until
    return accepted_at + HOLD if in_hold or (in_hold is None and game == "cs2") else None


def accepted_until(game: str, in_hold: bool | None, in_hold_until: datetime | None, accepted_at: datetime) -> datetime:
    """When an accepted purchase can be taken for good: after its hold, with a margin for late reports."""
    return (hold_until(game, in_hold, in_hold_until, accepted_at) or accepted_at) + ROLLBACK_MARGIN
