"""What operators decide about rows that rules and SkinsBack's answers leave open.

Every decision is bound to what the person saw: ``seen`` is compared under the row lock, and a row that differs raises
RowChanged and stays as it is. Without ``seen`` the row as it was passed is what the person saw.
"""

from datetime import datetime
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ... import schedule
from ...exceptions import InvalidInput, RowChanged
from ...models import Deposit, Purchase
from ...models.fields import utc_now
from ...statuses import CANCELLED, EntryKind, PurchaseStatus
from ..ledger.database import run
from ..ledger.edit import Edit, Row, Source
from ..ledger.record import claim
from ..ledger.seen import deposit_token, purchase_token, require_seen
from ..purchases.report import reach, refund
from .credit import NothingToCredit, credit_of

_OFFER_IS_LIVE = frozenset({PurchaseStatus.CREATING_TRADE, PurchaseStatus.WAITING_ACCEPT})
_MAY_BE_SENT = frozenset({PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN})


def settle_deposit(deposit: Deposit, decision: str, by: Any = None, note: str = "", *, seen: str = "") -> Deposit:
    """A person's decision about a deposit.

    ``keep`` leaves everything as it is, ``credit`` gives the user what the row's amounts say, ``reverse`` takes back
    what was given. Entries stay unique, so neither can be taken back or repeated.

    Raises RowChanged if the row is not what was seen, and InvalidInput if the decision is not possible: a second
    ``credit``, a missing amount, a user who was deleted (the row is flagged for that).
    """
    refused = run(partial(_settle_deposit, deposit, decision, by, note, seen or deposit_token(deposit)))
    if isinstance(refused, InvalidInput):
        raise refused
    return refused


def _settle_deposit(deposit: Deposit, decision: str, by: Any, note: str, seen: str) -> Deposit | InvalidInput:
    edit, shown = _claimed(Deposit, deposit.pk, by, seen)
    row = edit.row
    entries = edit.entries()
    credit, reversal = entries.get(EntryKind.CREDIT), entries.get(EntryKind.REVERSAL)
    if decision == "credit" and credit is None and row.is_owner_gone:
        edit.flag("owner_gone")
        edit.save()
        return NothingToCredit("owner_gone")
    edit.settle(decision, note)
    match decision:
        case "keep":
            pass
        case "credit" if credit is None:
            due = credit_of(row)
            if due != shown:  # a CREDIT of the site's that depends on more than the deposit
                raise RowChanged
            edit.post(EntryKind.CREDIT, *due, user_id=row.user_id)
        case "reverse" if credit is not None and reversal is None:
            edit.undo(EntryKind.REVERSAL, credit)
        case "credit":
            raise InvalidInput(_("This deposit was credited already."))
        case "reverse":
            raise InvalidInput(_("There is no credit of this deposit that could be reversed."))
        case _:
            raise InvalidInput(_("Choose one of keep, credit, reverse."))
    edit.save()
    return row


def cancel(purchase: Purchase, by: Any = None, note: str = "", *, seen: str = "") -> Purchase:
    """Give up a purchase that was never sent, and refund its charge.

    Raises RowChanged if the row is not what was seen, and InvalidInput if it was sent: only SkinsBack knows then.
    """
    return run(partial(_cancel, purchase, by, note, seen or purchase_token(purchase)))


def _cancel(purchase: Purchase, by: Any, note: str, seen: str) -> Purchase:
    edit, _shown = _claimed(Purchase, purchase.pk, by, seen)
    if edit.row.status != PurchaseStatus.REQUESTED or edit.row.attempts:
        raise InvalidInput(_("Only a purchase that was not sent yet can be cancelled."))
    edit.set(error_message=CANCELLED)
    reach(edit, PurchaseStatus.REFUSED, note=note, decision="cancel")
    edit.save()
    return edit.row


def settle_purchase(purchase: Purchase, decision: str, by: Any = None, note: str = "", *, seen: str = "") -> Purchase:
    """A person's decision about a purchase.

    ``keep`` leaves everything as it is, ``refund`` gives the charge back. A purchase that was not sent, or whose
    outcome is unknown, is then refused and never sent again.

    Raises RowChanged if the row is not what was seen, and InvalidInput if the decision is not possible: no charge, a
    charge that was refunded, a trade offer that the user may still accept, or a purchase that is being sent.
    """
    return run(partial(_settle_purchase, purchase, decision, by, note, seen or purchase_token(purchase)))


def _settle_purchase(purchase: Purchase, decision: str, by: Any, note: str, seen: str) -> Purchase:
    edit, _shown = _claimed(Purchase, purchase.pk, by, seen)
    if decision not in {"keep", "refund"}:
        raise InvalidInput(_("Choose one of keep, refund."))
    if decision == "refund" and (obstacle := refund_obstacle(edit.row, edit.now)):
        raise InvalidInput(obstacle)
    edit.settle(decision, note)
    if decision == "refund":
        if not refund(edit):
            raise InvalidInput(_("There is no charge of this purchase that could be refunded."))
        if edit.row.status in _MAY_BE_SENT:
            edit.set(error_message=CANCELLED)
            reach(edit, PurchaseStatus.REFUSED)
    edit.save()
    return edit.row


def refund_obstacle(purchase: Purchase, now: datetime) -> str:
    """Why the status of a purchase does not allow a refund now; empty if it does."""
    if purchase.status in _OFFER_IS_LIVE:
        return _("The user may still accept the trade offer. Refund the charge after the offer has ended.")
    if purchase.status in _MAY_BE_SENT and purchase.attempts:
        sent_at = purchase.submitted_at
        if sent_at is None or now - sent_at < schedule.RESEND_AFTER:
            return _("The purchase is being sent to SkinsBack. Try again in a few minutes.")
    return ""


def _claimed(model: type[Row], pk: Any, by: Any, seen: str) -> tuple[Edit[Row], object]:
    """An edit of the locked row, and what ``credit`` would post for it, as the person saw it."""
    now = utc_now()
    row = claim(model, pk=pk)
    if row is None:
        raise InvalidInput(_("The row does not exist any more."))
    edit = Edit(row, now, Source.OPERATOR, actor=by)
    return edit, require_seen(edit, seen)
