"""What ``manage.py check`` says about the settings."""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core import checks as django_checks
from django.urls import include, path

from django_skinsback import checks, conf
from django_skinsback.checks import database, rules
from django_skinsback.sandbox import CLIENT_SECRET
from django_skinsback.signals import entry_posted
from django_skinsback.testing import allow_sandbox_secret

SHARED_CACHE = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://cache"}}
GOOD = {"CLIENT_ID": "1", "CLIENT_SECRET": "123"}

IDS = {f"skinsback.{name}" for name in ("E001", "E002", "E003", "E004", "E005", "E006", "W001", "W002", "W003", "W004")}
IDS |= {"skinsback.W005", "skinsback.W006", "skinsback.E007", "skinsback.E008", "skinsback.E009", "skinsback.E010"}
IDS |= {"skinsback.E011", "skinsback.E012"}


@pytest.fixture
def site(settings, monkeypatch):
    """Settings of a correct production site, changed by ``values``."""
    monkeypatch.setattr(conf, "sandbox_secret_allowed", False)  # what the pytest plugin has switched on
    settings.DEBUG = False
    settings.CACHES = SHARED_CACHE

    def change(skinsback=None, **others):
        settings.SKINSBACK = GOOD | skinsback if isinstance(skinsback, Mapping) else skinsback
        for name, value in others.items():
            setattr(settings, name, value)

    change({})
    return change


def found():
    """Return the package's messages as ``manage.py check`` finds them."""
    return [message for message in django_checks.run_checks() if (message.id or "").startswith("skinsback.")]


def ids():
    return sorted(message.id for message in found())


def test_a_correct_site_has_no_messages(site):
    assert ids() == []


@pytest.mark.parametrize("value", [None, "text", ["CLIENT_ID"], 5])
def test_settings_that_are_not_a_dict_are_e001(site, value):
    site(value)
    assert "skinsback.E001" in ids()
    assert "skinsback.E003" not in ids()


def test_no_settings_at_all_are_two_missing_keys(site, settings):
    del settings.SKINSBACK
    assert ids() == ["skinsback.E004", "skinsback.E004"]


def test_an_unknown_key_is_e002_and_is_named(site):
    site({"CLIENT_KEY": "1"})
    (message,) = found()
    assert message.id == "skinsback.E002"
    assert "CLIENT_KEY" in message.msg
    assert "CLIENT_ID" in message.hint


def test_an_unknown_key_of_an_account_is_e002(site):
    site({"ACCOUNTS": {"second": {**GOOD, "API_URL": "https://skinsback.com/api.php"}}})
    (message,) = found()
    assert message.id == "skinsback.E002"
    assert "second" in message.msg
    assert "API_URL" in message.msg


