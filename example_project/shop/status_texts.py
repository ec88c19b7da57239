"""Title and text of each status, for the pages of the user who owns the deposit or purchase."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from django_skinsback.statuses import DepositStatus, PurchaseStatus

from . import error_texts

REFRESH_FAST, REFRESH_SLOW = 2, 60
"""Seconds until a page asks for the status again: for statuses that change quickly, and for holds, which last days."""


class Tone(StrEnum):
    WAIT = "wait"
    ACT = "act"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class StatusText:
    """What a page shows for one status.

    ``tone`` selects the colour. ``step`` is the number of steps that are done. ``refresh_seconds`` is the time
    until the page asks again, or None if it never asks again.
    """

    tone: Tone
    title: str | Promise
    text: str | Promise
    step: int
    refresh_seconds: int | None = None


DEPOSIT_STEPS = [gettext_lazy("Pay page"), gettext_lazy("Skins traded"), gettext_lazy("In your wallet")]
HELD_DEPOSIT_STEPS = [*DEPOSIT_STEPS[:2], gettext_lazy("Trade protected"), DEPOSIT_STEPS[2]]

DEPOSIT_TEXTS: dict[str, StatusText] = {
    DepositStatus.CREATED: StatusText(
        Tone.WAIT,
        gettext_lazy("Opening your deposit"),
        gettext_lazy("We are asking SkinsBack for a pay page. If none opens, start a new deposit."),
        step=0,
        refresh_seconds=REFRESH_FAST,
    ),
    DepositStatus.PENDING: StatusText(
        Tone.ACT,
        gettext_lazy("Waiting for your skins"),
        gettext_lazy("Choose skins on the pay page and accept the trade offer on Steam. This page updates itself."),
        step=1,
        refresh_seconds=REFRESH_FAST,
    ),
    DepositStatus.IN_HOLD: StatusText(
        Tone.WAIT,
        gettext_lazy("Your skins have arrived and are on hold"),
        gettext_lazy(
            "Steam Trade Protection lets both sides take a trade back for up to 8 days. After that time the money "
            "is added to your wallet. You do not have to do anything, and you can close this page."
        ),
        step=2,
        refresh_seconds=REFRESH_SLOW,
    ),
    DepositStatus.HOLD_APPROVED: StatusText(
        Tone.GOOD,
        gettext_lazy("Credited early"),
        gettext_lazy(
            "The money is in your wallet already, before the hold is over. If the trade is taken back during the "
            "hold, we take the same amount out of your wallet."
        ),
        step=4,
        refresh_seconds=REFRESH_SLOW,
    ),
    DepositStatus.SUCCESS: StatusText(
        Tone.GOOD,
        gettext_lazy("Deposit complete"),
        gettext_lazy("The money is in your wallet."),
        step=4,
    ),
    DepositStatus.FAIL: StatusText(
        Tone.BAD,
        gettext_lazy("Deposit not completed"),
        gettext_lazy(
            "The trade was declined, expired or was taken back. You keep your skins, and nothing was credited."
        ),
        step=1,
    ),
    DepositStatus.HOLD_RETURNED: StatusText(
        Tone.BAD,
        gettext_lazy("The trade was taken back"),
        gettext_lazy("Your skins are back in your Steam inventory, so the money for them has left your wallet."),
        step=2,
    ),
    DepositStatus.ABANDONED: StatusText(
        Tone.BAD,
        gettext_lazy("The pay page has expired"),
        gettext_lazy(
            "We received no skins. Start a new deposit. If skins still arrive for this one, they are credited."
        ),
        step=0,
    ),
}

DEPOSIT_NEVER_OPENED = StatusText(
    Tone.BAD,
    gettext_lazy("The deposit could not be opened"),
    gettext_lazy("SkinsBack did not give us a pay page. No skins were moved. Start a new deposit."),
    step=0,
)
DEPOSIT_RETURNED_UNCREDITED = StatusText(
    Tone.BAD,
    gettext_lazy("The trade was taken back"),
    gettext_lazy("Your skins went back to your Steam inventory before the hold was over, so nothing was credited."),
    step=2,
)
DEPOSIT_NOT_CREDITED = StatusText(
    Tone.WAIT,
    gettext_lazy("We are checking your deposit"),
    gettext_lazy("Your skins have arrived, but the money is not in your wallet yet. Our team is checking the deposit."),
    step=2,
    refresh_seconds=REFRESH_SLOW,
)
DEPOSIT_CREDITED_BY_OPERATOR = StatusText(
    Tone.GOOD,
    gettext_lazy("Credited by our team"),
    gettext_lazy("The money is in your wallet."),
    step=4,
)
DEPOSIT_REVERSED_BY_OPERATOR = StatusText(
    Tone.BAD,
    gettext_lazy("The credit was taken back"),
    gettext_lazy("Our team has taken the money for this deposit out of your wallet. Contact us if this is wrong."),
    step=2,
)

PURCHASE_STEPS = [
    gettext_lazy("Ordered"),
    gettext_lazy("Trade offer"),
    gettext_lazy("Accepted on Steam"),
    gettext_lazy("Yours"),
]

_FAILED = {"tone": Tone.BAD, "step": 1}

PURCHASE_TEXTS: dict[str, StatusText] = {
    PurchaseStatus.REQUESTED: StatusText(
        Tone.WAIT,
        gettext_lazy("Order placed"),
        gettext_lazy("We are buying the skin for you. This takes a moment."),
        step=0,
        refresh_seconds=REFRESH_FAST,
    ),
    PurchaseStatus.UNKNOWN: StatusText(
        Tone.WAIT,
        gettext_lazy("Checking your order"),
        gettext_lazy("The market has not confirmed the order yet. We keep asking, and you will not be charged twice."),
        step=0,
        refresh_seconds=REFRESH_FAST,
    ),
    PurchaseStatus.CREATING_TRADE: StatusText(
        Tone.WAIT,
        gettext_lazy("Preparing the trade offer"),
        gettext_lazy("The skin is bought. Its seller is creating a trade offer for you."),
        step=1,
        refresh_seconds=REFRESH_FAST,
    ),
    PurchaseStatus.WAITING_ACCEPT: StatusText(
        Tone.ACT,
        gettext_lazy("Accept the trade offer on Steam"),
        gettext_lazy("You have 10 minutes. Check on Steam that the offer asks for none of your items."),
        step=2,
        refresh_seconds=REFRESH_FAST,
    ),
    PurchaseStatus.ACCEPTED: StatusText(
        Tone.GOOD,
        gettext_lazy("Accepted, enjoy your skin"),
        gettext_lazy("The skin is in your Steam inventory."),
        step=4,
        refresh_seconds=REFRESH_SLOW,
    ),
    PurchaseStatus.CANCELED: StatusText(
        **_FAILED,
        title=gettext_lazy("You declined the trade offer"),
        text=gettext_lazy("The skin stays with its seller."),
    ),
    PurchaseStatus.TIMEOUT: StatusText(
        **_FAILED,
        title=gettext_lazy("The trade offer expired"),
        text=gettext_lazy("It was not accepted within 10 minutes. You can order the skin again."),
    ),
    PurchaseStatus.INVALID_TRADE_TOKEN: StatusText(
        **_FAILED,
        title=gettext_lazy("Your trade URL is no longer valid"),
        text=gettext_lazy("Copy the current one from Steam into your account page and order again."),
    ),
    PurchaseStatus.USER_NOT_TRADABLE: StatusText(
        **_FAILED,
        title=gettext_lazy("Your Steam account cannot trade"),
        text=gettext_lazy("Check on Steam whether you have a trade ban, a private inventory, or no Steam Guard."),
    ),
    PurchaseStatus.TRADE_CREATE_ERROR: StatusText(
        **_FAILED,
        title=gettext_lazy("The trade offer could not be created"),
        text=gettext_lazy("Steam did not accept it. Please try again in a few minutes."),
    ),
    PurchaseStatus.REFUSED: StatusText(
        Tone.BAD,
        gettext_lazy("The skin could not be bought"),
        error_texts.NOT_BOUGHT,
        step=0,
    ),
    PurchaseStatus.ROLLBACK_USER: StatusText(
        Tone.BAD,
        gettext_lazy("You took the trade back"),
        gettext_lazy("The trade was reversed under Steam Trade Protection. Contact us if this was not you."),
        step=2,
    ),
    PurchaseStatus.ROLLBACK_SUPPLIER: StatusText(
        Tone.BAD,
        gettext_lazy("The seller took the trade back"),
        gettext_lazy("The trade was reversed under Steam Trade Protection, so the skin left your inventory."),
        step=2,
    ),
}


PURCHASE_DELAYED = StatusText(
    Tone.WAIT,
    gettext_lazy("Waiting for the market"),
    gettext_lazy(
        "The market does not answer at the moment. Your order is kept, and we send it again every few minutes. "
        "You are charged once. If the skin cannot be bought, you get your money back."
    ),
    step=0,
    refresh_seconds=REFRESH_FAST,
)
PURCHASE_CANCELLED = StatusText(
    Tone.BAD,
    gettext_lazy("Your order was cancelled"),
    gettext_lazy("Our team cancelled it. No skin is sent to you. Contact us if you want to know why."),
    step=0,
)
