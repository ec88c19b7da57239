"""Every setting: one dict, ``SKINSBACK``, read when it is needed. Nothing else reads Django's settings for us."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from .exceptions import ConfigurationError
from .sandbox.keys import SECRETS as SANDBOX_SECRETS
from .sensitive import hide

DEFAULT_ACCOUNT = "default"
API_URL = "https://skinsback.com/api.php"

CREDENTIALS = ("CLIENT_ID", "CLIENT_SECRET", "PREVIOUS_SECRETS")

sandbox_secret_allowed = False
"""Whether this process may use the sandbox's secret although ``DEBUG`` is off; only ``testing`` switches it on."""

PER_PROCESS_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
"""Ends of the dotted paths of cache backends that processes do not share."""

_KEY = re.compile(r"[\x21-\x7e]+")

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
    "REFUND_USER_ROLLBACK": False,
    "BUY_MAX_PRICE": None,
    "LOW_BALANCE": None,
    "POLL_BATCH_SIZE": 100,
    "RETENTION_DAYS": 90,
    "WEBHOOK_MAX_BYTES": 262144,
    "PRICE_MARKUP": None,
    "STUCK_AFTER_HOURS": 24,
}


@dataclass(frozen=True, slots=True)
class Account:
    """One SkinsBack project's keys under the alias the site gave it."""

    alias: str
    client_id: str
    client_secret: str = field(repr=False)
    previous_secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Secrets a message may be signed with, the one we sign with first."""
        return tuple(secret for secret in (self.client_secret, *self.previous_secrets) if secret)


def raw() -> Mapping[str, Any]:
    """The site's own dict, as it stands in its settings."""
    given = getattr(settings, "SKINSBACK", {})
    return given if isinstance(given, Mapping) else {}


def get(key: str) -> Any:
    """The site's value of ``key``, else the default."""
    return raw().get(key, DEFAULTS[key])


def credit_column() -> str:
    """The column that a credit is made from: ``amount`` or ``user_amount``; ``amount`` where CREDIT is a function."""
    return "user_amount" if get("CREDIT") == "user_amount" else "amount"


def credit_columns() -> set[str]:
    """Every column that a credit is made from. A CREDIT function may use both amounts."""
    return {"amount", "user_amount"} if callable_setting("CREDIT") else {credit_column()}


def account(alias: str = DEFAULT_ACCOUNT) -> Account:
    """The keys of ``alias``; ConfigurationError if the site has no such account."""
    source = raw() if alias == DEFAULT_ACCOUNT else get("ACCOUNTS").get(alias)
    if source is None:
        known = ", ".join(sorted(accounts()))
        raise ConfigurationError(f"SKINSBACK has no account {alias!r}: use one of {known}.")
    return Account(
        alias=alias,
        client_id=str(source.get("CLIENT_ID") or ""),
        client_secret=source.get("CLIENT_SECRET") or "",
        previous_secrets=_texts(source.get("PREVIOUS_SECRETS")),
    )


def keys(alias: str = DEFAULT_ACCOUNT) -> Account:
    """The keys of ``alias``, to call SkinsBack or to verify what it sends.

    Raises ConfigurationError if they cannot be used. System checks do not run under WSGI, so unusable and public keys
    are refused here too.
    """
    found = account(alias)
    if not found.client_id or not found.client_secret:
        raise ConfigurationError(f"The account {alias!r} lacks its CLIENT_ID or CLIENT_SECRET.")
    if unusable := unusable_keys(found):
        message = f"{' and '.join(unusable)} of the account {alias!r} must be plain characters without blanks: {TRIM}"
        raise ConfigurationError(message)
    if uses_sandbox_secret(found):
        message = f"The account {alias!r} uses the sandbox's public secret although DEBUG is off."
        raise ConfigurationError(f"{message} {SANDBOX_ADVICE}")
    return found


TRIM = "a file or a variable often adds a line break at the end, which .strip() takes off."

SANDBOX_ADVICE = (
    "Anyone could sign notifications with it. Use the secret of your project at SkinsBack, or switch DEBUG on while "
    "you develop. "
    "Tests of your own call django_skinsback.testing.allow_sandbox_secret()."
)


def unusable_keys(found: Account) -> list[str]:
    """Names of the keys that contain a blank or another character that no key has."""
    given = {
        "CLIENT_ID": [found.client_id],
        "CLIENT_SECRET": [found.client_secret],
        "PREVIOUS_SECRETS": found.previous_secrets,
    }
    return [name for name, values in given.items() if any(value and not _is_key(value) for value in values)]


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def uses_sandbox_secret(found: Account) -> bool:
    """Whether a secret is the sandbox's although ``DEBUG`` is off and no test has allowed it."""
    if settings.DEBUG or sandbox_secret_allowed:
        return False
    return not {*SANDBOX_SECRETS.values()}.isdisjoint(found.secrets)


def _texts(value: Any) -> tuple[str, ...]:
    """A list of texts. One text alone is a list of one: its letters must never become secrets of one letter."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def accounts() -> tuple[str, ...]:
    """Aliases of all accounts, the default one first."""
    return (DEFAULT_ACCOUNT, *get("ACCOUNTS"))


def api_url() -> str:
    return str(get("API_URL"))


def websocket_url() -> str:
    return str(get("WEBSOCKET_URL"))


def proxy_url() -> str | None:
    """The HTTP proxy for API calls and the websocket. No ``repr`` shows it, since it may hold a password."""
    value: str | None = hide(get("PROXY_URL"))
    return value


def hide_proxy_url() -> None:
    """Have no ``repr`` of the settings show the proxy's password.

    Django's debug page prints all settings. It hides those whose name says that they hold a secret: not this one.
    """
    given = raw()
    if isinstance(given, dict) and "PROXY_URL" in given:
        given["PROXY_URL"] = proxy_url()


def timeout() -> tuple[float, float]:
    """Seconds to connect, seconds to read."""
    connect, read = get("TIMEOUT")
    return connect, read


def cache_backend() -> str:
    """Dotted path of the backend behind ``CACHE``; empty if there is no such cache."""
    return str(settings.CACHES.get(get("CACHE"), {}).get("BACKEND", ""))


def default_game() -> str:
    return str(get("DEFAULT_GAME"))


def buy_max_price() -> Decimal | None:
    """US dollars above which no purchase may be asked for."""
    value: Decimal | None = get("BUY_MAX_PRICE")
    return value


def low_balance() -> Decimal | None:
    """US dollars under which the project's balance is low."""
    value: Decimal | None = get("LOW_BALANCE")
    return value


def retention_days() -> int:
    """How long raw deliveries are kept."""
    return int(get("RETENTION_DAYS"))


def stuck_after() -> timedelta:
    """How long an open row or a failed delivery may outlast its time before it is flagged for manual review."""
    return timedelta(hours=get("STUCK_AFTER_HOURS"))


def callable_setting(key: str) -> Callable[..., Any] | None:
    """The function a setting names by its dotted path; None where it holds one of its words or nothing."""
    value = get(key)
    if not isinstance(value, str) or "." not in value:
        return None
    return import_string(value)  # type: ignore[no-any-return] # import_string is untyped; checks.py tests callable()
