"""Send queued deliveries to the site, without holding the store's lock. Failed deliveries are sent again."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ..simulation.state import Delivery, FailedCallback
from ..simulation.store import Store

logger = logging.getLogger("django_skinsback.sandbox")

NO_ANSWER = 0
_WORKERS = 4
_CONNECT_SECONDS = 3.05
_LONGEST_PAUSE_SECONDS = 0.25

Send = Callable[[str, bytes, dict[str, str]], int]
"""The type of ``send(url, body, headers)``. It sends a delivery and returns the HTTP status, or 0 for no answer."""


def post(url: str, body: bytes, headers: dict[str, str], *, timeout: float) -> int:
    """POST a delivery and return the HTTP status. Return 0 if there is no answer.

    No proxy is used. Redirects are not followed.
    """
    import requests

    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                url,
                data=body,
                headers={"User-Agent": "SkinsBack sandbox", **headers},
                timeout=(_CONNECT_SECONDS, timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return response.status_code
        except (requests.RequestException, ValueError):
            return NO_ANSWER


class WebhookSender:
    """Sends the queued deliveries.

    Deliveries with the same subject are sent one after the other. Deliveries with different subjects are sent in
    parallel.
    """

    def __init__(self, store: Store, send: Send | None = None) -> None:
        self.store = store
        self._send = send or partial(post, timeout=store.options.delivery_timeout)
        self._in_flight: set[int] = set()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._workers: ThreadPoolExecutor | None = None

    def deliver_due(self) -> int:
        """Send every due delivery in this thread, one after the other. Return how many were sent."""
        count = 0
        while batch := self._claim_due():
            for delivery in batch:
                self._deliver(delivery)
            count += len(batch)
        return count

    def start(self) -> None:
        """Start the threads that send deliveries. They also run the store's scheduled actions that are due."""
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="skinsback-sandbox-webhook-worker")
        self._thread = threading.Thread(target=self._run, name="skinsback-sandbox-webhook-sender", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the background threads. Do not wait for deliveries that are being sent."""
        self._stopping.set()
        self.store.changed.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._workers is not None:
            self._workers.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.store.changed.clear()
            for delivery in self._claim_due():
                if self._workers is not None and not self._stopping.is_set():
                    self._workers.submit(self._deliver, delivery)
            next_due = self.store.next_due()
            wait_seconds = _LONGEST_PAUSE_SECONDS
            if next_due is not None:
                wait_seconds = min(max(next_due - self.store.clock.now(), 0.02), _LONGEST_PAUSE_SECONDS)
            self.store.changed.wait(wait_seconds)

    def _claim_due(self) -> list[Delivery]:
        """Mark due deliveries as being sent, and return them.

        Return at most one delivery for each subject. Skip a subject if one of its deliveries is being sent.
        """
        with self.store.locked() as state:
            now = self.store.clock.now()
            busy = {state.deliveries[key].subject for key in self._in_flight if key in state.deliveries}
            due = [d for d in state.deliveries.values() if d.due_at is not None and d.due_at <= now]
            claimed = []
            for delivery in sorted(due, key=lambda d: (d.due_at, d.held_back, d.delivery_id)):
                if delivery.subject not in busy:
                    busy.add(delivery.subject)
                    claimed.append(delivery)
            self._in_flight.update(delivery.delivery_id for delivery in claimed)
            return claimed

    def _deliver(self, delivery: Delivery) -> None:
        try:
            http_code = self._send(delivery.url, delivery.body, dict(delivery.headers))
        except Exception:
            logger.exception("notification %s could not be sent", delivery.delivery_id)
            http_code = NO_ANSWER
        logger.info("notification %s: %s", delivery.summary, http_code or "no answer")
        with self.store.locked():
            self._in_flight.discard(delivery.delivery_id)
            self._record_answer(delivery, http_code)

    def _record_answer(self, delivery: Delivery, http_code: int) -> None:
        """Store the answer to a delivery.

        If the delivery has failed, schedule the next retry, if there is one. If it is about a deposit, also add it to
        the failed callbacks.
        """
        delivery.attempts += 1
        delivery.http_code = http_code
        delivery.delivered = 200 <= http_code < 300
        delays = self.store.options.retry_after
        if delivery.delivered or delivery.attempts > len(delays):
            delivery.due_at = None
        else:
            delivery.due_at = self.store.clock.now() + delays[delivery.attempts - 1]
        if not delivery.delivered and delivery.transaction_id is not None:
            deposit = self.store.state.deposits[delivery.transaction_id]
            self.store.state.failed_callbacks[delivery.delivery_id] = FailedCallback(
                delivery_id=delivery.delivery_id,
                client_id=delivery.client_id,
                transaction_id=deposit.transaction_id,
                order_id=deposit.order_id,
                http_code=http_code,
            )
        self.store.mark_changed()
