"""The statuses of deposits and purchases, the order of the statuses, and the statuses that post a ledger entry.

SkinsBack's statuses are stored unchanged (``/docs/api/v1/callback``, ``/docs/api/v1/market_getinfo``). The package adds
its own: ``created`` and ``abandoned`` for deposits, and ``requested``, ``unknown`` and ``refused`` for purchases.

Deposit::

    created ─► pending ─► in_hold ─► hold_approved ─► success | hold_returned
                  │           └────► success | fail
                  ├─► success | fail
                  └─► abandoned ─► any status that SkinsBack reports later

Purchase::

    requested ─► unknown ─► creating_trade ─► waiting_accept ─► accepted ─► rollback_user | rollback_supplier
        └───────────┴───► refused   └───────────────┴───► canceled | timeout | …

A row may skip statuses. It never returns to an earlier status.
"""

from enum import Enum, StrEnum

__all__ = [
    "DEPOSIT_FINAL",
    "DEPOSIT_OPEN",
    "PURCHASE_FAILURES",
    "PURCHASE_FINAL",
    "PURCHASE_ROLLBACKS",
    "DepositStatus",
    "EntryKind",
    "PurchaseStatus",
    "Queue",
]


class DepositStatus(StrEnum):
    """The statuses of a deposit.

    If SkinsBack reports a status that is not here, the deposit keeps its status and is flagged for manual review.
    """

    CREATED = "created"
    PENDING = "pending"
    IN_HOLD = "in_hold"
    HOLD_APPROVED = "hold_approved"
    SUCCESS = "success"
    FAIL = "fail"
    HOLD_RETURNED = "hold_returned"
    ABANDONED = "abandoned"


class PurchaseStatus(StrEnum):
    """The statuses of a purchase.

    If SkinsBack reports a status that is not here, the purchase keeps its status and is flagged for manual review.
    """

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    CREATING_TRADE = "creating_trade"
    WAITING_ACCEPT = "waiting_accept"
    ACCEPTED = "accepted"
    CANCELED = "canceled"
    TIMEOUT = "timeout"
    INVALID_TRADE_TOKEN = "invalid_trade_token"  # noqa: S105 - a status, not a password
    USER_NOT_TRADABLE = "user_not_tradable"
    TRADE_CREATE_ERROR = "trade_create_error"
    REFUSED = "refused"
    ROLLBACK_USER = "rollback_user"
    ROLLBACK_SUPPLIER = "rollback_supplier"


class EntryKind(StrEnum):
    """The kinds of ledger entries.

    A credit or a refund gives money to the user. A reversal or a charge takes money from the user.
    """

    CREDIT = "credit"
    REVERSAL = "reversal"
    CHARGE = "charge"
    REFUND = "refund"


class Queue(StrEnum):
    """The queues in which work waits for an operator. A row is in one queue at most.

    * ``review``: a deposit or purchase that is flagged for manual review.
    * ``holds``: a deposit in hold without a decision. This queue is used only if operators decide about holds.
    * ``deliveries``: a delivery that could not be applied for too long.
    * ``discrepancies``: an open difference between SkinsBack's lists and our rows.
    """

    REVIEW = "review"
    HOLDS = "holds"
    DELIVERIES = "deliveries"
    DISCREPANCIES = "discrepancies"


class Verdict(Enum):
    """The result of comparing a reported status with the status of a row."""

    ADVANCE = "advance"
    """The reported status comes after the row's status: the row gets the reported status."""
    REPEAT = "repeat"
    """The row already has the reported status."""
    STALE = "stale"
    """The reported status comes before the row's status: an old report arrived late."""
    CONFLICT = "conflict"
    """The two statuses contradict each other. An operator or a later report of SkinsBack decides."""
    UNKNOWN = "unknown"
    """The reported text is not a known status."""


D, P = DepositStatus, PurchaseStatus

DEPOSIT_OURS = frozenset({D.CREATED, D.ABANDONED})
DEPOSIT_FINAL = frozenset({D.SUCCESS, D.FAIL, D.HOLD_RETURNED})
DEPOSIT_UNPAID = DEPOSIT_OURS | {D.PENDING, D.IN_HOLD}
"""If a deposit in one of these statuses has a ledger entry, an operator posted the entry."""
DEPOSIT_OPEN = frozenset(D) - DEPOSIT_FINAL - {D.ABANDONED}

PURCHASE_OURS = frozenset({P.REQUESTED, P.UNKNOWN, P.REFUSED})
PURCHASE_FAILURES = frozenset(
    {
        P.CANCELED,
        P.TIMEOUT,
        P.INVALID_TRADE_TOKEN,
        P.USER_NOT_TRADABLE,
        P.TRADE_CREATE_ERROR,
        P.REFUSED,
    }
)
CANCELLED = "cancelled"
"""The ``error_message`` of a purchase that was cancelled before it was sent. Such a purchase is ``refused``."""

