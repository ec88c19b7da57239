"""Tools for a site's tests: deposits and purchases with any status, signed notifications, and a sandbox.

Install them with ``pip install 'django-skinsback[testing]'``. To get the fixture ``skinsback_sandbox``, write
``pytest_plugins = ["django_skinsback.testing"]`` in ``conftest.py``.
"""

import random
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

try:
    import factory
    import pytest

    from .sandbox import Sandbox
except ImportError as missing:
    raise ImportError(
        f"django_skinsback.testing needs {str(missing.name).partition('.')[0]}: pip install 'django-skinsback[testing]'"
    ) from missing

from . import conf, ratelimit
from .models import Deposit, Purchase
from .models.fields import utc_now
from .statuses import DEPOSIT_FINAL, DEPOSIT_OPEN, DEPOSIT_OURS, PURCHASE_FINAL, PURCHASE_OURS
from .wire.signing import sign

__all__ = [
    "allow_sandbox_secret",
    "make_deposit",
    "make_purchase",
    "post_notification",
    "signed_notification",
    "skinsback_sandbox",
]

SITE_URL = "https://testserver"
"""The address of Django's test client. The fixture uses this address if the site has no setting ``SITE_URL``."""


def allow_sandbox_secret() -> None:
    """Allow this process to use the sandbox's public secret while ``DEBUG`` is off. Tests run with ``DEBUG`` off.

    The pytest plugin calls this function. With another test runner, call this function yourself. Never call this
    function in a process that serves a site.
    """
    conf.sandbox_secret_allowed = True


def pytest_configure() -> None:
    """Allow the sandbox's secret. pytest calls this hook when it starts."""
    allow_sandbox_secret()


def _new_id() -> str:
    """Return a random ID of 18 digits, like SkinsBack's. It is random because processes may share the database."""
    return str(random.SystemRandom().randrange(10**17, 10**18))


class DepositFactory(factory.django.DjangoModelFactory[Deposit]):
    class Meta:
        model = Deposit

    order_id = factory.LazyFunction(lambda: uuid.uuid4().hex)
    status = "pending"
    transaction_id = factory.Maybe(
        factory.LazyAttribute(lambda row: row.status not in DEPOSIT_OURS), factory.LazyFunction(_new_id), None
    )
    game = "cs2"
    finished_at = factory.LazyAttribute(lambda row: utc_now() if row.status in DEPOSIT_FINAL else None)
    next_poll_at = factory.LazyAttribute(lambda row: utc_now() if row.status in DEPOSIT_OPEN else None)


class PurchaseFactory(factory.django.DjangoModelFactory[Purchase]):
    class Meta:
        model = Purchase

    custom_id = factory.LazyFunction(lambda: uuid.uuid4().hex)
    status = "requested"
    buy_id = factory.Maybe(
        factory.LazyAttribute(lambda row: row.status not in PURCHASE_OURS), factory.LazyFunction(_new_id), None
    )
    partner = "90382795"
    token = factory.LazyAttribute(lambda row: "" if row.status in PURCHASE_FINAL else "i1ArBZey")
    steam_id = "76561198050648523"
    game = "cs2"
    market_hash_name = "AK-47 | Safari Mesh (Minimal Wear)"
    max_price = Decimal(10)
    attempts = factory.LazyAttribute(lambda row: 0 if row.status == "requested" else 1)
    submitted_at = factory.LazyAttribute(lambda row: utc_now() if row.attempts else None)
    accepted_at = factory.LazyAttribute(lambda row: utc_now() if row.status == "accepted" else None)
    finished_at = factory.LazyAttribute(lambda row: utc_now() if row.status in PURCHASE_FINAL else None)
    next_poll_at = factory.LazyAttribute(lambda row: None if row.status in PURCHASE_FINAL else utc_now())


def make_deposit(**values: Any) -> Deposit:
    """Save a deposit with these fields and return it. Other fields get valid values. The default status is pending."""
    return DepositFactory.create(**values)


def make_purchase(**values: Any) -> Purchase:
    """Save a purchase with these fields and return it.

    Other fields get valid values. The default status is ``requested``.
    """
    return PurchaseFactory.create(**values)


