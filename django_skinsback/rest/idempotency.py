"""Reads the header Idempotency-Key, and shows whether a request has created a row."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db.models.signals import post_save
from rest_framework.request import Request

from ..models import Deposit, Purchase
from .problems import IdempotencyKeyRequired

KEY_PATTERN = r"^[\x21-\x7e]{1,255}$"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_new_rows: ContextVar[set[tuple[type, Any]] | None] = ContextVar("skinsback_new_rows", default=None)


def idempotency_key(request: Request) -> str:
    """Return the key in the header. Raise IdempotencyKeyRequired if the header is missing or not valid."""
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyRequired
    return f"rest:{key}"  # pages use keys of their own


@contextmanager
def new_rows() -> Iterator[set[tuple[type, Any]]]:
    """Yield a set. For each deposit and purchase that the block inserts, (model, primary key) is added to the set.

    If an earlier request had the same key, a flow returns the row of the earlier request. The set then shows that the
    flow has not created the row.
    """
    rows: set[tuple[type, Any]] = set()
    token = _new_rows.set(rows)
    try:
        yield rows
    finally:
        _new_rows.reset(token)


def _note(sender: type, instance: Any, created: bool, **_other: Any) -> None:
    rows = _new_rows.get()
    if created and rows is not None:
        rows.add((sender, instance.pk))


for model in (Deposit, Purchase):
    post_save.connect(_note, sender=model, dispatch_uid="skinsback.rest")
