"""When a user who pays with skins is credited, and when the credit is taken back.

Whatever SkinsBack says about a deposit, by whichever way, is a ``DepositReport`` and goes through ``record_report``:

* ``success``, and before it ``hold_approved``, credit the user: once, whichever comes first.
* ``hold_returned`` takes back exactly what was credited.
* Nothing else moves money. What cannot be decided is kept for an operator, who decides it with ``settle``.
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
from ...statuses import (
    DEPOSIT_ENTRY,
    DEPOSIT_FINAL,
    DepositStatus,
    EntryKind,
    Verdict,
    is_theirs,
    judge,
)
from ...wire.types import DepositReport
from ..ledger.edit import Edit, Source
from ..ledger.record import DECISIVE, Decision, Outcome, Recorded, lock_for_edit, record
from ..market.price_rows import game_of_skins
from .credit import (
    NothingToCredit,
    amounts_used,
    compare_amounts,
    credit_due,
    names_other_amount,
    reported_amounts,
    tells_all,
    usable_amount,
)

APPROVE = "approve"
"""The decision of a StatusChange that asks SkinsBack to end a hold early."""


def record_report(
    report: DepositReport,
    source: StatusChange.Source | str,
    *,
    account: str = conf.DEFAULT_ACCOUNT,
    event: WebhookEvent | None = None,
    by: Any = None,
    now: datetime | None = None,
    asked: Deposit | None = None,
) -> Recorded[Deposit]:
    """Record what SkinsBack says about one deposit; safe to repeat, in any order, from many processes at once.

    ``asked`` is the row as it was read before SkinsBack was asked. If the row has changed since, the answer may be
    older than the change. It then decides no contradiction, and SkinsBack is asked once more.

    Returns the outcome and the row. Raises what a receiver of ``entry_posted`` raises, and RolledBack; nothing is saved
    then.
    """
    return record(partial(decide, report, source, account=account, event=event, by=by, now=now, asked=asked))


def decide(
    report: DepositReport,
    source: StatusChange.Source | str,
    *,
    account: str,
    event: WebhookEvent | None = None,
    by: Any = None,
    now: datetime | None = None,
    asked: Deposit | None = None,
) -> Decision[Deposit]:
    """Lock the row of a report and decide what the report means. Nothing is written yet."""
    ids = {"order_id": report.order_id} if report.order_id else {"transaction_id": report.transaction_id}
    edit = lock_for_edit(Deposit, source, now=now, event=event, by=by, account=account, **ids)
    if edit is None:
        return Decision(Outcome.UNMATCHED)
    decisive = edit.source in DECISIVE and (asked is None or asked.updated_at == edit.row.updated_at)
    outcome = _judge_report(edit, report, decisive=decisive)
    _schedule(edit, outcome, decisive=decisive)
    return Decision(outcome, edit)


def _judge_report(edit: Edit[Deposit], report: DepositReport, *, decisive: bool) -> WebhookEvent.Outcome:
    deposit = edit.row
    if not _ids_agree(edit, report):
        return Outcome.MISMATCHED
    verdict = judge(deposit.status, report.status) if is_theirs(report.status) else Verdict.UNKNOWN
    match verdict:
        case Verdict.ADVANCE:
            return _advance(edit, report, DEPOSIT_ENTRY.get(report.status))
        case Verdict.REPEAT:
            return _repeat(edit, report)
        case Verdict.STALE:
            return Outcome.STALE
        case Verdict.CONFLICT:
            return _conflict(edit, report, decisive=decisive)
        case Verdict.UNKNOWN:
            edit.note_unknown_word(report.status)
            return Outcome.UNKNOWN_STATUS


def _advance(edit: Edit[Deposit], report: DepositReport, kind: EntryKind | None) -> WebhookEvent.Outcome:
    """Take a later status; post the entry it calls for."""
    deposit, entries = edit.row, edit.entries()
    credit, reversal = entries.get(EntryKind.CREDIT), entries.get(EntryKind.REVERSAL)
    owed = kind is EntryKind.CREDIT and credit is None
    if owed and edit.source is Source.LIST and not tells_all(report):
        return Outcome.WITHHELD  # a list may say less than orderstatus, which is asked now
    if owed and usable_amount(report) is None:
        edit.flag("amount_missing", status=report.status)
        return Outcome.WITHHELD
    if owed:
        _compare_with_approval(edit, report)
    _take_details(edit, report, credited=credit is not None)
    try:
        due = credit_due(edit, report) if owed else None
    except NothingToCredit as error:
        edit.flag(error.code, **error.data)
        return Outcome.WITHHELD
    edit.set(finished_at=edit.now if report.status in DEPOSIT_FINAL else None)
    edit.move(report.status, **_said(report))
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


def _compare_with_approval(edit: Edit[Deposit], report: DepositReport) -> None:
    """Flag a credit of a held deposit that is not what the person who approved the hold was shown."""
    if edit.row.status != DepositStatus.IN_HOLD:
        return
    approval = edit.lines().filter(decision=APPROVE).order_by("-pk").first()
    if approval is None:
        return
    approved, reported = (approval.amount, approval.currency), (usable_amount(report), report.amount_currency)
    if approved != reported or names_other_amount(edit.row, report):
        edit.flag("differs_from_approval", approved=_money(*approved), reported=reported_amounts(report))


def _money(amount: Decimal | None, currency: str) -> str:
    return f"{amount_text(amount or Decimal(0))} {currency.upper()}"


def _repeat(edit: Edit[Deposit], report: DepositReport) -> WebhookEvent.Outcome:
    """The same status again: look whether it brings an amount that was owed, or another amount than the first."""
    deposit = edit.row
    if DEPOSIT_ENTRY.get(report.status) is not EntryKind.CREDIT:
        differs = names_other_amount(deposit, report)
        credited = differs and EntryKind.CREDIT in edit.entries()
        if differs and not credited and conf.callable_setting("CREDIT"):
            _compare_with_approval(edit, report)  # the approval keeps one amount, and the function may look at both
        _take_details(edit, report, credited=credited)
        return Outcome.REPEAT
    if not deposit.needs_review and not names_other_amount(deposit, report):
        return Outcome.REPEAT
    if EntryKind.CREDIT in edit.entries():
        compare_amounts(edit, report)
        return Outcome.REPEAT
    # Withheld at first. Once an operator has settled it, a repeat no longer credits.
    says_less = usable_amount(report) is None or (edit.source is Source.LIST and not tells_all(report))
    if not deposit.needs_review or says_less or not edit.undecided_since_last_change():
        return Outcome.REPEAT
    _take_details(edit, report)
    credit = None
    try:
        credit = credit_due(edit, report)
    except NothingToCredit as error:
        edit.flag(error.code, **error.data)
    if credit is None:
        return Outcome.WITHHELD
    edit.note(
        deposit.status,
        deposit.status,
        note=_("Credited when the currency was told."),
        **_said(report),
    )
    edit.post(EntryKind.CREDIT, *credit, user_id=deposit.user_id)
    return Outcome.APPLIED


def _conflict(edit: Edit[Deposit], report: DepositReport, *, decisive: bool) -> WebhookEvent.Outcome:
    """Two reports that cannot both be true. ``orderstatus`` decides once; a further turn is an operator's matter."""
    words = {"first": edit.row.status, "second": report.status}
    edit.flag("contradiction", **words)
    if not decisive or edit.is_settled(make_reason("contradiction", words)):
        return Outcome.CONFLICT
    kind = DEPOSIT_ENTRY.get(report.status, EntryKind.REVERSAL)
    history = edit.lines().values_list("from_status", "to_status")
    turned_before = any(judge(first, second) is Verdict.CONFLICT for first, second in history)
    if turned_before or (kind is EntryKind.CREDIT and EntryKind.CREDIT in edit.entries()):
        return Outcome.CONFLICT
    return _advance(edit, report, kind)


