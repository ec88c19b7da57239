"""Decisions of a person about a purchase that the rules and SkinsBack's answers cannot decide.

A decision is bound to what the person saw: ``seen`` is compared under the row lock. If the row differs, RowChanged is
raised and nothing is written. Without ``seen``, the values of the passed row are compared.
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
from .report import reach, refund
from .seen import require_seen
from .seen import seen as token_of

_OFFER_IS_LIVE = frozenset({PurchaseStatus.CREATING_TRADE, PurchaseStatus.WAITING_ACCEPT})
_MAY_BE_SENT = frozenset({PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN})


class Decision(StrEnum):
    """What ``settle`` does with a purchase."""

    KEEP = "keep"
    REFUND = "refund"


def settle(purchase: Purchase, decision: Decision | str, by: Any = None, note: str = "", seen: str = "") -> Purchase:
    """Apply a person's decision about a purchase, end its review, and return the row.

    ``keep`` moves no money, ``refund`` gives the charge back. After ``refund``, a purchase that was not sent, or whose
    outcome is unknown, has the status ``refused`` and is never sent again. ``by`` is the person, for the history.

    Raises RowChanged if the row is not what was seen, and InvalidInput if the decision is not possible: no charge, a
    charge that was refunded, a trade offer that the user may still accept, or a purchase that is being sent.
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
            raise InvalidInput(_("There is no charge of this purchase that could be refunded."))
        if edit.row.status in _MAY_BE_SENT:
            edit.set(error_message=CANCELLED)
            reach(edit, PurchaseStatus.REFUSED)
    edit.save()
    return edit.row


def cancel(purchase: Purchase, by: Any = None, note: str = "", seen: str = "") -> Purchase:
    """Cancel a purchase that was never sent, refund its charge, and return the row.

    Raises RowChanged if the row is not what was seen. Raises InvalidInput if it was sent: it may have been bought.
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
    """Return why the status of a purchase does not allow a refund at ``now``; empty if it does."""
    if purchase.status in _OFFER_IS_LIVE:
        return _("The user may still accept the trade offer. Refund the charge after the offer has ended.")
    if purchase.status in _MAY_BE_SENT and purchase.attempts:
        sent_at = purchase.submitted_at
        if sent_at is None or now - sent_at < schedule.RESEND_AFTER:
            return _("The purchase is being sent to SkinsBack. Try again in a few minutes.")
    return ""


def _lock_as_seen(pk: Any, by: Any, seen: str) -> Edit[Purchase]:
    edit = lock_for_edit(Purchase, Source.OPERATOR, by=by, pk=pk)
    if edit is None:
        raise RowDeleted
    require_seen(edit, seen)
    return edit
