"""What a row of SkinsBack's lists means for ours: rules without input or output.

Both sides of a comparison are tuples in the order of ``Subject.columns``: SkinsBack's id first, then the status, then
the values that must be the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from operator import attrgetter
from typing import Any

from ...models import Deposit, ListName, Purchase
from ...statuses import DepositStatus, PurchaseStatus, Verdict, is_theirs, judge
from ..deposits import report as deposits
from ..purchases import report as purchases

Compared = tuple[Any, ...]


class Finding(Enum):
    """How a listed row stands to ours, where they do not agree."""

    MISSED = "missed"
    """SkinsBack is ahead: news that never came."""
    DIFFERING = "differing"
    """Both cannot be true."""
    BEHIND = "behind"
    """SkinsBack's row is older than ours: a moment's delay, or, if it stays so, a contradiction."""


@dataclass(eq=False)
class Subject:
    """One of the two lists and the rows it is compared with.

    ``columns`` of the model stand against ``fields`` of the report; ``dated`` is the column nearest to the time that
    SkinsBack gives the row, ``due`` the column of its due time, ``method`` the client's that gives the list.
    """

    list_name: ListName
    method: str
    model: type[Deposit | Purchase]
    our_id: str
    their_id: str
    columns: tuple[str, ...]
    fields: tuple[str, ...]
    dated: str
    due: str
    paid: frozenset[str]
    record_report: Callable[..., Any]

    @cached_property
    def theirs(self) -> Callable[[Any], Compared]:
        """Takes from a report what is compared."""
        return attrgetter(*self.fields)

    @cached_property
    def ours(self) -> Callable[[Any], Compared]:
        """Takes from a row what is compared."""
        return attrgetter(*self.columns)

    @cached_property
    def ids(self) -> Callable[[Any], tuple[str, str]]:
        """Takes our id and SkinsBack's from a report."""
        return attrgetter(self.our_id, self.their_id)

    def shown(self, row: Compared) -> dict[str, str]:
        """A row for an operator: what is known of it, by column, as text."""
        pairs = zip(self.columns, row, strict=True)
        return {name: _text(value) for name, value in pairs if not _blank(value)}


DEPOSITS = Subject(
    list_name=ListName.ORDERS,
    method="list_deposits",
    model=Deposit,
    our_id="order_id",
    their_id="transaction_id",
    columns=("transaction_id", "status", "amount", "user_amount", "amount_currency", "payer_steam_id"),
    fields=("transaction_id", "status", "amount", "user_amount", "amount_currency", "steam_id"),
    dated="created_at",
    due="next_poll_at",
    paid=frozenset({DepositStatus.SUCCESS, DepositStatus.HOLD_APPROVED, DepositStatus.HOLD_RETURNED}),
    record_report=deposits.record_report,
)
PURCHASES = Subject(
    list_name=ListName.MARKET_HISTORY,
    method="list_purchases",
    model=Purchase,
    our_id="custom_id",
    their_id="buy_id",
    columns=("buy_id", "status", "price", "debited_amount", "steam_id", "skin_id"),
    fields=("buy_id", "status", "price", "debited_amount", "steam_id", "skin_id"),
    dated="submitted_at",
    due="next_poll_at",
    paid=frozenset({PurchaseStatus.ACCEPTED, PurchaseStatus.ROLLBACK_USER, PurchaseStatus.ROLLBACK_SUPPLIER}),
    record_report=purchases.record_report,
)


def compare(ours: Compared, theirs: Compared, *, needed: tuple[int, ...] = ()) -> Finding | None:
    """How ``theirs`` stands to ``ours``; None where they agree or where only one of them knows a detail.

    ``needed`` are the places of values without which nothing can be credited: if only SkinsBack has them they are news.
    """
    (our_link, our_status), (their_link, their_status) = ours[:2], theirs[:2]
    if their_link and our_link and their_link != our_link:
        return Finding.DIFFERING
    if our_status == DepositStatus.ABANDONED and their_status == DepositStatus.PENDING:
        return None  # nobody has paid, which is why we gave it up
    verdict = judge(our_status, their_status) if is_theirs(their_status) else Verdict.UNKNOWN
    if verdict is Verdict.REPEAT:
        return _compare_details(ours, theirs, needed)
    return _MEANING[verdict]


_MEANING = {
    Verdict.ADVANCE: Finding.MISSED,
    Verdict.STALE: Finding.BEHIND,
    Verdict.CONFLICT: Finding.DIFFERING,
    Verdict.UNKNOWN: Finding.DIFFERING,
}


def _compare_details(ours: Compared, theirs: Compared, needed: tuple[int, ...]) -> Finding | None:
    if theirs[0] and not ours[0]:
        return Finding.MISSED
    if theirs[1] in {DepositStatus.PENDING, DepositStatus.FAIL}:
        return None  # who would have paid, and with what, is of no consequence
    if any(_blank(ours[place]) and not _blank(theirs[place]) for place in needed):
        return Finding.MISSED
    pairs = zip(ours, theirs, strict=True)
    differing = any(one != other for one, other in pairs if not _blank(one) and not _blank(other))
    return Finding.DIFFERING if differing else None


def needed_to_credit(subject: Subject, credit: str) -> tuple[int, ...]:
    """Places of the values that a credit is made from; ``credit`` is the setting ``CREDIT``."""
    if subject.model is not Deposit:
        return ()
    amount = "user_amount" if credit == "user_amount" else "amount"
    return subject.columns.index(amount), subject.columns.index("amount_currency")


def _blank(value: object) -> bool:
    return value is None or value == ""


def _text(value: Any) -> str:
    return f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
