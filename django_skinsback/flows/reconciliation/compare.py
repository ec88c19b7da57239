"""Rules that compare a row of SkinsBack's list with the row here. They do no I/O.

Both sides are tuples of values in the order of ``ListSpec.columns``: SkinsBack's ID, the status, and the values that
must be equal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from operator import attrgetter
from typing import Any

from ...models import Deposit, ListName, Purchase
from ...money import EXACT
from ...statuses import DepositStatus, PurchaseStatus, Verdict, is_theirs, judge
from ..deposits import report as deposits
from ..purchases import report as purchases

Values = tuple[Any, ...]


class Comparison(Enum):
    """How a row of SkinsBack's list differs from the row here."""

    AHEAD = "ahead"
    """SkinsBack's row is newer, because a report did not arrive here."""
    DIFFERING = "differing"
    """The two rows contradict each other."""
    BEHIND = "behind"
    """SkinsBack's row is older than the row here. If this lasts, the two rows contradict each other."""


@dataclass(eq=False)
class ListSpec:
    """One of SkinsBack's lists, and the model whose rows are compared with the list.

    ``client_method`` is the name of the client's method that returns the list. The ``columns`` of the model are
    compared with the ``report_fields``. ``time_column`` is the column whose time is closest to the time by which
    SkinsBack selects the rows of the list.
    """

    name: ListName
    client_method: str
    model: type[Deposit | Purchase]
    our_id: str
    their_id: str
    columns: tuple[str, ...]
    report_fields: tuple[str, ...]
    time_column: str
    paid_statuses: frozenset[str]
    record_report: Callable[..., Any]

    @cached_property
    def values_of_report(self) -> Callable[[Any], Values]:
        """A function. It takes a report and returns the values that are compared."""
        return attrgetter(*self.report_fields)

    @cached_property
    def values_of_row(self) -> Callable[[Any], Values]:
        """A function. It takes a stored row and returns the values that are compared."""
        return attrgetter(*self.columns)

    @cached_property
    def ids_of_report(self) -> Callable[[Any], tuple[str, str]]:
        """A function. It takes a report and returns this site's ID and SkinsBack's ID."""
        return attrgetter(self.our_id, self.their_id)

    def as_text(self, values: Values) -> dict[str, str]:
        """Return the values as a dict: column -> text. Empty values are left out."""
        pairs = zip(self.columns, values, strict=True)
        return {name: _as_text(value) for name, value in pairs if not _is_empty(value)}


DEPOSITS = ListSpec(
    name=ListName.ORDERS,
    client_method="list_deposits",
    model=Deposit,
    our_id="order_id",
    their_id="transaction_id",
    columns=("transaction_id", "status", "amount", "user_amount", "amount_currency", "payer_steam_id"),
    report_fields=("transaction_id", "status", "amount", "user_amount", "amount_currency", "steam_id"),
    time_column="created_at",
    paid_statuses=frozenset({DepositStatus.SUCCESS, DepositStatus.HOLD_APPROVED, DepositStatus.HOLD_RETURNED}),
    record_report=deposits.record_report,
)
PURCHASES = ListSpec(
    name=ListName.MARKET_HISTORY,
    client_method="list_purchases",
    model=Purchase,
    our_id="custom_id",
    their_id="buy_id",
    columns=("buy_id", "status", "price", "debited_amount", "steam_id", "skin_id"),
    report_fields=("buy_id", "status", "price", "debited_amount", "steam_id", "skin_id"),
    time_column="submitted_at",
    paid_statuses=frozenset({PurchaseStatus.ACCEPTED, PurchaseStatus.ROLLBACK_USER, PurchaseStatus.ROLLBACK_SUPPLIER}),
    record_report=purchases.record_report,
)


def compare(ours: Values, theirs: Values, *, required: tuple[int, ...] = ()) -> Comparison | None:
    """Return how ``theirs`` differs from ``ours``. Return None if the two sides agree.

    A value that only one side has is not a difference. ``required`` are the positions of the values that a credit
    needs. If only SkinsBack has one of these values, the result is AHEAD.
    """
    (our_link, our_status), (their_link, their_status) = ours[:2], theirs[:2]
    if their_link and our_link and their_link != our_link:
        return Comparison.DIFFERING
    if our_status == DepositStatus.ABANDONED and their_status == DepositStatus.PENDING:
        return None  # the deposit is unpaid on both sides
    verdict = judge(our_status, their_status) if is_theirs(their_status) else Verdict.UNKNOWN
    if verdict is Verdict.REPEAT:
        return _compare_details(ours, theirs, required)
    return _COMPARISON_OF_VERDICT[verdict]


_COMPARISON_OF_VERDICT = {
    Verdict.ADVANCE: Comparison.AHEAD,
    Verdict.STALE: Comparison.BEHIND,
    Verdict.CONFLICT: Comparison.DIFFERING,
    Verdict.UNKNOWN: Comparison.DIFFERING,
}


def _compare_details(ours: Values, theirs: Values, required: tuple[int, ...]) -> Comparison | None:
    if theirs[0] and not ours[0]:
        return Comparison.AHEAD
    if theirs[1] in {DepositStatus.PENDING, DepositStatus.FAIL}:
        return None  # the payer and the amount of an unpaid deposit do not matter
    if any(_is_empty(ours[position]) and not _is_empty(theirs[position]) for position in required):
        return Comparison.AHEAD
    pairs = zip(ours, theirs, strict=True)
    differs = any(one != other for one, other in pairs if not _is_empty(one) and not _is_empty(other))
    return Comparison.DIFFERING if differs else None


def required_for_credit(spec: ListSpec, credit: str) -> tuple[int, ...]:
    """Return the positions of the values that a credit is calculated from. ``credit`` is the setting ``CREDIT``."""
    if spec.model is not Deposit:
        return ()
    amount = "user_amount" if credit == "user_amount" else "amount"
    return spec.columns.index(amount), spec.columns.index("amount_currency")


def _is_empty(value: object) -> bool:
    return value is None or value == ""


def _as_text(value: Any) -> str:
    return f"{value.normalize(EXACT):f}" if hasattr(value, "normalize") else str(value)