BAD = {
    "CLIENT_ID": [None, 1.5, ["1"]],
    "CLIENT_SECRET": [None, 123, b"123", ["123"]],
    "PREVIOUS_SECRETS": [None, "old", 5, [5], [""], {"old"}],
    "ACCOUNTS": [None, 5, "second", [{"CLIENT_ID": "1"}]],
    "API_URL": [None, "", 5, "skinsback.com/api.php", "ftp://skinsback.com/api.php"],
    "WEBSOCKET_URL": [None, "", "https://skinsback.com/ws/"],
    "PROXY_URL": ["", 5, "proxy.example:3128", "socks5://proxy.example:1080", "http://proxy.example:3128/path"],
    "AUTHENTICATION": [None, "", "basic", ["headers"]],
    "TIMEOUT": [None, 5, (5,), (5, 5, 5), (0, 20), (3.05, -1), (3.05, None), (True, True), "55"],
    "REQUESTS_PER_MINUTE": [0, 1, -1, 501, 1.5, "480", True],
    "BACKGROUND_SHARE": [None, 0, 1.1, -0.5, "0.8", True],
    "CACHE": [None, "", "elsewhere", ["default"]],
    "SITE_URL": ["", "shop.example", "ftp://shop.example", 5],
    "DEFAULT_GAME": [None, "", "csgo", ["cs2"]],
    "CREDIT": [None, "", "amounts", "nowhere.to.be.found", "decimal.ROUND_UP", ".", ".function", "..function", 5],
    "HOLD_POLICY": [None, "auto", "nowhere.to.be.found", "decimal.ROUND_UP", ".function", True],
    "HOLD_APPROVE_MAX": [
        5,
        {"usd": Decimal(5)},
        {"usd": (Decimal(5),)},
        {"usd": (5, 10)},
        {"usd": (Decimal(5), None)},
        {"usd": (Decimal(0), Decimal(10))},
        {"USD": (Decimal(5), Decimal(10))},
        {5: (Decimal(5), Decimal(10))},
    ],
    "REFUND_USER_ROLLBACK": [None, 0, 1, "yes"],
    "BUY_MAX_PRICE": [0, 100, 1.5, "100", Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")],
    "LOW_BALANCE": [0, 100, 1.5, "100", Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("sNaN")],
    "POLL_BATCH_SIZE": [None, 0, -1, 1001, 1.5, "100", True],
    "RETENTION_DAYS": [None, 0, -1, 1.5, "90", True],
    "WEBHOOK_MAX_BYTES": [None, 0, -1, 1.5, "262144", True],
    "STUCK_AFTER_HOURS": [None, 0, -1, 8761, "24", True],
    "PRICE_MARKUP": ["", "nowhere.to.be.found", "decimal.ROUND_UP", ".function", 2],
    "PRICE_SLIPPAGE": [None, 0, 0.03, "0.03", Decimal(-1), Decimal("1.1"), Decimal("NaN")],
    "PRICES_MAX_AGE": [None, 0, -1, "3600", True, timedelta(0)],
    "QUOTE_SECONDS": [None, 0, -1, 3601, 1.5, "120", True],
    "QUOTE_CURRENCY": [None, "", "u", "us dollar", 5],
    "TO_SITE_CURRENCY": ["", "nowhere.to.be.found", "decimal.ROUND_UP", 2],
    "TO_USD": ["", "nowhere.to.be.found", "decimal.ROUND_UP", 2],
    "ALLOW_LOSS": [None, 0, "yes"],
    "STEAM_ID": ["", "nowhere.to.be.found", "decimal.ROUND_UP", 2],
    "TRADE_URL_COOLDOWN_HOURS": [None, -1, 8761, "24", True],
    "DEPOSIT_GAMES": [None, "cs2", ["csgo"], 5, [["cs2"]]],
    "PURCHASE_GAMES": [None, "cs2", ["csgo"], 5],
    "LIMITS": [
        None,
        5,
        {"deposit": {}},
        {"cart": 0},
        {"deposits": 5},
        {"deposits": {"counts": 5}},
        {"deposits": {"count": 0}},
        {"purchases": {"sum": 100}},
        {"purchases": {"sum": {"usd": 100}}},
        {"purchases": {"sum": {"USD": Decimal(100)}}},
        {"purchases": {"sum": {"usd": None}}},
    ],
    "BALANCE": ["", "nowhere.to.be.found", "decimal.ROUND_UP", 2],
    "LIABILITIES": ["", "nowhere.to.be.found", "decimal.ROUND_UP", 2],
    "DIGEST_RECIPIENTS": [None, "ops@shop.example", 5, [5], ["ops"], [""]],
    "PAGES_BASE_TEMPLATE": [None, "", 5],
    "PICTURE_URL": ["", "steam.example", "https://steam.example/image", 5],
    "PICTURE_SIZES": [None, 256, (256,), (0, 512), ("256", "512")],
}

FINE = {
    "CLIENT_ID": ["1", 1],
    "CLIENT_SECRET": ["123"],
    "PREVIOUS_SECRETS": [(), [], ("old",), ["older", "old"]],
    "ACCOUNTS": [{}, {"second": GOOD}, {"second-shop_2": GOOD}],
    "API_URL": ["https://skinsback.com/api.php"],
    "WEBSOCKET_URL": ["wss://skinsback.com/ws/"],
    "PROXY_URL": [None, "http://proxy.example:3128", "https://user:pass%40word@proxy.example:3128/"],
    "AUTHENTICATION": ["headers", "signature"],
    "TIMEOUT": [(3.05, 20), [1, 1]],
    "REQUESTS_PER_MINUTE": [None, 2, 480, 500],
    "BACKGROUND_SHARE": [0.1, 0.8, 1],
    "CACHE": ["default"],
    "SITE_URL": [None, "https://shop.example", "http://127.0.0.1:8000"],
    "DEFAULT_GAME": ["cs2", "dota2", "rust"],
    "CREDIT": ["user_amount", "amount", "decimal.Decimal"],
    "HOLD_POLICY": ["manual", "decimal.Decimal"],
    "HOLD_APPROVE_MAX": [None, {}, {"usd": (Decimal(200), Decimal(5000)), "eur": [Decimal("0.5"), Decimal(1)]}],
    "REFUND_USER_ROLLBACK": [True, False],
    "BUY_MAX_PRICE": [None, Decimal("0.01"), Decimal(100)],
    "LOW_BALANCE": [None, Decimal("0.01"), Decimal(100)],
    "POLL_BATCH_SIZE": [1, 100, 1000],
    "RETENTION_DAYS": [1, 90],
    "WEBHOOK_MAX_BYTES": [1, 262144],
    "STUCK_AFTER_HOURS": [0.5, 1, 24, 8760],
    "PRICE_MARKUP": [None, "decimal.Decimal"],
    "PRICE_SLIPPAGE": [Decimal(0), Decimal("0.03"), Decimal(1)],
    "PRICES_MAX_AGE": [1, 3600.5, timedelta(hours=1)],
    "QUOTE_SECONDS": [1, 120, 3600],
    "QUOTE_CURRENCY": ["usd"],
    "TO_SITE_CURRENCY": [None, "decimal.Decimal"],
    "TO_USD": [None, "decimal.Decimal"],
    "ALLOW_LOSS": [True, False],
    "STEAM_ID": [None, "decimal.Decimal"],
    "TRADE_URL_COOLDOWN_HOURS": [0, 0.5, 168],
    "DEPOSIT_GAMES": [(), ["cs2"], ("cs2", "dota2", "rust")],
    "PURCHASE_GAMES": [(), ["cs2"]],
    "LIMITS": [
        {},
        {"cart": 1},
        {"deposits": {}, "purchases": {"count": 5, "sum": {"usd": Decimal(100), "eur": Decimal("0.5")}}},
    ],
    "BALANCE": [None, "decimal.Decimal"],
    "LIABILITIES": [None, "decimal.Decimal"],
    "DIGEST_RECIPIENTS": [(), ["ops@shop.example"]],
    "PAGES_BASE_TEMPLATE": ["skinsback/base.html"],
    "PICTURE_URL": [None, "https://steam.example/image/", "http://127.0.0.1:8600/pictures/"],
    "PICTURE_SIZES": [(96, 256), [1, 2]],
}


def test_every_setting_has_a_rule_and_values_to_try_it_with():
    assert set(rules.RULES) == set(BAD) == set(FINE) == set(conf.DEFAULTS)


def test_the_defaults_keep_the_rules(site):
    site(dict(conf.DEFAULTS) | GOOD)
    assert ids() == []


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_a_wrong_value_is_e003_and_its_key_is_named(site, key, value):
    site({key: value})
    messages = [message for message in found() if message.id == "skinsback.E003"]
    assert len(messages) == 1
    assert f"'{key}'" in messages[0].msg


BROKEN_MODULES = {
    "needs_what_is_missing": ("import what_is_missing", "ModuleNotFoundError: No module named 'what_is_missing'"),
    "does_not_import_it": ("", 'ImportError: Module "does_not_import_it" does not define a "credit" attribute/class'),
    "has_a_wrong_line": ("credit = ", "SyntaxError: invalid syntax (has_a_wrong_line.py, line 1)"),
    "needs_a_name": ("credit = nothing", "NameError: name 'nothing' is not defined"),
}


@pytest.mark.parametrize("key", sorted(rules.FUNCTIONS))
@pytest.mark.parametrize("module", BROKEN_MODULES)
def test_a_function_that_cannot_be_imported_is_e003_with_the_reason(site, monkeypatch, tmp_path, key, module):
    source, reason = BROKEN_MODULES[module]
    (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    site({key: f"{module}.credit"})
    (message,) = found()
    assert message.id == "skinsback.E003"
    assert message.msg == f"SKINSBACK[{key!r}] names '{module}.credit', which cannot be imported: {reason}."


@pytest.mark.parametrize("key", [key for key, values in BAD.items() if None in values])
def test_none_from_the_environment_is_not_set(site, key):
    site({key: None})
    (message,) = found()
    assert message.id == "skinsback.E003"
    assert message.msg == f"SKINSBACK[{key!r}] is not set: it is None."
    assert "os.environ.get" in message.hint


def test_none_as_a_key_of_an_account_is_not_set(site):
    site({"ACCOUNTS": {"second": {"CLIENT_ID": "2", "CLIENT_SECRET": None}}})
    (message,) = found()
    assert message.id == "skinsback.E003"
    assert message.msg == "SKINSBACK['ACCOUNTS']['second']['CLIENT_SECRET'] is not set: it is None."


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in FINE.items() for value in values])
def test_a_right_value_has_no_message(site, key, value):
    site({key: value})
    assert ids() == []


