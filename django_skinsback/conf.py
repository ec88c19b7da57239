"""Read the setting ``SKINSBACK``. Every call reads the current value, so tests may change the setting at any time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from .exceptions import ConfigurationError
from .sandbox.keys import SECRETS as SANDBOX_SECRETS
from .sensitive import KEY, SensitiveText
from .wire import API_URL

DEFAULT_ACCOUNT = "default"

CREDENTIALS = ("CLIENT_ID", "CLIENT_SECRET", "PREVIOUS_SECRETS")

sandbox_secret_allowed = False
"""Whether this process may use the sandbox's secret while ``DEBUG`` is off. Only ``testing`` sets it to True."""

PER_PROCESS_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
"""The last parts of the dotted paths of cache backends that processes do not share."""

DEFAULTS: dict[str, Any] = {
    "CLIENT_ID": "",
    "CLIENT_SECRET": "",
    "PREVIOUS_SECRETS": (),
    "ACCOUNTS": {},
    "API_URL": API_URL,
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


@dataclass(frozen=True, slots=True)
class Account:
    """The keys of one project at SkinsBack. ``alias`` is the name of the project in the site's settings."""

    alias: str
    client_id: str
    client_secret: str = field(repr=False)
    previous_secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that a message may be signed with. The current secret is first. Empty secrets are left out."""
        return tuple(secret for secret in (self.client_secret, *self.previous_secrets) if secret)


def raw() -> Mapping[str, Any]:
    """Return the site's dict ``SKINSBACK``. Return an empty dict if the setting is missing or is not a dict."""
    given = getattr(settings, "SKINSBACK", {})
    return given if isinstance(given, Mapping) else {}


def get(key: str) -> Any:
    """Return the site's value of ``key``, or the default value. Raise KeyError if the package has no such key."""
    return raw().get(key, DEFAULTS[key])


def credit_column() -> str:
    """Return the column that a credit is calculated from: ``amount`` or ``user_amount``.

    Return ``amount`` if CREDIT is a function.
    """
    return "user_amount" if get("CREDIT") == "user_amount" else "amount"


def credit_columns() -> set[str]:
    """Return the columns that a credit may be calculated from.

    If CREDIT is a function, return ``amount`` and ``user_amount``: the function may use both.
    """
    return {"amount", "user_amount"} if callable_setting("CREDIT") else {credit_column()}


def account(alias: str = DEFAULT_ACCOUNT) -> Account:
    """Return the account ``alias``. Raises ConfigurationError if the settings have no such account."""
    source = raw() if alias == DEFAULT_ACCOUNT else get("ACCOUNTS").get(alias)
    if source is None:
        known = ", ".join(sorted(accounts()))
        raise ConfigurationError(f"SKINSBACK has no account {alias!r}: use one of {known}.")
    return Account(
        alias=alias,
        client_id=str(source.get("CLIENT_ID") or ""),
        client_secret=source.get("CLIENT_SECRET") or "",
        previous_secrets=_text_list(source.get("PREVIOUS_SECRETS")),
    )


def keys(alias: str = DEFAULT_ACCOUNT) -> Account:
    """Check the keys of the account with this alias, and return the account.

    Code that calls SkinsBack or verifies notifications uses this function.

    Raises ConfigurationError if there is no such account, if a key is missing or contains a blank, or if a secret is
    the sandbox's while ``DEBUG`` is off. The system checks find the same faults, but they do not run under WSGI.
    """
    found = account(alias)
    if not found.client_id or not found.client_secret:
        raise ConfigurationError(f"The account {alias!r} has no CLIENT_ID or no CLIENT_SECRET.")
    if unusable := unusable_keys(found):
        message = f"{' and '.join(unusable)} of the account {alias!r} must be plain characters without blanks. {TRIM}"
        raise ConfigurationError(message)
    if uses_sandbox_secret(found):
        message = f"The account {alias!r} uses the sandbox's public secret although DEBUG is off."
        raise ConfigurationError(f"{message} {SANDBOX_ADVICE}")
    return found


TRIM = "A file or an environment variable often ends with a line break. Remove the line break with .strip()."

SANDBOX_ADVICE = (
    "Anyone could sign notifications with the sandbox's secret. Use the secret of your project at SkinsBack. During "
    "development, switch DEBUG on. In your own tests, call django_skinsback.testing.allow_sandbox_secret()."
)


def unusable_keys(found: Account) -> list[str]:
    """Return the names of the settings whose value contains a blank or another character that no key contains."""
    given = {
        "CLIENT_ID": [found.client_id],
        "CLIENT_SECRET": [found.client_secret],
        "PREVIOUS_SECRETS": found.previous_secrets,
    }
    return [
        name
        for name, values in given.items()
        if any(value and not (isinstance(value, str) and KEY.fullmatch(value)) for value in values)
    ]


def uses_sandbox_secret(found: Account) -> bool:
    """Return whether the account uses a secret of the sandbox that is not allowed.

    All secrets are allowed if ``DEBUG`` is on or ``sandbox_secret_allowed`` is True. Then return False.
    """
    if settings.DEBUG or sandbox_secret_allowed:
        return False
    return not {*SANDBOX_SECRETS.values()}.isdisjoint(found.secrets)


def _text_list(value: Any) -> tuple[str, ...]:
    """Return a list of strings as a tuple. One string becomes a tuple of one string. None becomes an empty tuple."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def accounts() -> tuple[str, ...]:
    """Return the aliases of all accounts. The default account is first."""
    return (DEFAULT_ACCOUNT, *get("ACCOUNTS"))


def api_url() -> str:
    return str(get("API_URL"))


def websocket_url() -> str:
    return str(get("WEBSOCKET_URL"))


def proxy_url() -> str | None:
    """Return the address of the HTTP proxy for API calls and the websocket. Return None if no proxy is used.

    The address may contain a password, so the ``repr`` of the returned string does not show the address.
    """
    value: str | None = get("PROXY_URL")
    return SensitiveText(value) if isinstance(value, str) else value


def hide_proxy_url() -> None:
    """Replace ``PROXY_URL`` in the settings with a string whose ``repr`` does not show the address and its password.

    Django's debug page shows all settings. It hides only settings with names such as ``SECRET`` or ``PASSWORD``.
    """
    given = raw()
    if isinstance(given, dict) and "PROXY_URL" in given:
        given["PROXY_URL"] = proxy_url()


def timeout() -> tuple[float, float]:
    """Return two numbers of seconds: how long to wait for the connection, and how long to wait for data."""
    connect, read = get("TIMEOUT")
    return connect, read


def cache_backend() -> str:
    """Return the dotted path of the backend of ``CACHE``. Return an empty string if CACHES has no such alias."""
    return str(settings.CACHES.get(get("CACHE"), {}).get("BACKEND", ""))


def default_game() -> str:
    return str(get("DEFAULT_GAME"))


def buy_max_price() -> Decimal | None:
    """Return the highest allowed ``max_price`` of a purchase, in US dollars. Return None if there is no limit."""
    value: Decimal | None = get("BUY_MAX_PRICE")
    return value


def low_balance() -> Decimal | None:
    """Return the balance in US dollars below which a warning is sent. Return None if no warning is wanted."""
    value: Decimal | None = get("LOW_BALANCE")
    return value


def retention_days() -> int:
    """Return how many days raw deliveries are kept."""
    return int(get("RETENTION_DAYS"))


def stuck_after() -> timedelta:
    """Return how long an open row or a failed delivery may be overdue before it is flagged for manual review."""
    return timedelta(hours=get("STUCK_AFTER_HOURS"))


def prices_max_age() -> timedelta:
    """Return the maximum age of an imported price list. No quote is made from an older price list."""
    value = get("PRICES_MAX_AGE")
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def price_slippage() -> Decimal:
    """Return how much SkinsBack's price may be above the market price of a quote: 0.03 means 3 % of that price."""
    value: Decimal = get("PRICE_SLIPPAGE")
    return value


def quote_seconds() -> int:
    """Return for how many seconds a quote is valid."""
    return int(get("QUOTE_SECONDS"))


def quote_currency() -> str:
    """Return the currency of quotes and charges, in lower case."""
    return str(get("QUOTE_CURRENCY")).lower()


def trade_url_cooldown() -> timedelta:
    """Return for how long a user cannot buy after changing the trade URL."""
    return timedelta(hours=get("TRADE_URL_COOLDOWN_HOURS"))


def limits(direction: str) -> Mapping[str, Any]:
    """Return the limits per user and day. ``direction`` is ``deposits`` or ``purchases``.

    The result may contain ``count``, a number of deposits or purchases, and ``sum``, a dict of currency -> amount.
    """
    found: Mapping[str, Any] = get("LIMITS").get(direction) or {}
    return found


def hold_approve_max() -> Mapping[str, tuple[Decimal, Decimal]] | None:
    """Return the highest open credits of approved holds: currency -> (per user, of all users).

    A currency that the mapping does not contain is not allowed. Return None if there is no limit.
    """
    value: Mapping[str, tuple[Decimal, Decimal]] | None = get("HOLD_APPROVE_MAX")
    return value


def digest_recipients() -> tuple[str, ...]:
    """Return the addresses that the daily digest is mailed to. Return an empty tuple if no digest is sent."""
    return _text_list(get("DIGEST_RECIPIENTS"))


def cart_limit() -> int:
    """Return the highest number of skins that a user may buy with one confirmation."""
    return int(get("LIMITS").get("cart", 10))


def games(direction: str) -> tuple[str, ...]:
    """Return the games whose skins users may trade. ``direction`` is ``deposits`` or ``purchases``.

    If the result is an empty tuple, all deposits or all purchases are switched off.
    """
    return tuple(get("DEPOSIT_GAMES" if direction == "deposits" else "PURCHASE_GAMES"))


def picture_url() -> str | None:
    """Return the first part of every picture's address. It ends with a slash. Return None if no pictures are shown."""
    value: str | None = get("PICTURE_URL")
    return value


def callable_setting(key: str) -> Callable[..., Any] | None:
    """Return the function whose dotted path is the value of the setting ``key``.

    Return None if the value is None or a word without a dot, such as ``manual``. Raise ImportError if the path cannot
    be imported.
    """
    value = get(key)
    if not isinstance(value, str) or "." not in value:
        return None
    function: Callable[..., Any] = import_string(value)
    return function
