"""Exact sums of amounts in the database."""

import sqlite3
from contextlib import suppress
from decimal import Context, Decimal
from typing import Any

from django.db.models import Aggregate, Func, TextField

from ...money import EXACT

_AS_STORED = Context(prec=15)  # the digits that SQLite keeps of an amount
_JOIN = " || ' ' || "


class ExactSum(Aggregate):
    """The exact sum of an amount column, as a Decimal. It is 0 if there are no values.

    PostgreSQL and MariaDB add decimals exactly. SQLite adds them as floats. So on SQLite, amounts below a thousand
    million are added as integers of millionths, and a Python function adds larger amounts. A Python function for all
    amounts takes twenty times as long.
    """

    function = "SUM"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Return SQL for the text of three sums: whole units, millionths, and large amounts.

        A float of 15 digits times a million is less than 0.25 away from the right integer if the amount is small.
        Units and millionths are added apart, so that no sum is larger than SQLite's integers.
        """
        connection.ensure_connection()
        with suppress(sqlite3.OperationalError):  # a query is open, so the function exists already
            connection.connection.create_aggregate("skinsback_exact_sum", 1, _SQLiteSum)
        amount, *others = self.get_source_expressions()
        millionths = Func(
            amount,
            amount,
            template="CASE WHEN ABS(%(expressions)s * 1000000) AS INTEGER) END",
            arg_joiner=") < 1000000000 THEN CAST(ROUND(",
        )
        large = Func(amount, amount, template="CASE WHEN ABS(%(expressions)s END", arg_joiner=") >= 1000000000 THEN ")
        parts: list[str] = []
        params: list[Any] = []
        for expression, template in (
            (millionths, "SUM((%(expressions)s) / 1000000)"),
            (millionths, "SUM((%(expressions)s) %%%% 1000000)"),
            (large, "skinsback_exact_sum(%(expressions)s)"),
        ):
            part = self.copy()
            part.set_source_expressions([expression, *others])
            part.template = template
            sql, values = part.as_sql(compiler, connection, **extra)
            parts.append(f"COALESCE({sql}, 0)")
            params += values
        return f"({_JOIN.join(parts)})", params

    def convert_value(self, value: Any, _expression: Any, connection: Any) -> Decimal:
        if value is None:
            return Decimal(0)
        if connection.vendor != "sqlite":
            return Decimal(value)
        units, millionths, large = map(Decimal, value.split())
        return EXACT.add(EXACT.add(units, millionths.scaleb(-6, context=EXACT)), large)


class _SQLiteSum:
    def __init__(self) -> None:
        self.total = Decimal(0)

    def step(self, value: float | int | None) -> None:
        if value is not None:
            amount = Decimal(value) if isinstance(value, int) else _AS_STORED.create_decimal_from_float(value)
            self.total = EXACT.add(self.total, amount)

    def finalize(self) -> str:
        return f"{self.total:f}"
