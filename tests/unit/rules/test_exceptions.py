import inspect
import pickle
import re
import subprocess
import sys

import pytest
from django.utils.functional import Promise

from django_skinsback import error_texts, exceptions
from django_skinsback.error_texts import ERROR_TEXTS, text_for
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
from django_skinsback.steam import TradeURL

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


def make(kind, message=""):
    return kind("create", 3, message) if issubclass(kind, APIError) else kind(message)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_exception_class_has_a_slug_a_message_and_a_docstring_of_its_own(kind):
    assert {"slug", "default_message", "__doc__"} <= vars(kind).keys()
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.slug)
    assert kind.slug.replace("_", "") == kind.__name__.lower()
    assert kind.default_message in str(make(kind))


def test_no_two_classes_share_a_slug_or_a_message():
    assert len({kind.slug for kind in CLASSES}) == len({kind.default_message for kind in CLASSES}) == len(CLASSES)


def test_messages_are_there_where_python_strips_docstrings():
    program = (
        "from django_skinsback import exceptions as e\n"
        "assert e.RowChanged.__doc__ is None\n"
        "print(e.RowChanged(), e.RowChanged.slug, e.InsufficientFunds('market_buy', 4, ''))"
    )
    done = subprocess.run([sys.executable, "-OO", "-c", program], capture_output=True, text=True, check=True)
    expected = f"{exceptions.RowChanged()} row_changed {InsufficientFunds('market_buy', 4, '')}"
    assert done.stdout.strip() == expected


def test_all_lists_every_class():
    assert set(exceptions.__all__) == {"ACCOUNT_WIDE", *(kind.__name__ for kind in CLASSES)}


class TestErrorTexts:
    """``error_texts``: what operators and players read."""

    @pytest.mark.parametrize("kind", CLASSES)
    def test_every_class_has_a_text_of_its_own(self, kind):
        assert kind in ERROR_TEXTS or kind is SkinsBackError
        text = text_for(make(kind))
        assert text
        assert "%(" not in text
        assert text.endswith(".")

    def test_a_text_is_translated_when_it_is_shown(self):
        assert all(isinstance(text, Promise) for text in ERROR_TEXTS.values())

    def test_the_words_of_skinsback_are_part_of_the_text(self):
        assert "invalid_ip_address, -8" in text_for(AccountFault("balance", -8, "invalid_ip_address"))

    def test_invalid_input_is_shown_with_the_message_it_was_raised_with(self):
        assert text_for(exceptions.InvalidInput("A charge must be above zero.")) == "A charge must be above zero."
        assert text_for(exceptions.InvalidAmount()) == str(ERROR_TEXTS[exceptions.InvalidAmount])

    def test_the_message_of_an_invalid_trade_url_is_translated(self, monkeypatch):
        monkeypatch.setattr(error_texts, "gettext", {"The trade URL has no token. Copy the whole trade URL.": "…"}.get)
        with pytest.raises(exceptions.InvalidTradeURL) as caught:
            TradeURL.parse("https://steamcommunity.com/tradeoffer/new/?partner=5")
        assert text_for(caught.value) == "…"

    def test_a_subclass_of_another_module_has_the_text_of_its_base_class(self):
        class SiteError(exceptions.RowChanged):
            pass

        assert text_for(SiteError()) == text_for(exceptions.RowChanged())


@pytest.mark.parametrize("kind", CLASSES)
def test_every_exception_survives_pickling(kind):
    error = kind("create", 3, "some_message") if issubclass(kind, APIError) else kind("some message")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_the_tree_in_the_docstring_is_the_class_hierarchy():
    drawn, path = {}, []
    for line in exceptions.__doc__.partition("::\n\n")[2].partition("\n\n")[0].splitlines():
        indent, name = re.match(r"^    ((?:[│├└─ ] ?)*)(\w+)", line).groups()
        depth = len(indent) // 4
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in CLASSES}


def test_bad_arguments_are_value_errors():
    assert issubclass(exceptions.InvalidInput, ValueError)


def test_a_long_or_unprintable_message_is_shortened():
    error = APIError("create", 3, "<html>\n\x00" + "x" * 10_000)
    assert len(error.message) == 100
    assert error.message.isprintable()


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if issubclass(kind, NotificationRefused)])
def test_a_refused_notification_says_which_http_status_to_answer(kind):
    assert kind().http_status in {400, 403, 413, 503}
