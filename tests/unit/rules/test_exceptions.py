import inspect
import pickle

import pytest

from django_skinsback import exceptions
from django_skinsback.exceptions import (
    AccountFault,
    AlreadyDecided,
    APIError,
    CustomIdExists,
    DepositTooSmall,
    InsufficientFunds,
    MarketDisabled,
    NotificationRefused,
    OrderIdExists,
    PriceAboveCap,
    PurchaseNotFound,
    RateLimited,
    SkinsBackError,
    SkinUnavailable,
    TemporaryFailure,
    TooManyFailedAttempts,
    TradeURLRefused,
    TransactionNotFound,
    UnderMaintenance,
)

CLASSES = [
    each
    for each in vars(exceptions).values()
    if inspect.isclass(each) and issubclass(each, SkinsBackError) and each.__module__ == exceptions.__name__
]

KINDS = [
    ("create", -1, "please_use_post_method", AccountFault),
    ("create", -2, "invalid_shopid", AccountFault),
    ("create", -3, "invalid_signature", AccountFault),
    ("create", -4, "shop_not_active", AccountFault),
    ("create", -5, "invalid_method", AccountFault),
    ("market_buy", -6, "market_disabled", MarketDisabled),
    ("orders", -7, "request_limit_reached", RateLimited),
    ("create", -8, "invalid_ip_address", AccountFault),
    ("create", -9, "under_maintenance", UnderMaintenance),
    ("create", -10, "invalid_client_secret", AccountFault),
    ("create", 1, "invalid_order_id", APIError),
    ("create", 5, "order_id_already_exists", OrderIdExists),
    ("create", 5, "", OrderIdExists),
    ("create", 7, "invalid_max_value", APIError),
    ("create_from_user_inventory", 7, "order_id_already_exists", OrderIdExists),
    ("create_from_user_inventory", 5, "", APIError),
    ("create_from_user_inventory", 9, "deposit_amount_less_minimum", DepositTooSmall),
    ("orderstatus", 4, "transaction_not_found", TransactionNotFound),
    ("offer_approve", 4, "transaction_not_found", TransactionNotFound),
    ("offer_approve", 5, "offer_already_approved_or_canceled", AlreadyDecided),
    ("market_buy", 1, "never seen", APIError),
    ("market_buy", 4, "insufficient_funds", InsufficientFunds),
    ("market_buy", 5, "spelled otherwise", SkinUnavailable),
    ("market_buy", 6, "skins_not_found_at_specified_price", PriceAboveCap),
    ("market_buy", 7, "custom_id_already_exists", CustomIdExists),
    ("market_batch_buy", 8, "invalid_partner_value", TradeURLRefused),
    ("market_batch_buy", 9, "invalid_token_value", TradeURLRefused),
    ("market_batch_buy", 10, "too_many_failed_attempts_for_user", TooManyFailedAttempts),
    ("market_getinfo", 2, "offer_not_found", PurchaseNotFound),
    ("market_search", 5, "", APIError),
]


@pytest.mark.parametrize(("method", "code", "message", "kind"), KINDS)
def test_an_error_is_of_the_class_that_its_method_and_code_mean(method, code, message, kind):
    error = APIError.for_answer(method, code, message)
    assert type(error) is kind
    assert (error.method, error.code, error.message) == (method, code, message)


@pytest.mark.parametrize("kind", [RateLimited, UnderMaintenance, MarketDisabled])
def test_what_passes_by_itself_is_a_temporary_failure(kind):
    assert issubclass(kind, TemporaryFailure)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_exception_has_a_message_of_its_own(kind):
    assert inspect.getdoc(kind)
    error = kind("create", 3, "some_message") if issubclass(kind, APIError) else kind()
    assert str(error)
    assert kind is SkinsBackError or inspect.getdoc(kind) != inspect.getdoc(kind.__base__)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_exception_survives_pickling(kind):
    error = kind("create", 3, "some_message") if issubclass(kind, APIError) else kind("some message")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_every_exception_is_drawn_in_the_tree():
    for kind in CLASSES:
        assert kind.__name__ in exceptions.__doc__


def test_bad_arguments_are_value_errors():
    assert issubclass(exceptions.InvalidInput, ValueError)


def test_a_long_or_unprintable_message_is_shortened():
    error = APIError("create", 3, "<html>\n\x00" + "x" * 10_000)
    assert len(error.message) == 100
    assert error.message.isprintable()


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if issubclass(kind, NotificationRefused)])
def test_a_refused_notification_says_which_http_status_to_answer(kind):
    assert kind().http_status in {400, 403, 413, 503}
