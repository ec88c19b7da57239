"""Exact sums of amounts in the database."""

from decimal import Decimal
from typing import Any

from django.db.models import Aggregate, TextField
from django.db.models.expressions import RawSQL

from ...money import EXACT


def _millionths() -> str:
    """Return SQL for what an amount has after the decimal point, as an integer of millionths.

    SQLite stores an amount as a float of 15 significant digits. An amount with ten digits before the point has five
    after it, and so on. The product is rounded to this digit, so that the error of the float is removed.
    """
    fraction = "({amount} - CAST({amount} AS INTEGER))"
    scales = [(9 + lost, 10 ** (6 - lost), 10**lost) for lost in range(6)]
    cases = [
        f"WHEN ABS({{amount}}) < 1e{digits} THEN CAST(ROUND({fraction} * {scale}) AS INTEGER) * {rest}"
        for digits, scale, rest in scales
    ]
    return f"CASE {' '.join(cases)} ELSE 0 * {{amount}} END"


_UNITS = "CAST({amount} AS INTEGER)"
_MILLIONTHS = _millionths()


class ExactSum(Aggregate):
    """The exact sum of an amount column, as a Decimal. It is 0 if there are no values.

    PostgreSQL and MariaDB add decimals exactly. SQLite adds them as floats, so on SQLite units and millionths are added
    as integers. A function in Python takes ten times as long.
    """

    function = "SUM"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Return SQL for a text with two integers: the sum of the units, and the sum of the millionths."""
        amount, *others = self.get_source_expressions()
        column, params = compiler.compile(amount)
        sums: list[str] = []
        all_params: list[Any] = []
        for template in (_UNITS, _MILLIONTHS):
            part = self.copy()
            integer = RawSQL(template.format(amount=column), tuple(params) * template.count("{amount}"))  # noqa: S611 - no text of a user
            part.set_source_expressions([integer, *others])
            sql, values = part.as_sql(compiler, connection, **extra)
            sums.append(sql)
            all_params += values
        return f"({sums[0]} || ' ' || {sums[1]})", all_params

    def convert_value(self, value: Any, _expression: Any, connection: Any) -> Decimal:
        if value is None:
            return Decimal(0)
        if connection.vendor != "sqlite":
            return Decimal(value)
        units, millionths = map(Decimal, value.split())
        return EXACT.add(units, millionths.scaleb(-6, context=EXACT))
