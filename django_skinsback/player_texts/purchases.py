"""What a player reads about a purchase: title, text, steps and next step."""

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Purchase
from ..models.fields import utc_now
from ..statuses import CANCELLED, PURCHASE_FAILURES, EntryKind, PurchaseStatus
from .code_texts import code_text
from .dates import hold_duration, is_trade_offer_over
from .texts import REFRESH_FAST, REFRESH_SLOW, Entry, NextStep, StatusText, Tone, status_text

DELAYED_AFTER = timedelta(seconds=10)
"""An order is usually sent within two seconds. If it is not sent after this time, the page shows the text DELAYED."""

PURCHASE_STEPS = [
    gettext_lazy("Ordered"),
    gettext_lazy("Trade offer"),
    gettext_lazy("Accepted on Steam"),
    gettext_lazy("Yours"),
]

PURCHASE_TEXTS: dict[str, Entry] = {
    PurchaseStatus.REQUESTED: Entry(
        Tone.WAIT,
        gettext_lazy("Order placed"),
        gettext_lazy("We are buying the skin for you. This takes a moment."),
        step=0,
        next_step=NextStep.WAIT,
        refresh_seconds=REFRESH_FAST,
    ),
    PurchaseStatus.UNKNOWN: Entry(
        Tone.WAIT,
        gettext_lazy("Checking your order"),
        gettext_lazy(
            "The market has not confirmed the order yet. We keep asking the market. You are charged only once."
        ),
        step=0,
        next_step=NextStep.WAIT,
        refresh_seconds=REFRESH_FAST,
    ),
    PurchaseStatus.CREATING_TRADE: Entry(
        Tone.WAIT,
        gettext_lazy("Preparing the trade offer"),
        gettext_lazy("The skin is bought. Its seller is creating a trade offer for you."),
        step=1,
        next_step=NextStep.WAIT,
        refresh_seconds=REFRESH_FAST,
    ),
    PurchaseStatus.WAITING_ACCEPT: Entry(
        Tone.ACT,
        gettext_lazy("Accept the trade offer on Steam"),
        gettext_lazy("You have 10 minutes to accept. Check on Steam that the offer asks for none of your items."),
        step=2,
        next_step=NextStep.ACCEPT_TRADE,
        refresh_seconds=REFRESH_FAST,
    ),
    PurchaseStatus.ACCEPTED: Entry(
        Tone.GOOD,
        gettext_lazy("Accepted, enjoy your skin"),
        gettext_lazy("The skin is in your Steam inventory."),
        step=4,
        refresh_seconds=REFRESH_SLOW,
    ),
    PurchaseStatus.CANCELED: Entry(
        Tone.BAD,
        gettext_lazy("You declined the trade offer"),
        gettext_lazy("The skin stays with its seller."),
        step=2,
        next_step=NextStep.CHOOSE_ANOTHER,
    ),
    PurchaseStatus.TIMEOUT: Entry(
        Tone.BAD,
        gettext_lazy("The trade offer expired"),
        gettext_lazy("The trade offer was not accepted within 10 minutes. You can order the skin again."),
        step=2,
        next_step=NextStep.TRY_AGAIN,
    ),
    PurchaseStatus.INVALID_TRADE_TOKEN: Entry(
        Tone.BAD,
        gettext_lazy("Your trade URL is no longer valid"),
        gettext_lazy("Copy the current trade URL from Steam and enter it here. Then order again."),
        step=1,
        next_step=NextStep.ENTER_TRADE_URL,
    ),
    PurchaseStatus.USER_NOT_TRADABLE: Entry(
        Tone.BAD,
        gettext_lazy("Your Steam account cannot trade"),
        gettext_lazy(
            "Check on Steam whether your account may trade, your inventory is public, and Steam Guard has been on for "
            "15 days. Then order again."
        ),
        step=1,
        next_step=NextStep.TRY_AGAIN,
    ),
    PurchaseStatus.TRADE_CREATE_ERROR: Entry(
        Tone.BAD,
        gettext_lazy("The trade offer could not be created"),
        gettext_lazy("Steam did not accept the trade offer. Try again in a few minutes."),
        step=1,
        next_step=NextStep.TRY_AGAIN,
    ),
    PurchaseStatus.REFUSED: Entry(
        Tone.BAD,
        gettext_lazy("The skin could not be bought"),
        gettext_lazy("The market did not accept the order. Choose another skin."),
        step=0,
        next_step=NextStep.CHOOSE_ANOTHER,
    ),
    PurchaseStatus.ROLLBACK_USER: Entry(
        Tone.BAD,
        gettext_lazy("You took the trade back"),
        gettext_lazy("The trade was reversed under Steam Trade Protection. Contact us if this was not you."),
        step=3,
        next_step=NextStep.CONTACT_SUPPORT,
    ),
    PurchaseStatus.ROLLBACK_SUPPLIER: Entry(
        Tone.BAD,
        gettext_lazy("The seller took the trade back"),
        gettext_lazy("The trade was reversed under Steam Trade Protection, so the skin left your inventory."),
        step=3,
        next_step=NextStep.CHOOSE_ANOTHER,
    ),
}

