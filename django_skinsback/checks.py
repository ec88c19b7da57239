"""System checks of the settings. The module ``apps`` registers these checks."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template
from django.utils.module_loading import import_string

from . import conf, proxy
from .flows.addresses import URLS_HINT, nested_urls
from .money import amount_text
from .proxy import is_proxy_url
from .signals import entry_posted
from .steam import GAMES
from .wire.requests import API_URL

_ALIAS = re.compile(r"[-A-Za-z0-9_]{1,64}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_url(*schemes: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value.startswith(tuple(f"{name}://" for name in schemes))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_price(value: Any) -> bool:
    return value is None or (isinstance(value, Decimal) and value.is_finite() and value > 0)


def _is_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(_is_text, value))


def _names_function(value: Any) -> bool:
    return isinstance(value, str) and not _import_error(value) and callable(import_string(value))


def _is_hook(value: Any) -> bool:
    return value is None or _names_function(value)


def _is_currency(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[A-Za-z0-9]{2,8}", value))


def _is_games(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and set(value) <= set(GAMES)


def _is_limits(value: Any) -> bool:
    """Return whether the value of ``LIMITS`` contains only known keys and valid values."""
    if not isinstance(value, Mapping) or not value.keys() <= {"deposits", "purchases", "cart"}:
        return False
    if not _is_count(value.get("cart", 1)):
        return False
    for limits in (value.get("deposits", {}), value.get("purchases", {})):
        if not isinstance(limits, Mapping) or not limits.keys() <= {"count", "sum"}:
            return False
        sums = limits.get("sum", {})
        if not _is_count(limits.get("count", 1)) or not isinstance(sums, Mapping):
            return False
        if not all(
            _is_currency(code) and code.islower() and _is_price(amount) and amount for code, amount in sums.items()
        ):
            return False
    return True


def _is_hold_limits(value: Any) -> bool:
    """Return whether the value of ``HOLD_APPROVE_MAX`` contains two amounts above zero for each currency."""
    if value is None:
        return True
    return isinstance(value, Mapping) and all(
        _is_currency(code)
        and code.islower()
        and isinstance(amounts, Sequence)
        and len(amounts) == 2
        and all(amount is not None and _is_price(amount) for amount in amounts)
        for code, amounts in value.items()
    )


def _import_error(dotted_path: str) -> str:
    """Return the reason why a dotted path cannot be imported. Return an empty string if it can be imported."""
    try:
        import_string(dotted_path)
    except Exception as error:  # noqa: BLE001 - the module is code of the site and may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


_FUNCTIONS = {
    "BALANCE",
    "CREDIT",
    "HOLD_POLICY",
    "LIABILITIES",
    "PRICE_MARKUP",
    "STEAM_ID",
    "TO_SITE_CURRENCY",
    "TO_USD",
}
"""The settings whose value may be the dotted path of a function."""


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "CLIENT_ID": (lambda value: isinstance(value, str | int), "a string"),
    "CLIENT_SECRET": (lambda value: isinstance(value, str), "a string"),
    "PREVIOUS_SECRETS": (_is_texts, "a list of strings"),
    "ACCOUNTS": (lambda value: isinstance(value, Mapping), "a dict: alias of an account -> dict of its keys"),
    "API_URL": (_is_url("https", "http"), "an https:// address"),
    "WEBSOCKET_URL": (_is_url("wss", "ws"), "a wss:// address"),
    "PROXY_URL": (lambda value: value is None or is_proxy_url(value), proxy.EXPECTED),
    "AUTHENTICATION": (lambda value: value in ("headers", "signature"), "'headers' or 'signature'"),
    "TIMEOUT": (
        lambda value: isinstance(value, Sequence) and len(value) == 2 and all(_is_number(n) and n > 0 for n in value),
        "two numbers of seconds: the timeout to connect, and the timeout to read",
    ),
    "REQUESTS_PER_MINUTE": (
        lambda value: value is None or (_is_count(value) and 2 <= value <= 500),
        "a whole number from 2 to 500, or None for no limit",
    ),
    "BACKGROUND_SHARE": (lambda value: _is_number(value) and 0 < value <= 1, "a number above 0 and not above 1"),
    "CACHE": (lambda value: value in settings.CACHES, "an alias in CACHES"),
    "SITE_URL": (
        lambda value: value is None or _is_url("https", "http")(value),
        "an address like https://your.site",
    ),
    "DEFAULT_GAME": (lambda value: value in GAMES, f"one of {', '.join(GAMES)}"),
    "CREDIT": (
        lambda value: value in ("user_amount", "amount") or _names_function(value),
        "'user_amount', 'amount' or the dotted path of a function",
    ),
    "HOLD_POLICY": (
        lambda value: value == "manual" or _names_function(value),
        "'manual' or the path of a function",
    ),
    "HOLD_APPROVE_MAX": (
        _is_hold_limits,
        "None or a dict like {'usd': (Decimal(200), Decimal(5000))}: currency -> (per user, of all users)",
    ),
    "REFUND_USER_ROLLBACK": (lambda value: isinstance(value, bool), "True or False"),
    "BUY_MAX_PRICE": (_is_price, "a Decimal of US dollars above zero, or None"),
    "LOW_BALANCE": (_is_price, "a Decimal of US dollars above zero, or None"),
    "POLL_BATCH_SIZE": (lambda value: _is_count(value) and value <= 1000, "a whole number from 1 to 1000"),
    "RETENTION_DAYS": (_is_count, "a whole number above zero"),
    "WEBHOOK_MAX_BYTES": (_is_count, "a whole number above zero"),
    "STUCK_AFTER_HOURS": (lambda value: _is_number(value) and 0 < value <= 8760, "a number of hours above zero"),
    "PRICE_MARKUP": (_is_hook, "None or the path of a function"),
    "PRICE_SLIPPAGE": (
        lambda value: isinstance(value, Decimal) and value.is_finite() and 0 <= value <= 1,
        "a Decimal from 0 to 1, such as Decimal('0.03')",
    ),
    "PRICES_MAX_AGE": (
        lambda value: (_is_number(value) and value > 0) or (isinstance(value, timedelta) and value > timedelta(0)),
        "a number of seconds above zero, or a timedelta",
    ),
    "QUOTE_SECONDS": (lambda value: _is_count(value) and value <= 3600, "a whole number of seconds from 1 to 3600"),
    "QUOTE_CURRENCY": (_is_currency, "a currency code such as 'usd'"),
    "TO_SITE_CURRENCY": (_is_hook, "None or the path of a function"),
    "TO_USD": (_is_hook, "None or the path of a function"),
    "ALLOW_LOSS": (lambda value: isinstance(value, bool), "True or False"),
    "STEAM_ID": (_is_hook, "None or the path of a function"),
    "TRADE_URL_COOLDOWN_HOURS": (
        lambda value: _is_number(value) and 0 <= value <= 8760,
        "a number of hours from 0 to 8760",
    ),
    "DEPOSIT_GAMES": (_is_games, f"a list that contains only games: {', '.join(GAMES)}"),
    "PURCHASE_GAMES": (_is_games, f"a list that contains only games: {', '.join(GAMES)}"),
    "LIMITS": (_is_limits, "a dict like {'deposits': {'count': 20}, 'purchases': {'sum': {'usd': Decimal(500)}}}"),
    "BALANCE": (_is_hook, "None or the path of a function"),
    "LIABILITIES": (_is_hook, "None or the path of a function"),
    "DIGEST_RECIPIENTS": (
        lambda value: _is_texts(value) and all("@" in address for address in value),
        "a list of e-mail addresses",
    ),
    "PAGES_BASE_TEMPLATE": (_is_text, "the name of a template"),
    "PICTURE_URL": (
        lambda value: value is None or (_is_url("https", "http")(value) and value.endswith("/")),
        "an https:// address that ends with a slash, or None",
    ),
    "PICTURE_SIZES": (
        lambda value: isinstance(value, Sequence) and len(value) == 2 and all(map(_is_count, value)),
        "two numbers of pixels: the size in lists, and the size on the page of one skin",
    ),
}


def check_settings(**_options: Any) -> list[CheckMessage]:
    """Return the errors of the settings. Return an empty list if there are no errors.

    * E001: SKINSBACK is not a dict.
    * E002: SKINSBACK or an account contains an unknown key.
    * E003: a value is wrong.
    * E004: the CLIENT_ID or CLIENT_SECRET of an account is missing, or contains a character that no key contains.
    * E005: the alias of an account is invalid.
    * E009: QUOTE_CURRENCY is not US dollars, and TO_SITE_CURRENCY or TO_USD is not set.
    * E010: PRICE_MARKUP returns a lower price for a higher market price.
    * E011: STEAM_ID needs an application that is not in INSTALLED_APPS.
    """
    given = getattr(settings, "SKINSBACK", {})
    if not isinstance(given, Mapping):
        return [Error("SKINSBACK must be a dict.", hint="SKINSBACK = {'CLIENT_ID': …}", id="skinsback.E001")]
    messages: list[CheckMessage] = [
        Error(
            f"SKINSBACK has an unknown key {key!r}.",
            hint=f"Known keys are {', '.join(conf.DEFAULTS)}.",
            id="skinsback.E002",
        )
        for key in given
        if key not in conf.DEFAULTS
    ]
    for key in _RULES:
        if key in given:
            messages += _check_value(f"SKINSBACK[{key!r}]", key, given[key])
    if not any(message.id == "skinsback.E003" for message in messages):
        for alias in conf.get("ACCOUNTS"):
            messages += _check_alias(alias)
        for alias in dict.fromkeys(conf.accounts()):
            messages += _check_account(alias)
        messages += _check_currency() + _check_markup() + _check_steam_login()
    return messages


def _check_currency() -> list[CheckMessage]:
    missing = [key for key in ("TO_SITE_CURRENCY", "TO_USD") if conf.get(key) is None]
    if conf.quote_currency() == "usd" or not missing:
        return []
    return [
        Error(
            f"SKINSBACK['QUOTE_CURRENCY'] is {conf.get('QUOTE_CURRENCY')!r}, but {' and '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} not set.",
            hint="SkinsBack's prices are in US dollars. Set TO_SITE_CURRENCY and TO_USD to the paths of functions that "
            "convert amounts.",
            id="skinsback.E009",
        )
    ]


SAMPLE_PRICES = sorted(
    Decimal(digits).scaleb(power) for power in range(-2, 5) for digits in ("1", "1.5", "2", "3", "5", "7.99")
)
"""The market prices for which PRICE_MARKUP is checked: from 0.01 to 79,900 US dollars."""


def _check_markup() -> list[CheckMessage]:
    """Return E010 if PRICE_MARKUP returns a lower price for a higher market price. Otherwise return an empty list."""
    markup = conf.callable_setting("PRICE_MARKUP")
    if markup is None:
        return []
    prices: list[tuple[Decimal, Decimal]] = []
    for price in SAMPLE_PRICES:
        # The function is code of the site. It may need something that does not exist during a check, such as a table.
        with suppress(Exception):
            returned = markup(price)
            if isinstance(returned, Decimal) and returned.is_finite():
                prices.append((price, returned))
    falls: list[CheckMessage] = [
        Error(
            f"SKINSBACK['PRICE_MARKUP'] returns {amount_text(higher)} for the market price {amount_text(low)}, "
            f"but only {amount_text(lower)} for the higher market price {amount_text(high)}.",
            hint="For a higher market price, the function must return the same price or a higher price.",
            id="skinsback.E010",
        )
        for (low, higher), (high, lower) in pairwise(prices)
        if lower < higher
    ]
    return falls[:1]


_STEAM_LOGINS = {
    "django_skinsback.steam_login.allauth": ("django-allauth[steam]", "allauth.socialaccount"),
    "django_skinsback.steam_login.social_auth": ("social-auth-app-django", "social_django"),
}
"""Path of a function for STEAM_ID -> the package that the function needs, and the application of this package."""


def _check_steam_login() -> list[CheckMessage]:
    package, application = _STEAM_LOGINS.get(conf.get("STEAM_ID") or "", ("", ""))
    if not application or apps.is_installed(application):
        return []
    return [
        Error(
            f"SKINSBACK['STEAM_ID'] is {conf.get('STEAM_ID')!r}, which needs {package}.",
            hint=f"Install {package} and add {application!r} to INSTALLED_APPS.",
            id="skinsback.E011",
        )
    ]


def _check_value(where: str, key: str, value: Any) -> list[CheckMessage]:
    fits, expected = _RULES[key]
    if _holds(fits, value):
        return []
    problem, hint = f"{where} is not {expected}.", f"Set the key to {expected}, or leave the key out."
    if value is None:
        problem = f"{where} is not set: it is None."
        hint = f"os.environ.get() returns None for a variable that is not set. {hint}"
    elif key in _FUNCTIONS and isinstance(value, str) and "." in value and (reason := _import_error(value)):
        problem = f"{where} names {value!r}, which cannot be imported: {reason.rstrip('.')}."
    return [Error(problem, hint=hint, id="skinsback.E003")]


def _holds(fits: Callable[[Any], bool], value: Any) -> bool:
    try:
        return bool(fits(value))
    except TypeError:  # the value is unhashable, and the rule looks it up in a dict or set
        return False


def _check_account(alias: str) -> list[CheckMessage]:
    where = "SKINSBACK" if alias == conf.DEFAULT_ACCOUNT else f"SKINSBACK['ACCOUNTS'][{alias!r}]"
    source = conf.raw() if alias == conf.DEFAULT_ACCOUNT else conf.get("ACCOUNTS")[alias]
    messages: list[CheckMessage] = []
    if alias != conf.DEFAULT_ACCOUNT:
        if not isinstance(source, Mapping):
            return [Error(f"{where} is not a dict of keys.", hint="{'CLIENT_ID': …}", id="skinsback.E003")]
        messages = _check_keys(where, source)
    for key in ("CLIENT_ID", "CLIENT_SECRET"):
        if source.get(key, "") is not None and not source.get(key):  # None was E003
            hint = "Copy the value from your project's settings at SkinsBack. To try the package, use the sandbox's."
            messages.append(Error(f"{where}[{key!r}] is missing.", hint=hint, id="skinsback.E004"))
    if not messages:
        messages = [
            Error(
                f"{where}[{key!r}] contains a blank or another character that no key contains.",
                hint=f"No notification can be verified with this value. {conf.TRIM}",
                id="skinsback.E004",
            )
            for key in conf.unusable_keys(conf.account(alias))
        ]
    return messages


def _check_keys(where: str, source: Mapping[str, Any]) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for key, value in source.items():
        if key not in conf.CREDENTIALS:
            hint = f"The keys of an account are {', '.join(conf.CREDENTIALS)}."
            messages.append(Error(f"{where} has an unknown key {key!r}.", hint=hint, id="skinsback.E002"))
        else:
            messages += _check_value(f"{where}[{key!r}]", key, value)
    return messages


def _check_alias(alias: Any) -> list[CheckMessage]:
    if isinstance(alias, str) and _ALIAS.fullmatch(alias) and alias != conf.DEFAULT_ACCOUNT:
        return []
    return [
        Error(
            f"SKINSBACK['ACCOUNTS'] has an account {alias!r}, which cannot be part of a webhook address.",
            hint="An alias has at most 64 characters: letters, digits, '-' and '_'. The alias "
            f"{conf.DEFAULT_ACCOUNT!r} is reserved for the keys at the top level of SKINSBACK.",
            id="skinsback.E005",
        )
    ]


def check_deployment(**_options: Any) -> list[CheckMessage]:
    """Return the errors and warnings of the deployment. Return an empty list if ``check_settings`` found E003.

    The checks with a star are made only if ``DEBUG`` is off.

    * E006*: an account uses the sandbox's secret.
    * E007: ``django_skinsback.urls`` is included only inside another URL namespace.
    * E012: the template of PAGES_BASE_TEMPLATE cannot be loaded.
    * W001*: ``API_URL`` is not SkinsBack's address.
    * W002*: processes do not share the cache that counts API calls, or the cache stores nothing.
    * W003: ``entry_posted`` has no receiver.
    * W004*: the database cache may delete the count of API calls.
    * W005*: the websocket is not encrypted.
    * W006*: the addresses that are sent to SkinsBack are built from the Host header, and any Host is accepted.
    """
    messages: list[CheckMessage] = []
    if any(message.id == "skinsback.E003" for message in check_settings()):
        return messages  # the checks below cannot read wrong values
    if not settings.DEBUG and conf.api_url() != API_URL:
        messages.append(
            checks.Warning(
                f"SKINSBACK['API_URL'] is not {API_URL} although DEBUG is off.",
                hint="Leave out API_URL in production. The sandbox moves no real skins.",
                id="skinsback.W001",
            )
        )
    if any(conf.uses_sandbox_secret(conf.account(alias)) for alias in conf.accounts()):
        messages.append(
            Error(
                "An account uses the sandbox's public secret although DEBUG is off.",
                hint=conf.SANDBOX_ADVICE,
                id="skinsback.E006",
            )
        )
    if not settings.DEBUG and urlsplit(conf.websocket_url()).scheme != "wss":
        messages.append(
            checks.Warning(
                "SKINSBACK['WEBSOCKET_URL'] is not encrypted although DEBUG is off.",
                hint="The address contains a key. Begin it with wss://, or leave WEBSOCKET_URL out.",
                id="skinsback.W005",
            )
        )
    cache = conf.cache_backend()
    if not settings.DEBUG and cache.endswith(conf.PER_PROCESS_CACHES):
        stores_nothing = cache.endswith("DummyCache")
        messages.append(
            checks.Warning(
                f"The cache {conf.get('CACHE')!r} stores nothing, so API calls are not limited at all."
                if stores_nothing
                else f"The cache {conf.get('CACHE')!r} is not shared between processes.",
                hint="All processes must count their API calls in the same cache. Set SKINSBACK['CACHE'] to the alias "
                "of a Redis, Memcached or database cache.",
                id="skinsback.W002",
            )
        )
    messages += _check_database_cache(conf.get("CACHE"))
    messages += _check_addresses()
    messages += _check_base_template()
    if not entry_posted.receivers:
        messages.append(
            checks.Warning(
                "The signal entry_posted has no receiver: deposits do not reach your users' balances.",
                hint="Connect a receiver in your AppConfig.ready(): see step 3 of the README.",
                id="skinsback.W003",
            )
        )
    return messages


def _check_base_template() -> list[CheckMessage]:
    """Return E012 if the site sets PAGES_BASE_TEMPLATE and the template cannot be loaded."""
    name = conf.get("PAGES_BASE_TEMPLATE")
    if name == conf.DEFAULTS["PAGES_BASE_TEMPLATE"]:
        return []
    try:
        get_template(name)
    except (TemplateDoesNotExist, TemplateSyntaxError) as error:
        return [
            Error(
                f"SKINSBACK['PAGES_BASE_TEMPLATE'] names {name!r}, which cannot be loaded: {type(error).__name__}.",
                hint="Write the name as in {% extends %}, or leave PAGES_BASE_TEMPLATE out.",
                id="skinsback.E012",
            )
        ]
    return []


def _check_addresses() -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if not settings.DEBUG and not conf.get("SITE_URL") and "*" in settings.ALLOWED_HOSTS:
        messages.append(
            checks.Warning(
                "The addresses that are sent to SkinsBack are built from the request's Host header, and ALLOWED_HOSTS "
                "accepts every host.",
                hint="Set SKINSBACK['SITE_URL'] to 'https://your.site', or list your hosts in ALLOWED_HOSTS.",
                id="skinsback.W006",
            )
        )
    problem = nested_urls() if getattr(settings, "ROOT_URLCONF", None) else ""
    if problem:
        messages.append(Error(f"{problem}.", hint=f"{URLS_HINT[0].upper()}{URLS_HINT[1:]}", id="skinsback.E007"))
    return messages


def _check_database_cache(alias: str) -> list[CheckMessage]:
    given = settings.CACHES.get(alias, {})
    entries = (given.get("OPTIONS") or {}).get("MAX_ENTRIES", 300)  # Django's default
    if settings.DEBUG or not given.get("BACKEND", "").endswith("db.DatabaseCache") or entries >= 1000:
        return []
    return [
        checks.Warning(
            f"The cache {alias!r} may lose the count of API calls: a full database cache deletes entries early.",
            hint=f"Set CACHES[{alias!r}]['OPTIONS'] = {{'MAX_ENTRIES': 10000}}.",
            id="skinsback.W004",
        )
    ]
