"""How settings are read."""

from decimal import Decimal

import pytest

from django_skinsback import conf
from django_skinsback.connection import get_client
from django_skinsback.exceptions import ConfigurationError
from django_skinsback.wire import API_URL

GOOD = {"CLIENT_ID": "1", "CLIENT_SECRET": "123"}


@pytest.fixture
def skinsback(settings):
    """Replace the whole dict."""

    def replace(**values):
        settings.SKINSBACK = GOOD | values

    return replace


def test_a_setting_that_is_left_out_has_its_default(settings):
    settings.SKINSBACK = GOOD
    assert {key: conf.get(key) for key in conf.DEFAULTS} == conf.DEFAULTS | GOOD


def test_the_defaults_are_these(settings):
    del settings.SKINSBACK
    assert {key: conf.get(key) for key in conf.DEFAULTS} == {
        "CLIENT_ID": "",
        "CLIENT_SECRET": "",
        "PREVIOUS_SECRETS": (),
        "ACCOUNTS": {},
        "API_URL": "https://skinsback.com/api.php",
        "WEBSOCKET_URL": "wss://skinsback.com/ws/",
        "PROXY_URL": None,
        "AUTHENTICATION": "headers",
        "TIMEOUT": (3.05, 20),
        "REQUESTS_PER_MINUTE": 480,
        "BACKGROUND_SHARE": 0.8,
        "CACHE": "default",
        "SITE_URL": None,
        "DEFAULT_GAME": "cs2",
        "CREDIT": "user_amount",
        "HOLD_POLICY": "manual",
        "HOLD_APPROVE_MAX": None,
        "REFUND_USER_ROLLBACK": False,
        "BUY_MAX_PRICE": None,
        "LOW_BALANCE": None,
        "POLL_BATCH_SIZE": 100,
        "RETENTION_DAYS": 90,
        "WEBHOOK_MAX_BYTES": 262144,
        "PRICE_MARKUP": None,
        "PRICE_SLIPPAGE": Decimal("0.03"),
        "PRICES_MAX_AGE": 10800,
        "QUOTE_SECONDS": 120,
        "QUOTE_CURRENCY": "usd",
        "TO_SITE_CURRENCY": None,
        "TO_USD": None,
        "ALLOW_LOSS": False,
        "STEAM_ID": None,
        "TRADE_URL_COOLDOWN_HOURS": 0,
        "DEPOSIT_GAMES": ("cs2", "dota2", "rust"),
        "PURCHASE_GAMES": ("cs2", "dota2", "rust"),
        "LIMITS": {},
        "BALANCE": None,
        "LIABILITIES": None,
        "DIGEST_RECIPIENTS": (),
        "PAGES_BASE_TEMPLATE": "skinsback/base.html",
        "PICTURE_URL": "https://community.cloudflare.steamstatic.com/economy/image/",
        "PICTURE_SIZES": (256, 512),
        "STUCK_AFTER_HOURS": 24,
    }


def test_settings_are_read_when_they_are_needed(skinsback):
    skinsback(DEFAULT_GAME="rust", API_URL="http://127.0.0.1:8600/api.php", TIMEOUT=(1, 2))
    assert (conf.default_game(), conf.api_url(), conf.timeout()) == ("rust", "http://127.0.0.1:8600/api.php", (1, 2))
    skinsback()
    assert (conf.default_game(), conf.api_url(), conf.timeout()) == ("cs2", API_URL, (3.05, 20))


def test_an_unknown_setting_is_a_key_error():
    with pytest.raises(KeyError):
        conf.get("CLIENT_KEY")


@pytest.mark.parametrize("value", [None, "text", 5])
def test_settings_that_are_not_a_dict_are_read_as_empty(settings, value):
    settings.SKINSBACK = value
    assert conf.raw() == {}
    assert conf.accounts() == ("default",)


def test_the_top_level_is_the_default_account(skinsback):
    skinsback(PREVIOUS_SECRETS=["old"], ACCOUNTS={"second": {"CLIENT_ID": 2, "CLIENT_SECRET": "456"}})
    assert conf.accounts() == ("default", "second")
    first, second = conf.account(), conf.account("second")
    assert (first.alias, first.client_id, first.client_secret, first.secrets) == ("default", "1", "123", ("123", "old"))
    assert (second.alias, second.client_id, second.secrets) == ("second", "2", ("456",))


def test_an_account_takes_nothing_from_the_default_one(skinsback):
    skinsback(PREVIOUS_SECRETS=["old"], ACCOUNTS={"second": {}})
    second = conf.account("second")
    assert (second.client_id, second.client_secret, second.secrets) == ("", "", ())


def test_an_unknown_account_is_refused_and_the_known_ones_are_named(skinsback):
    skinsback(ACCOUNTS={"second": GOOD})
    with pytest.raises(ConfigurationError, match=r"'third'.*default, second"):
        conf.account("third")


def test_a_previous_secret_without_its_list_is_never_read_letter_by_letter(skinsback):
    skinsback(PREVIOUS_SECRETS="old", ACCOUNTS={"second": {**GOOD, "PREVIOUS_SECRETS": "old"}})
    for alias in conf.accounts():
        assert not {"o", "l", "d"} & set(conf.account(alias).secrets)


def test_the_secrets_are_in_no_repr(skinsback):
    skinsback(CLIENT_SECRET="5ecret", PREVIOUS_SECRETS=["0ld"])
    assert "5ecret" not in repr(conf.account())
    assert "0ld" not in repr(conf.account())


def test_prices_are_decimals_or_none(skinsback):
    assert skinsback() is conf.buy_max_price() is conf.low_balance() is None
    skinsback(BUY_MAX_PRICE=Decimal(1000), LOW_BALANCE=Decimal("0.5"))
    assert (conf.buy_max_price(), conf.low_balance()) == (Decimal(1000), Decimal("0.5"))


def test_a_setting_that_names_a_function_gives_it(skinsback):
    skinsback(CREDIT="decimal.Decimal")
    assert conf.callable_setting("CREDIT") is Decimal


@pytest.mark.parametrize("key", ["CREDIT", "HOLD_POLICY", "PRICE_MARKUP"])
def test_a_setting_that_holds_a_word_or_nothing_gives_no_function(skinsback, key):
    skinsback()
    assert conf.callable_setting(key) is None


def test_a_missing_function_is_an_import_error(skinsback):
    skinsback(HOLD_POLICY="decimal.nothing")
    with pytest.raises(ImportError):
        conf.callable_setting("HOLD_POLICY")


def test_a_client_is_reused_until_the_settings_change(skinsback):
    skinsback()
    first = get_client()
    assert get_client() is first
    skinsback(TIMEOUT=(1, 2))
    second = get_client()
    assert second is not first
    assert get_client() is second


def test_each_account_has_its_own_client(skinsback):
    skinsback(ACCOUNTS={"second": {"CLIENT_ID": "2", "CLIENT_SECRET": "456"}})
    assert get_client("second") is not get_client()
    assert get_client("second") is get_client("second")


def test_a_client_of_another_thread_is_another(skinsback):
    from concurrent.futures import ThreadPoolExecutor

    skinsback()
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(get_client).result() is not get_client()


@pytest.mark.parametrize("key", ["CLIENT_ID", "CLIENT_SECRET"])
def test_there_is_no_client_without_keys(skinsback, key):
    skinsback(**{key: ""})
    with pytest.raises(ConfigurationError):
        get_client()


def test_there_is_no_client_of_an_unknown_account(skinsback):
    skinsback()
    with pytest.raises(ConfigurationError, match="third"):
        get_client("third")
