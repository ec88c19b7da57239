"""Idempotency keys. A second call with the same key of the same person returns the row of the first call."""

import hashlib
import json
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ...exceptions import IdempotencyConflict
from ...money import amount_text
from .database import current, database
from .edit import Row


def key_digest(account: str, person: Any, key: str, position: int = 0) -> str | None:
    """Return the digest for the column ``idempotency_digest``. Return None if ``key`` is empty.

    ``person`` is the user of the row, or the operator if the row has no user. ``position`` is the index of the skin in
    a batch.
    """
    if not key:
        return None
    owner = "" if person is None else str(person.pk)
    return digest([account, owner, key, position])


def request_digest(**parameters: Any) -> str:
    """Return the digest of a request's parameters. Two requests with different digests have different parameters."""
    return digest(parameters)


def find_earlier(model: type[Row], key: str | None, request: str, *, is_taken: bool = False) -> Row | None:
    """Return the row that was made with this key digest. Return None if there is no such row or ``key`` is None.

    Raises IdempotencyConflict if the row was made with other parameters.

    Pass ``is_taken=True`` after an insert has failed because the key exists. Then the newest version is read with a
    lock, so the row is found even if the snapshot of the caller's transaction does not contain it. With
    ``is_taken=False`` nothing is locked, because a lock on a missing key would block the inserts of other processes.
    """
    if key is None:
        return None
    rows = model._default_manager.using(database()).filter(idempotency_digest=key)
    row: Row | None = (newest(rows) if is_taken else rows).first()
    if row is not None and row.request_digest != request:
        raise IdempotencyConflict
    return row


def newest(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Return a query for ``rows`` that reads the newest version of the rows.

    Inside a database transaction, the result is ``current(rows)``. Outside, ``rows`` is returned unchanged.
    """
    return current(rows) if transaction.get_connection(database()).in_atomic_block else rows


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON, in hexadecimal. The amounts 8.2 and 8.20 have the same digest."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_text).encode()).hexdigest()


def _text(value: object) -> str:
    return amount_text(value) if isinstance(value, Decimal) else str(value)
