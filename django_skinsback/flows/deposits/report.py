"""Decides when the user of a deposit is credited, and when the credit is reversed.

Every report of SkinsBack about a deposit, from any source, is a ``DepositReport``. Every report goes through
``decide``:

* ``hold_approved`` and ``success`` credit the user. Only the first report of these statuses posts a credit.
* ``hold_returned`` reverses exactly the amount that was credited.
* No other status moves money. If the rules cannot decide, the row is flagged for manual review, and a person decides
  with ``settle``.

The module ``credit`` computes the amount of the credit.
"""

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ... import conf, schedule
from ...models import Deposit, StatusChange, WebhookEvent
from ...models.reasons import make_reason
from ...money import amount_text
from ...statuses import DEPOSIT_ENTRY, DEPOSIT_FINAL, DepositStatus, EntryKind, Verdict, is_theirs, judge
from ...wire.types import DepositReport
from ..ledger.edit import Edit, Source, lock_for_edit
from ..ledger.record import DECISIVE, Outcome, PendingChange, Recorded, record
from ..market.price_rows import game_of_skins
from .credit import (
    NothingToCredit,
    compare_amounts,
    credit_due,
    has_other_amount,
    is_complete,
    reported_amounts,
)
from .hold_limits import release

DETAILS = {
    "amount": "amount",
    "user_amount": "user_amount",
    "amount_currency": "amount_currency",
    "payer_steam_id": "steam_id",
    "trade_offer_id": "trade_offer_id",
    "skins": "skins",
}
"""Column of a deposit -> the attribute of a DepositReport that is stored in this column."""

_AMOUNTS = ("amount", "user_amount", "amount_currency")

APPROVE = "approve"
"""The ``decision`` of the StatusChange that records the approval of a hold."""


def ids_of(report: DepositReport) -> dict[str, str]:
    """Return the ID by which the deposit of a report is found, as a dict: column -> ID.

    This is ``order_id``. If the report has no ``order_id``, it is ``transaction_id``.
    """
    return {"order_id": report.order_id} if report.order_id else {"transaction_id": report.transaction_id}


def record_report(
    report: DepositReport,
    source: StatusChange.Source | str,
    *,
    account: str = conf.DEFAULT_ACCOUNT,
    event: WebhookEvent | None = None,
    by: Any = None,
    now: datetime | None = None,
    asked: Deposit | None = None,
    asked_at: datetime | None = None,
) -> Recorded[Deposit]:
    """Record a report of SkinsBack about one deposit. Return the outcome and the row.

    Reports may be repeated and may arrive in any order. Many processes may record reports at once.

    ``asked`` is the row as it was read before SkinsBack was asked. If the row has changed since then, the report may be
    older than the change. Such a report cannot resolve a contradiction: SkinsBack is asked again. ``asked_at`` is the
    time before the call. Only a report with ``asked_at`` can show that an approval did not take effect.

    Raises RolledBack if the change was not saved. Raises any exception that a receiver of ``entry_posted`` raises.
    After an exception nothing is saved.
    """
    return record(
        partial(decide, report, source, account=account, event=event, by=by, now=now, asked=asked, asked_at=asked_at)
    )


def decide(
    report: DepositReport,
    source: StatusChange.Source | str,
    *,
    account: str,
    event: WebhookEvent | None = None,
    by: Any = None,
    now: datetime | None = None,
    asked: Deposit | None = None,
    asked_at: datetime | None = None,
) -> PendingChange[Deposit]:
    """Lock the row that a report is about, and return the changes that the report requires. Nothing is saved yet."""
    edit = lock_for_edit(Deposit, source, now=now, event=event, by=by, account=account, **ids_of(report))
    if edit is None:
        return PendingChange(Outcome.UNMATCHED)
    decisive = edit.source in DECISIVE and (asked is None or asked.updated_at == edit.row.updated_at)
    if not edit.accept_id("transaction_id", report.transaction_id):
        outcome = Outcome.MISMATCHED
    else:
        verdict = judge(edit.row.status, report.status) if is_theirs(report.status) else Verdict.UNKNOWN
        match verdict:
            case Verdict.ADVANCE:
                outcome = _advance(edit, report, DEPOSIT_ENTRY.get(report.status))
            case Verdict.REPEAT:
                outcome = _repeat(edit, report)
            case Verdict.STALE:
                outcome = Outcome.STALE
            case Verdict.CONFLICT:
                outcome = _conflict(edit, report, decisive=decisive)
            case Verdict.UNKNOWN:
                edit.note_unknown_status(report.status)
                outcome = Outcome.UNKNOWN_STATUS
    if edit.row.reserved_at is not None and outcome != Outcome.MISMATCHED:
        release(edit, report.status, asked_at=asked_at if decisive else None)
    _schedule(edit, outcome, decisive=decisive)
    return PendingChange(outcome, edit)


