"""Translated texts of errors, for players and operators. ``str(error)`` is the message for developers."""

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .exceptions import (
    AccountFault,
    AlreadyDecided,
    APIError,
    BadSignature,
    ConfigurationError,
    ContradictoryAnswer,
    CustomIdExists,
    DepositTooSmall,
    GameSwitchedOff,
    HoldLimitReached,
    IdempotencyConflict,
    InsideDatabaseTransaction,
    InsufficientFunds,
    InvalidAmount,
    InvalidInput,
    InvalidSteamID,
    InvalidTradeURL,
    InventoryBusy,
    LimitReached,
    MarketDisabled,
    NoPrice,
    NoSecret,
    NotAllowedNow,
    NotificationRefused,
    NotificationTooLarge,
    OrderIdExists,
    PriceAboveCap,
    PriceChanged,
    PurchaseNotFound,
    PurchaseVetoed,
    RateLimited,
    RequestNotSent,
    RolledBack,
    RowChanged,
    RowDeleted,
    SkinsBackError,
    SkinUnavailable,
    TemporaryFailure,
    TooManyFailedAttempts,
    TradeURLBroken,
    TradeURLChangedRecently,
    TradeURLMissing,
    TradeURLOfAnotherAccount,
    TradeURLRefused,
    TransactionNotFound,
    UnderMaintenance,
    UnknownOutcome,
    UnreadableNotification,
    UserFrozen,
)

__all__ = ["ERROR_TEXTS", "text_for"]

ERROR_TEXTS: dict[type[SkinsBackError], Promise] = {
    # Arguments
    InvalidInput: _("One of the values is not valid."),
    InvalidAmount: _("Enter an amount such as 8.28, with at most six decimal places."),
    InvalidTradeURL: _("This is not a Steam trade URL. Copy the whole trade URL from Steam."),
    InvalidSteamID: _("Enter a Steam ID of 17 digits."),
    RowDeleted: _("This deposit or purchase was deleted."),
    IdempotencyConflict: _("This key was used before with other values. Use a new key for a new request."),
    # Site
    ConfigurationError: _("The settings are not complete: %(details)s"),
    InsideDatabaseTransaction: _(
        "This action is not possible inside a database transaction. Inform the developers of the site."
    ),
    RolledBack: _("An error in the site's own code prevented the change. Nothing was saved. Inform the developers."),
    RowChanged: _(
        "This deposit or purchase has changed since you looked at it. Your decision was not applied. Look at it again."
    ),
    # Rules of the site
    NotAllowedNow: _("This action is not possible at the moment."),
    UserFrozen: _("Your account cannot start deposits or withdrawals. Contact the support of this site."),
    LimitReached: _("You have reached a limit of this site for today. Try again tomorrow."),
    HoldLimitReached: _("The limit for approved holds is reached. The hold was not approved."),
    GameSwitchedOff: _("Skins of this game cannot be traded here at the moment. Choose another game."),
    TradeURLMissing: _("Enter your Steam trade URL first."),
    TradeURLBroken: _("Your Steam trade URL does not work any more. Copy the current one from Steam and enter it."),
    TradeURLChangedRecently: _(
        "You have changed your trade URL. For your safety, withdrawals are blocked for a while."
    ),
    TradeURLOfAnotherAccount: _(
        "This trade URL belongs to another Steam account. Enter the trade URL of the account that you log in with."
    ),
    InventoryBusy: _("Your inventory was loaded a moment ago. Wait a few seconds and try again."),
    NoPrice: _("This skin cannot be bought at the moment. Choose another one."),
    PriceChanged: _("The price has changed. Accept the new price or choose another skin."),
    PurchaseVetoed: _("This site has refused the purchase."),
    # Connection
    RequestNotSent: _("SkinsBack could not be reached and nothing was sent. Try again in a few minutes."),
    UnknownOutcome: _(
        "SkinsBack's answer could not be read. The request may or may not have been carried out. The site will ask "
        "SkinsBack for the result automatically. Do not send the request again."
    ),
    ContradictoryAnswer: _(
        "SkinsBack's answer contains the same ID twice with different content. Nothing was changed. The site will ask "
        "SkinsBack again automatically."
    ),
    # Answers of SkinsBack
    APIError: _("SkinsBack refused the request: %(details)s."),
    TemporaryFailure: _("SkinsBack is not available at the moment (%(details)s). Try again in a few minutes."),
    RateLimited: _("Too many requests were sent to SkinsBack (%(details)s). Try again in a few minutes."),
    UnderMaintenance: _("SkinsBack is under maintenance (%(details)s). Try again later."),
    MarketDisabled: _("SkinsBack's market is switched off at the moment (%(details)s). Try again later."),
    AccountFault: _(
        "SkinsBack does not accept this project (%(details)s). Check the keys in the settings of this site. At "
        "SkinsBack, check the project's allowed IP addresses and whether the project is active."
    ),
    OrderIdExists: _("This order ID was used before. Start a new deposit."),
    TransactionNotFound: _("SkinsBack does not know this deposit."),
    AlreadyDecided: _("The hold of this deposit was approved or cancelled before."),
    DepositTooSmall: _("The chosen skins are worth less than the minimum deposit for their game. Choose more skins."),
    InsufficientFunds: _("The project's balance at SkinsBack is too low. Top up the balance, then buy again."),
    SkinUnavailable: _("The skin is not for sale any more. Choose another one."),
    PriceAboveCap: _("The skin costs more than its price cap. Search again to see the current price."),
    CustomIdExists: _("This purchase was sent before. The site will ask SkinsBack for its status automatically."),
    TradeURLRefused: _("SkinsBack does not accept the trade URL. The user must copy the current one from Steam."),
    TooManyFailedAttempts: _("Too many trades with this user have failed. Wait a few hours before the next one."),
    PurchaseNotFound: _("SkinsBack does not know this purchase."),
    # Deliveries
    NotificationRefused: _("The delivery cannot be applied: %(details)s"),
    BadSignature: _("The delivery is not signed with this project's client secret, so it cannot be applied."),
    UnreadableNotification: _("The content of the delivery cannot be read, so it cannot be applied: %(details)s"),
    NotificationTooLarge: _("The delivery is larger than the setting WEBHOOK_MAX_BYTES allows."),
    NoSecret: _("The delivery cannot be verified, because the settings have no client secret."),
}
"""Exception class -> text. A class that is missing here has the text of its base class."""


def text_for(error: SkinsBackError) -> str:
    """Return the text of an error in the active language.

    If an InvalidInput or a NotAllowedNow was raised with a message, return this message. The message is more exact than
    the text of the class. The result may contain text from SkinsBack, so escape the result in HTML.
    """
    if isinstance(error, InvalidInput | NotAllowedNow) and str(error) != error.default_message:
        return gettext(str(error))
    text = next((ERROR_TEXTS[kind] for kind in type(error).__mro__ if kind in ERROR_TEXTS), None)
    if text is None:
        return str(error)
    details = f"{error.message or error.method}, {error.code}" if isinstance(error, APIError) else str(error)
    return str(text) % {"details": details}
