"""Receives SkinsBack's events by websocket and records them like any other report.

SkinsBack does not send an event again after a reconnect. So an event can be lost, and the sweep must still poll all
rows. The websocket only makes reports arrive sooner. After each connect, the listener polls the purchases that may have
changed while there was no connection.

The connections run in a separate thread: see ``flows.websocket_thread``. The thread that calls ``listen`` records the
events, because it has the site's tenant, router and database connection.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import close_old_connections, transaction

from .. import conf, realtime
from ..models import Purchase
from ..models.fields import utc_now
from ..realtime import Change, Connect, State
from ..statuses import PURCHASE_FINAL, PurchaseStatus
from ..websocket import require_library
from ..wire.notifications import Event
from .ledger.database import database, run
from .ledger.edit import Edit, Source
from .ledger.record import Outcome, change
from .monitoring.balance import store_balance
from .polling.purchases import poll_purchases
from .polling.sweep import Counts
from .progress import OnProgress, no_progress
from .purchases.report import record_report
from .scheduler import Stop
from .websocket_thread import MAX_WAITING_EVENTS, WebsocketThread

logger = logging.getLogger("django_skinsback")

MAY_HAVE_CHANGED = (PurchaseStatus.UNKNOWN, PurchaseStatus.CREATING_TRADE, PurchaseStatus.WAITING_ACCEPT)
"""The statuses that change within minutes.

``accepted`` is not one of them. The sweep finds a rollback of an accepted purchase.
"""

EVENTS = frozenset({"buy_item", "status_change", "balance_change"})
WARN_AFTER = 5
"""After this many failed connections in a row, a warning is logged. This takes about a minute."""

STOP_SECONDS = 0.2
"""The seconds to wait for an event before ``stopped`` is called again."""

GRACE_SECONDS = 5.0
"""The seconds after a stop in which waiting events are still recorded.

The events that are left then are dropped. The sweep polls their purchases.
"""


@dataclass(frozen=True)
class RecordedEvent:
    """The result of recording an event. ``name`` is the name of the event, or ``other`` for an unknown event."""

    name: str
    outcome: Outcome
    purchase: Purchase | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ListenerUpdate:
    """A message about the listener of an account.

    ``kind`` is a new ``State`` of the connection, ``event``, ``caught_up`` or ``catch_up_failed``.
    """

    account: str
    kind: str
    details: dict[str, Any] = field(default_factory=dict)


OnUpdate = Callable[[ListenerUpdate], object]


def record_event(account: str, event: Event) -> RecordedEvent:
    """Record an event and return the result. Never raises.

    If recording fails, the error is logged and the purchase becomes due, so that the sweep polls it.
    """
    name = event.name if event.name in EVENTS else "other"
    try:
        if event.purchase is not None:
            recorded = record_report(event.purchase, Source.SOCKET, account=account)
            return RecordedEvent(name, recorded.outcome, recorded.row)
        if event.balance is not None:
            store_balance(account, event.balance)
            return RecordedEvent(name, Outcome.APPLIED, details={"balance": event.balance})
    except Exception:
        logger.exception("skinsback.event_failed", extra={"account": account, "event": name})
        if not transaction.get_connection(database()).in_atomic_block:
            close_old_connections()  # a lost connection is replaced by a new one
        _make_due(account, event)
        return RecordedEvent(name, Outcome.FAILED)
    return RecordedEvent(name, Outcome.IGNORED)


def _make_due(account: str, event: Event) -> None:
    if event.purchase is None:
        return
    report = event.purchase
    ids = {"custom_id": report.custom_id} if report.custom_id else {"buy_id": report.buy_id}
    try:
        row = Purchase.objects.using(database()).filter(account=account, **ids).first()
        if row is not None:
            change(Purchase, row.pk, Source.SOCKET, _set_due)
    except Exception:
        logger.exception("skinsback.event_lost", extra={"account": account})


def _set_due(edit: Edit[Purchase]) -> None:
    if edit.row.status not in PURCHASE_FINAL:
        edit.set(next_poll_at=edit.now)


def catch_up(account: str, *, now: datetime | None = None, on_progress: OnProgress = no_progress) -> Counts:
    """Poll the purchases that may have changed while there was no connection, and all purchases that are due.

    Return the counts of the sweep.
    """
    due_at = now or utc_now()
    waiting = Purchase.objects.using(database()).filter(
        account=account, status__in=MAY_HAVE_CHANGED, next_poll_at__gt=due_at
    )
    run(lambda: waiting.update(next_poll_at=due_at))
    return poll_purchases(account, now=now, on_progress=on_progress)


def address(account: str) -> realtime.Address:
    """Return the address of the account's websocket. Raise ConfigurationError if the keys or the URL are wrong."""
    keys = conf.keys(account)
    return realtime.Address(
        conf.websocket_url(),
        keys.client_id,
        keys.client_secret,
        allow_plain=settings.DEBUG,
        proxy_url=conf.proxy_url(),
    )


