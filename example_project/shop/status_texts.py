"""What each status means, in words for the user whose deposit or purchase it is."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from django_skinsback.statuses import DepositStatus, PurchaseStatus

from . import error_texts

SOON, LATER = 2, 60
"""Seconds until a page asks again: while the user looks on, and while nothing happens for days."""


class Tone(StrEnum):
    WAIT = "wait"
    ACT = "act"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Chapter:
    """One status: how it feels, what happened and what to do, how many steps are done, when to ask again."""

    tone: Tone
    title: str | Promise
    text: str | Promise
    step: int
    refresh_seconds: int | None = None


DEPOSIT_STEPS = [gettext_lazy("Pay page"), gettext_lazy("Skins traded"), gettext_lazy("In your wallet")]
HELD_DEPOSIT_STEPS = [*DEPOSIT_STEPS[:2], gettext_lazy("Trade protected"), DEPOSIT_STEPS[2]]

DEPOSIT_CHAPTERS: dict[str, Chapter] = {
    DepositStatus.CREATED: Chapter(
        Tone.WAIT,
        gettext_lazy("Opening your deposit"),
        gettext_lazy("We are asking SkinsBack for a pay page. If none opens, start a new deposit."),
        step=0,
        refresh_seconds=SOON,
    ),
    DepositStatus.PENDING: Chapter(
        Tone.ACT,
        gettext_lazy("Waiting for your skins"),
        gettext_lazy("Choose skins on the pay page and accept the trade offer on Steam. This page follows by itself."),
        step=1,
        refresh_seconds=SOON,
    ),
    DepositStatus.IN_HOLD: Chapter(
        Tone.WAIT,
        gettext_lazy("Your skins have arrived and are on hold"),
        gettext_lazy(
            "Steam Trade Protection lets either side take a trade back for up to 8 days. When that time is "
            "over, the money is added to your wallet. You need not do anything, and you can close this page."
        ),
        step=2,
        refresh_seconds=LATER,
    ),
    DepositStatus.HOLD_APPROVED: Chapter(
        Tone.GOOD,
        gettext_lazy("Credited early"),
        gettext_lazy(
            "We trust you and have added the money already. If the trade is taken back while Steam protects "
            "it, the same amount leaves your wallet again."
        ),
        step=4,
        refresh_seconds=LATER,
    ),
    DepositStatus.SUCCESS: Chapter(
        Tone.GOOD,
        gettext_lazy("Deposit complete"),
        gettext_lazy("The money is in your wallet."),
        step=4,
    ),
    DepositStatus.FAIL: Chapter(
        Tone.BAD,
        gettext_lazy("Deposit not completed"),
        gettext_lazy(
            "The trade was declined, ran out of time or was taken back. The skins are yours, and nothing was credited."
        ),
        step=1,
    ),
    DepositStatus.HOLD_RETURNED: Chapter(
        Tone.BAD,
        gettext_lazy("The trade was taken back"),
        gettext_lazy("Your skins went back to your Steam inventory, so the money for them has left your wallet."),
        step=2,
    ),
    DepositStatus.ABANDONED: Chapter(
        Tone.BAD,
        gettext_lazy("The pay page has expired"),
        gettext_lazy(
            "No skins reached us. Start a new deposit; should skins still arrive for this one, they will be credited."
        ),
        step=0,
    ),
}

DEPOSIT_NEVER_OPENED = Chapter(
    Tone.BAD,
    gettext_lazy("The deposit could not be opened"),
    gettext_lazy("SkinsBack gave us no pay page. No skins were moved. Start a new deposit."),
    step=0,
)
DEPOSIT_RETURNED_UNCREDITED = Chapter(
    Tone.BAD,
    gettext_lazy("The trade was taken back"),
    gettext_lazy("Your skins went back to your Steam inventory before the hold was over, so nothing was credited."),
    step=2,
)
DEPOSIT_NOT_CREDITED = Chapter(
    Tone.WAIT,
    gettext_lazy("We are checking your deposit"),
    gettext_lazy("Your skins have arrived, but the money is not in your wallet yet. Our team decides about it."),
    step=2,
    refresh_seconds=LATER,
)
DEPOSIT_CREDITED_BY_US = Chapter(
    Tone.GOOD,
    gettext_lazy("Credited by our team"),
    gettext_lazy("The money is in your wallet."),
    step=4,
)
DEPOSIT_REVERSED_BY_US = Chapter(
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

PURCHASE_CHAPTERS: dict[str, Chapter] = {
    PurchaseStatus.REQUESTED: Chapter(
        Tone.WAIT,
        gettext_lazy("Order placed"),
        gettext_lazy("We are buying the skin for you. This takes a moment."),
        step=0,
        refresh_seconds=SOON,
    ),
    PurchaseStatus.UNKNOWN: Chapter(
        Tone.WAIT,
        gettext_lazy("Checking your order"),
        gettext_lazy("The market has not confirmed the order yet. We keep asking, and you will not be charged twice."),
        step=0,
        refresh_seconds=SOON,
    ),
    PurchaseStatus.CREATING_TRADE: Chapter(
        Tone.WAIT,
        gettext_lazy("Preparing the trade offer"),
        gettext_lazy("The skin is yours to collect: its owner is creating a trade offer for you."),
        step=1,
        refresh_seconds=SOON,
    ),
    PurchaseStatus.WAITING_ACCEPT: Chapter(
        Tone.ACT,
        gettext_lazy("Accept the trade offer on Steam"),
        gettext_lazy("You have 10 minutes. Check on Steam that the offer asks nothing of you."),
        step=2,
        refresh_seconds=SOON,
    ),
    PurchaseStatus.ACCEPTED: Chapter(
        Tone.GOOD,
        gettext_lazy("Accepted, enjoy your skin"),
        gettext_lazy("The skin is in your Steam inventory."),
        step=4,
        refresh_seconds=LATER,
    ),
    PurchaseStatus.CANCELED: Chapter(
        **_FAILED,
        title=gettext_lazy("You declined the trade offer"),
        text=gettext_lazy("The skin stays with its owner."),
    ),
    PurchaseStatus.TIMEOUT: Chapter(
        **_FAILED,
        title=gettext_lazy("The trade offer ran out of time"),
        text=gettext_lazy("It was not accepted within 10 minutes. You can order the skin again."),
    ),
    PurchaseStatus.INVALID_TRADE_TOKEN: Chapter(
        **_FAILED,
        title=gettext_lazy("Your trade URL is no longer valid"),
        text=gettext_lazy("Copy the present one from Steam into your account and order again."),
    ),
    PurchaseStatus.USER_NOT_TRADABLE: Chapter(
        **_FAILED,
        title=gettext_lazy("Your Steam account cannot trade"),
        text=gettext_lazy("Look in Steam for a trade ban, a private inventory or a missing Steam Guard."),
    ),
    PurchaseStatus.TRADE_CREATE_ERROR: Chapter(
        **_FAILED,
        title=gettext_lazy("The trade offer could not be created"),
        text=gettext_lazy("Steam did not take it. Please try again in a few minutes."),
    ),
    PurchaseStatus.REFUSED: Chapter(
        Tone.BAD,
        gettext_lazy("The skin could not be bought"),
        error_texts.FALLBACK,
        step=0,
    ),
    PurchaseStatus.ROLLBACK_USER: Chapter(
        Tone.BAD,
        gettext_lazy("You took the trade back"),
        gettext_lazy("The skin went back under Steam Trade Protection. Tell us if this was not you."),
        step=2,
    ),
    PurchaseStatus.ROLLBACK_SUPPLIER: Chapter(
        Tone.BAD,
        gettext_lazy("The seller took the trade back"),
        gettext_lazy("The skin left your inventory under Steam Trade Protection. That is not your fault."),
        step=2,
    ),
}


PURCHASE_DELAYED = Chapter(
    Tone.WAIT,
    gettext_lazy("Waiting for the market"),
    gettext_lazy(
        "The market does not answer at the moment. Your order is kept, and we send it again every few minutes. "
        "You are charged once. If the skin cannot be bought, you get your money back."
    ),
    step=0,
    refresh_seconds=SOON,
)
PURCHASE_CANCELLED = Chapter(
    Tone.BAD,
    gettext_lazy("Your order was cancelled"),
    gettext_lazy("Our team cancelled it. No skin is sent to you. Contact us if you want to know why."),
    step=0,
)