PURCHASE_ROLLBACKS = frozenset({P.ROLLBACK_USER, P.ROLLBACK_SUPPLIER})
PURCHASE_FINAL = PURCHASE_FAILURES | PURCHASE_ROLLBACKS
"""The final statuses of a purchase. ``accepted`` is not final: the trade can be rolled back until its hold ends."""

DEPOSIT_ENTRY: dict[str, EntryKind] = {
    D.HOLD_APPROVED: EntryKind.CREDIT,
    D.SUCCESS: EntryKind.CREDIT,
    D.HOLD_RETURNED: EntryKind.REVERSAL,
}
"""The new status of a deposit -> the kind of entry to post. A unique constraint prevents a second credit."""

PURCHASE_ENTRY: dict[str, EntryKind] = dict.fromkeys(PURCHASE_FAILURES | {P.ROLLBACK_SUPPLIER}, EntryKind.REFUND)
"""The new status of a charged purchase -> the kind of entry to post.

For ``rollback_user``, the setting ``REFUND_USER_ROLLBACK`` decides whether a refund is posted.
"""

_DEPOSIT_WORDS, _PURCHASE_WORDS = frozenset[str](D), frozenset[str](P)

_AFTER_PENDING = frozenset({D.IN_HOLD, D.HOLD_APPROVED}) | DEPOSIT_FINAL
_AFTER_CREATING = frozenset({P.WAITING_ACCEPT, P.ACCEPTED}) | PURCHASE_FINAL - PURCHASE_OURS
_AFTER_UNKNOWN = _AFTER_CREATING | {P.CREATING_TRADE, P.REFUSED}

_FOLLOWS: dict[str, frozenset[str]] = {
    D.CREATED: _AFTER_PENDING | {D.PENDING, D.ABANDONED},
    D.ABANDONED: _AFTER_PENDING | {D.PENDING},
    D.PENDING: _AFTER_PENDING | {D.ABANDONED},
    D.IN_HOLD: _AFTER_PENDING - {D.IN_HOLD},
    D.HOLD_APPROVED: frozenset({D.SUCCESS, D.HOLD_RETURNED}),
    P.REQUESTED: _AFTER_UNKNOWN | {P.UNKNOWN},
    P.UNKNOWN: _AFTER_UNKNOWN,
    P.CREATING_TRADE: _AFTER_CREATING,
    P.WAITING_ACCEPT: _AFTER_CREATING - {P.WAITING_ACCEPT},
    P.ACCEPTED: PURCHASE_ROLLBACKS,
    **dict.fromkeys(PURCHASE_FAILURES, PURCHASE_ROLLBACKS),
    P.ROLLBACK_USER: frozenset({P.ROLLBACK_SUPPLIER}),
}

_CONTRADICTS: dict[str, frozenset[str]] = {
    D.SUCCESS: frozenset({D.FAIL, D.HOLD_RETURNED}),
    D.FAIL: frozenset({D.SUCCESS, D.HOLD_APPROVED, D.HOLD_RETURNED}),
    D.HOLD_RETURNED: frozenset({D.SUCCESS, D.FAIL}),
    D.HOLD_APPROVED: frozenset({D.FAIL}),
    P.ACCEPTED: PURCHASE_FAILURES,
    P.ROLLBACK_SUPPLIER: frozenset({P.ROLLBACK_USER}),
    **{failure: (PURCHASE_FAILURES | {P.ACCEPTED}) - {failure} for failure in PURCHASE_FAILURES},
    P.REFUSED: frozenset(P) - PURCHASE_OURS - PURCHASE_ROLLBACKS,
}


def judge(current: str, reported: str) -> Verdict:
    """Compare the status ``reported`` with the status ``current`` of a deposit or purchase, and return the Verdict.

    For a deposit, ``reported`` must be a deposit status. For a purchase, it must be a purchase status. Return UNKNOWN
    for any other text. The package's own statuses are accepted, because the flows set them. Use ``is_theirs`` to refuse
    the package's own statuses in a report.
    """
    if reported not in (_DEPOSIT_WORDS if current in _DEPOSIT_WORDS else _PURCHASE_WORDS):
        return Verdict.UNKNOWN
    if reported == current:
        return Verdict.REPEAT
    if reported in _FOLLOWS.get(current, frozenset()):
        return Verdict.ADVANCE
    if reported in _CONTRADICTS.get(current, frozenset()):
        return Verdict.CONFLICT
    return Verdict.STALE


def is_theirs(status: str) -> bool:
    """Return False for the package's own statuses, which SkinsBack never reports. Return True for any other text."""
    return status not in DEPOSIT_OURS and status not in PURCHASE_OURS
