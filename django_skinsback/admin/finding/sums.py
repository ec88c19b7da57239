"""Sums of the rows of a filtered list, one per currency."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.functional import Promise

from ...flows.ledger.sums import ExactSum
from ...money import add_to
from .. import display


@dataclass(frozen=True, slots=True)
class Sum:
    """One sum of a list: the column of the amounts, and the column of their currency.

    Without ``currency``, the amounts are in US dollars. ``split_by`` is a column with choices: each of its values has a
    sum of its own, and its label is used instead of ``label``.
    """

    label: Promise | str
    amount: str
    currency: str = ""
    split_by: str = ""


def sums_of(rows: QuerySet[Any], sums: Sequence[Sum]) -> list[tuple[str, list[str]]]:
    """Return pairs of a label and the sums in each currency, as text. A sum without amounts is left out.

    The database adds the amounts of each group of currencies.
    """
    amounts = list(dict.fromkeys(each.amount for each in sums))
    groups = sorted({name for each in sums for name in (each.currency, each.split_by) if name})
    totals: list[dict[tuple[str, str], Decimal]] = [{} for _sum in sums]
    numbers = {f"number_of_{name}": Count(name) for name in amounts}
    found = rows.values(*groups).annotate(**numbers, **{f"sum_of_{name}": ExactSum(name) for name in amounts})
    for row in found:
        for each, total in zip(sums, totals, strict=True):
            if row[f"number_of_{each.amount}"]:
                group = str(row.get(each.split_by, "")), str(row.get(each.currency, "usd"))
                add_to(total, group, row[f"sum_of_{each.amount}"])
    shown: dict[str, list[str]] = {}
    for each, total in zip(sums, totals, strict=True):
        for (part, currency), amount in sorted(total.items()):
            shown.setdefault(_label(rows, each, part), []).append(display.money(amount, currency))
    return list(shown.items())


def _label(rows: QuerySet[Any], each: Sum, part: str) -> str:
    if not each.split_by:
        return str(each.label)
    choices = dict(rows.model._meta.get_field(each.split_by).flatchoices)
    return str(choices.get(part, part))
