"""The audit of the ledger. It compares each row's ledger entries with the row's status history."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from ...models import Deposit, LedgerEntry, Purchase, StatusChange
from ...money import add_to
from ...statuses import DEPOSIT_ENTRY, DEPOSIT_FINAL, PURCHASE_ENTRY, DepositStatus, EntryKind, PurchaseStatus
from ..progress import OnProgress, no_progress
from .database import database

BATCH = 500

Sums = dict[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True)
class LedgerDifference:
    """A deposit or purchase whose ledger entries do not match its status history or its status.

    ``expected`` are the sums of the history and ``found`` are the sums of the ledger, both as text, such as
    ``{"credit usd": "8.280000"}``. ``problem`` is a text for a person.
    """

    row: str
    row_id: int
    reference: str
    expected: dict[str, str]
    found: dict[str, str]
    problem: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def audit(account: str | None = None, *, on_progress: OnProgress = no_progress) -> Iterator[LedgerDifference]:
    """Yield a difference for each deposit and purchase whose ledger entries are wrong. Changes nothing.

    ``account`` limits the audit to one account. The audit needs four queries per batch of 500 rows. ``on_progress`` is
    called with the number of rows of each batch.
    """
    for model, kinds in (
        (Deposit, (EntryKind.CREDIT, EntryKind.REVERSAL)),
        (Purchase, (EntryKind.REFUND, EntryKind.CHARGE)),
    ):
        rows = model._default_manager.using(database())
        if account is not None:
            rows = rows.filter(account=account)
        last = 0
        while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
            last = batch[-1].pk
            on_progress(len(batch))
            suspects = [difference.row_id for difference in _audit_batch(model, batch, kinds)]
            if suspects:  # compared again, because an entry may have been posted between the queries
                yield from _audit_batch(model, list(rows.filter(pk__in=suspects).order_by("pk")), kinds)


def _audit_batch(model: Any, batch: list[Any], kinds: tuple[EntryKind, EntryKind]) -> Iterator[LedgerDifference]:
    name = model._meta.model_name
    keys = [row.pk for row in batch]
    found: dict[int, Sums] = defaultdict(dict)
    for entry in LedgerEntry.objects.using(database()).filter(**{f"{name}__in": keys}):
        add_to(found[getattr(entry, f"{name}_id")], (entry.kind, entry.currency), entry.amount)
    expected: dict[int, Sums] = defaultdict(dict)
    changes = StatusChange.objects.using(database()).filter(**{f"{name}__in": keys})
    refunded_at: dict[int, int] = {}
    for change in changes.exclude(credit_amount=None):
        amount = change.credit_amount or Decimal(0)
        kind = kinds[0] if amount > 0 else kinds[1]
        add_to(expected[getattr(change, f"{name}_id")], (kind, change.credit_currency), amount)
        if kind is EntryKind.REFUND:
            refunded_at[getattr(change, f"{name}_id")] = change.pk
    by_operator = changes.filter(source=StatusChange.Source.OPERATOR).order_by("pk")
    decided = dict(by_operator.values_list(f"{name}_id", "pk"))
    if refunded_at:
        accepted = [row.pk for row in batch if row.pk in refunded_at and row.status == PurchaseStatus.ACCEPTED]
        for key, needed in _both_since(accepted, refunded_at).items():
            if decided.get(key, 0) < needed:
                decided.pop(key, None)
    for row in batch:
        held, due = found[row.pk], expected[row.pk]
        problem = "the ledger differs from the history" if held != due else ""
        if not problem and not row.needs_review and row.pk not in decided:
            problem = _broken_rule(row, {kind for kind, _ in held})
        if problem:
            reference = row.order_id if isinstance(row, Deposit) else row.custom_id
            yield LedgerDifference(name, row.pk, reference, _texts(due), _texts(held), problem)


def _both_since(accepted: list[int], refunded_at: dict[int, int]) -> dict[int, int]:
    """Return the later change of each purchase: its acceptance or its refund. The result is a dict.

    The keys are primary keys of purchases, and the values are primary keys of StatusChanges. A decision of an operator
    after the later change takes both changes into account.
    """
    moves = StatusChange.objects.using(database()).filter(purchase__in=accepted, to_status=PurchaseStatus.ACCEPTED)
    moves = moves.exclude(from_status=PurchaseStatus.ACCEPTED).order_by("pk")
    accepted_at = dict(moves.values_list("purchase_id", "pk"))
    return {key: max(refunded_at[key], accepted_at.get(key, 0)) for key in accepted}


def _broken_rule(row: Deposit | Purchase, kinds: set[str]) -> str:
    """Return a text about an entry that is missing or must not exist for this status. Return "" if all is right.

    ``kinds`` are the kinds of the row's entries. Do not call this for a row that an operator has decided.
    """
    if isinstance(row, Deposit):
        holds_money = EntryKind.CREDIT in kinds and EntryKind.REVERSAL not in kinds
        if DEPOSIT_ENTRY.get(row.status) is EntryKind.CREDIT and not holds_money:
            return "the deposit is paid, but the user does not have the money"
        if row.status in DEPOSIT_FINAL - {DepositStatus.SUCCESS} and holds_money:
            return "the deposit has failed or was returned, but the user still has the money"
        if kinds and row.status not in {*DEPOSIT_ENTRY, *DEPOSIT_FINAL}:
            return "the deposit is not paid yet, but a ledger entry was posted"
    elif EntryKind.CHARGE in kinds:
        refunded = EntryKind.REFUND in kinds
        if PURCHASE_ENTRY.get(row.status) is EntryKind.REFUND and not refunded:
            return "the purchase has failed, but the user was not refunded"
        if refunded and row.status not in {*PURCHASE_ENTRY, PurchaseStatus.ROLLBACK_USER}:
            return "the purchase has not failed, but the user was refunded"
    return ""


def _texts(sums: Sums) -> dict[str, str]:
    return {f"{kind} {currency}": f"{amount:f}" for (kind, currency), amount in sorted(sums.items())}
