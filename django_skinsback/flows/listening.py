"""The websocket beside the event webhook: its frames are reports like any other, and what it misses is asked for.

Nothing is replayed after a reconnect and nothing proves that a frame came through, so a connection only makes news
come sooner: every new one begins with asking about what may have moved meanwhile, and the sweep goes on as ever.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections

from .. import conf, realtime
from ..models import Purchase
from ..models.fields import utc_now
from ..realtime import Change, Connect, State
from ..statuses import PURCHASE_FINAL, PurchaseStatus
from ..wire.notifications import Event
from .balance import keep_balance
from .database import database, run
from .due import Counts
from .edits import Edit, Source
from .polling import poll_purchases
from .purchase_reports import record_report
from .records import Outcome, change

logger = logging.getLogger("django_skinsback")

T = TypeVar("T")

MAY_HAVE_MOVED = (PurchaseStatus.UNKNOWN, PurchaseStatus.CREATING_TRADE, PurchaseStatus.WAITING_ACCEPT)
"""Sent, and on the way to an end within minutes. A rollback in the days of a hold is left to the sweep."""

EVENTS = frozenset({"buy_item", "status_change", "balance_change"})
OUTAGE = 5
"""So many connections in a row that did not live are worth a warning: a minute without news."""

GRACE_SECONDS = 5.0
"""How long work in hand is waited for when the listener is stopped; what is cut off then is asked for later."""


@dataclass(frozen=True)
class Heard:
    """What became of an event. ``name`` is a word we know, or ``other``."""

    name: str
    outcome: Outcome
    purchase: Purchase | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class News:
    """What a listener has to tell of an account: how its connection fares (``State``), an event, a catch-up."""

    account: str
    what: str
    details: dict[str, Any] = field(default_factory=dict)


Tell = Callable[[News], object]


def record_event(account: str, event: Event) -> Heard:
    """Record what an event says. Never raises: a purchase whose news could not be taken is due now, for the sweep."""
    name = event.name if event.name in EVENTS else "other"
    try:
        if event.purchase is not None:
            recorded = record_report(event.purchase, Source.SOCKET, account=account)
            return Heard(name, recorded.outcome, recorded.row)
        if event.balance is not None:
            keep_balance(account, event.balance)
            return Heard(name, Outcome.APPLIED, details={"balance": event.balance})
    except Exception:
        logger.exception("skinsback.event_failed", extra={"account": account, "event": name})
        _ask_soon(account, event)
        return Heard(name, Outcome.FAILED)
    return Heard(name, Outcome.IGNORED)


def _ask_soon(account: str, event: Event) -> None:
    if event.purchase is None:
        return
    report = event.purchase
    ids = {"custom_id": report.custom_id} if report.custom_id else {"buy_id": report.buy_id}
    try:
        row = Purchase.objects.using(database()).filter(account=account, **ids).first()
        if row is not None:
            change(Purchase, row.pk, Source.SOCKET, _due_now)
    except Exception:
        logger.exception("skinsback.event_lost", extra={"account": account})


def _due_now(edit: Edit[Purchase]) -> None:
    if edit.row.status not in PURCHASE_FINAL:
        edit.set(next_poll_at=edit.now)


def catch_up(account: str, *, now: datetime | None = None) -> Counts:
    """Ask about the purchases that may have moved while nobody listened, and about whatever else is due."""
    moment = now or utc_now()
    waiting = Purchase.objects.using(database()).filter(
        account=account, status__in=MAY_HAVE_MOVED, next_poll_at__gt=moment
    )
    run(lambda: waiting.update(next_poll_at=moment))
    return poll_purchases(account, now=now)


def address(account: str) -> realtime.Address:
    """Where the account's events are heard; ConfigurationError if its keys or ``WEBSOCKET_URL`` are not usable."""
    keys = conf.keys(account)
    return realtime.Address(conf.websocket_url(), keys.client_id, keys.client_secret, allow_plain=settings.DEBUG)


async def listen(accounts: Iterable[str], tell: Tell, *, stop: asyncio.Event, connect: Connect | None = None) -> bool:
    """Listen for all these accounts until ``stop`` is set; False if SkinsBack refused the keys of any of them.

    An account that is refused is not tried again, and the others go on. Raises ConfigurationError before anything is
    connected.
    """
    if connect is None:
        realtime.require_library()
    listeners = [_Listener(account, address(account), tell) for account in accounts]
    together = asyncio.gather(*(listener.run(connect) for listener in listeners))
    stopper = asyncio.create_task(_cancel(together, when=stop))
    try:
        await together
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        stopper.cancel()
        await asyncio.gather(*(listener.finish() for listener in listeners))
    return not any(listener.refused for listener in listeners)


