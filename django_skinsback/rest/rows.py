"""Reads the rows of one user from the database for writes, because a replica may not have the newest rows yet."""

from typing import Any, TypeVar

from django.db import router
from django.db.models import Model, Prefetch, QuerySet, prefetch_related_objects

from ..models import Deposit, LedgerEntry, Purchase, StatusChange

M = TypeVar("M", bound=Model)
RowModel = TypeVar("RowModel", Deposit, Purchase)


def rows_of(model: type[M], user: Any) -> QuerySet[M]:
    """Return the rows of a model that belong to a user."""
    return model._default_manager.using(router.db_for_write(model)).filter(user_id=user.pk)


def history() -> list[Any]:
    """Return arguments for ``prefetch_related``: the ledger entries and the history of deposits or purchases."""
    entries = LedgerEntry.objects.using(router.db_for_write(LedgerEntry))
    changes = StatusChange.objects.using(router.db_for_write(StatusChange))
    return [Prefetch("entries", entries), Prefetch("changes", changes)]


def with_history(row: RowModel) -> RowModel:
    """Read the ledger entries and the history of one row, and return the row."""
    prefetch_related_objects([row], *history())
    return row
