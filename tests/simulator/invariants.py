"""What must hold: after each step of a history, and when all is quiet at its end."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django_skinsback import conf
from django_skinsback.flows.ledger.audit import audit
from django_skinsback.flows.ledger.stuck import only_waits
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange
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

from .site import BEGIN_WITH, Site

OPPOSITE = {"reversal": "credit", "refund": "charge"}
DECISIVE = {"answer", "poll"}
BOUGHT = frozenset(PurchaseStatus) - PURCHASE_FAILURES - {"requested", "unknown", "rollback_user", "rollback_supplier"}

PURCHASE_REASONS = (
    "Accepted, but an operator had refunded it before",
    "Could not be sent for more than a day",
    "SkinsBack does not know this purchase",
    "SkinsBack refused a repeated attempt",
    "SkinsBack said “refused” and then",
    "The user took the trade back",
    "Every attempt to bring this row up to date has failed",
    "The status “",  # has lasted longer than it can: the clock was ahead
)
"""Why a purchase may be under review."""

DEPOSIT_REASONS = (
    "HOLD_POLICY",
    "SkinsBack refused to approve the hold",
    "SkinsBack does not know this deposit",
    "Every attempt to bring this row up to date has failed",
    "The status “",
)
"""Why a deposit may be under review of which nothing untrue was told."""

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
}
"""Columns that no page shows to a person who decides, or that change only together with one it shows."""


def shown(row: Deposit | Purchase) -> dict[str, Any]:
    """What a person who looks at this row now sees: read anew, and no token of the package's."""
    columns = type(row)._default_manager.filter(pk=row.pk).values().get()
    entries = row.entries.order_by("pk").values_list("kind", "amount", "currency")
    return {**{name: columns[name] for name in columns.keys() - NOT_SHOWN}, "entries": list(entries)}


class Books:
    """Everything the site has written, read once."""

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
        """Rows that an operator decided: a cancellation is no such decision, and shows as a move."""

    def of(self, name: str) -> Entries:
        """Entries by the key of their deposit or purchase, and by their kind."""
        found: Entries = defaultdict(dict)
        for entry in self.entries:
            if (key := getattr(entry, f"{name}_id")) is not None:
                found[key][entry.kind] = entry
        return found


def check_step(site: Site, odd: set[str]) -> None:
    """After each step: every entry once and for a reason, wallets equal the ledger, no row and no id forgotten."""
    assert not site.postman.lost, "a delivery was answered with 2xx and is not kept"
    books = Books()
    _money_has_a_reason(site, books, odd)
    _once(books.entries)
    _wallets_are_the_ledger(site, books.entries)
    _nothing_is_forgotten(books)
    _statuses_follow_the_graph(books)
    _ids_are_known(site, books)


def _once(entries: list[LedgerEntry]) -> None:
    keys = Counter((entry.deposit_id, entry.purchase_id, entry.kind) for entry in entries)
    assert max(keys.values(), default=1) == 1, keys
    rows: dict[Any, dict[str, LedgerEntry]] = defaultdict(dict)
    for entry in entries:
        rows[entry.deposit_id, entry.purchase_id][entry.kind] = entry
        if first := OPPOSITE.get(entry.kind):
            before = rows[entry.deposit_id, entry.purchase_id][first]
            assert (entry.amount, entry.currency, entry.user_id) == (-before.amount, before.currency, before.user_id)


def _money_has_a_reason(site: Site, books: Books, odd: set[str]) -> None:
    """SkinsBack has, at one time or another, been where this entry is due: no silence and no guess moves money."""
    given, charged = books.of("deposit"), books.of("purchase")
    for deposit in books.deposits:
        kinds = given[deposit.pk]
        if kinds and deposit.order_id not in odd and deposit not in books.settled:
            was = {status for status, _ in site.sandbox.deposit(deposit.order_id).history}
            assert was & {"success", "hold_approved"}
            assert "reversal" not in kinds or was & {"fail", "hold_returned"}
    for purchase in books.purchases:
        if "refund" in charged[purchase.pk] and purchase not in books.settled:
            sold = site.sandbox.sold(purchase.custom_id)
            assert not sold or site.sandbox.purchase(purchase.custom_id).refunded, "refunded, but sold"


def _wallets_are_the_ledger(site: Site, entries: list[LedgerEntry]) -> None:
    wallets = dict(Wallet.objects.values_list("user_id", "balance"))
    for user, begin in zip(site.users, BEGIN_WITH, strict=False):
        moved = sum((entry.amount for entry in entries if entry.user_id == user.pk), Decimal(0))
        assert wallets[user.pk] == begin + moved, (user.username, wallets[user.pk], begin, moved)


def _nothing_is_forgotten(books: Books) -> None:
    for deposit in books.deposits:
        assert deposit.next_poll_at or deposit.status not in DEPOSIT_OPEN, f"{deposit.status} without a next check"
    for purchase in books.purchases:
        over = purchase.status in PURCHASE_FINAL or purchase.finished_at
        assert purchase.next_poll_at or over, f"{purchase.status} without a next poll"