@pytest.mark.parametrize("value", [None, 5, "text", ["CLIENT_ID"]])
def test_an_account_that_is_not_a_dict_is_e003(site, value):
    site({"ACCOUNTS": {"second": value}})
    assert ids() == ["skinsback.E003"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("CLIENT_SECRET", 456), ("CLIENT_SECRET", b"456"), ("PREVIOUS_SECRETS", "old"), ("PREVIOUS_SECRETS", [5])],
)
def test_a_wrong_value_of_an_accounts_key_is_e003_too(site, key, value):
    site({"ACCOUNTS": {"second": {**GOOD, key: value}}})
    messages = found()
    assert [message.id for message in messages] == ["skinsback.E003"]
    assert "second" in messages[0].msg


@pytest.mark.parametrize("key", ["CLIENT_ID", "CLIENT_SECRET"])
def test_a_missing_key_is_e004_and_is_named(site, settings, key):
    settings.SKINSBACK = {name: value for name, value in GOOD.items() if name != key}
    (message,) = found()
    assert message.id == "skinsback.E004"
    assert key in message.msg
    settings.SKINSBACK = {**GOOD, key: ""}
    assert ids() == ["skinsback.E004"]


def test_a_missing_key_of_an_account_is_e004_and_the_account_is_named(site):
    site({"ACCOUNTS": {"second": {"CLIENT_ID": "2"}}})
    (message,) = found()
    assert message.id == "skinsback.E004"
    assert "second" in message.msg
    assert "CLIENT_SECRET" in message.msg


