"""Decides when a user who receives a skin is charged, and when the charge is refunded.

``buy`` posts the charge in the database transaction that writes the row. If a receiver of ``entry_posted`` raises an
exception, the purchase is vetoed.

Every report of SkinsBack about a purchase, from any source, is a ``PurchaseReport``. Every report goes through
``decide``:

* If the purchase has failed, or the supplier has rolled it back, the charge is refunded. There is only one refund.
* If the user has rolled the trade back, the charge is refunded if ``REFUND_USER_ROLLBACK`` is True. Otherwise a person
  decides with ``settle``.
"""

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from ... import conf, schedule
from ...models import Purchase, StatusChange, WebhookEvent
from ...models.fields import WORD_LENGTH
from ...money import EXACT, amount_text
from ...statuses import PURCHASE_ENTRY, PURCHASE_FINAL, EntryKind, PurchaseStatus, Verdict, is_theirs, judge
from ...wire.types import PurchaseReport
from ..ledger.edit import Edit, lock_for_edit
from ..ledger.record import DECISIVE, Outcome, PendingChange, Recorded, record
from ..players.steam_profiles import mark_broken

MAY_BE_SENT = frozenset({PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN})
"""The statuses in which a purchase may be sent to SkinsBack, or sent again."""

CENT = Decimal("0.01")
"""The price and the debited amount may differ by less than this, because of rounding."""


def ids_of(report: PurchaseReport) -> dict[str, str]:
    """Return the ID by which the purchase of a report is found, as a dict: column -> ID.

    This is ``custom_id``. If the report has no ``custom_id``, it is ``buy_id``.
    """
    return {"custom_id": report.custom_id} if report.custom_id else {"buy_id": report.buy_id}


def record_report(
    report: PurchaseReport,
    source: StatusChange.Source | str,
    *,
    account: str = conf.DEFAULT_ACCOUNT,
    event: WebhookEvent | None = None,
    by: Any = None,
    now: datetime | None = None,
) -> Recorded[Purchase]:
    """Record a report of SkinsBack about one purchase. Return the outcome and the row.

    Reports may be repeated and may arrive in any order. Many processes may record reports at once.

    Raises RolledBack if the change was not saved. Raises any exception that a receiver of ``entry_posted`` raises.
    After an exception nothing is saved.
    """
    return record(partial(decide, report, source, account=account, event=event, by=by, now=now))


def decide(
    report: PurchaseReport,
    source: StatusChange.Source | str,
    *,
    account: str,
    event: WebhookEvent | None = None,
    by: Any = None,
    now: datetime | None = None,
) -> PendingChange[Purchase]:
    """Lock the row that a report is about, and return the changes that the report requires. Nothing is saved yet."""
    edit = lock_for_edit(Purchase, source, now=now, event=event, by=by, account=account, **ids_of(report))
    if edit is None:
        return PendingChange(Outcome.UNMATCHED)
    if not edit.accept_id("buy_id", report.buy_id):
        outcome = Outcome.MISMATCHED
    else:
        verdict = judge(edit.row.status, report.status) if is_theirs(report.status) else Verdict.UNKNOWN
        match verdict:
            case Verdict.ADVANCE:
                _store_details(edit, report)
                reach(edit, report.status)
                outcome = Outcome.APPLIED
            case Verdict.REPEAT:
                _store_details(edit, report)
                outcome = Outcome.REPEAT
            case Verdict.STALE:
                outcome = Outcome.STALE
            case Verdict.CONFLICT:
                edit.flag("contradiction", first=edit.row.status, second=report.status)
                outcome = Outcome.CONFLICT
            case Verdict.UNKNOWN:
                edit.note_unknown_status(report.status)
                outcome = Outcome.UNKNOWN_STATUS
    _schedule(edit)
    return PendingChange(outcome, edit)


def reach(edit: Edit[Purchase], to_status: str, note: str = "", decision: str = "") -> None:
    """Change the status of a purchase, and do what the new status requires.

    If the new status requires a refund, post the refund. If the new status is final, blank the trade token and stop
    polling.
    """
    purchase = edit.row
    edit.move(
        to_status,
        note=note,
        decision=decision,
        amount=purchase.debited_amount,
        currency="usd" if purchase.debited_amount else "",
    )
    if to_status == PurchaseStatus.ACCEPTED:
        edit.set(accepted_at=edit.now)
        if EntryKind.REFUND in edit.entries():
            edit.flag("accepted_after_refund")
    if to_status == PurchaseStatus.INVALID_TRADE_TOKEN:
        mark_broken(purchase, to_status, edit.now)
    if to_status in PURCHASE_FINAL:
        edit.set(finished_at=edit.now, token="", next_poll_at=None)
    kind = PURCHASE_ENTRY.get(to_status)
    if to_status == PurchaseStatus.ROLLBACK_USER:
        entries = edit.entries()
        if conf.get("REFUND_USER_ROLLBACK"):
            kind = EntryKind.REFUND
        elif EntryKind.CHARGE in entries and EntryKind.REFUND not in entries:
            edit.flag("rollback_by_user")
    if kind is EntryKind.REFUND:
        refund(edit)