DELAYED = Entry(
    Tone.WAIT,
    gettext_lazy("Waiting for the market"),
    gettext_lazy(
        "The market does not answer at the moment. Your order is saved. We send the order again every few minutes. You "
        "are charged only once. If the skin cannot be bought, you get your money back."
    ),
    step=0,
    next_step=NextStep.WAIT,
    refresh_seconds=REFRESH_FAST,
)
CANCELLED_BY_SITE = Entry(
    Tone.BAD,
    gettext_lazy("Your order was cancelled"),
    gettext_lazy(
        "This site cancelled the order before the skin was bought. Contact us if you want to know the reason."
    ),
    step=0,
    next_step=NextStep.CONTACT_SUPPORT,
)
TRADE_OFFER_OVER = Entry(
    Tone.WAIT,
    gettext_lazy("Waiting for the result of the trade"),
    gettext_lazy(
        "The 10 minutes to accept the trade offer are over. If you accepted the offer in time, this page shows the "
        "result soon. If you did not accept the offer, you get your money back."
    ),
    step=2,
    next_step=NextStep.WAIT,
    refresh_seconds=REFRESH_FAST,
)


def for_purchase(purchase: Purchase) -> StatusText:
    """Return what the player sees of a purchase.

    Reads the ``entries`` and the ``changes`` of the purchase. For a list of purchases, prefetch both. If the purchase
    failed and SkinsBack reported a known reason, the text and the next step are those of the reason.
    """
    reason = None
    if purchase.status in PURCHASE_FAILURES and purchase.error_message != CANCELLED:
        reason = code_text(purchase.error_reason, purchase.error_message)
    return status_text(
        _entry(purchase),
        PURCHASE_STEPS,
        text=str(reason.text) if reason else "",
        next_step=reason.next_step if reason else None,
        notes=_notes(purchase),
    )


def is_delayed(purchase: Purchase) -> bool:
    """Return whether an order was not sent at the first attempt, or is not sent 10 seconds after it was placed."""
    late = purchase.poll_count > 0 or utc_now() - purchase.created_at > DELAYED_AFTER
    return purchase.status == PurchaseStatus.REQUESTED and late


def _entry(purchase: Purchase) -> Entry:
    match purchase.status:
        case PurchaseStatus.REFUSED if purchase.error_message == CANCELLED:
            return CANCELLED_BY_SITE
        case PurchaseStatus.REQUESTED if is_delayed(purchase):
            return DELAYED
        case PurchaseStatus.WAITING_ACCEPT if is_trade_offer_over(purchase):
            return TRADE_OFFER_OVER
    return PURCHASE_TEXTS[purchase.status]


def _notes(purchase: Purchase) -> list[str]:
    notes = []
    if any(entry.kind == EntryKind.REFUND for entry in purchase.entries.all()):
        notes.append(_("Your money is back on your balance."))
    if duration := hold_duration(purchase):
        notes.append(
            _("Steam Trade Protection: the trade can be taken back for %(duration)s.") % {"duration": duration}
        )
    return notes
