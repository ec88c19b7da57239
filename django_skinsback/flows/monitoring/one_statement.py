"""Several small queries in one statement, because each statement costs a round trip to the database."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet


def read_together(queries: Sequence[QuerySet[Any]], using: str, columns: str = "found.*") -> list[tuple[Any, ...]]:
    """Return ``(position of the query, *columns)`` for each row of each query.

    All queries must return the same number of columns. ``columns`` is SQL that is applied to the rows of each query:
    with ``COUNT(*)``, there is one row for each query. A query whose condition is never true has no row.

    The statement is written here, because ``QuerySet.union`` cannot limit each query on SQLite.
    """
    statements: list[str] = []
    parameters: list[Any] = []
    for position, query in enumerate(queries):
        try:
            sql, values = query.query.get_compiler(using).as_sql()
        except EmptyResultSet:
            continue
        statements.append(f"SELECT {position} AS part, {columns} FROM ({sql}) found")  # noqa: S608 - from the ORM
        parameters += values
    if not statements:
        return []
    with connections[using].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(statements), parameters)
        return list(cursor.fetchall())
