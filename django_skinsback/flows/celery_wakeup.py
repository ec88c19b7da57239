"""Sends a Celery message so that due work is done sooner.

The work to do is stored in the database, not in the message. So a lost message only delays the work.
"""

import logging
import sys
from functools import partial
from typing import Any

from django.db import transaction

from .ledger.database import database

logger = logging.getLogger("django_skinsback")

_TIMEOUT_SECONDS = 1
_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": _TIMEOUT_SECONDS,  # this option and the next one are for Redis
    "socket_timeout": _TIMEOUT_SECONDS,
    "read_timeout": _TIMEOUT_SECONDS,  # this option and the next one are for RabbitMQ
    "write_timeout": _TIMEOUT_SECONDS,
    "max_retries": 0,
}


def send_task_after_commit(task: str, *args: Any) -> None:
    """Send a message for a Celery task after the commit. Do nothing if the site has no Celery or no broker.

    Connecting to the broker may take at most one second. If it fails, it is not tried again: the error is logged and
    not raised.
    """
    transaction.on_commit(partial(_send_task, task, args), using=database(), robust=True)


def _send_task(task: str, args: tuple[Any, ...]) -> None:
    celery = sys.modules.get("celery")  # imported already if the site uses Celery; otherwise it may not be installed
    if celery is None:
        return
    app = celery.current_app
    if not app.conf.broker_url:
        return
    options = {**app.conf.broker_transport_options, **_TRANSPORT_OPTIONS}
    try:
        with app.connection_for_write(connect_timeout=_TIMEOUT_SECONDS, transport_options=options) as connection:
            app.signature(task, args=args).apply_async(connection=connection, retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001 - each transport raises its own errors; the sweep does the work later
        logger.warning("skinsback.celery_enqueue_failed", extra={"task": task, "error": type(error).__name__})