def listen(
    accounts: Iterable[str], on_update: OnUpdate, *, stopped: Callable[[], bool], connect: Connect | None = None
) -> bool:
    """Receive and record the events of these accounts until ``stopped`` returns True.

    The calling thread records the events and calls ``on_update``. If SkinsBack refuses the keys of an account, the
    account is not tried again, and the other accounts continue. If the keys of all accounts are refused, the function
    returns. Returns False if the keys of at least one account were refused, otherwise True.

    Raises ConfigurationError before connecting, if the library, the keys or the URL are missing or wrong.
    """
    if connect is None:
        require_library()
    addresses = {account: address(account) for account in accounts}
    with WebsocketThread(addresses, connect) as sockets:
        listener = _Listener(sockets, on_update, stopped)
        try:
            listener.run()
        finally:
            sockets.stop()
            listener.finish()
    return not listener.refused


class _Listener:
    """Takes events and connection changes from the queue of the websocket thread, and handles them one by one."""

    def __init__(self, sockets: WebsocketThread, on_update: OnUpdate, stopped: Callable[[], bool]) -> None:
        self.refused: set[str] = set()
        self._sockets = sockets
        self._on_update = on_update
        self._stopped = stopped
        self._outcomes: dict[str, Counter[str]] = {account: Counter() for account in sockets.addresses}
        self._to_catch_up: dict[str, None] = {}
        """The accounts that must catch up, in the order in which they connected. The values are not used."""

    def run(self) -> None:
        """Record events and catch up. Return if ``stopped`` returns True, or if all connections have ended."""
        while not self._stopped():
            item = self._sockets.get(0 if self._to_catch_up else STOP_SECONDS)
            if item is not None:
                self._handle(*item)
            elif self._to_catch_up:
                self._catch_up(next(iter(self._to_catch_up)))
            elif self._sockets.has_ended:
                return

    def finish(self) -> None:
        """Record the events that were received before the stop, for at most ``GRACE_SECONDS``.

        Also call ``on_update`` for the last changes of the connections.
        """
        until = time.monotonic() + GRACE_SECONDS
        while (item := self._sockets.get(0)) is not None:
            if isinstance(item[1], Change) or time.monotonic() < until:
                self._handle(*item)

    def _handle(self, account: str, item: Event | Change) -> None:
        if isinstance(item, Event):
            self._record(account, item)
            return
        self._report_change(account, item)
        if item.state is State.CONNECTED:
            self._to_catch_up[account] = None

    def _catch_up(self, account: str) -> None:
        del self._to_catch_up[account]
        close_old_connections()
        try:
            counts = catch_up(account, on_progress=self._record_waiting)
        except Stop:
            return
        except Exception:
            logger.exception("skinsback.catch_up_failed", extra={"account": account})
            self._update(account, "catch_up_failed")
        else:
            self._update(account, "caught_up", asked=counts.asked, changed=counts.changed, stopped_by=counts.stopped_by)
        finally:
            close_old_connections()

    def _record_waiting(self, _rows: int) -> None:
        """Record the events in the queue. Called between two batches of a catch-up. Raise Stop after a stop."""
        if self._stopped():
            raise Stop
        for _ in range(MAX_WAITING_EVENTS):
            if (item := self._sockets.get(0)) is None:
                return
            self._handle(*item)

    def _record(self, account: str, event: Event) -> None:
        close_old_connections()
        recorded = record_event(account, event)
        close_old_connections()
        outcomes = self._outcomes[account]
        outcomes[recorded.outcome] += 1
        extra = {"account": account, "event": recorded.name, "outcome": str(recorded.outcome)}
        first_of_kind = recorded.outcome in {Outcome.UNMATCHED, Outcome.IGNORED} and outcomes[recorded.outcome] == 1
        logger.log(logging.INFO if first_of_kind else logging.DEBUG, "skinsback.event_recorded", extra=extra)
        row, details = recorded.purchase, dict(recorded.details)
        if row is not None:
            details |= {"custom_id": row.custom_id, "buy_id": row.buy_id, "status": row.status}
        self._update(account, "event", event=recorded.name, outcome=str(recorded.outcome), **details)

    def _report_change(self, account: str, change: Change) -> None:
        shown = self._sockets.addresses[account].shown
        match change.state:
            case State.CONNECTING:
                self._update(account, change.state, address=shown)
            case State.CONNECTED:
                logger.info("skinsback.listener_connected", extra={"account": account})
                self._update(account, change.state, address=shown)
            case State.DISCONNECTED:
                extra = {"account": account, "reason": change.reason, "attempts": change.failures}
                level = logging.WARNING if change.failures == WARN_AFTER else logging.INFO
                logger.log(level, "skinsback.listener_disconnected", extra=extra)
                pause = round(change.pause_seconds or 0, 1)
                self._update(account, change.state, reason=change.reason, pause_seconds=pause)
            case State.REFUSED:
                self.refused.add(account)
                logger.error("skinsback.listener_refused", extra={"account": account})
                self._update(account, change.state)
            case State.STOPPED:
                self._update(account, change.state, outcomes=dict(self._outcomes[account]))

    def _update(self, account: str, kind: str, **details: Any) -> None:
        self._on_update(ListenerUpdate(account, str(kind), details))