def _ids_agree(edit: Edit[Deposit], report: DepositReport) -> bool:
    """Whether both ids are this row's; a row that does not know SkinsBack's id yet learns it."""
    return edit.learn_id("transaction_id", report.transaction_id)


def _take_details(edit: Edit[Deposit], report: DepositReport, *, credited: bool = False) -> None:
    """Keep what the report says. Amounts that were credited already stay; a credit is made from one report alone."""
    if credited:
        compare_amounts(edit, report)
    else:
        said = {
            "amount": report.amount,
            "user_amount": report.user_amount,
            "amount_currency": report.amount_currency,
        }
        is_paid = DEPOSIT_ENTRY.get(report.status) is EntryKind.CREDIT
        whole = {"amount_currency", *amounts_used()} if is_paid else set()
        edit.set(**{name: value for name, value in said.items() if name in whole or value not in {None, ""}})
    if edit.row.forgotten_at is not None:
        return
    if report.steam_id:
        edit.set(payer_steam_id=report.steam_id)
    if report.trade_offer_id:
        edit.set(trade_offer_id=report.trade_offer_id)
    if report.skins and report.skins != edit.row.skins:
        edit.set(skins=report.skins, game=game_of_skins(report.skins) or edit.row.game)
    if edit.source in DECISIVE or not edit.row.user_risk:  # a webhook's user_risk is not signed
        edit.set(user_risk=report.user_risk)


def _said(report: DepositReport) -> dict[str, Any]:
    """The report's amount for the history."""
    return {"amount": report.amount, "currency": report.amount_currency}


def _schedule(edit: Edit[Deposit], outcome: WebhookEvent.Outcome, *, decisive: bool) -> None:
    """When SkinsBack is asked next: at once where only its answer helps, else by status and age."""
    deposit = edit.row
    asked = edit.source in DECISIVE
    moved = "status" in edit.changed
    undecided = outcome in {Outcome.CONFLICT, Outcome.WITHHELD}
    policy_waits = moved and deposit.status == DepositStatus.IN_HOLD and conf.callable_setting("HOLD_POLICY")
    if (undecided and not decisive) or (policy_waits and not asked):
        # A sweep that has read the list asks next about what was due before; a later time would hide the row from it.
        is_due = deposit.next_poll_at is not None and deposit.next_poll_at <= edit.now
        if not (is_due and edit.source is Source.LIST):
            edit.set(next_poll_at=edit.now)
    elif moved or asked:
        edit.set(failing_since=None)
        poll_count = 0 if moved else deposit.poll_count + 1
        delay = schedule.next_deposit_poll(
            deposit.status, schedule.age_for_waiting(deposit.created_at, edit.now), poll_count
        )
        if delay is None and outcome == Outcome.WITHHELD and not edit.entries():
            delay = schedule.backoff(poll_count) if poll_count < schedule.WITHHELD_POLLS else None
        edit.set(poll_count=poll_count, next_poll_at=edit.now + delay if delay else None)