@pytest.mark.parametrize(
    "alias",
    ["", "two words", "a/b", "a.b", "a%2f", "näher", "٣", 5, "a" * 65],
)
def test_an_alias_that_cannot_be_part_of_an_address_is_e005(site, alias):
    site({"ACCOUNTS": {alias: GOOD}})
    assert ids() == ["skinsback.E005"]


def test_an_account_that_would_be_hidden_by_the_default_one_is_e005(site):
    site({"ACCOUNTS": {"default": {"CLIENT_ID": "2", "CLIENT_SECRET": "456"}}})
    assert ids() == ["skinsback.E005"]


def test_every_alias_that_passes_has_an_address(site):
    aliases = ["second", "second-shop", "second_shop", "2", "A"]
    site({"SITE_URL": "https://shop.example", "ACCOUNTS": dict.fromkeys(aliases, GOOD)})
    assert ids() == []
    from django_skinsback.flows.addresses import webhook_url

    assert all(webhook_url("result", alias) for alias in conf.accounts())


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "TO_SITE_CURRENCY and TO_USD are not set"),
        ({"TO_USD": "decimal.Decimal"}, "TO_SITE_CURRENCY is not set"),
        ({"TO_SITE_CURRENCY": "decimal.Decimal"}, "TO_USD is not set"),
    ],
)
def test_another_currency_without_the_functions_that_convert_is_e009_and_they_are_named(site, given, missing):
    site({"QUOTE_CURRENCY": "eur", **given})
    (message,) = found()
    assert message.id == "skinsback.E009"
    assert missing in message.msg


