"""All exceptions of this package. The right column says who must act, or what has happened.

A class without an entry in the right column has the entry of its base class.

::

    SkinsBackError
    ├── InvalidInput (ValueError)     the caller: an argument is wrong; the message says what to do
    │   ├── InvalidAmount
    │   ├── InvalidTradeURL
    │   │   └── TradeURLOfAnotherAccount
    │   ├── InvalidSteamID
    │   ├── RowDeleted
    │   └── IdempotencyConflict
    ├── ConfigurationError            the developer of the site
    ├── InsideDatabaseTransaction     the developer of the site: call the flow outside atomic()
    ├── RolledBack                    the developer of the site: a receiver swallowed a database error
    ├── RowChanged                    the person who decides: look at the row again
    ├── NotAllowedNow                 the user: the rules of the site do not allow it now
    │   ├── UserFrozen
    │   ├── LimitReached
    │   ├── HoldLimitReached          the operator: too many credits of approved holds are open
    │   ├── GameSwitchedOff
    │   ├── TradeURLMissing
    │   ├── TradeURLBroken
    │   ├── TradeURLChangedRecently
    │   ├── InventoryBusy
    │   ├── NoPrice
    │   ├── PriceChanged              the user: accept ``quote``, the new price
    │   └── PurchaseVetoed            raised by the site's receiver of ``entry_posted``
    ├── RequestNotSent                the caller: SkinsBack received nothing, a retry is safe
    ├── UnknownOutcome                the flows: the request may have taken effect, ask SkinsBack
    │   └── ContradictoryAnswer
    ├── APIError                      SkinsBack answered with an error: see method, code and message
    │   ├── TemporaryFailure          the caller: wait, then retry
    │   │   ├── RateLimited
    │   │   ├── UnderMaintenance
    │   │   └── MarketDisabled
    │   ├── AccountFault              the operator: keys, allowed addresses, project state
    │   ├── OrderIdExists
    │   ├── TransactionNotFound
    │   ├── AlreadyDecided
    │   ├── DepositTooSmall
    │   ├── InsufficientFunds
    │   ├── SkinUnavailable
    │   ├── PriceAboveCap
    │   ├── CustomIdExists
    │   ├── TradeURLRefused
    │   ├── TooManyFailedAttempts
    │   └── PurchaseNotFound
    └── NotificationRefused           the sender of a delivery: ``http_status`` is the answer
        ├── UnreadableNotification    400
        ├── BadSignature              403
        ├── NotificationTooLarge      413
        └── NoSecret                  503

Every class has three parts:

* ``slug`` identifies the class for programs, such as ``"trade_url_refused"``. It stays the same in every release.
* ``str(error)`` is the message for developers and logs. If the exception was raised without a message,
  ``str(error)`` is ``default_message``, which is in English.
* ``error_texts.text_for(error)`` is a translated text for operators and players.

The ``code`` of an APIError is SkinsBack's number. No exception contains a secret, a signature, a trade token or the
body of an answer.
"""

from decimal import Decimal
from typing import Any, ClassVar

__all__ = [
    "ACCOUNT_WIDE",
    "APIError",
    "AccountFault",
    "AlreadyDecided",
    "BadSignature",
    "ConfigurationError",
    "ContradictoryAnswer",
    "CustomIdExists",
    "DepositTooSmall",
    "GameSwitchedOff",
    "HoldLimitReached",
    "IdempotencyConflict",
    "InsideDatabaseTransaction",
    "InsufficientFunds",
    "InvalidAmount",
    "InvalidInput",
    "InvalidSteamID",
    "InvalidTradeURL",
    "InventoryBusy",
    "LimitReached",
    "MarketDisabled",
    "NoPrice",
    "NoSecret",
    "NotAllowedNow",
    "NotificationRefused",
    "NotificationTooLarge",
    "OrderIdExists",
    "PriceAboveCap",
    "PriceChanged",
    "PurchaseNotFound",
    "PurchaseVetoed",
    "RateLimited",
    "RequestNotSent",
    "RolledBack",
    "RowChanged",
    "RowDeleted",
    "SkinUnavailable",
    "SkinsBackError",
    "TemporaryFailure",
    "TooManyFailedAttempts",
    "TradeURLBroken",
    "TradeURLChangedRecently",
    "TradeURLMissing",
    "TradeURLOfAnotherAccount",
    "TradeURLRefused",
    "TransactionNotFound",
    "UnderMaintenance",
    "UnknownOutcome",
    "UnreadableNotification",
    "UserFrozen",
]

