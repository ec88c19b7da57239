"""System checks of the setting ``SKINSBACK``."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error

from .. import conf
from ..money import amount_text
from .rules import FUNCTIONS, RULES, import_error

_ALIAS = re.compile(r"[-A-Za-z0-9_]{1,64}")


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
    for key in RULES:
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
    fits, expected = RULES[key]
    if _holds(fits, value):
        return []
    problem, hint = f"{where} is not {expected}.", f"Set the key to {expected}, or leave the key out."
    if value is None:
        problem = f"{where} is not set: it is None."
        hint = f"os.environ.get() returns None for a variable that is not set. {hint}"
    elif key in FUNCTIONS and isinstance(value, str) and "." in value and (reason := import_error(value)):
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