def _statuses_follow_the_graph(books: Books) -> None:
    now_at: dict[tuple[str, int], str] = {}
    for change in books.changes:
        key = ("deposit", change.deposit_id) if change.deposit_id else ("purchase", change.purchase_id)
        before = now_at.get(key, "created" if change.deposit_id else "requested")
        if not change.from_status:
            assert (key not in now_at, change.to_status) == (True, before), _steps(books, change)  # the row was written
            continue
        assert change.from_status == before, _steps(books, change)
        verdict = judge(change.from_status, change.to_status)
        if verdict is Verdict.UNKNOWN or (change.source == "webhook" and not is_theirs(change.to_status)):
            continue  # a word that was noted; nothing moved
        now_at[key] = change.to_status
        assert verdict is not Verdict.STALE, _steps(books, change)
        if verdict is Verdict.CONFLICT:
            assert change.deposit_id, _steps(books, change)
            assert change.source in DECISIVE, f"{change.from_status} -> {change.to_status} by {change.source}"
    for name, rows in (("deposit", books.deposits), ("purchase", books.purchases)):
        for row in rows:
            assert row.status == now_at.get((name, row.pk), "created" if name == "deposit" else "requested")


def _steps(books: Books, change: StatusChange) -> list[tuple[str, str]]:
    key = (change.deposit_id, change.purchase_id)
    same_row = (step for step in books.changes if (step.deposit_id, step.purchase_id) == key)
    return [(step.from_status, step.to_status) for step in same_row]


def _ids_are_known(site: Site, books: Books) -> None:
    ours = {deposit.order_id for deposit in books.deposits} | {purchase.custom_id for purchase in books.purchases}
    state = site.sandbox.state
    sold = [purchase.custom_id for purchase in state.purchases.values()]
    assert len(sold) == len(set(sold)), "a custom_id was sold twice"
    assert ours.issuperset(sold)
    assert ours.issuperset(deposit.order_id for deposit in state.deposits.values())


def check_end(site: Site, odd: set[str]) -> None:
    """All is quiet: the site believes what the sandbox knows, and money followed.

    ``odd`` are ids of deposits about which untrue or contradictory things were said: they may be flagged.
    """
    check_step(site, odd)
    assert not list(audit())
    books = Books()
    given, charged = books.of("deposit"), books.of("purchase")
    for deposit in books.deposits:
        _deposit_is_true(site, deposit, given[deposit.pk], deposit.order_id in odd, deposit in books.settled)
    for purchase in books.purchases:
        _purchase_is_true(site, purchase, charged[purchase.pk], purchase in books.settled)
    _debits_agree(site, [row for row in books.purchases if row not in books.settled])


def _deposit_is_true(site: Site, deposit: Deposit, entries: dict[str, LedgerEntry], told: bool, settled: bool) -> None:
    ids = site.sandbox.store.deposit_ids
    real = site.sandbox.deposit(deposit.order_id) if ("sandbox", deposit.order_id) in ids else None
    if real is None or real.status == "pending":
        assert told or not entries
        assert told or deposit.status in {DepositStatus.ABANDONED, DepositStatus.PENDING}
        return
    told = told or (real.steam_id != deposit.steam_id != "")
    for reason in deposit.review_reason.splitlines():
        assert told or reason.startswith(DEPOSIT_REASONS), reason
    net = _sum(entries.values())
    assert net in {0, _sum([entries["credit"]] if "credit" in entries else [])}
    if (deposit.needs_review and not only_waits(deposit.review_reasons)) or settled:
        return
    assert deposit.status == real.status, f"the site says {deposit.status}, the truth is {real.status}"
    paid = real.status in {"success", "hold_approved"}
    assert bool(net) == paid, f"{real.status}: {net}"
    if paid and not told:
        assert entries["credit"].amount == getattr(real, conf.get("CREDIT"))
        assert entries["credit"].currency == real.currency


def _purchase_is_true(site: Site, purchase: Purchase, entries: dict[str, LedgerEntry], settled: bool) -> None:
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
            "given back, or not, against the site's setting"
        )
        assert purchase.needs_review or not net, "neither given back nor shown to an operator"
    if purchase.needs_review and not only_waits(purchase.review_reasons):
        return
    if not sold:
        assert purchase.status == PurchaseStatus.REFUSED
        assert not net
        return
    real = site.sandbox.purchase(purchase.custom_id)
    assert purchase.status == real.status, f"the site says {purchase.status}, the truth is {real.status}"
    # A row that only an event about its failure has told of never learns what was debited and is given back.
    assert purchase.debited_amount == real.debited or (purchase.debited_amount is None and real.refunded)
    assert bool(net) == (purchase.status == "accepted" and "charge" in entries)


def _debits_agree(site: Site, purchases: Iterable[Purchase]) -> None:
    """I4, for all rows whose outcome is known and that no operator has decided otherwise."""
    known = [row for row in purchases if row.buy_id]
    ours = sum((row.debited_amount or Decimal(0) for row in known if row.status in BOUGHT), Decimal(0))
    theirs = sum((site.sandbox.spent(row.custom_id) for row in known), Decimal(0))
    unknown = [row for row in purchases if not row.buy_id and site.sandbox.sold(row.custom_id)]
    assert not [row for row in unknown if not row.needs_review and row.status != PurchaseStatus.REFUSED]
    assert ours == theirs


def _sum(entries: Iterable[LedgerEntry]) -> Decimal:
    return sum((entry.amount for entry in entries), Decimal(0))