_MESSAGE_LIMIT = 100


class SkinsBackError(Exception):
    """Base class of all exceptions of this package."""

    slug: ClassVar[str] = "skinsback_error"
    """The name of the class for programs. It stays the same in every release."""
    default_message: ClassVar[str] = "Something went wrong between this site and SkinsBack."
    """The message for developers if the exception is raised without a message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.default_message)


class InvalidInput(SkinsBackError, ValueError):
    """Raised when an argument is not valid. Nothing was written, and nothing was sent."""

    slug = "invalid_input"
    default_message = "An argument is not valid."


class InvalidAmount(InvalidInput):
    """Raised when an amount is not a number, is below zero, is too large, or has more than 15 significant digits."""

    slug = "invalid_amount"
    default_message = 'An amount must be a string of digits such as "8.28", an int or a Decimal. It cannot be a float.'


class InvalidTradeURL(InvalidInput):
    """Raised when a string is not a Steam trade URL, or when the partner or the token of the trade URL is invalid."""

    slug = "invalid_trade_url"
    default_message = "A Steam trade URL must have a partner and a token."


class TradeURLOfAnotherAccount(InvalidTradeURL):
    """Raised when a user's trade URL and the user's login belong to different Steam accounts."""

    slug = "trade_url_of_another_account"
    default_message = "The trade URL and the user's login belong to different Steam accounts."


class InvalidSteamID(InvalidInput):
    """Raised when a string is not a Steam ID of 17 digits."""

    slug = "invalid_steam_id"
    default_message = "A Steam ID must be the number of a Steam account, which has 17 digits."


class RowDeleted(InvalidInput):
    """Raised when a deposit or purchase was deleted after the caller had read the row."""

    slug = "row_deleted"
    default_message = "The row of this deposit or purchase was deleted."


class IdempotencyConflict(InvalidInput):
    """Raised when an idempotency key was used before with other parameters."""

    slug = "idempotency_conflict"
    default_message = "The idempotency key was used before with other parameters. Use a new key for a new request."


class ConfigurationError(SkinsBackError):
    """Raised when a setting is missing or wrong."""

    slug = "configuration_error"
    default_message = "The settings of django-skinsback are not complete."


class InsideDatabaseTransaction(SkinsBackError, RuntimeError):
    """Raised when a flow that calls SkinsBack is called inside ``transaction.atomic()``."""

    slug = "inside_database_transaction"
    default_message = "A flow that calls SkinsBack was called inside a database transaction."


class RolledBack(SkinsBackError):
    """Raised when the database rolled back a change and reported no error. Nothing was saved.

    The cause is in code of the site: it caught a database error inside the database transaction. This code is a
    receiver of ``entry_posted``, a receiver of a model's signal, or a CREDIT function.
    """

    slug = "rolled_back"
    default_message = (
        "The database rolled this change back. The cause: code of the site, such as a receiver of entry_posted, caught "
        "a database error inside the database transaction. In this code, put the failing statement into "
        "transaction.atomic() inside the try block, or do not catch the error."
    )


class RowChanged(SkinsBackError):
    """Raised when a person decides about a row that has changed since the person saw the row. Nothing is changed."""

    slug = "row_changed"
    default_message = "The row has changed since you looked at it. Your decision was not applied. Look at it again."


class NotAllowedNow(SkinsBackError):
    """Base class: the rules of the site do not allow this action now.

    SkinsBack was not called. Nothing was saved, except the new quote of PriceChanged.
    """

    slug = "not_allowed_now"
    default_message = "The rules of the site do not allow this action now."


class UserFrozen(NotAllowedNow):
    """Raised when a frozen user starts a deposit or a purchase."""

    slug = "user_frozen"
    default_message = "The user is frozen: see the admin's list of frozen users."


class LimitReached(NotAllowedNow):
    """Raised when a user reaches a limit of the setting ``LIMITS``. The message names the limit."""

    slug = "limit_reached"
    default_message = "The user has reached a limit of SKINSBACK['LIMITS']."


class HoldLimitReached(NotAllowedNow):
    """Raised when the setting ``HOLD_APPROVE_MAX`` does not allow the approval of a hold.

    The message names the limit, the open credits and the credit of this hold. ``credit`` is the amount and currency
    that the approval would credit, or None if it is not known.
    """

    slug = "hold_limit_reached"
    default_message = "SKINSBACK['HOLD_APPROVE_MAX'] does not allow the approval of this hold."

    def __init__(self, message: str = "", credit: tuple[Decimal, str] | None = None) -> None:
        super().__init__(message)
        self.credit = credit


class GameSwitchedOff(NotAllowedNow):
    """Raised when the setting ``DEPOSIT_GAMES`` or ``PURCHASE_GAMES`` does not contain the game."""

    slug = "game_switched_off"
    default_message = "Deposits or purchases of this game are switched off."


class TradeURLMissing(NotAllowedNow):
    """Raised when an action needs a trade URL, and the user has none."""

    slug = "trade_url_missing"
    default_message = "The user has no trade URL: pass trade_url, or let the user enter one."


class TradeURLBroken(NotAllowedNow):
    """Raised when SkinsBack has refused the user's trade URL, and the user has not entered another trade URL."""

    slug = "trade_url_broken"
    default_message = "SkinsBack refused the user's trade URL. The user must enter another trade URL."


