"""What a status means to an operator: a sentence, and the colour of its badge."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..models.deposit import DEPOSIT_STATUS_LABELS
from ..models.ledger import ENTRY_KIND_LABELS
from ..models.purchase import PURCHASE_STATUS_LABELS
from ..statuses import CANCELLED, DepositStatus, EntryKind, PurchaseStatus

GOOD, BAD, WAIT, ALERT, QUIET = "good", "bad", "wait", "alert", "quiet"

D, P = DepositStatus, PurchaseStatus

DEPOSIT_WORDS: dict[str, Promise] = {
    D.CREATED: _("SkinsBack was asked to open it and has not answered yet. It is asked again by itself."),
    D.PENDING: _("Waiting for the user to pay with skins."),
    D.IN_HOLD: _("The skins have arrived, and Steam can still give them back. Nothing is credited until that is over."),
    D.HOLD_APPROVED: _("Credited early at the site's own risk: Steam can still give the skins back."),
    D.SUCCESS: _("Paid and final."),
    D.FAIL: _("Not paid. Nothing was credited because of it."),
    D.HOLD_RETURNED: _("Steam gave the skins back after the hold was approved. What was credited was taken back."),
    D.ABANDONED: _("The user did not pay in time. If SkinsBack reports a payment later, it is credited."),
}
DEPOSIT_RETURNED_UNAPPROVED = _(
    "Steam gave the skins back before the hold was over. The hold was not approved: nothing was credited because of it."
)
DEPOSIT_NEVER_OPENED = _("It was never opened at SkinsBack, so the user had no pay page. Nothing was paid.")
DEPOSIT_REVERSED_BY_OPERATOR = _("An operator took the user's credit back.")
DEPOSIT_CREDITED_BY_OPERATOR = _("SkinsBack has not reported a payment. An operator credited the user.")
PURCHASE_WORDS: dict[str, Promise] = {
    P.REQUESTED: _("Waiting to be sent to SkinsBack. That happens by itself."),
    P.UNKNOWN: _("Sent, but no readable answer came: it may have been bought. Do not buy it again, it settles itself."),
    P.CREATING_TRADE: _("Bought. SkinsBack is making the trade offer."),
    P.WAITING_ACCEPT: _("The user has the trade offer on Steam and has not accepted it yet."),
    P.ACCEPTED: _("The user has the skin. Until Steam's hold is over the trade can still be taken back."),
    P.CANCELED: _("The user declined the trade offer. SkinsBack gives the price back to the balance."),
    P.TIMEOUT: _("The user did not accept the trade offer in time. SkinsBack gives the price back to the balance."),
    P.INVALID_TRADE_TOKEN: _("Steam does not know this trade URL any more; the user needs to give a new one."),
    P.USER_NOT_TRADABLE: _("Steam does not let this user trade at the moment."),
    P.TRADE_CREATE_ERROR: _("The trade offer could not be made. Another skin may work."),
    P.REFUSED: _("Not bought: SkinsBack refused it."),
    P.ROLLBACK_USER: _("The user took the trade back on Steam after accepting it."),
    P.ROLLBACK_SUPPLIER: _("The supplier took the trade back. The user was given his charge back."),
}
PURCHASE_ACCEPTED_FOR_GOOD = _("The user has the skin.")
PURCHASE_CANCELLED = _(
    "An operator gave it up. It is not sent to SkinsBack any more, and a charge was given back to the user."
)

TONES: dict[str, str] = {
    D.CREATED: QUIET,
    D.PENDING: WAIT,
    D.IN_HOLD: WAIT,
    D.HOLD_APPROVED: GOOD,
    D.SUCCESS: GOOD,
    D.FAIL: BAD,
    D.HOLD_RETURNED: ALERT,
    D.ABANDONED: QUIET,
    P.REQUESTED: QUIET,
    P.UNKNOWN: ALERT,
    P.CREATING_TRADE: WAIT,
    P.WAITING_ACCEPT: WAIT,
    P.ACCEPTED: GOOD,
    P.CANCELED: BAD,
    P.TIMEOUT: BAD,
    P.INVALID_TRADE_TOKEN: BAD,
    P.USER_NOT_TRADABLE: BAD,
    P.TRADE_CREATE_ERROR: BAD,
    P.REFUSED: BAD,
    P.ROLLBACK_USER: ALERT,
    P.ROLLBACK_SUPPLIER: ALERT,
    EntryKind.CREDIT: GOOD,
    EntryKind.REVERSAL: ALERT,
    EntryKind.CHARGE: WAIT,
    EntryKind.REFUND: GOOD,
    "applied": GOOD,
    "repeat": QUIET,
    "stale": QUIET,
    "conflict": ALERT,
    "unknown_status": ALERT,
    "unmatched": ALERT,
    "mismatched": ALERT,
    "withheld": ALERT,
    "ignored": QUIET,
    "failed": BAD,
    "dismissed": QUIET,
    "missed": WAIT,
    "differing": ALERT,
    "duplicate": ALERT,
    "absent": ALERT,
    "open": ALERT,
    "repaired": GOOD,
    "resolved": GOOD,
    "closed": QUIET,
}
"""Statuses, kinds of ledger entries, outcomes of deliveries, kinds and states of discrepancies."""

LABELS: dict[str, Promise] = {
    CANCELLED: _("cancelled by an operator"),
    **{
        str(word): label
        for labels in (DEPOSIT_STATUS_LABELS, PURCHASE_STATUS_LABELS, ENTRY_KIND_LABELS)
        for word, label in labels.items()
    },
}