def signed_notification(
    deposit: Deposit, status: str = "success", *, secret: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Return the signed fields of a notification about ``deposit`` (``/docs/api/v1/callback``).

    ``fields`` adds or replaces fields of the notification. The value None removes a field. The notification is signed
    with ``secret``, or with the secret of the deposit's account if ``secret`` is None. Raises ConfigurationError if the
    account's keys cannot be used.
    """
    message: dict[str, Any] = {
        "status": status,
        "transaction_id": deposit.transaction_id or deposit.order_id,
        "order_id": deposit.order_id,
        "steam_id": deposit.steam_id or "76561198827262007",
        "date": "1596999226",
    }
    if status in {"success", "in_hold", "hold_approved"}:
        message |= {"amount": "10.5", "amount_currency": "usd", "user_amount": "12.6"}
    message = {name: value for name, value in {**message, **fields}.items() if value is not None}
    return {**message, "sign": sign(message, secret or conf.keys(deposit.account).client_secret)}


def post_notification(client: Any, message: Mapping[str, Any], account: str = conf.DEFAULT_ACCOUNT) -> Any:
    """POST ``message`` to the site's Result URL with Django's test client ``client``, and return the response.

    The message is sent form-encoded over https. ``account`` is the alias of the account.
    """
    from django.urls import reverse

    arguments = {} if account == conf.DEFAULT_ACCOUNT else {"account": account}
    return client.post(
        _below_script_name(reverse("skinsback:result", kwargs=arguments)),
        urlencode(_form_pairs(message)),
        content_type="application/x-www-form-urlencoded",
        secure=True,
    )


def _below_script_name(path: str) -> str:
    """Return the path without the prefix ``FORCE_SCRIPT_NAME``.

    ``reverse`` adds this prefix. A server removes the prefix before it calls Django, so the test client must too.
    """
    from django.conf import settings

    script_name = (settings.FORCE_SCRIPT_NAME or "").rstrip("/")
    return path.removeprefix(script_name) if path.startswith(f"{script_name}/") else path


def _form_pairs(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return nested values as pairs of name and value for a form. A nested name has PHP's form ``skins[0][name]``."""
    if isinstance(value, Mapping):
        pairs: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    else:
        return [(name, value)]
    return [pair for key, item in pairs for pair in _form_pairs(item, f"{name}[{key}]" if name else str(key))]


class SiteSandbox(Sandbox):
    """A sandbox that delivers its notifications directly to the views of the site under test, without a network."""

    def __init__(self) -> None:
        from django.test import Client

        super().__init__(manual=True, send=self._post)
        self._site = Client()
        self._problems: list[str] = []

    def deliver_pending(self) -> int:
        """Send every notification that is due and return how many were sent.

        After sending all of them, raises AssertionError if the site raised an exception or answered with a status other
        than 2xx.
        """
        self._problems = []
        sent = super().deliver_pending()
        if self._problems:
            raise AssertionError("\n".join(self._problems))
        return sent

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        sent = {name: value for name, value in headers.items() if name != "Content-Type"}
        path, content_type = _below_script_name(urlsplit(url).path), headers.get("Content-Type", "")
        try:
            answer = self._site.post(path, body, content_type=content_type, headers=sent, secure=True)
        except Exception as error:
            self._problems.append(f"The site raised {error!r} for a notification to {path}.")
            raise
        if not 200 <= answer.status_code < 300:
            reason = answer.content[:200].decode(errors="replace")
            problem = f"The site answered {answer.status_code} ({reason}) to a notification to {path}."
            self._problems.append(f"{problem} The log of django_skinsback says why.")
        return answer.status_code


@pytest.fixture(autouse=True)
def _no_pause_of_another_test() -> Iterator[None]:
    """Delete the pauses of the rate limit before and after each test. The cache may keep them between tests."""
    _forget_limits()
    yield
    _forget_limits()


def _forget_limits() -> None:
    with suppress(Exception):  # the cache may be in the database, and the test may not use the database
        ratelimit.forget()


@pytest.fixture
def skinsback_sandbox(settings: Any) -> Iterator[Sandbox]:
    """Yield a running sandbox. The fixture changes the setting ``SKINSBACK``, so that the site uses the sandbox.

    ``sandbox.deliver_pending()`` delivers the sandbox's notifications to this site's views. It raises AssertionError if
    the site does not answer with 2xx. The sandbox's clock moves only when the test calls ``sandbox.clock.advance()``.
    """
    allow_sandbox_secret()
    with SiteSandbox() as sandbox:
        settings.SKINSBACK = {
            "SITE_URL": SITE_URL,
            **conf.raw(),
            **sandbox.credentials("sandbox"),
            "PREVIOUS_SECRETS": (),
            "API_URL": sandbox.api_url,
            "WEBSOCKET_URL": sandbox.websocket_url,
            "PICTURE_URL": sandbox.picture_url,
            "REQUESTS_PER_MINUTE": None,
            "ACCOUNTS": {"second": sandbox.credentials("sandbox-2")},
        }
        _forget_limits()
        yield sandbox
        _forget_limits()  # the pauses of the account "second", which only these settings have
