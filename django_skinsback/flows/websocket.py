"""The websocket beside the event webhook: its frames are reports like any other, and what it misses is asked for.

Nothing is replayed after a reconnect and nothing proves that a frame came through, so a connection only makes news
come sooner: every new one begins with asking about what may have moved meanwhile, and the sweep goes on as ever.

The connections live in a thread of their own, see ``flows.websocket_thread``. Events are recorded by the thread that
calls ``listen``, which has the site's tenant, router and database connection.
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
from ..wire.notifications import Event
from .ledger.database import database, run
from .ledger.edit import Edit, Source
from .ledger.record import Outcome, change
from .monitoring.balance import store_balance
from .polling.purchases import poll_purchases
from .polling.queue import Advance, Counts, nobody
from .purchases.report import record_report
from .scheduler import Stop
from .websocket_thread import EVENTS_ATMOST, WebsocketThread

logger = logging.getLogger("django_skinsback")

MAY_HAVE_MOVED = (PurchaseStatus.UNKNOWN, PurchaseStatus.CREATING_TRADE, PurchaseStatus.WAITING_ACCEPT)
"""Sent, and on the way to an end within minutes. A rollback in the days of a hold is left to the sweep."""

EVENTS = frozenset({"buy_item", "status_change", "balance_change"})
OUTAGE = 5
"""So many connections in a row that did not live are worth a warning: a minute without news."""

STOP_SECONDS = 0.2
"""How long to wait for an event before looking whether to stop."""

GRACE_SECONDS = 5.0
"""How long the events that were received are still recorded when the listener is stopped; the sweep asks later."""


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
            store_balance(account, event.balance)
            return Heard(name, Outcome.APPLIED, details={"balance": event.balance})
    except Exception:
        logger.exception("skinsback.event_failed", extra={"account": account, "event": name})
        if not transaction.get_connection(database()).in_atomic_block:
            close_old_connections()  # a connection that was lost is opened anew
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


def catch_up(account: str, *, now: datetime | None = None, advance: Advance = nobody) -> Counts:
    """Ask about the purchases that may have moved while nobody listened, and about whatever else is due."""
    moment = now or utc_now()
    waiting = Purchase.objects.using(database()).filter(
        account=account, status__in=MAY_HAVE_MOVED, next_poll_at__gt=moment
    )
    run(lambda: waiting.update(next_poll_at=moment))
    return poll_purchases(account, now=now, advance=advance)


def address(account: str) -> realtime.Address:
    """Where the account's events are heard; ConfigurationError if its keys or ``WEBSOCKET_URL`` are not usable."""
    keys = conf.keys(account)
    return realtime.Address(
        conf.websocket_url(),
        keys.client_id,
        keys.client_secret,
        allow_plain=settings.DEBUG,
        proxy_url=conf.proxy_url(),
    )


def listen(accounts: Iterable[str], tell: Tell, *, stopped: Callable[[], bool], connect: Connect | None = None) -> bool:
    """Listen for all these accounts until ``stopped``; False if SkinsBack refused the keys of any of them.

    An account that is refused is not tried again, and the others go on. Raises ConfigurationError before anything is
    connected. The calling thread records the events.
    """
    if connect is None:
        realtime.require_library()
    addresses = {account: address(account) for account in accounts}
    with WebsocketThread(addresses, connect) as sockets:
        listener = _Listener(sockets, tell, stopped)
        try:
            listener.run()
        finally:
            sockets.stop()
            listener.finish()
    return not listener.refused


class _Listener:
    """Takes events and changes of the connections from the queue, and records them one after the other."""

    def __init__(self, sockets: WebsocketThread, tell: Tell, stopped: Callable[[], bool]) -> None:
        self.refused: set[str] = set()
        self._sockets = sockets
        self._tell = tell
        self._stopped = stopped
        self._outcomes: dict[str, Counter[str]] = {account: Counter() for account in sockets.addresses}
        self._behind: dict[str, None] = {}
        """Accounts that have connected since they caught up, in that order."""

    def run(self) -> None:
        """Go on until ``stopped``, or until every account is refused."""
        while not self._stopped():
            item = self._sockets.get(0 if self._behind else STOP_SECONDS)
            if item is not None:
                self._take(*item)
            elif self._behind:
                self._catch_up(next(iter(self._behind)))
            elif self._sockets.has_ended:
                return

    def finish(self) -> None:
        """Record what was received before the end, and say how the connections ended. Nothing is asked for."""
        until = time.monotonic() + GRACE_SECONDS
        while (item := self._sockets.get(0)) is not None:
            if isinstance(item[1], Change) or time.monotonic() < until:
                self._take(*item)

    def _take(self, account: str, what: Event | Change) -> None:
        if isinstance(what, Event):
            self._record(account, what)
            return
        self._note_change(account, what)
        if what.state is State.CONNECTED:
            self._behind[account] = None

    def _catch_up(self, account: str) -> None:
        del self._behind[account]
        close_old_connections()
        try:
            counts = catch_up(account, advance=self._record_waiting)
        except Stop:
            return
        except Exception:
            logger.exception("skinsback.catch_up_failed", extra={"account": account})
            self._say(account, "catch_up_failed")
        else:
            self._say(account, "caught_up", asked=counts.asked, changed=counts.changed, stopped_by=counts.stopped_by)
        finally:
            close_old_connections()

    def _record_waiting(self, _rows: int) -> None:
        """Between two batches of a catch-up: record the events that came meanwhile, and end it if that is asked for."""
        if self._stopped():
            raise Stop
        for _ in range(EVENTS_ATMOST):
            if (item := self._sockets.get(0)) is None:
                return
            self._take(*item)

    def _record(self, account: str, event: Event) -> None:
        close_old_connections()
        heard = record_event(account, event)
        close_old_connections()
        outcomes = self._outcomes[account]
        outcomes[heard.outcome] += 1
        extra = {"account": account, "event": heard.name, "outcome": str(heard.outcome)}
        news = heard.outcome in {Outcome.UNMATCHED, Outcome.IGNORED} and outcomes[heard.outcome] == 1
        logger.log(logging.INFO if news else logging.DEBUG, "skinsback.event_heard", extra=extra)
        row, details = heard.purchase, dict(heard.details)
        if row is not None:
            details |= {"custom_id": row.custom_id, "buy_id": row.buy_id, "status": row.status}
        self._say(account, "event", event=heard.name, outcome=str(heard.outcome), **details)

    def _note_change(self, account: str, change: Change) -> None:
        shown = self._sockets.addresses[account].shown
        match change.state:
            case State.CONNECTING:
                self._say(account, change.state, address=shown)
            case State.CONNECTED:
                logger.info("skinsback.listener_connected", extra={"account": account})
                self._say(account, change.state, address=shown)
            case State.DISCONNECTED:
                extra = {"account": account, "reason": change.reason, "attempts": change.vain}
                level = logging.WARNING if change.vain == OUTAGE else logging.INFO
                logger.log(level, "skinsback.listener_disconnected", extra=extra)
                pause = round(change.pause_seconds or 0, 1)
                self._say(account, change.state, reason=change.reason, pause_seconds=pause)
            case State.REFUSED:
                self.refused.add(account)
                logger.error("skinsback.listener_refused", extra={"account": account})
                self._say(account, change.state)
            case State.STOPPED:
                self._say(account, change.state, outcomes=dict(self._outcomes[account]))

    def _say(self, account: str, what: str, **details: Any) -> None:
        self._tell(News(account, str(what), details))
