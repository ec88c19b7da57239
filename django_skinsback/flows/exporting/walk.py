"""Reads the rows of an export page by page. Each page is a short query by primary keys. No cursor stays open."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from .columns import Table

PAGE_ROWS = 2000
"""Number of rows that are read by one query."""

KEYS_AT_ONCE = 50_000
"""Number of primary keys that are kept in memory. They are read by one query, which the filters may make slow."""

Page = list[list[Any]]
"""The values of some rows, in the order of the table's columns."""


def first_keys(rows: QuerySet[Any], limit: int) -> list[Any]:
    """Return the primary keys of at most ``limit`` of these rows, in ascending order."""
    return sorted(set(rows.order_by().values_list("pk", flat=True)[:limit]))


def pages_of_keys(table: Table, using: str, keys: Sequence[Any]) -> Iterator[Page]:
    """Yield the rows with these primary keys, ``PAGE_ROWS`` at a time. Rows that were deleted are left out.

    ``using`` is the alias of the database.
    """
    paths, read = table.paths(), table.reader()
    for start in range(0, len(keys), PAGE_ROWS):
        rows = table.model._default_manager.using(using).filter(pk__in=keys[start : start + PAGE_ROWS])
        found = rows.order_by("pk").values_list(*paths)
        yield [read(row) for row in found]


def pages(table: Table, rows: QuerySet[Any]) -> Iterator[Page]:
    """Yield all of these rows, in the order of the primary key. Rows that are added later are left out.

    The primary keys that match are read first, ``KEYS_AT_ONCE`` by one query. So the filters are evaluated once for
    every 50,000 rows, and not for every page.
    """
    everything = table.model._default_manager.using(rows.db).order_by("-pk")
    highest = everything.values_list("pk", flat=True).first()
    by_key = rows.order_by("pk").values_list("pk", flat=True).filter(pk__lte=highest) if highest is not None else None
    last = None
    while by_key is not None:
        keys = list((by_key if last is None else by_key.filter(pk__gt=last))[:KEYS_AT_ONCE])
        yield from pages_of_keys(table, rows.db, keys)
        if len(keys) < KEYS_AT_ONCE:
            return
        last = keys[-1]
