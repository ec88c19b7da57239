"""The rules of the setting ``SKINSBACK``: which values are valid for each key."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from .. import proxy
from ..proxy import is_proxy_url
from ..steam import GAMES


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
    return isinstance(value, str) and not import_error(value) and callable(import_string(value))


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


def import_error(dotted_path: str) -> str:
    """Return the reason why a dotted path cannot be imported. Return an empty string if it can be imported."""
    try:
        import_string(dotted_path)
    except Exception as error:  # noqa: BLE001 - the module is code of the site and may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


FUNCTIONS = {
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


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
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
