"""Exact sums of amounts in the database."""

import sqlite3
from contextlib import suppress
from decimal import Context, Decimal
from typing import Any

from django.db.models import Aggregate, TextField

from ...money import EXACT

_AS_STORED = Context(prec=15)  # the digits that SQLite keeps of an amount


class ExactSum(Aggregate):
    """The exact sum of an amount column, as a Decimal. It is 0 if there are no values.

    PostgreSQL and MariaDB add decimals exactly. SQLite adds them as floats, so on SQLite a Python function adds.
    """

    function = "SUM"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        connection.ensure_connection()
        with suppress(sqlite3.OperationalError):  # a query is open, so the function exists already
            connection.connection.create_aggregate("skinsback_exact_sum", 1, _SQLiteSum)
        return self.as_sql(compiler, connection, function="skinsback_exact_sum", **extra)

    def convert_value(self, value: Any, _expression: Any, _connection: Any) -> Decimal:
        return Decimal(0) if value is None else Decimal(value)


class _SQLiteSum:
    def __init__(self) -> None:
        self.total = Decimal(0)

    def step(self, value: float | int | None) -> None:
        if value is not None:
            amount = Decimal(value) if isinstance(value, int) else _AS_STORED.create_decimal_from_float(value)
            self.total = EXACT.add(self.total, amount)

    def finalize(self) -> str:
        return f"{self.total:f}"