def test_another_currency_with_both_functions_is_fine(site):
    site({"QUOTE_CURRENCY": "eur", "TO_SITE_CURRENCY": "decimal.Decimal", "TO_USD": "decimal.Decimal"})
    assert ids() == []


def cheaper_above_a_hundred(price):
    return price * (2 if price < 100 else 1)


def always_the_same(price):
    return Decimal(5)


def raises_always(price):
    raise LookupError("no rates yet")


def test_a_markup_that_falls_is_e010_and_the_two_prices_are_named(site):
    site({"PRICE_MARKUP": f"{__name__}.cheaper_above_a_hundred"})
    (message,) = found()
    assert message.id == "skinsback.E010"
    assert "returns 159.8 for the market price 79.9, but only 100 for the higher market price 100." in message.msg


@pytest.mark.parametrize("markup", ["always_the_same", "raises_always"])
def test_a_markup_that_does_not_fall_or_cannot_be_called_now_is_fine(site, markup):
    site({"PRICE_MARKUP": f"{__name__}.{markup}"})
    assert ids() == []


@pytest.mark.parametrize(
    ("function", "package"), [("allauth", "django-allauth[steam]"), ("social_auth", "social-auth-app-django")]
)
def test_a_steam_login_whose_package_is_not_installed_is_e011_and_the_package_is_named(site, function, package):
    site({"STEAM_ID": f"django_skinsback.steam_login.{function}"})
    (message,) = found()
    assert message.id == "skinsback.E011"
    assert package in message.msg + message.hint


def test_the_sandboxes_secret_in_production_is_e006(site):
    for keys in (
        {"CLIENT_SECRET": CLIENT_SECRET},
        {"PREVIOUS_SECRETS": [CLIENT_SECRET]},
        {"ACCOUNTS": {"second": {"CLIENT_ID": "2", "CLIENT_SECRET": CLIENT_SECRET}}},
    ):
        site(keys)
        (message,) = found()
        assert message.id == "skinsback.E006"
        assert CLIENT_SECRET not in message.msg + message.hint


def test_the_sandboxes_secret_is_fine_while_developing_and_an_api_of_this_machine_alone_does_not_allow_it(site):
    site({"CLIENT_SECRET": CLIENT_SECRET, "API_URL": "http://127.0.0.1:8600/api.php"})
    assert ids() == ["skinsback.E006", "skinsback.W001"]
    site({"CLIENT_SECRET": CLIENT_SECRET}, DEBUG=True)
    assert ids() == []


def test_the_sandboxes_secret_is_fine_in_tests(site):
    allow_sandbox_secret()
    site({"CLIENT_SECRET": CLIENT_SECRET})
    assert ids() == []


