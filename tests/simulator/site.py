"""One site and one sandbox, created anew for each history."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from unittest import mock

import requests
import time_machine
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from django_skinsback import connection as clients
from django_skinsback.client import SkinsBackClient
from django_skinsback.flows.ledger import database
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.webhooks import replay
from django_skinsback.models import (
    BalanceSnapshot,
    Deposit,
    Discrepancy,
    HoldGuard,
    LedgerEntry,
    ListCursor,
    Purchase,
    StatusChange,
    UserGuard,
    WebhookEvent,
)
from django_skinsback.sandbox import Options, Sandbox
from django_skinsback.signals import entry_posted
from tests.wallet.models import Wallet

from .crashes import Crashes
from .transport import SandboxAdapter, WebhookDelivery

BEGIN = 1_750_000_000
"""Start time of every history in UNIX seconds."""

PARTNERS = ("38734273", "90382795", "12345678")
TRADE_URLS = [f"https://steamcommunity.com/tradeoffer/new/?partner={partner}&token=i1ArBZey" for partner in PARTNERS]
STEAM_IDS = [str(76561197960265728 + int(partner)) for partner in PARTNERS]
RETRIES = (30, 600)
"""Seconds after which the sandbox repeats a delivery that was not answered with 2xx."""

FIRST_BALANCES = (Decimal(1000), Decimal(100), Decimal(0))
"""First balances of the three users."""

TABLES = (
    UserGuard,
    HoldGuard,
    LedgerEntry,
    StatusChange,
    WebhookEvent,
    BalanceSnapshot,
    Discrepancy,
    ListCursor,
    Deposit,
    Purchase,
    Wallet,
)


SWALLOWED_EVERY = 2
"""While the site's receiver swallows errors, one occurs at every second entry."""


class ReceiverFailed(Exception):
    """Raised by the site's receiver of ``entry_posted`` while it is broken."""


def hold_policy(deposit: Deposit) -> bool:
    """A hold policy that approves one user, refuses another, and raises for the third."""
    if deposit.user.username == "modest":
        raise ValueError("no policy for this user")
    return bool(deposit.user.username == "rich")


class Site:
    """The real models, views and flows. ``close()`` undoes all patches."""

    def __init__(self, *, notification_format: Any = "form", **options: Any) -> None:
        self._stack = ExitStack()
        self.crashes = Crashes()
        self.crash_in_delivery: int | None = None
        self.broken = False
        self.swallows = False
        self.swallowed = 0
        self._entries = 0
        self._clock = self._stack.enter_context(time_machine.travel(datetime.fromtimestamp(BEGIN, UTC), tick=False))
        self.deliveries = WebhookDelivery(self._crash_in_delivery_at)
        self.sandbox = Sandbox(
            manual=True,
            start=BEGIN,
            send=self.deliveries,
            options=Options(rate_limit=None, retry_after=RETRIES, notification_format=notification_format),
        )
        self.sandbox.configure(events_url="https://shop.example/skinsback/events/")
        self.api = SandboxAdapter(self.sandbox, self.crashes)
        session = requests.Session()
        session.mount("http://", self.api)
        given = {
            **settings.SKINSBACK,
            **self.sandbox.credentials(),
            "API_URL": "http://localhost/api.php",
            "ACCOUNTS": {},
            **options,
        }
        self._enter(override_settings(SKINSBACK=given))
        make_client = partial(SkinsBackClient, session=session, sleep=lambda _seconds: None, random=lambda: 0.5)
        self._enter(mock.patch.object(clients, "SkinsBackClient", make_client))
        self._enter(mock.patch.object(clients, "_local", type("Local", (), {})()))
        self._enter(mock.patch.object(database, "_LONGEST_PAUSE_SECONDS", 0))
        for receiver in (self._break, self._swallow):
            entry_posted.connect(receiver)
            self._stack.callback(entry_posted.disconnect, receiver)
        self._empty_tables()
        self.users = self._make_users()
        self._enter(self.crashes.watching())

    def _enter(self, context: Any) -> None:
        self._stack.enter_context(context)

    def close(self) -> None:
        self._stack.close()

    def _break(self, **_arguments: Any) -> None:
        if self.broken:
            raise ReceiverFailed

    def _swallow(self, **_arguments: Any) -> None:
        """Provoke a unique violation in the site's own table and catch it without a savepoint."""
        self._entries += 1
        if self.swallows and self._entries % SWALLOWED_EVERY == 0:
            self.swallowed += 1
            with suppress(IntegrityError):
                get_user_model().objects.create(username="operator")

    @staticmethod
    def _empty_tables() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for model in (*TABLES, get_user_model()):
                cursor.execute(f"DELETE FROM {model._meta.db_table}")

    @staticmethod
    def _make_users() -> list[Any]:
        users = [get_user_model().objects.create(username=name) for name in ("rich", "modest", "poor", "operator")]
        wallets = [Wallet(user=user, balance=money) for user, money in zip(users[:3], FIRST_BALANCES, strict=True)]
        Wallet.objects.bulk_create(wallets)
        return users

    @contextmanager
    def _crash_in_delivery_at(self) -> Iterator[None]:
        point, self.crash_in_delivery = self.crash_in_delivery, None
        with self.crashes.at(point):
            yield

    def advance(self, seconds: float) -> None:
        """Advance the clocks of the site and of the sandbox."""
        self._clock.shift(seconds)
        self.sandbox.clock.advance(seconds=seconds)

    @contextmanager
    def clock_ahead(self, seconds: float) -> Iterator[None]:
        """Set the site's clock ahead inside the block; SkinsBack's clock stays right."""
        self._clock.shift(seconds)
        try:
            yield
        finally:
            self._clock.shift(-seconds)

    def deliver(self, crash: int | None = None) -> None:
        """Send all due notifications. ``crash`` is the point in the first delivery at which the site dies."""
        self.crash_in_delivery = crash
        self.sandbox.deliver_pending()
        self.crash_in_delivery = None

    def sweep(self) -> None:
        """Run the tasks that beat starts."""
        replay.apply_kept()
        poll_deposits()
        poll_purchases()

    def stop_faults(self) -> None:
        """Turn off all faults."""
        self.broken = self.swallows = False
        self.api.planned_faults.clear()
        self.sandbox.faults.remove()
