"""Refused deliveries. Each one is counted, and a signal is sent to the site. Each reason is logged once a minute."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from ...exceptions import NotificationRefused
from ...models import WebhookEvent
from ...signals import notification_refused

logger = logging.getLogger("django_skinsback")

QUIET_SECONDS = 60

Key = tuple[str, str, str]


class Rejections:
    """Counts the deliveries that this process has refused, by account, kind and reason, and logs them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[Key] = Counter()
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: dict[Key, tuple[float, int]] = {}

    def add(self, account: str, kind: str, error: NotificationRefused, remote_addr: str) -> None:
        """Count a refused delivery, and log it.

        If the same account, kind and reason was logged less than a minute ago, do not log it.
        """
        reason = type(error).__name__
        # A sender can invent account names. So all unknown accounts share one log line and one counter.
        key = (account if reason != "NoSecret" else "", kind, reason)
        with self._lock:
            self.counts[key] += 1
            count, now = self.counts[key], self._clock()
            logged_at, logged_count = self._logged.get(key, (None, 0))
            if logged_at is not None and now - logged_at < QUIET_SECONDS:
                return
            self._logged[key] = (now, count)
        logger.warning(
            "skinsback.notification_refused",
            extra={
                "account": key[0],
                "kind": kind,
                "reason": reason,
                "error": str(error) if reason == "NoSecret" else "",  # other messages may quote the request
                "remote_addr": remote_addr[:64],
                "refused": count - logged_count,
            },
        )


rejections = Rejections()
"""The counter of the deliveries that this process has refused."""


def refuse(account: str, kind: str, error: NotificationRefused, remote_addr: str) -> None:
    """Count and log a refused delivery, and send the signal ``notification_refused``."""
    rejections.add(account, kind, error, remote_addr)
    notification_refused.send_robust(sender=WebhookEvent, account=account, kind=kind, error=error)