@pytest.mark.parametrize("value", ["123\n", " 123", "12 3", "\t123", "12\x003", "123\N{NO-BREAK SPACE}", " "])
@pytest.mark.parametrize("key", ["CLIENT_ID", "CLIENT_SECRET", "PREVIOUS_SECRETS"])
def test_a_key_with_blanks_is_e004_and_is_named_with_what_to_do(site, key, value):
    given = [value] if key == "PREVIOUS_SECRETS" else value
    for keys in ({key: given}, {"ACCOUNTS": {"second": {**GOOD, key: given}}}):
        site(keys)
        (message,) = found()
        assert message.id == "skinsback.E004"
        assert f"[{key!r}] contains a blank" in message.msg
        assert ("second" in message.msg) is ("ACCOUNTS" in keys)
        assert ".strip()" in message.hint
        assert "123" not in message.msg + message.hint


def test_another_api_in_production_is_w001(site):
    site({"API_URL": "http://127.0.0.1:8600/api.php"})
    assert ids() == ["skinsback.W001"]
    site({"API_URL": "http://127.0.0.1:8600/api.php"}, DEBUG=True)
    assert ids() == []


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_a_per_process_cache_is_w002_in_production(site, backend):
    caches = SHARED_CACHE | {"limits": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    site({"CACHE": "limits"}, CACHES=caches)
    (message,) = found()
    assert message.id == "skinsback.W002"
    assert "'limits'" in message.msg
    assert ("not limited at all" in message.msg) == (backend == "dummy.DummyCache")
    site({"CACHE": "default"}, CACHES=caches)
    assert ids() == []
    site({"CACHE": "limits"}, CACHES=caches, DEBUG=True)
    assert ids() == []


def test_a_small_database_cache_is_w004_in_production(site):
    cache = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "limits"}
    site({}, CACHES={"default": cache})
    (message,) = found()
    assert message.id == "skinsback.W004"
    assert "'default'" in message.msg
    site({}, CACHES={"default": cache}, DEBUG=True)
    assert ids() == []
    site({}, DEBUG=False, CACHES={"default": {**cache, "OPTIONS": {"MAX_ENTRIES": 999}}})
    assert ids() == ["skinsback.W004"]
    site({}, CACHES={"default": {**cache, "OPTIONS": {"MAX_ENTRIES": 1000}}})
    assert ids() == []
    site({"CACHE": "limits"}, CACHES={"default": cache, "limits": SHARED_CACHE["default"]})
    assert ids() == []


def test_a_site_without_a_receiver_of_entries_is_w003(site, monkeypatch):
    monkeypatch.setattr(entry_posted, "receivers", [])
    assert ids() == ["skinsback.W003"]


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8600/ws/", "ws://skinsback.com/ws/"])
def test_a_websocket_that_is_not_encrypted_is_w005(site, url):
    site({"WEBSOCKET_URL": url})
    assert ids() == ["skinsback.W005"]
    site({"WEBSOCKET_URL": url}, DEBUG=True)
    assert ids() == []


def urlconf(*patterns):
    return type("URLconf", (), {"urlpatterns": patterns})


def nested(*namespaces):
    """A URLconf that includes ours inside these namespaces, the outermost first."""
    inner = path("skinsback/", include("django_skinsback.urls"))
    for namespace in reversed(namespaces):
        inner = path(f"{namespace}/", include(([inner], namespace)))
    return urlconf(inner)


def test_webhook_addresses_in_another_namespace_are_e007(site):
    site({}, ROOT_URLCONF=nested("shop", "pay"))
    (message,) = found()
    assert message.id == "skinsback.E007"
    assert "'shop:pay'" in message.msg
    assert "root URLconf" in message.hint


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        [path("shop/", include([path("skinsback/", include("django_skinsback.urls"))]))],
        [path("skinsback/", include("django_skinsback.urls", namespace="pay"))],
        [*nested("shop").urlpatterns, path("skinsback/", include("django_skinsback.urls"))],
    ],
    ids=["none", "no namespace", "a name of its own", "both"],
)
def test_webhook_addresses_that_are_found_or_missing_have_no_message(site, patterns):
    site({}, ROOT_URLCONF=urlconf(*patterns))
    assert ids() == []


