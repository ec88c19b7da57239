"""Applies a person's decision about a purchase, where the rules and SkinsBack's answers cannot decide.

A decision is valid only for what the person saw. So the row is locked and compared with the token ``seen``. If the row
has changed, RowChanged is raised and nothing is written. Without ``seen``, the token of the passed row is used.
"""

from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ... import schedule
from ...exceptions import InvalidInput, RowDeleted
from ...models import Purchase
from ...statuses import CANCELLED, PurchaseStatus
from ..ledger.database import run
from ..ledger.edit import Edit, Source, lock_for_edit
from .report import MAY_BE_SENT, reach, refund
from .seen import require_seen
from .seen import seen as token_of

_OFFER_IS_LIVE = frozenset({PurchaseStatus.CREATING_TRADE, PurchaseStatus.WAITING_ACCEPT})


class Decision(StrEnum):
    """What ``settle`` does with a purchase."""

    KEEP = "keep"
    REFUND = "refund"


def settle(purchase: Purchase, decision: Decision | str, by: Any = None, note: str = "", seen: str = "") -> Purchase:
    """Apply a person's decision about a purchase, end its review, and return the row.

    * ``keep`` moves no money.
    * ``refund`` refunds the charge. If the status is ``requested`` or ``unknown``, the status becomes ``refused``, and
      the purchase is never sent again.

    ``by`` is the person who decides. The history shows this person.

    Raises RowChanged if the row is not what the person saw. Raises InvalidInput if a refund is not possible:

    * There is no charge, or the charge was refunded before.
    * The user may still accept the trade offer.
    * The purchase is being sent to SkinsBack.
    """
    return run(partial(_settle, purchase.pk, decision, by, note, seen or token_of(purchase)))


def _settle(pk: Any, decision: str, by: Any, note: str, seen: str) -> Purchase:
    edit = _lock_as_seen(pk, by, seen)
    if decision not in set(Decision):
        raise InvalidInput(_("Choose one of keep, refund."))
    if decision == Decision.REFUND and (obstacle := refund_obstacle(edit.row, edit.now)):
        raise InvalidInput(obstacle)
    edit.settle(decision, note)
    if decision == Decision.REFUND:
        if not refund(edit):
            raise InvalidInput(_("This purchase has no charge that could be refunded."))
        if edit.row.status in MAY_BE_SENT:
            edit.set(error_message=CANCELLED)
            reach(edit, PurchaseStatus.REFUSED)
    edit.save()
    return edit.row


def cancel(purchase: Purchase, by: Any = None, note: str = "", seen: str = "") -> Purchase:
    """Cancel a purchase that was never sent, refund its charge, and return the row.

    Raises RowChanged if the row is not what the person saw. Raises InvalidInput if the purchase was sent, because the
    skin may have been bought.
    """
    return run(partial(_cancel, purchase.pk, by, note, seen or token_of(purchase)))


def _cancel(pk: Any, by: Any, note: str, seen: str) -> Purchase:
    edit = _lock_as_seen(pk, by, seen)
    if edit.row.status != PurchaseStatus.REQUESTED or edit.row.attempts:
        raise InvalidInput(_("Only a purchase that was not sent yet can be cancelled."))
    edit.set(error_message=CANCELLED)
    reach(edit, PurchaseStatus.REFUSED, note=note, decision="cancel")
    edit.save()
    return edit.row


def refund_obstacle(purchase: Purchase, now: datetime) -> str:
    """Return the reason why a purchase cannot be refunded at ``now``. Return an empty string if there is no reason.

    Only the status and the last attempt are checked. The ledger is not checked.
    """
    if purchase.status in _OFFER_IS_LIVE:
        return _("The user may still accept the trade offer. Refund the charge after the offer has ended.")
    if purchase.status in MAY_BE_SENT and purchase.attempts:
        sent_at = purchase.submitted_at
        if sent_at is None or now - sent_at < schedule.REFUND_AFTER:
            return _("The purchase is being sent to SkinsBack. Try again in a few minutes.")
    return ""


def _lock_as_seen(pk: Any, by: Any, seen: str) -> Edit[Purchase]:
    edit = lock_for_edit(Purchase, Source.OPERATOR, by=by, pk=pk)
    if edit is None:
        raise RowDeleted
    require_seen(edit, seen)
    return edit
