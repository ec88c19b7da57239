"""A Celery message that makes due work sooner. The row is the work; a bell nobody hears costs only time."""

import logging
import sys
from functools import partial
from typing import Any

from django.db import transaction

from .ledger.database import database

logger = logging.getLogger("django_skinsback")

_PATIENCE_SECONDS = 1
_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": _PATIENCE_SECONDS,  # these two are Redis's
    "socket_timeout": _PATIENCE_SECONDS,
    "read_timeout": _PATIENCE_SECONDS,  # these two RabbitMQ's
    "write_timeout": _PATIENCE_SECONDS,
    "max_retries": 0,
}


def ring(task: str, *args: Any) -> None:
    """After the commit, ask a worker to run ``task`` now, where the site uses Celery and has a broker."""
    transaction.on_commit(partial(_ring, task, args), using=database(), robust=True)


def _ring(task: str, args: tuple[Any, ...]) -> None:
    celery = sys.modules.get("celery")  # a site that uses Celery has imported it; others do not pay for it
    if celery is None:
        return
    app = celery.current_app
    if not app.conf.broker_url:
        return
    options = {**app.conf.broker_transport_options, **_TRANSPORT_OPTIONS}
    try:
        with app.connection_for_write(connect_timeout=_PATIENCE_SECONDS, transport_options=options) as connection:
            app.signature(task, args=args).apply_async(connection=connection, retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001 - every transport raises its own; the sweep does the work anyway
        logger.warning("skinsback.bell_unheard", extra={"task": task, "error": type(error).__name__})
