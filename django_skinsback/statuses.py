"""The statuses of deposits and purchases: which may follow which, and which ones post a ledger entry.

SkinsBack's words are stored unchanged (``/docs/api/v1/callback``, ``/docs/api/v1/market_getinfo``). The package's own
are ``created`` and ``abandoned`` of a deposit, and ``requested``, ``unknown`` and ``refused`` of a purchase.

Deposit::

    created ─► pending ─► in_hold ─► hold_approved ─► success | hold_returned
                  │           └────► success | fail
                  ├─► success | fail
                  └─► abandoned ─► any status that SkinsBack reports later

Purchase::

    requested ─► unknown ─► creating_trade ─► waiting_accept ─► accepted ─► rollback_user | rollback_supplier
        └───────────┴───► refused   └───────────────┴───► canceled | timeout | …

Statuses may be skipped. No status goes back to an earlier one.
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
]


class DepositStatus(StrEnum):
    """The statuses of a deposit. If SkinsBack reports an unknown one, the row keeps its status and is flagged."""

    CREATED = "created"
    PENDING = "pending"
    IN_HOLD = "in_hold"
    HOLD_APPROVED = "hold_approved"
    SUCCESS = "success"
    FAIL = "fail"
    HOLD_RETURNED = "hold_returned"
    ABANDONED = "abandoned"


class PurchaseStatus(StrEnum):
    """The statuses of a purchase. If SkinsBack reports an unknown one, the row keeps its status and is flagged."""

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
    """The kinds of ledger entries. A credit and a refund give the user money, a reversal and a charge take it."""

    CREDIT = "credit"
    REVERSAL = "reversal"
    CHARGE = "charge"
    REFUND = "refund"


class Verdict(Enum):
    """What a reported status means for the status of a row."""

    ADVANCE = "advance"
    """The reported status comes later: the row gets it."""
    REPEAT = "repeat"
    """The row has this status already."""
    STALE = "stale"
    """The reported status comes earlier: an old report arrived late."""
    CONFLICT = "conflict"
    """Both statuses cannot be true: SkinsBack or an operator decides."""
    UNKNOWN = "unknown"
    """The reported word is not a known status."""


D, P = DepositStatus, PurchaseStatus

DEPOSIT_OURS = frozenset({D.CREATED, D.ABANDONED})
DEPOSIT_FINAL = frozenset({D.SUCCESS, D.FAIL, D.HOLD_RETURNED})
DEPOSIT_UNPAID = DEPOSIT_OURS | {D.PENDING, D.IN_HOLD}
"""No entry has been posted yet, unless by an operator."""
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
"""``error_message`` of a refused purchase that an operator cancelled before it was sent."""

PURCHASE_ROLLBACKS = frozenset({P.ROLLBACK_USER, P.ROLLBACK_SUPPLIER})
PURCHASE_FINAL = PURCHASE_FAILURES | PURCHASE_ROLLBACKS
"""Without ``accepted``: until its hold is over, the trade can be rolled back."""

DEPOSIT_ENTRY: dict[str, EntryKind] = {
    D.HOLD_APPROVED: EntryKind.CREDIT,
    D.SUCCESS: EntryKind.CREDIT,
    D.HOLD_RETURNED: EntryKind.REVERSAL,
}
"""The kind of entry that a status posts. The unique constraint of entries prevents a second credit."""

PURCHASE_ENTRY: dict[str, EntryKind] = dict.fromkeys(PURCHASE_FAILURES | {P.ROLLBACK_SUPPLIER}, EntryKind.REFUND)
"""The same for a purchase that was charged. For ``rollback_user``, the setting ``REFUND_USER_ROLLBACK`` decides."""

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
    """Return what the status ``reported`` means for a deposit or purchase whose status is ``current``.

    A status of the other kind of row and an unknown word are UNKNOWN. The package's own statuses are judged too: flows
    set them. ``is_theirs`` returns whether SkinsBack may report a status.
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
    """Return whether SkinsBack may report this status: False for the package's own statuses."""
    return status not in DEPOSIT_OURS and status not in PURCHASE_OURS
