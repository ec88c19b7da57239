"""Idempotency keys: the same key of the same person returns the row that was made before."""

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
    """Digest for the column ``idempotency_digest``; None without a key.

    ``person`` is the user, or the operator where there is no user. ``position`` is the place in a batch.
    """
    if not key:
        return None
    owner = "" if person is None else str(person.pk)
    return digest([account, owner, key, position])


def request_digest(**parameters: Any) -> str:
    """Digest of the parameters of a request, to tell a repetition from another request with the same key."""
    return digest(parameters)


def find_earlier(model: type[Row], key: str | None, request: str, *, is_taken: bool = False) -> Row | None:
    """Return the row that was made with this key digest; None if there is none, or without a key.

    ``is_taken`` says that an insert found the key taken, perhaps by a row that the caller's snapshot does not show.
    Before the insert nothing is locked: a lock on a key that does not exist keeps others from inserting theirs.

    Raises IdempotencyConflict if that row was made with other parameters.
    """
    if key is None:
        return None
    rows = model._default_manager.using(database()).filter(idempotency_digest=key)
    row: Row | None = (newest(rows) if is_taken else rows).first()
    if row is not None and row.request_digest != request:
        raise IdempotencyConflict
    return row


def newest(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Have a query outside the recorded path read past the snapshot of the caller's transaction, if there is one."""
    return current(rows) if transaction.get_connection(database()).in_atomic_block else rows


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON. Zeros that a database adds to the end of an amount do not change it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_text).encode()).hexdigest()


def _text(value: object) -> str:
    return amount_text(value) if isinstance(value, Decimal) else str(value)
