"""When a row is polled next: pure functions of its status, its age and its number of polls without a change."""

from datetime import datetime, timedelta

from .statuses import DEPOSIT_FINAL, PURCHASE_FINAL, DepositStatus, PurchaseStatus

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))

CREATE_UNANSWERED = 10 * MINUTE
"""After this time, a deposit whose ``create`` was not answered and that SkinsBack does not know was not created."""

PAY_LINK_LIFETIME = 3 * DAY
"""How long an unpaid deposit is polled. The link's lifetime is not documented. Later payments are credited too."""

HOLD = 8 * DAY
"""Steam Trade Protection: how long a trade of CS2 skins can be rolled back (``/docs/api/v1/offers_with_hold``)."""

ROLLBACK_MARGIN = DAY
"""How long an accepted purchase is polled after its hold, because a rollback may be reported late."""

ACCEPT_WITHIN = 10 * MINUTE
"""A trade offer expires if the user does not accept it in this time (``/docs/api/v1/market_getinfo``)."""

CLAIM = 2 * MINUTE
"""How long a sweep's claim on a due row lasts, see ``flows.polling.claims``."""

CLAIM_EXTENDED_BELOW = MINUTE
"""A sweep extends its claim between two calls when less than this time is left."""

ACCOUNT_ERROR_DELAY = 2 * MINUTE
"""The delay of a row after an account-wide error: an error that every other call would get too."""

OFFER_LIFETIME = ACCEPT_WITHIN + 2 * MINUTE
"""How long after it was sent a purchase can wait for its user: the time to create the offer and to accept it."""

RESEND_AFTER = 2 * MINUTE
"""A purchase that SkinsBack does not know is sent again with the same ID this long after the last attempt."""

MAX_RESENDS = 5
"""How often a purchase that SkinsBack does not know is sent again."""

REVIEW_AFTER = DAY
"""A purchase that could not be sent for this long is flagged for manual review."""

WITHHELD_POLLS = 5
"""How often a final deposit with a withheld credit is polled. After that, only an operator decides."""

SPREAD = 0.1
"""The share by which a wait may be shorter or longer, so that rows made together are not always due together."""

LONGEST_WAIT = DAY + HOUR
"""``next_poll_at`` is never set later than this from now: the longest wait is a day, and an hour is margin. A later
time was written while the clock was wrong; the row is treated as due."""

CLOCK_SKEW = 2 * MINUTE
"""How much the clocks of two servers may differ. A past event that is less than this in the future happened now."""

LONG_AGO = 30 * DAY
"""The age of a past event that is more than ``CLOCK_SKEW`` in the future. It is longer than every wait."""

_LONGEST_BACKOFF = 15 * MINUTE


def age_for_waiting(since: datetime, now: datetime) -> timedelta:
    """Return the time since a past event, to decide whether to continue waiting. It is never negative.

    An event in the future was dated by a wrong clock. Its age is ``LONG_AGO``, so that the wait ends. Do not decide
    about a refund by this age: compare the times.
    """
    age = now - since
    return LONG_AGO if age < -CLOCK_SKEW else max(age, timedelta(0))


def next_deposit_poll(status: str, age: timedelta, poll_count: int) -> timedelta | None:
    """Return how long to wait before a deposit is polled again; None if it is not polled any more.

    ``age`` is the time since it was created. ``poll_count`` is the number of polls since its last change.
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
    """Return how long to wait before a purchase is sent or polled again; None if it is not polled any more.

    ``age`` is the time since it was last sent. ``poll_count`` is the number of polls since its last change.
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
    """Return ``first``, doubled for each of the ``attempts`` without success, and at most ``longest``."""
    doublings = min(max(attempts, 0), 20)
    return min(first * (1 << doublings), longest)


def spread(delay: timedelta, chance: float) -> timedelta:
    """Return ``delay``, up to a tenth shorter or longer. ``chance`` is from 0 to 1; 0.5 returns it unchanged."""
    return delay * (1 - SPREAD + 2 * SPREAD * chance)


def hold_until(
    game: str, in_hold: bool | None, in_hold_until: datetime | None, accepted_at: datetime
) -> datetime | None:
    """Return when the hold of an accepted purchase ends; None if it has no hold.

    A CS2 skin without hold data is treated as in hold. A hold without an end lasts 8 days.
    """
    if in_hold_until is not None:
        return in_hold_until
    return accepted_at + HOLD if in_hold or (in_hold is None and game == "cs2") else None


def accepted_until(game: str, in_hold: bool | None, in_hold_until: datetime | None, accepted_at: datetime) -> datetime:
    """Return when an accepted purchase is over: a day after its hold, as a margin for late reports."""
    return (hold_until(game, in_hold, in_hold_until, accepted_at) or accepted_at) + ROLLBACK_MARGIN
