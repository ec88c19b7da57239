"""Texts that explain each status to operators, and the colours and labels of the status badges."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..models.deposit import DEPOSIT_STATUS_LABELS
from ..models.ledger import ENTRY_KIND_LABELS
from ..models.purchase import PURCHASE_STATUS_LABELS
from ..statuses import CANCELLED, DepositStatus, EntryKind, PurchaseStatus

GOOD, BAD, WAIT, ALERT, QUIET = "good", "bad", "wait", "alert", "quiet"

D, P = DepositStatus, PurchaseStatus

DEPOSIT_EXPLANATIONS: dict[str, Promise] = {
    D.CREATED: _("SkinsBack has not confirmed this deposit yet. This site asks SkinsBack again automatically."),
    D.PENDING: _("The user has not paid with skins yet."),
    D.IN_HOLD: _(
        "The skins have arrived, but Steam can still return them to the user. The user is credited after the hold."
    ),
    D.HOLD_APPROVED: _(
        "The hold was approved and the user was credited early, at the site's own risk. Steam can still return the "
        "skins to the user."
    ),
    D.SUCCESS: _("The user has paid. This status is final."),
    D.FAIL: _("The deposit was not paid, and the user was not credited."),
    D.HOLD_RETURNED: _(
        "Steam returned the skins to the user after the hold was approved. The user's credit was reversed."
    ),
    D.ABANDONED: _("The user did not pay in time. If SkinsBack reports a payment later, the user is credited."),
}
DEPOSIT_RETURNED_UNAPPROVED = _(
    "Steam returned the skins to the user before the hold was over. The hold was not approved, so the user was not "
    "credited."
)
DEPOSIT_NEVER_OPENED = _("SkinsBack never opened this deposit, so the user had no payment page and paid nothing.")
DEPOSIT_REVERSED_BY_OPERATOR = _("An operator reversed the user's credit.")
DEPOSIT_CREDITED_BY_OPERATOR = _("SkinsBack has not reported a payment. An operator credited the user.")
PURCHASE_EXPLANATIONS: dict[str, Promise] = {
    P.REQUESTED: _("The purchase was not sent to SkinsBack yet. It is sent automatically."),
    P.UNKNOWN: _(
        "The purchase was sent to SkinsBack, but no readable answer arrived. The skin may have been bought. Do not buy "
        "it again. This site asks SkinsBack for the status automatically."
    ),
    P.CREATING_TRADE: _("The skin was bought. SkinsBack is creating the trade offer."),
    P.WAITING_ACCEPT: _("The user has the trade offer on Steam and has not accepted it yet."),
    P.ACCEPTED: _("The user has the skin. The trade can still be rolled back until Steam's hold is over."),
    P.CANCELED: _("The user declined the trade offer. SkinsBack returns the price to the project's balance."),
    P.TIMEOUT: _(
        "The user did not accept the trade offer in time. SkinsBack returns the price to the project's balance."
    ),
    P.INVALID_TRADE_TOKEN: _("Steam does not accept this trade URL any more. The user needs to enter a new one."),
    P.USER_NOT_TRADABLE: _("Steam does not allow this user to trade at the moment."),
    P.TRADE_CREATE_ERROR: _("The trade offer could not be created. Another skin may work."),
    P.REFUSED: _("SkinsBack refused the purchase. Nothing was bought."),
    P.ROLLBACK_USER: _("The user accepted the trade and then rolled it back on Steam."),
    P.ROLLBACK_SUPPLIER: _("The supplier rolled the trade back. If the user was charged, the charge was refunded."),
}
PURCHASE_ACCEPTED_FINALLY = _("The user has the skin. The trade cannot be rolled back any more.")
PURCHASE_CANCELLED = _(
    "An operator cancelled this purchase before it was sent to SkinsBack. If the user was charged, the charge was "
    "refunded."
)

BADGE_COLORS: dict[str, str] = {
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
"""Word -> CSS class of its badge.

A word is a status, a kind of ledger entry, an outcome of a delivery, or a kind or state of a discrepancy.
"""

LABELS: dict[str, Promise] = {
    CANCELLED: _("cancelled by an operator"),
    **{
        str(word): label
        for labels in (DEPOSIT_STATUS_LABELS, PURCHASE_STATUS_LABELS, ENTRY_KIND_LABELS)
        for word, label in labels.items()
    },
}
"""Word -> label of its badge. A word is a status or a kind of ledger entry."""