def refund(edit: Edit[Purchase]) -> bool:
    """Post the refund of the charge and return True. Return False if there is no charge, or if it was refunded."""
    entries = edit.entries()
    if EntryKind.CHARGE not in entries or EntryKind.REFUND in entries:
        return False
    edit.undo(EntryKind.REFUND, entries[EntryKind.CHARGE])
    return True


def _store_details(edit: Edit[Purchase], report: PurchaseReport) -> None:
    """Store the values of the report. Flag the purchase if a value differs from what was requested."""
    purchase = edit.row
    if purchase.skin_id and report.skin_id and report.skin_id != purchase.skin_id and not purchase.class_id:
        edit.flag("other_skin", skin_id=report.skin_id)
    name = report.market_hash_name
    if purchase.market_hash_name and name and name != purchase.market_hash_name and not purchase.skin_id:
        edit.flag("other_name", name=name)
    reported = details(report)
    if purchase.forgotten_at is not None:
        reported = {name: value for name, value in reported.items() if name not in {"steam_id", "trade_offer_id"}}
    if purchase.steam_id and reported.pop("steam_id", purchase.steam_id) != purchase.steam_id:
        edit.flag("other_receiver", steam_id=report.steam_id)
    edit.set(**reported)
    _flag_amounts(edit, report)


def _flag_amounts(edit: Edit[Purchase], report: PurchaseReport) -> None:
    purchase = edit.row
    paid = max((value for value in (report.price, report.debited_amount) if value is not None), default=None)
    if paid is not None and paid > purchase.max_price:
        edit.flag("price_above_cap", price=amount_text(paid))
    price, debited = purchase.price, purchase.debited_amount
    is_new = not edit.changed.keys().isdisjoint({"price", "debited_amount"})
    if is_new and price and debited and EXACT.subtract(debited, price).copy_abs() >= CENT:
        edit.flag("debit_differs", debited=amount_text(debited), price=amount_text(price))


def _schedule(edit: Edit[Purchase]) -> None:
    """Set ``next_poll_at`` to the time of the next poll, or to None if the purchase is not polled any more."""
    purchase, moved = edit.row, "status" in edit.changed
    columns: dict[str, Any] = {"failing_since": None} if moved or edit.source in DECISIVE else {}
    if purchase.status in PURCHASE_FINAL:
        columns["next_poll_at"] = None
    elif columns:
        columns["poll_count"] = 0 if moved else purchase.poll_count + 1
        columns["next_poll_at"] = next_poll_at(purchase, edit.now, columns["poll_count"])
        if columns["next_poll_at"] is None:
            columns |= {"finished_at": purchase.finished_at or edit.now, "token": ""}
    edit.set(**columns)


_DETAILS = (
    "skin_id",
    "market_hash_name",
    "class_id",
    "price",
    "debited_amount",
    "steam_id",
    "trade_offer_id",
    "in_hold",
    "in_hold_until",
)


def details(report: PurchaseReport) -> dict[str, Any]:
    """Return a dict: column -> value of the report. Missing values are left out, except ``error_reason``."""
    reported = {name: getattr(report, name) for name in _DETAILS}
    known = {name: value for name, value in reported.items() if value is not None and value != ""}
    return {**known, "error_reason": report.error_reason[:WORD_LENGTH]}


def next_poll_at(purchase: Purchase, now: datetime, poll_count: int, chance: float = 0.5) -> datetime | None:
    """Return the time of the next poll of a purchase. Return None if no further poll is needed.

    No further poll is needed if the status is final, or if the hold of an accepted purchase ended some time ago.
    ``chance`` is a number from 0 to 1 that makes the delay shorter or longer. 0.5 does not change the delay.
    """
    age = schedule.age_for_waiting(purchase.submitted_at or purchase.created_at, now)
    delay = schedule.next_purchase_poll(purchase.status, age, poll_count)
    due = now + schedule.spread(delay, chance) if delay else None
    if purchase.status == PurchaseStatus.ACCEPTED and purchase.accepted_at:
        accepted_at = now - schedule.age_for_waiting(purchase.accepted_at, now)
        over = schedule.accepted_until(purchase.game, purchase.in_hold, purchase.in_hold_until, accepted_at)
        if over <= now:
            return None
        if due is None or over - now <= schedule.DAY:
            return over
    return due
