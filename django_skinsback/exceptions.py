"""Everything this package raises on purpose, sorted by who must act.

::

    SkinsBackError
    ├── InvalidInput (ValueError)     the caller: an argument is wrong, the message says what to do
    │   ├── InvalidAmount
    │   ├── InvalidTradeURL
    │   ├── InvalidSteamID
    │   ├── RowDeleted
    │   └── IdempotencyConflict
    ├── ConfigurationError            the developer of the site
    ├── InsideDatabaseTransaction     the developer of the site: call the flow outside atomic()
    ├── RolledBack                    the developer of the site: a receiver swallowed a database error
    ├── RowChanged                    the person who decides: look at the row again
    ├── RequestNotSent                nobody: nothing reached SkinsBack, asking again is safe
    ├── UnknownOutcome                the flows: it may or may not have happened, ask SkinsBack
    │   └── ContradictoryAnswer
    ├── APIError                      SkinsBack said no: method, code and message tell why
    │   ├── TemporaryFailure          wait
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
    └── NotificationRefused           a stranger: ``http_status`` is the answer
        ├── UnreadableNotification    400
        ├── BadSignature              403
        ├── NotificationTooLarge      413
        └── NoSecret                  503

The docstring of a class is its message when none is given. No exception carries a secret, a signature, a
trade token or the body of an answer.
"""

import inspect

_MESSAGE_LIMIT = 100


class SkinsBackError(Exception):
    """Something went wrong between this site and SkinsBack."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or inspect.getdoc(type(self)) or type(self).__name__)


class InvalidInput(SkinsBackError, ValueError):
    """An argument is not valid."""


class InvalidAmount(InvalidInput):
    """An amount must be plain decimal text such as "8.28", an int or a Decimal; never a float."""


class InvalidTradeURL(InvalidInput):
    """A Steam trade URL must hold a partner and a token."""


class InvalidSteamID(InvalidInput):
    """A Steam ID must be the 17 digits of a Steam account."""


class RowDeleted(InvalidInput):
    """The row does not exist any more."""


class IdempotencyConflict(InvalidInput):
    """The idempotency key was used before with other parameters. Use a new key for a new request."""


class ConfigurationError(SkinsBackError):
    """The settings of django-skinsback are not complete."""


class InsideDatabaseTransaction(SkinsBackError, RuntimeError):
    """A flow that calls SkinsBack was called inside a database transaction."""


class RolledBack(SkinsBackError):
    """The database rolled the change back and reported no error; nothing was saved.

    Code of the site that ran in the database transaction (a receiver of entry_posted, of a model's signal, or a CREDIT
    function) caught a database error. Put transaction.atomic() around the statement inside that try.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message
            or "The database rolled this change back: code of the site that runs in its database transaction, such as "
            "a receiver of entry_posted, caught a database error. Put the failing statement into transaction.atomic() "
            "inside that try, or let the error pass."
        )


class RowChanged(SkinsBackError):
    """The row has changed since it was looked at, so the decision was not applied. Look at it again."""


class RequestNotSent(SkinsBackError):
    """SkinsBack could not be reached; nothing was sent, so it is safe to ask again."""


class UnknownOutcome(SkinsBackError):
    """A request was sent and no readable answer came: it may or may not have taken effect."""


class ContradictoryAnswer(UnknownOutcome):
    """An answer contains rows with the same ID that differ: it is not known which one is true."""


class APIError(SkinsBackError):
    """SkinsBack answered with an error."""

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__()
        self.method = method
        self.code = code
        self.message = "".join(filter(str.isprintable, message))[:_MESSAGE_LIMIT]
        # Exceptions are pickled (by Celery among others) by calling the class with these.
        self.args = (method, code, self.message)

    def __str__(self) -> str:
        return f"{self.method}: {self.message or 'no message'} ({self.code})"

    @staticmethod
    def for_answer(method: str, code: int, message: str) -> "APIError":
        """The error of the most telling class for what SkinsBack answered.

        Codes above zero mean something else in every method, and a message means the same in all of them, so
        the message decides, then the pair of method and code. ``code`` is 0 where none was readable.
        """
        kind = _BY_STANDARD_CODE.get(code) or _BY_MESSAGE.get(message) or _BY_METHOD.get((method, code))
        return (kind or APIError)(method, code, message)


class TemporaryFailure(APIError):
    """SkinsBack cannot answer now; the same call may succeed later."""


class RateLimited(TemporaryFailure):
    """More requests per minute were sent than SkinsBack allows."""


class UnderMaintenance(TemporaryFailure):
    """SkinsBack is under maintenance."""


class MarketDisabled(TemporaryFailure):
    """SkinsBack has switched its market off."""


class AccountFault(APIError):
    """SkinsBack refuses the project: look at its keys, its allowed addresses and whether it is active."""


class OrderIdExists(APIError):
    """The order_id was used before."""


class TransactionNotFound(APIError):
    """SkinsBack knows no such deposit."""


class AlreadyDecided(APIError):
    """The held deposit was approved or cancelled before."""


class DepositTooSmall(APIError):
    """The chosen skins are worth less than the smallest deposit of their game."""


class InsufficientFunds(APIError):
    """The project's balance at SkinsBack is too low for this purchase."""


class SkinUnavailable(APIError):
    """The skin is not for sale any more."""


class PriceAboveCap(APIError):
    """The skin is not for sale at max_price or less."""


class CustomIdExists(APIError):
    """The custom_id was used before: an earlier try has bought the skin."""


class TradeURLRefused(APIError):
    """SkinsBack refuses the trade URL; the user must give a new one."""


class TooManyFailedAttempts(APIError):
    """Too many trades with this user have failed; try again later."""


class PurchaseNotFound(APIError):
    """SkinsBack knows no such purchase."""


class NotificationRefused(SkinsBackError):
    """The notification was refused."""

    http_status = 400


class UnreadableNotification(NotificationRefused):
    """The notification cannot be read."""


class BadSignature(NotificationRefused):
    """The notification is not signed by SkinsBack."""

    http_status = 403


class NotificationTooLarge(NotificationRefused):
    """The notification is larger than allowed."""

    http_status = 413


class NoSecret(NotificationRefused):
    """No client secret is configured, so no notification can be verified."""

    http_status = 503


ACCOUNT_WIDE = (TemporaryFailure, AccountFault, RequestNotSent, ConfigurationError)
"""Errors that every other call of the same account would meet as well."""

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
