"""Rules that decide how a filtered list is read: by one index, or by the newest rows of one index."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Lookup, Model, QuerySet
from django.db.models.expressions import Col
from django.db.models.sql.where import AND, WhereNode

ROWS_LOOKED_AT = 10_000
"""If no index fits all filters of a list, only this many of the newest rows that match one index are looked at."""

CANDIDATES = 3
"""Maximum number of indexes that are tried for one list. Each try is a query."""

_RANGES = ("gt", "gte", "lt", "lte")


@dataclass(slots=True)
class Conditions:
    """The conditions of a queryset.

    ``equal`` maps each column to the only value that it may have. ``ranges`` are the lookups that limit the column of
    the order. ``keys_given`` is True if the primary keys are listed. ``others`` is the number of other conditions.
    """

    equal: dict[str, Any] = field(default_factory=dict)
    ranges: dict[str, Any] = field(default_factory=dict)
    keys_given: bool = False
    others: int = 0


def conditions_of(queryset: QuerySet[Any], order_column: str) -> Conditions:
    """Return the conditions of the queryset. ``order_column`` is the column that the list is ordered by."""
    found = Conditions()
    table = queryset.query.get_initial_alias()
    for condition in _flat(queryset.query.where):
        column = _column(condition, table)
        if column is None:
            found.others += 1
            continue
        name, lookup, value = column, condition.lookup_name, condition.rhs
        if lookup == "in" and condition.rhs_is_direct_value():
            values = list(value)
            if name == queryset.model._meta.pk.name:
                found.keys_given = True
            elif len(values) == 1 and name not in found.equal:
                found.equal[name] = values[0]
            else:
                found.others += 1
        elif lookup == "exact" and condition.rhs_is_direct_value() and name not in found.equal:
            found.equal[name] = value
        elif name == order_column and lookup in {*_RANGES, "isnull"} and f"{name}__{lookup}" not in found.ranges:
            found.ranges[f"{name}__{lookup}"] = value
        else:
            found.others += 1
    return found


def _flat(node: WhereNode) -> Iterator[Any]:
    """Yield the conditions that are connected by AND. Any other group of conditions is yielded as one condition."""
    if node.connector != AND or node.negated:
        yield node
        return
    for child in node.children:
        if isinstance(child, WhereNode):
            yield from _flat(child)
        else:
            yield child


def _column(condition: Any, table: str | None) -> str | None:
    """Return the name of the field that a lookup compares with a value. Return None for any other condition."""
    if isinstance(condition, Lookup) and isinstance(condition.lhs, Col) and condition.lhs.alias == table:
        return str(condition.lhs.target.name)
    return None


def fitting_indexes(model: type[Model], time_column: str, equal: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the columns before ``time_column`` of each index whose columns all have a value in ``equal``.

    An index with a column that is True is first, such as ``needs_review``, because few rows wait for an operator. Then
    the index with the most columns is first. The last one is empty: it stands for the index of ``time_column`` alone.
    """
    columns = [tuple(index.fields[:-1]) for index in model._meta.indexes if index.fields[-1:] == [time_column]]
    fitting = [names for names in columns if names and equal.keys() >= set(names)]
    by_size = sorted(fitting, key=len, reverse=True)
    return [*sorted(by_size, key=lambda names: not any(equal[name] is True for name in names)), ()]


def rows_of_index(
    queryset: QuerySet[Any], columns: Sequence[str], conditions: Conditions, order: Sequence[str]
) -> QuerySet[Any]:
    """Return the rows of the queryset's table that the index finds, in this order.

    The lookup ``__in`` with one value is used. With ``=``, Django writes a comparison with True as a bare column, and
    SQLite and MariaDB use no index for a bare column.
    """
    rows: QuerySet[Any] = queryset.model._default_manager.using(queryset.db)
    equal = {f"{name}__in": [conditions.equal[name]] for name in columns}
    return rows.filter(**equal, **conditions.ranges).order_by(*order)
