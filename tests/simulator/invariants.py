"""Invariants that are checked after each step of a history, and at its end."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django_skinsback import conf
from django_skinsback.flows.ledger.audit import audit
from django_skinsback.flows.ledger.stuck import only_waits
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange
from django_skinsback.models.reasons import reason_text
from django_skinsback.statuses import (
    DEPOSIT_OPEN,
    PURCHASE_FAILURES,
    PURCHASE_FINAL,
    DepositStatus,
    PurchaseStatus,
    Verdict,
    is_theirs,
    judge,
)
from tests.wallet.models import Wallet

from .site import FIRST_BALANCES, Site

OPPOSITE = {"reversal": "credit", "refund": "charge"}
DECISIVE = {"answer", "poll"}
BOUGHT = frozenset(PurchaseStatus) - PURCHASE_FAILURES - {"requested", "unknown", "rollback_user", "rollback_supplier"}

PURCHASE_REASONS = (
    "The user accepted the skin after an operator had refunded the charge",
    "The purchase could not be sent for more than a day",
    "SkinsBack does not know this purchase",
    "SkinsBack refused a repeated attempt",
    "SkinsBack reported “refused” and then",
    "The user rolled the trade back",
    "Every attempt to update this row from SkinsBack has failed",
    "The status “",  # has lasted too long: the clock was ahead
)
"""Allowed review reasons of a purchase."""

DEPOSIT_REASONS = (
    "HOLD_POLICY",
    "SkinsBack refused to approve the hold",
    "SkinsBack does not know this deposit",
    "Every attempt to update this row from SkinsBack has failed",
    "The status “",
)
"""Allowed review reasons of a deposit without false reports."""

REASONS_AFTER_DECISIONS = {"failed_after_credit", "paid_after_reversal"}
"""Codes of reasons for which an operator has credited or reversed the deposit before SkinsBack reported the result."""

CHANGE_FIELDS = ("deposit_id", "purchase_id", "from_status", "to_status", "source")

Entries = dict[int, dict[str, LedgerEntry]]


NOT_SHOWN = {
    "updated_at",
    "poll_count",
    "next_poll_at",
    "submitted_at",
    "finished_at",
    "failing_since",
    "class_id",
    "in_hold_until",
    "skins",
    "token",
    "reserved_amount",
    "reserved_currency",
    "reserved_at",
}
"""Columns that the decision pages do not show, or that change only together with one that they show."""


def shown(row: Deposit | Purchase) -> dict[str, Any]:
    """Return what an operator sees of this row now, read from the database without the package's token."""
    columns = type(row)._default_manager.filter(pk=row.pk).values().get()
    entries = row.entries.order_by("pk").values_list("kind", "amount", "currency")
    return {**{name: columns[name] for name in columns.keys() - NOT_SHOWN}, "entries": list(entries)}


class Records:
    """All rows that the site has written, read once."""

    def __init__(self) -> None:
        self.deposits = list(Deposit.objects.order_by("pk"))
        self.purchases = list(Purchase.objects.order_by("pk"))
        self.entries = list(LedgerEntry.objects.order_by("pk"))
        self.changes = list(StatusChange.objects.order_by("pk").only(*CHANGE_FIELDS))
        rows = {(row.__class__, row.pk): row for row in [*self.deposits, *self.purchases]}
        self.settled = {
            rows[(Deposit, change.deposit_id) if change.deposit_id else (Purchase, change.purchase_id)]
            for change in self.changes
            if change.source == "operator" and change.from_status == change.to_status
        }
        """Rows that an operator settled. A cancellation is a status change and is not among them."""

    def of(self, name: str) -> Entries:
        """Return the entries by primary key of their deposit or purchase, and by kind."""
        found: Entries = defaultdict(dict)
        for entry in self.entries:
            if (key := getattr(entry, f"{name}_id")) is not None:
                found[key][entry.kind] = entry
        return found


def check_step(site: Site, ids_with_false_reports: set[str]) -> None:
    """Check that each entry is unique and justified, wallets equal the ledger, and no row lacks a next poll."""
    assert not site.deliveries.lost, "a delivery was answered with 2xx and is not stored"
    records = Records()
    _check_entries_are_justified(site, records, ids_with_false_reports)
    _check_entries_are_unique(records.entries)
    _check_wallets_equal_ledger(site, records.entries)
    _check_open_rows_have_a_next_poll(records)
    _check_status_changes(records)
    _check_ids(site, records)
    _check_hold_limits(records, ids_with_false_reports)