def _advance(edit: Edit[Deposit], report: DepositReport, kind: EntryKind | None) -> WebhookEvent.Outcome:
    """Change the deposit to the reported status, post the ledger entry ``kind`` if it is due, and return the outcome.

    A credit is due if the deposit has no credit yet. A reversal is due if the deposit has a credit and no reversal.
    If a credit is due and cannot be posted, WITHHELD is returned. In this case the status changes only if the user was
    deleted, or if the currency is missing or wrong.
    """
    deposit, entries = edit.row, edit.entries()
    credit, reversal = entries.get(EntryKind.CREDIT), entries.get(EntryKind.REVERSAL)
    owed = kind is EntryKind.CREDIT and credit is None
    if owed and edit.source is Source.LIST and not is_complete(report):
        return Outcome.WITHHELD  # a list may contain fewer values than orderstatus, which is called next
    if owed and not getattr(report, conf.credit_column()):  # the other amount is never credited instead
        edit.flag("amount_missing", status=report.status)
        return Outcome.WITHHELD
    if owed and deposit.status == DepositStatus.IN_HOLD:
        _compare_with_approval(edit, report)
    _store_details(edit, report, credited=credit is not None)
    try:
        due = credit_due(edit, report) if owed else None
    except NothingToCredit as error:
        edit.flag(error.code, **error.data)
        return Outcome.WITHHELD
    edit.set(finished_at=edit.now if report.status in DEPOSIT_FINAL else None)
    edit.set(held_since=edit.now if report.status == DepositStatus.IN_HOLD else deposit.held_since)
    edit.move(report.status, amount=report.amount, currency=report.amount_currency)
    if due is not None:
        edit.post(EntryKind.CREDIT, *due, user_id=deposit.user_id)
    elif owed:
        return Outcome.WITHHELD
    elif credit is not None and reversal is None and kind is EntryKind.REVERSAL:
        edit.undo(EntryKind.REVERSAL, credit)
    elif credit is not None and reversal is None and report.status == DepositStatus.FAIL:
        edit.flag("failed_after_credit")
    elif reversal is not None and kind is EntryKind.CREDIT:
        edit.flag("paid_after_reversal", status=report.status)
    return Outcome.APPLIED


def _repeat(edit: Edit[Deposit], report: DepositReport) -> WebhookEvent.Outcome:
    """Handle a report of the status that the deposit already has, and return the outcome.

    If the credit was withheld and is possible now, post the credit. If a credited amount has changed, flag the row.
    """
    deposit = edit.row
    if DEPOSIT_ENTRY.get(report.status) is not EntryKind.CREDIT:
        differs = has_other_amount(deposit, report)
        credited = differs and EntryKind.CREDIT in edit.entries()
        waits_for_approval = deposit.status == DepositStatus.IN_HOLD and conf.callable_setting("CREDIT")
        if differs and not credited and waits_for_approval:
            _compare_with_approval(edit, report)  # an approval contains one amount, but CREDIT may use both amounts
        _store_details(edit, report, credited=credited)
        return Outcome.REPEAT
    if not deposit.needs_review and not has_other_amount(deposit, report):
        return Outcome.REPEAT
    if EntryKind.CREDIT in edit.entries():
        compare_amounts(edit, report)
        return Outcome.REPEAT
    # The credit was withheld. After an operator has settled the review, a repeated report credits nothing.
    incomplete = not getattr(report, conf.credit_column()) or (edit.source is Source.LIST and not is_complete(report))
    if not deposit.needs_review or incomplete or not edit.undecided_since_last_change():
        return Outcome.REPEAT
    _store_details(edit, report)
    try:
        credit = credit_due(edit, report)
    except NothingToCredit as error:
        edit.flag(error.code, **error.data)
        credit = None
    if credit is None:
        return Outcome.WITHHELD
    edit.note(
        deposit.status,
        deposit.status,
        note=_("The deposit was credited after the currency was reported."),
        amount=report.amount,
        currency=report.amount_currency,
    )
    edit.post(EntryKind.CREDIT, *credit, user_id=deposit.user_id)
    return Outcome.APPLIED


