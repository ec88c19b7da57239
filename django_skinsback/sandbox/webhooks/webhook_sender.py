"""Carries notifications to the merchant's server, again if it does not take them. Never holds the state meanwhile."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ..simulation.state import Delivery, FailedCallback
from ..simulation.store import World

logger = logging.getLogger("django_skinsback.sandbox")

NO_ANSWER = 0
CARRIERS = 4
CONNECT_SECONDS = 3.05

Send = Callable[[str, bytes, dict[str, str]], int]
"""``send(url, body, headers)`` posts a notification and returns the HTTP status, 0 for no answer."""


def post(url: str, body: bytes, headers: dict[str, str], *, timeout: float) -> int:
    """Send over HTTP, without proxies and without following redirects."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                url,
                data=body,
                headers={"User-Agent": "SkinsBack sandbox", **headers},
                timeout=(CONNECT_SECONDS, timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return response.status_code
        except (requests.RequestException, ValueError):
            return NO_ANSWER


class Courier:
    """Deliveries of one subject go one after the other; different subjects may overtake each other."""

    def __init__(self, world: World, send: Send | None = None) -> None:
        self.world = world
        self._send = send or partial(post, timeout=world.options.delivery_timeout)
        self._under_way: set[int] = set()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._carriers: ThreadPoolExecutor | None = None

    def deliver_due(self) -> int:
        """Send everything that is due, here and now, in order. Answers how many were sent."""
        count = 0
        while batch := self._claim():
            for delivery in batch:
                self._carry(delivery)
            count += len(batch)
        return count

    def start(self) -> None:
        """Deliver in the background, and let the world's clock drive the world."""
        self._carriers = ThreadPoolExecutor(CARRIERS, thread_name_prefix="skinsback-sandbox-carrier")
        self._thread = threading.Thread(target=self._run, name="skinsback-sandbox-courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop delivering; what is under way is not waited for longer than a moment."""
        self._stopping.set()
        self.world.wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._carriers is not None:
            self._carriers.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.world.wake.clear()
            for delivery in self._claim():
                if self._carriers is not None and not self._stopping.is_set():
                    self._carriers.submit(self._carry, delivery)
            next_due = self.world.next_due()
            pause = 0.25 if next_due is None else min(max(next_due - self.world.clock.now(), 0.02), 0.25)
            self.world.wake.wait(pause)

    def _claim(self) -> list[Delivery]:
        with self.world.work() as state:
            now = self.world.clock.now()
            busy = {state.deliveries[key].subject for key in self._under_way if key in state.deliveries}
            due = [d for d in state.deliveries.values() if d.due_at is not None and d.due_at <= now]
            claimed = []
            for delivery in sorted(due, key=lambda d: (d.due_at, d.held_back, d.delivery_id)):
                if delivery.subject not in busy:
                    busy.add(delivery.subject)
                    claimed.append(delivery)
            self._under_way.update(delivery.delivery_id for delivery in claimed)
            return claimed

    def _carry(self, delivery: Delivery) -> None:
        try:
            http_code = self._send(delivery.url, delivery.body, dict(delivery.headers))
        except Exception:
            logger.exception("notification %s could not be sent", delivery.delivery_id)
            http_code = NO_ANSWER
        logger.info("notification %s: %s", delivery.summary, http_code or "no answer")
        with self.world.work():
            self._under_way.discard(delivery.delivery_id)
            self._record(delivery, http_code)

    def _record(self, delivery: Delivery, http_code: int) -> None:
        delivery.attempts += 1
        delivery.http_code = http_code
        delivery.delivered = 200 <= http_code < 300
        pauses = self.world.options.retry_after
        if delivery.delivered or delivery.attempts > len(pauses):
            delivery.due_at = None
        else:
            delivery.due_at = self.world.clock.now() + pauses[delivery.attempts - 1]
        if not delivery.delivered and delivery.transaction_id is not None:
            deposit = self.world.state.deposits[delivery.transaction_id]
            self.world.state.failed_callbacks[delivery.delivery_id] = FailedCallback(
                delivery_id=delivery.delivery_id,
                client_id=delivery.client_id,
                transaction_id=deposit.transaction_id,
                order_id=deposit.order_id,
                http_code=http_code,
            )
        self.world.touch()
