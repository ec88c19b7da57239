"""What operators decide about rows that rules and SkinsBack's answers leave open."""

from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ..exceptions import InvalidInput
from ..models import Deposit, Purchase
from ..models.fields import utc_now
from ..statuses import CANCELLED, EntryKind, PurchaseStatus
from .crediting import credit_of
from .database import run
from .edits import Edit, Row, Source
from .purchase_reports import reach, refund
from .records import claim


def settle_deposit(deposit: Deposit, outcome: str, by: Any = None, note: str = "") -> Deposit:
    """An operator's decision about a deposit under review.

    ``keep`` leaves everything as it is, ``credit`` gives the user what the row's amounts say, ``reverse`` takes
    back what was given. Entries stay unique: a second ``credit`` raises InvalidInput, as does a missing amount.
    """
    return run(partial(_settle_deposit, deposit, outcome, by, note))


def _settle_deposit(deposit: Deposit, outcome: str, by: Any, note: str) -> Deposit:
    edit = _claimed(Deposit, deposit.pk, by)
    row = edit.row
    entries = edit.entries()
    credit, reversal = entries.get(EntryKind.CREDIT), entries.get(EntryKind.REVERSAL)
    edit.settled(outcome, note)
    match outcome:
        case "keep":
            pass
        case "credit" if credit is None:
            edit.post(EntryKind.CREDIT, *credit_of(row), user_id=row.user_id)
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


def cancel(purchase: Purchase, by: Any = None, note: str = "") -> Purchase:
    """Give up a purchase that was never sent, and refund it. InvalidInput if it was sent: only SkinsBack knows then."""
    return run(partial(_cancel, purchase, by, note))


def _cancel(purchase: Purchase, by: Any, note: str) -> Purchase:
    edit = _claimed(Purchase, purchase.pk, by)
    if edit.row.status != PurchaseStatus.REQUESTED or edit.row.attempts:
        raise InvalidInput(_("Only a purchase that was not sent yet can be cancelled."))
    edit.set(error_message=CANCELLED)
    reach(edit, PurchaseStatus.REFUSED, note=note or _("Cancelled before it was sent."))
    edit.save()
    return edit.row


def settle_purchase(purchase: Purchase, outcome: str, by: Any = None, note: str = "") -> Purchase:
    """An operator's decision about a purchase under review.

    ``keep`` leaves everything as it is, ``refund`` gives the charge back. The entry stays unique: InvalidInput if
    there was no charge or it was refunded already. A purchase of unknown outcome that is refunded is not sent again.
    """
    return run(partial(_settle_purchase, purchase, outcome, by, note))


def _settle_purchase(purchase: Purchase, outcome: str, by: Any, note: str) -> Purchase:
    edit = _claimed(Purchase, purchase.pk, by)
    if outcome not in {"keep", "refund"}:
        raise InvalidInput(_("Choose one of keep, refund."))
    edit.settled(outcome, note)
    if outcome == "refund":
        if not refund(edit):
            raise InvalidInput(_("There is no charge of this purchase that could be refunded."))
        if edit.row.status in {PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN}:
            edit.set(error_message=CANCELLED)
            reach(edit, PurchaseStatus.REFUSED)
    edit.save()
    return edit.row


def _claimed(model: type[Row], pk: Any, by: Any) -> Edit[Row]:
    now = utc_now()
    row = claim(model, pk=pk)
    if row is None:
        raise InvalidInput(_("The row does not exist any more."))
    return Edit(row, now, Source.OPERATOR, actor=by)