class TradeURLChangedRecently(NotAllowedNow):
    """Raised when a user buys too soon after a change of the trade URL (``TRADE_URL_COOLDOWN_HOURS``)."""

    slug = "trade_url_changed_recently"
    default_message = "The user has changed the trade URL, and cannot buy for TRADE_URL_COOLDOWN_HOURS."


class InventoryBusy(NotAllowedNow):
    """Raised when inventories are requested too often, or when the cache of the inventories cannot be used.

    ``retry_after`` is the number of seconds to wait before the next request.
    """

    slug = "inventory_busy"
    default_message = "Inventories are requested too often. Wait for retry_after seconds."

    def __init__(self, message: str = "", retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoPrice(NotAllowedNow):
    """Raised when a skin has no price at which a user may buy.

    There are three possible causes: the skin is not in the price list, the price list is older than
    ``PRICES_MAX_AGE``, or the skin costs more than the price cap.
    """

    slug = "no_price"
    default_message = "The skin has no price at which a user may buy."


class PriceChanged(NotAllowedNow):
    """Raised when a quote has expired or the price has risen. Nothing was bought.

    ``quote`` is a new Quote, which the user may accept.
    """

    slug = "price_changed"
    default_message = "The quote has expired or the price has risen; the user must accept the new quote."

    def __init__(self, message: str = "", quote: Any = None) -> None:
        super().__init__(message)
        self.quote = quote


class PurchaseVetoed(NotAllowedNow):
    """Raised by a receiver of ``entry_posted`` to refuse a charge. Nothing is saved.

    ``code`` identifies the reason for programs, such as ``insufficient_balance``. ``message`` is shown to the user
    unchanged, so pass a translated text.
    """

    slug = "purchase_vetoed"
    default_message = "The site refused the purchase."

    def __init__(self, code: str = "purchase_vetoed", message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.args = (code, message)

    def __str__(self) -> str:
        return str(self.message) or self.default_message


class RequestNotSent(SkinsBackError):
    """Raised when SkinsBack could not be reached. No byte was sent, so a retry is safe."""

    slug = "request_not_sent"
    default_message = "SkinsBack could not be reached. Nothing was sent, so a retry is safe."


class UnknownOutcome(SkinsBackError):
    """Raised when a request was sent and no readable answer was received. The request may or may not have taken effect.

    Possible causes are a timeout, a lost connection and invalid JSON.
    """

    slug = "unknown_outcome"
    default_message = "No readable answer to a request was received. The request may or may not have taken effect."


class ContradictoryAnswer(UnknownOutcome):
    """Raised when an answer contains the same ID twice with different content."""

    slug = "contradictory_answer"
    default_message = "An answer contains two different rows with the same ID. It is not known which row is true."


class APIError(SkinsBackError):
    """Raised when SkinsBack answers a call with an error.

    ``method`` is the name of the API method. ``code`` is SkinsBack's number of the error. ``message`` is SkinsBack's
    text of the error, without non-printable characters, cut off after 100 characters.
    """

    slug = "api_error"
    default_message = "no message"

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__()
        self.method = method
        self.code = code
        self.message = "".join(filter(str.isprintable, message))[:_MESSAGE_LIMIT]
        # Celery may pickle an exception. Unpickling calls the class of the exception with ``args``.
        self.args = (method, code, self.message)

    def __str__(self) -> str:
        return f"{self.method}: {self.message or self.default_message} ({self.code})"

    @staticmethod
    def for_answer(method: str, code: int, message: str) -> "APIError":
        """Return the exception for an error that SkinsBack answered: an instance of the most specific class.

        The class is looked up in three steps. The first class that is found is used:

        1. by the code, if it is below zero. Such a code has the same meaning in all methods.
        2. by the message. A message has the same meaning in all methods.
        3. by the method and the code. A code above zero has a different meaning in each method.

        If no class is found, APIError is used. ``code`` is 0 if the answer has no readable code.
        """
        kind = _BY_STANDARD_CODE.get(code) or _BY_MESSAGE.get(message) or _BY_METHOD.get((method, code))
        return (kind or APIError)(method, code, message)


class TemporaryFailure(APIError):
    """Raised when SkinsBack cannot answer now. The same call may succeed later."""

    slug = "temporary_failure"
    default_message = "SkinsBack cannot answer now; the same call may succeed later"


class RateLimited(TemporaryFailure):
    """Raised when the project has sent more requests per minute than SkinsBack allows (code -7)."""

    slug = "rate_limited"
    default_message = "more requests per minute than SkinsBack allows"


class UnderMaintenance(TemporaryFailure):
    """Raised while SkinsBack is under maintenance (code -9)."""

    slug = "under_maintenance"
    default_message = "SkinsBack is under maintenance"


class MarketDisabled(TemporaryFailure):
    """Raised while SkinsBack's market is switched off (code -6)."""

    slug = "market_disabled"
    default_message = "SkinsBack has switched its market off"


class AccountFault(APIError):
    """Raised when SkinsBack refuses the project, the project's keys or the server's IP address.

    The codes are -1 to -5, -8 and -10.
    """

    slug = "account_fault"
    default_message = "SkinsBack refuses the project: check its keys, its allowed addresses, and whether it is active"


class OrderIdExists(APIError):
    """Raised when the ``order_id`` of a new deposit was used before (``create``, ``create_from_user_inventory``)."""

    slug = "order_id_exists"
    default_message = "the order_id was used before"


class TransactionNotFound(APIError):
    """Raised when SkinsBack does not know the deposit (``orderstatus``, ``offer_approve``)."""

    slug = "transaction_not_found"
    default_message = "SkinsBack does not know this deposit"


class AlreadyDecided(APIError):
    """Raised when the held deposit was approved or cancelled before (``offer_approve``)."""

    slug = "already_decided"
    default_message = "the held deposit was approved or cancelled before"


class DepositTooSmall(APIError):
    """Raised when the chosen skins are worth less than the minimum deposit (``create_from_user_inventory``).

    SkinsBack has a minimum deposit for each game.
    """

    slug = "deposit_too_small"
    default_message = "the skins are worth less than the minimum deposit for their game"


class InsufficientFunds(APIError):
    """Raised when the project's balance is too low for a purchase."""

    slug = "insufficient_funds"
    default_message = "the project's balance at SkinsBack is too low for this purchase"


class SkinUnavailable(APIError):
    """Raised when the skin of a purchase is not for sale any more."""

    slug = "skin_unavailable"
    default_message = "the skin is not for sale any more"


class PriceAboveCap(APIError):
    """Raised when the skin of a purchase costs more than ``max_price``."""

    slug = "price_above_cap"
    default_message = "the skin is not for sale at max_price or less"


class CustomIdExists(APIError):
    """Raised when the ``custom_id`` was used before. An earlier attempt has bought the skin."""

    slug = "custom_id_exists"
    default_message = "the custom_id was used before: an earlier attempt bought the skin"


class TradeURLRefused(APIError):
    """Raised when SkinsBack refuses the user's trade URL."""

    slug = "trade_url_refused"
    default_message = "SkinsBack refuses the trade URL; the user must enter a new trade URL"


class TooManyFailedAttempts(APIError):
    """Raised when too many trades with the user have failed."""

    slug = "too_many_failed_attempts"
    default_message = "too many trades with this user have failed; try again later"


class PurchaseNotFound(APIError):
    """Raised when SkinsBack does not know the purchase (``market_getinfo``)."""

    slug = "purchase_not_found"
    default_message = "SkinsBack does not know this purchase"


class NotificationRefused(SkinsBackError):
    """Raised when a delivery to a webhook address is refused. The delivery is not stored."""

    slug = "notification_refused"
    default_message = "The notification was refused."
    http_status = 400


class UnreadableNotification(NotificationRefused):
    """Raised when the body of a delivery is neither a form nor JSON with the expected fields."""

    slug = "unreadable_notification"
    default_message = "The notification cannot be read."


class BadSignature(NotificationRefused):
    """Raised when the signature of a delivery is missing or wrong."""

    slug = "bad_signature"
    default_message = "The notification is not signed by SkinsBack."
    http_status = 403


class NotificationTooLarge(NotificationRefused):
    """Raised when a delivery is larger than ``WEBHOOK_MAX_BYTES``."""

    slug = "notification_too_large"
    default_message = "The notification is larger than allowed."
    http_status = 413


class NoSecret(NotificationRefused):
    """Raised when no client secret is configured, so no signature can be verified."""

    slug = "no_secret"
    default_message = "No client secret is configured, so no notification can be verified."
    http_status = 503


ACCOUNT_WIDE = (TemporaryFailure, AccountFault, RequestNotSent, ConfigurationError)
"""Account-wide errors: every other call of the same account would fail in the same way."""

_BY_STANDARD_CODE: dict[int, type[APIError]] = {
    **dict.fromkeys((-1, -2, -3, -4, -5, -8, -10), AccountFault),
    -6: MarketDisabled,
    -7: RateLimited,
    -9: UnderMaintenance,
}

_BY_MESSAGE: dict[str, type[APIError]] = {
    "market_disabled": MarketDisabled,
    "request_limit_reached": RateLimited,
    "under_maintenance": UnderMaintenance,
    "invalid_shopid": AccountFault,
    "invalid_signature": AccountFault,
    "shop_not_active": AccountFault,
    "invalid_method": AccountFault,
    "invalid_ip_address": AccountFault,
    "invalid_client_secret": AccountFault,
    "please_use_post_method": AccountFault,
    "order_id_already_exists": OrderIdExists,
    "transaction_not_found": TransactionNotFound,
    "offer_already_approved_or_canceled": AlreadyDecided,
    "deposit_amount_less_minimum": DepositTooSmall,
    "insufficient_funds": InsufficientFunds,
    "skin_unavailable": SkinUnavailable,
    "skins_not_found_at_specified_price": PriceAboveCap,
    "custom_id_already_exists": CustomIdExists,
    "invalid_partner_value": TradeURLRefused,
    "invalid_token_value": TradeURLRefused,
    "too_many_failed_attempts_for_user": TooManyFailedAttempts,
    "offer_not_found": PurchaseNotFound,
}

_BUY_CODES: dict[int, type[APIError]] = {
    4: InsufficientFunds,
    5: SkinUnavailable,
    6: PriceAboveCap,
    7: CustomIdExists,
    8: TradeURLRefused,
    9: TradeURLRefused,
    10: TooManyFailedAttempts,
}

_BY_METHOD: dict[tuple[str, int], type[APIError]] = {
    ("create", 5): OrderIdExists,
    ("create_from_user_inventory", 7): OrderIdExists,
    ("orderstatus", 4): TransactionNotFound,
    ("offer_approve", 4): TransactionNotFound,
    ("offer_approve", 5): AlreadyDecided,
    ("market_getinfo", 2): PurchaseNotFound,
    **{("market_buy", code): kind for code, kind in _BUY_CODES.items()},
    **{("market_batch_buy", code): kind for code, kind in _BUY_CODES.items()},
}