def test_addresses_that_follow_any_host_header_are_w006(site):
    site({}, ALLOWED_HOSTS=["shop.example", "*"])
    (message,) = found()
    assert message.id == "skinsback.W006"
    assert "Host header" in message.msg
    assert "SITE_URL" in message.hint
    site({"SITE_URL": "https://shop.example"}, ALLOWED_HOSTS=["*"])
    assert ids() == []
    site({}, ALLOWED_HOSTS=["shop.example", ".shop.example"])
    assert ids() == []
    site({}, ALLOWED_HOSTS=["*"], DEBUG=True)
    assert ids() == []


def test_errors_stop_a_deployment_and_warnings_do_not(site):
    site({"CLIENT_SECRET": CLIENT_SECRET, "API_URL": "https://elsewhere.example/api.php"})
    levels = {message.id: message.level for message in found()}
    assert levels == {"skinsback.E006": django_checks.ERROR, "skinsback.W001": django_checks.WARNING}


def everything_wrong(site, monkeypatch):
    """Yield the messages of different settings, until each message has been returned."""
    for value in (
        None,
        {"NO": 1, "ACCOUNTS": {"b c": GOOD, "third": {}}},
        {"DEFAULT_GAME": "csgo"},
        {"QUOTE_CURRENCY": "eur", "PRICE_MARKUP": f"{__name__}.cheaper_above_a_hundred"},
        {"STEAM_ID": "django_skinsback.steam_login.allauth"},
        {"PAGES_BASE_TEMPLATE": "nowhere.html"},
        {"CLIENT_SECRET": CLIENT_SECRET, "API_URL": "https://elsewhere.example/api.php", "WEBSOCKET_URL": "ws://x/"},
    ):
        site(value, CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})
        monkeypatch.setattr(entry_posted, "receivers", [])
        yield from found()
    site({}, CACHES={"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache"}})
    yield from found()
    site({}, ROOT_URLCONF=nested("shop"), ALLOWED_HOSTS=["*"])
    yield from found()
    yield from database.character_set_errors("default", {"skinsback_deposit": "latin1"}, "latin1", "latin1")


def test_every_message_says_what_to_do(site, monkeypatch):
    messages = list(everything_wrong(site, monkeypatch))
    assert {message.id for message in messages} == IDS
    assert all(message.hint and message.msg.endswith(".") for message in messages)


def test_no_message_shows_a_secret(site):
    secret = "5ecret5ecret"
    site({"CLIENT_SECRET": secret, "PREVIOUS_SECRETS": secret, "ACCOUNTS": {"a b": {"CLIENT_SECRET": secret}}})
    assert found()
    assert all(secret not in f"{message.msg} {message.hint}" for message in found())


def test_an_id_with_e_is_an_error_and_one_with_w_a_warning():
    source = "".join(path.read_text() for path in Path(checks.__file__).parent.glob("*.py"))
    kinds = re.findall(r"(Error|Warning)\((?:(?!\bid=).)*?id=\"(skinsback\.[EW]\d{3})\"", source, re.DOTALL)
    assert {name for _, name in kinds} == IDS
    assert all(kind[0] == name.removeprefix("skinsback.")[0] for kind, name in kinds)


def test_a_silenced_warning_is_silent(site, settings):
    settings.SILENCED_SYSTEM_CHECKS = ["skinsback.W001"]
    site({"API_URL": "http://127.0.0.1:8600/api.php"})
    assert [message.is_silenced() for message in found()] == [True]


@pytest.mark.parametrize("name", ["nowhere.html", "skinsback/base.html"])
def test_a_base_template_that_cannot_be_loaded_is_e012(site, name):
    site({"PAGES_BASE_TEMPLATE": name})
    assert ids() == (["skinsback.E012"] if name == "nowhere.html" else [])