def _check_hold_limits(records: Records, ids_with_false_reports: set[str]) -> None:
    """Check that the open credits of approved holds are not above HOLD_APPROVE_MAX, per user and of all users.

    Not checked are deposits with false reports, which may be credited without an approval, and settled deposits.
    """
    limits = conf.hold_approve_max()
    if limits is None:
        return
    given = records.of("deposit")
    of_user: dict[tuple[Any, str], Decimal] = defaultdict(Decimal)
    of_all: dict[str, Decimal] = defaultdict(Decimal)
    for deposit in records.deposits:
        is_open = deposit.status == DepositStatus.HOLD_APPROVED and deposit not in records.settled
        if is_open and deposit.order_id not in ids_with_false_reports:
            for entry in given[deposit.pk].values():
                of_user[deposit.user_id, entry.currency] += entry.amount
                of_all[entry.currency] += entry.amount
    assert all(amount <= limits[currency][0] for (_user, currency), amount in of_user.items()), of_user
    assert all(amount <= limits[currency][1] for currency, amount in of_all.items()), of_all


def _check_entries_are_unique(entries: list[LedgerEntry]) -> None:
    keys = Counter((entry.deposit_id, entry.purchase_id, entry.kind) for entry in entries)
    assert max(keys.values(), default=1) == 1, keys
    rows: dict[Any, dict[str, LedgerEntry]] = defaultdict(dict)
    for entry in entries:
        rows[entry.deposit_id, entry.purchase_id][entry.kind] = entry
        if first := OPPOSITE.get(entry.kind):
            before = rows[entry.deposit_id, entry.purchase_id][first]
            assert (entry.amount, entry.currency, entry.user_id) == (-before.amount, before.currency, before.user_id)


def _check_entries_are_justified(site: Site, records: Records, ids_with_false_reports: set[str]) -> None:
    """Check that SkinsBack has had a status that requires each entry."""
    given, charged = records.of("deposit"), records.of("purchase")
    for deposit in records.deposits:
        kinds = given[deposit.pk]
        if kinds and deposit.order_id not in ids_with_false_reports and deposit not in records.settled:
            was = {status for status, _ in site.sandbox.deposit(deposit.order_id).history}
            assert was & {"success", "hold_approved"}
            assert "reversal" not in kinds or was & {"fail", "hold_returned"}
    for purchase in records.purchases:
        if "refund" in charged[purchase.pk] and purchase not in records.settled:
            sold = site.sandbox.sold(purchase.custom_id)
            assert not sold or site.sandbox.purchase(purchase.custom_id).refunded, "refunded, but sold"


def _check_wallets_equal_ledger(site: Site, entries: list[LedgerEntry]) -> None:
    wallets = dict(Wallet.objects.values_list("user_id", "balance"))
    for user, begin in zip(site.users, FIRST_BALANCES, strict=False):
        moved = sum((entry.amount for entry in entries if entry.user_id == user.pk), Decimal(0))
        assert wallets[user.pk] == begin + moved, (user.username, wallets[user.pk], begin, moved)


def _check_open_rows_have_a_next_poll(records: Records) -> None:
    for deposit in records.deposits:
        assert deposit.next_poll_at or deposit.status not in DEPOSIT_OPEN, f"{deposit.status} without a next check"
    for purchase in records.purchases:
        over = purchase.status in PURCHASE_FINAL or purchase.finished_at
        assert purchase.next_poll_at or over, f"{purchase.status} without a next poll"


def _check_status_changes(records: Records) -> None:
    current: dict[tuple[str, int], str] = {}
    for change in records.changes:
        key = ("deposit", change.deposit_id) if change.deposit_id else ("purchase", change.purchase_id)
        before = current.get(key, "created" if change.deposit_id else "requested")
        if not change.from_status:
            assert (key not in current, change.to_status) == (True, before), _steps(
                records, change
            )  # the row was written
            continue
        assert change.from_status == before, _steps(records, change)
        verdict = judge(change.from_status, change.to_status)
        if verdict is Verdict.UNKNOWN or (change.source == "webhook" and not is_theirs(change.to_status)):
            continue  # stored, but the status does not change
        current[key] = change.to_status
        assert verdict is not Verdict.STALE, _steps(records, change)
        if verdict is Verdict.CONFLICT:
            assert change.deposit_id, _steps(records, change)
            assert change.source in DECISIVE, f"{change.from_status} -> {change.to_status} by {change.source}"
    for name, rows in (("deposit", records.deposits), ("purchase", records.purchases)):
        for row in rows:
            assert row.status == current.get((name, row.pk), "created" if name == "deposit" else "requested")


def _steps(records: Records, change: StatusChange) -> list[tuple[str, str]]:
    key = (change.deposit_id, change.purchase_id)
    same_row = (step for step in records.changes if (step.deposit_id, step.purchase_id) == key)
    return [(step.from_status, step.to_status) for step in same_row]


