"""Exact sums of amounts in the database. SQLite adds decimals as floats, so millionths are added there as integers."""

from decimal import Decimal
from typing import Any

from django.db.models import IntegerField, Sum

from ...money import EXACT

MILLIONTHS = 1_000_000


class SumInMillionths(Sum):
    """The exact sum of an amount column in millionths, as an int. ``amount_of`` makes an amount of it.

    Do not pass ``filter``: use a condition of the query, or ``Case`` as the expression.
    """

    template = f"SUM(%(expressions)s) * {MILLIONTHS}"

    def __init__(self, expression: Any) -> None:
        super().__init__(expression, output_field=IntegerField())

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = f"SUM(CAST(ROUND(%(expressions)s * {MILLIONTHS}) AS INTEGER))"
        return self.as_sql(compiler, connection, template=template, **context)


def amount_of(millionths: int | None) -> Decimal:
    """Return the amount of a sum in millionths. Return 0 for None, which is the sum of no rows."""
    return Decimal(millionths or 0).scaleb(-6, context=EXACT)
