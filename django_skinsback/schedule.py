"""Functions that return when a row is polled next. They use the row's status, its age and its number of polls."""

from datetime import datetime, timedelta

from .statuses import DEPOSIT_FINAL, PURCHASE_FINAL, DepositStatus, PurchaseStatus

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))

CREATE_UNANSWERED = 10 * MINUTE
"""How long a deposit is polled after its call ``create`` had no readable answer.

If SkinsBack does not know the deposit after this time, the deposit was not created.
"""

PAY_LINK_LIFETIME = 3 * DAY
"""How long an unpaid deposit is polled. A later payment is credited too.

SkinsBack does not document how long a pay link works.
"""

HOLD = 8 * DAY
"""How long Steam Trade Protection allows a rollback of a trade of CS2 skins (``/docs/api/v1/offers_with_hold``)."""

ROLLBACK_MARGIN = DAY
"""How long an accepted purchase is still polled after its hold has ended. SkinsBack may report a rollback late."""

ACCEPT_WITHIN = 10 * MINUTE
"""How long a user can accept a trade offer. Then the offer expires (``/docs/api/v1/market_getinfo``)."""

CLAIM = 2 * MINUTE
"""How long a sweep's claim on a due row lasts. See ``flows.polling.claims``."""

CLAIM_EXTENDED_BELOW = MINUTE
"""A sweep extends its claim before the next call if the claim ends in less than this time."""

ACCOUNT_ERROR_DELAY = 2 * MINUTE
"""How long a row waits after an error that concerns the whole account, such as a wrong key."""

CLOCK_SKEW = 2 * MINUTE
"""The largest accepted difference between the clocks of two servers.

An event that is less than this time in the future has the age zero.
"""

CALL_START = MINUTE
"""How long after an approval or a purchase was recorded it can still be sent. A process may be stopped meanwhile.

The client sends or refuses it in less than a minute, so the call ends within ``CALL_END``.
"""

CALL_END = 2 * CALL_START
"""How long after an approval or a purchase was recorded its call has ended, if both times are of the same clock."""

APPROVAL = CALL_END + CLOCK_SKEW
"""How long after an approval was recorded ``orderstatus`` may still report the hold although it was approved."""

OFFER_LIFETIME = ACCEPT_WITHIN + 2 * MINUTE
"""How long after sending a purchase its trade offer can still be created or accepted."""

RESEND_AFTER = 2 * MINUTE
"""How long after the last send a purchase that SkinsBack does not know is sent again, with the same ``custom_id``."""

MAX_RESENDS = 5
"""The maximum number of times that a purchase is sent again because SkinsBack does not know it."""

REVIEW_AFTER = DAY
"""After this time, a purchase that could not be sent is flagged for manual review."""

WITHHELD_POLLS = 5
"""How many times a final deposit with a withheld credit is polled. Then an operator must decide."""

SPREAD = 0.1
"""The share by which a wait is shortened or extended at random: up to 10 %.

Without it, rows of the same age would all be due at the same time.
"""

LONGEST_WAIT = DAY + HOUR
"""The longest time from now to a valid ``next_poll_at``: a day and one hour as a margin.

A later ``next_poll_at`` was written while the clock was wrong. Such a row is treated as due.
"""

LONG_AGO = 30 * DAY
"""The age that is assumed for an event more than ``CLOCK_SKEW`` in the future. This age is longer than every wait."""

REFUND_AFTER = RESEND_AFTER + CLOCK_SKEW
"""How long after the last send a person can refund a purchase whose outcome is not known."""

_LONGEST_BACKOFF = 15 * MINUTE


def age_for_waiting(since: datetime, now: datetime) -> timedelta:
    """Return the time since the event at ``since``, zero or more. Use it only to decide whether to continue waiting.

    If ``since`` is more than ``CLOCK_SKEW`` in the future, a server with a wrong clock has written ``since``. In this
    case return ``LONG_AGO``, so that the wait ends. Do not use this function to decide about a refund: compare the
    times there.
    """
    age = now - since
    return LONG_AGO if age < -CLOCK_SKEW else max(age, timedelta(0))


def next_deposit_poll(status: str, age: timedelta, poll_count: int) -> timedelta | None:
    """Return how long to wait before a deposit is polled again. Return None if the deposit is not polled any more.

    ``age`` is the time since the deposit was created. ``poll_count`` is the number of polls since its last change.
    """
    if status in DEPOSIT_FINAL or status == DepositStatus.ABANDONED:
        return None
    if status == DepositStatus.CREATED:
        return MINUTE
    if status in {DepositStatus.IN_HOLD, DepositStatus.HOLD_APPROVED}:
        return 6 * HOUR if age < HOLD else backoff(poll_count, first=30 * MINUTE, longest=6 * HOUR)
    if age < 10 * MINUTE:
        return 2 * MINUTE
    if age < HOUR:
        return 10 * MINUTE
    return HOUR if age < DAY else 6 * HOUR


def next_purchase_poll(status: str, age: timedelta, poll_count: int) -> timedelta | None:
    """Return how long to wait before a purchase is sent or polled again. Return None if it is not polled any more.

    ``age`` is the time since the purchase was last sent. ``poll_count`` is the number of polls since its last change.
    """
    if status in PURCHASE_FINAL:
        return None
    if status == PurchaseStatus.ACCEPTED:
        return 6 * HOUR
    if status == PurchaseStatus.REQUESTED:
        return backoff(poll_count, first=MINUTE)
    if status == PurchaseStatus.UNKNOWN:
        return backoff(poll_count, first=30 * SECOND)
    return 10 * SECOND if age < OFFER_LIFETIME else backoff(poll_count, first=MINUTE, longest=HOUR)


def backoff(attempts: int, first: timedelta = MINUTE, longest: timedelta = _LONGEST_BACKOFF) -> timedelta:
    """Return how long to wait: ``first``, doubled ``attempts`` times, and at most ``longest``."""
    doublings = min(max(attempts, 0), 20)
    return min(first * (1 << doublings), longest)


def spread(delay: timedelta, chance: float) -> timedelta:
    """Return ``delay`` made up to 10 % shorter or longer. ``chance`` is from 0 (shortest) to 1 (longest)."""
    return delay * (1 - SPREAD + 2 * SPREAD * chance)


def hold_until(
    game: str, in_hold: bool | None, in_hold_until: datetime | None, accepted_at: datetime
) -> datetime | None:
    """Return the time at which the hold of an accepted purchase ends. Return None if the purchase has no hold.

    A CS2 skin is treated as held if SkinsBack does not say whether it is held. A hold without a known end is treated as
    ending 8 days after ``accepted_at``.
    """
    if in_hold_until is not None:
        return in_hold_until
    return accepted_at + HOLD if in_hold or (in_hold is None and game == "cs2") else None


def accepted_until(game: str, in_hold: bool | None, in_hold_until: datetime | None, accepted_at: datetime) -> datetime:
    """Return the time until which an accepted purchase is polled.

    With a hold, this is one day after the end of the hold, because SkinsBack may report a rollback late. Without a
    hold, this is one day after ``accepted_at``.
    """
    return (hold_until(game, in_hold, in_hold_until, accepted_at) or accepted_at) + ROLLBACK_MARGIN