def _conflict(edit: Edit[Deposit], report: DepositReport, *, decisive: bool) -> WebhookEvent.Outcome:
    """Flag the row, because two reports contradict each other. Return the outcome.

    The report is applied only if all of these conditions are true:

    * The report is the answer to a call about this deposit.
    * The row has not changed since this call.
    * No earlier status change of the deposit was a contradiction.
    * No person has settled the same contradiction.
    * The report does not require a second credit.

    Otherwise the status is not changed, and a person decides.
    """
    statuses = {"first": edit.row.status, "second": report.status}
    edit.flag("contradiction", **statuses)
    if not decisive or edit.is_settled(make_reason("contradiction", statuses)):
        return Outcome.CONFLICT
    kind = DEPOSIT_ENTRY.get(report.status, EntryKind.REVERSAL)
    changes = edit.stored_history().values_list("from_status", "to_status")
    contradicted_before = any(judge(first, second) is Verdict.CONFLICT for first, second in changes)
    if contradicted_before or (kind is EntryKind.CREDIT and EntryKind.CREDIT in edit.entries()):
        return Outcome.CONFLICT
    return _advance(edit, report, kind)


def _compare_with_approval(edit: Edit[Deposit], report: DepositReport) -> None:
    """Flag the row if the reported amount differs from the amount of the newest approval of the hold."""
    approval = edit.stored_history().filter(decision=APPROVE).order_by("-pk").first()
    if approval is None:
        return
    approved = (approval.amount, approval.currency)
    reported = (getattr(report, conf.credit_column()) or None, report.amount_currency)
    if approved != reported or has_other_amount(edit.row, report):
        shown = f"{amount_text(approval.amount or Decimal(0))} {approval.currency.upper()}"
        edit.flag("differs_from_approval", approved=shown, reported=reported_amounts(report))


def _store_details(edit: Edit[Deposit], report: DepositReport, *, credited: bool = False) -> None:
    """Store the values of the report.

    If the deposit was credited, the amounts of the row are kept. If the report has other amounts, the row is flagged.

    If the deposit was not credited, and the reported status is paid, the report replaces all amounts that a credit
    uses. So a credit is never calculated from the amounts of two reports.
    """
    reported = {
        column: value for column, name in DETAILS.items() if (value := getattr(report, name)) not in (None, "", [])
    }
    if credited:
        compare_amounts(edit, report)
    else:
        is_paid = DEPOSIT_ENTRY.get(report.status) is EntryKind.CREDIT
        replaced = {"amount_currency", *conf.credit_columns()} if is_paid else set()
        edit.set(**{name: getattr(report, name) for name in _AMOUNTS if name in replaced or name in reported})
    if edit.row.forgotten_at is not None:
        return
    details = {name: value for name, value in reported.items() if name not in _AMOUNTS}
    if report.skins and report.skins != edit.row.skins:
        details["game"] = game_of_skins(report.skins) or edit.row.game
    if edit.source in DECISIVE or not edit.row.user_risk:  # a webhook's user_risk is not signed
        details["user_risk"] = report.user_risk
    edit.set(**details)


def _schedule(edit: Edit[Deposit], outcome: WebhookEvent.Outcome, *, decisive: bool) -> None:
    """Set ``next_poll_at``, the time of the next poll.

    The time is now if only an answer of SkinsBack can decide. After a change of the status and after an answer, the
    time depends on the status and the age of the deposit. In all other cases the time is not changed.
    """
    deposit = edit.row
    asked = edit.source in DECISIVE
    moved = "status" in edit.changed
    undecided = outcome in {Outcome.CONFLICT, Outcome.WITHHELD}
    policy_waits = moved and deposit.status == DepositStatus.IN_HOLD and conf.callable_setting("HOLD_POLICY")
    if (undecided and not decisive) or (policy_waits and not asked):
        # A sweep reads the list. Then it polls the rows that were due when the sweep began. A later time would exclude
        # this row.
        is_due = deposit.next_poll_at is not None and deposit.next_poll_at <= edit.now
        if not (is_due and edit.source is Source.LIST):
            edit.set(next_poll_at=edit.now)
    elif moved or asked:
        poll_count = 0 if moved else deposit.poll_count + 1
        delay = schedule.next_deposit_poll(
            deposit.status, schedule.age_for_waiting(deposit.created_at, edit.now), poll_count
        )
        if delay is None and outcome == Outcome.WITHHELD and not edit.entries():
            delay = schedule.backoff(poll_count) if poll_count < schedule.WITHHELD_POLLS else None
        if deposit.reserved_at is not None and deposit.status == DepositStatus.IN_HOLD:
            delay = schedule.CALL_END  # the next answer shows the result of the approval
        edit.set(failing_since=None, poll_count=poll_count, next_poll_at=edit.now + delay if delay else None)