async def _cancel(work: "asyncio.Future[Any]", *, when: asyncio.Event) -> None:
    await when.wait()
    work.cancel()


class _Listener:
    """One account's: records what it hears, one event after the other, and catches up beside that."""

    def __init__(self, account: str, where: realtime.Address, tell: Tell) -> None:
        self.account = account
        self.refused = False
        self._address = where
        self._tell = tell
        self._outcomes: Counter[str] = Counter()
        self._connected = asyncio.Event()
        self._threads: set[threading.Thread] = set()

    async def run(self, connect: Connect | None) -> None:
        catching_up = asyncio.create_task(self._keep_caught_up())
        try:
            await realtime.listen(self._address, self._record, self._fares, connect=connect)
        finally:
            catching_up.cancel()
            await asyncio.gather(catching_up, return_exceptions=True)

    async def finish(self) -> None:
        """Wait a moment for what is still being written."""
        for thread in list(self._threads):
            await asyncio.to_thread(thread.join, GRACE_SECONDS)

    async def _record(self, event: Event) -> None:
        heard = await self._in_thread(lambda: record_event(self.account, event))
        self._outcomes[heard.outcome] += 1
        extra = {"account": self.account, "event": heard.name, "outcome": str(heard.outcome)}
        news = heard.outcome in {Outcome.UNMATCHED, Outcome.IGNORED} and self._outcomes[heard.outcome] == 1
        logger.log(logging.INFO if news else logging.DEBUG, "skinsback.event_heard", extra=extra)
        row, details = heard.purchase, dict(heard.details)
        if row is not None:
            details |= {"custom_id": row.custom_id, "buy_id": row.buy_id, "status": row.status}
        self._say("event", event=heard.name, outcome=str(heard.outcome), **details)

    def _fares(self, change: Change) -> None:
        match change.state:
            case State.CONNECTING:
                self._say(change.state, address=self._address.shown)
            case State.CONNECTED:
                logger.info("skinsback.listener_connected", extra={"account": self.account})
                self._say(change.state, address=self._address.shown)
                self._connected.set()
            case State.DISCONNECTED:
                extra = {"account": self.account, "reason": change.reason, "attempts": change.vain}
                level = logging.WARNING if change.vain == OUTAGE else logging.INFO
                logger.log(level, "skinsback.listener_disconnected", extra=extra)
                self._say(change.state, reason=change.reason, pause_seconds=round(change.pause_seconds or 0, 1))
            case State.REFUSED:
                self.refused = True
                logger.error("skinsback.listener_refused", extra={"account": self.account})
                self._say(change.state)
            case State.STOPPED:
                self._say(change.state, outcomes=dict(self._outcomes))

    async def _keep_caught_up(self) -> None:
        while True:
            await self._connected.wait()
            self._connected.clear()
            try:
                counts = await self._in_thread(lambda: catch_up(self.account))
            except Exception:
                logger.exception("skinsback.catch_up_failed", extra={"account": self.account})
                self._say("catch_up_failed")
            else:
                self._say("caught_up", asked=counts.asked, changed=counts.changed, stopped_by=counts.stopped_by)

    def _say(self, what: str, **details: Any) -> None:
        self._tell(News(self.account, str(what), details))

    async def _in_thread(self, act: Callable[[], T]) -> T:
        """Do it in a thread with database connections of its own: pings must go out however long it takes.

        The thread is a daemon, so that a database that does not answer keeps no process from ending.
        """
        result: Future[T] = Future()
        result.set_running_or_notify_cancel()

        def work() -> None:
            settle: Callable[[], None]
            try:
                settle = partial(result.set_result, act())
            except BaseException as error:  # noqa: BLE001 - whoever awaits the result gets it
                settle = partial(result.set_exception, error)
            with suppress(Exception):
                connections.close_all()
            settle()

        thread = threading.Thread(target=work, name=f"skinsback-listener-{self.account}", daemon=True)
        self._threads = {other for other in self._threads if other.is_alive()} | {thread}
        thread.start()
        return await asyncio.wrap_future(result)