def _check_ids(site: Site, records: Records) -> None:
    ours = {deposit.order_id for deposit in records.deposits} | {purchase.custom_id for purchase in records.purchases}
    state = site.sandbox.state
    sold = [purchase.custom_id for purchase in state.purchases.values()]
    assert len(sold) == len(set(sold)), "a custom_id was sold twice"
    assert ours.issuperset(sold)
    assert ours.issuperset(deposit.order_id for deposit in state.deposits.values())


def check_end(site: Site, ids_with_false_reports: set[str]) -> None:
    """Check at the end that statuses and entries of the site agree with the sandbox.

    ``ids_with_false_reports`` are order IDs with false or contradictory reports; those deposits may be flagged.
    """
    check_step(site, ids_with_false_reports)
    assert not list(audit())
    records = Records()
    given, charged = records.of("deposit"), records.of("purchase")
    for deposit in records.deposits:
        _check_deposit_at_end(
            site, deposit, given[deposit.pk], deposit.order_id in ids_with_false_reports, deposit in records.settled
        )
    for purchase in records.purchases:
        _check_purchase_at_end(site, purchase, charged[purchase.pk], purchase in records.settled)
    _check_debits(site, [row for row in records.purchases if row not in records.settled])


def _check_deposit_at_end(
    site: Site, deposit: Deposit, entries: dict[str, LedgerEntry], has_false_reports: bool, settled: bool
) -> None:
    ids = site.sandbox.store.deposit_ids
    real = site.sandbox.deposit(deposit.order_id) if ("sandbox", deposit.order_id) in ids else None
    if real is None or real.status == "pending":
        assert has_false_reports or not entries
        assert has_false_reports or deposit.status in {DepositStatus.ABANDONED, DepositStatus.PENDING}
        return
    has_false_reports = has_false_reports or (real.steam_id != deposit.steam_id != "")
    for reason in deposit.review_reasons:
        follows_decision = settled and reason["code"] in REASONS_AFTER_DECISIONS
        text = reason_text(reason)
        assert has_false_reports or follows_decision or text.startswith(DEPOSIT_REASONS), text
    net = _sum(entries.values())
    assert net in {0, _sum([entries["credit"]] if "credit" in entries else [])}
    if (deposit.needs_review and not only_waits(deposit.review_reasons)) or settled:
        return
    assert deposit.status == real.status, f"the site says {deposit.status}, SkinsBack says {real.status}"
    paid = real.status in {"success", "hold_approved"}
    assert bool(net) == paid, f"{real.status}: {net}"
    if paid and not has_false_reports:
        assert entries["credit"].amount == getattr(real, conf.get("CREDIT"))
        assert entries["credit"].currency == real.currency


def _check_purchase_at_end(site: Site, purchase: Purchase, entries: dict[str, LedgerEntry], settled: bool) -> None:
    sold = site.sandbox.sold(purchase.custom_id)
    net = _sum(entries.values())
    assert net in {0, _sum([entries["charge"]] if "charge" in entries else [])}
    for reason in purchase.review_reason.splitlines():
        assert reason.startswith(PURCHASE_REASONS), reason
    if settled:
        return
    if purchase.status == PurchaseStatus.ROLLBACK_USER and "charge" in entries:
        failed = purchase.changes.filter(to_status__in=PURCHASE_FAILURES).exists()
        assert bool(net) != (failed or conf.get("REFUND_USER_ROLLBACK")), (
            "refunded, or not refunded, against the setting"
        )
        assert purchase.needs_review or not net, "neither refunded nor flagged"
    if purchase.needs_review and not only_waits(purchase.review_reasons):
        return
    if not sold:
        assert purchase.status == PurchaseStatus.REFUSED
        assert not net
        return
    real = site.sandbox.purchase(purchase.custom_id)
    assert purchase.status == real.status, f"the site says {purchase.status}, SkinsBack says {real.status}"
    # A row that was only updated by a failure event has no debited amount.
    assert purchase.debited_amount == real.debited or (purchase.debited_amount is None and real.refunded)
    assert bool(net) == (purchase.status == "accepted" and "charge" in entries)


def _check_debits(site: Site, purchases: Iterable[Purchase]) -> None:
    """Check invariant I4 for all rows with a known outcome that no operator has settled."""
    known = [row for row in purchases if row.buy_id]
    ours = sum((row.debited_amount or Decimal(0) for row in known if row.status in BOUGHT), Decimal(0))
    theirs = sum((site.sandbox.spent(row.custom_id) for row in known), Decimal(0))
    unknown = [row for row in purchases if not row.buy_id and site.sandbox.sold(row.custom_id)]
    assert not [row for row in unknown if not row.needs_review and row.status != PurchaseStatus.REFUSED]
    assert ours == theirs


def _sum(entries: Iterable[LedgerEntry]) -> Decimal:
    return sum((entry.amount for entry in entries), Decimal(0))
