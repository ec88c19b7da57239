"""The paginator of the admin lists. It reads a limited number of rows, however large the table and the page number."""

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from .bounds import CANDIDATES, ROWS_LOOKED_AT, Conditions, conditions_of, fitting_indexes, rows_of_index

COUNTED_ROWS = 10_000
"""Maximum number of rows that are counted for a list, and the last row that a page number can reach."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # only the stubs are generic
    """A paginator that counts at most ``COUNTED_ROWS`` rows and finds the primary keys of a page before its rows.

    If one index fits all conditions of the queryset, the list is complete. If not, ``looked_at_newest`` may be True:
    then the list contains only matches among the newest rows of one index.
    """

    object_list: QuerySet[Any]

    def __init__(self, *args: Any, time_column: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.time_column = time_column
        self.looked_at_newest = False

    @cached_property
    def count(self) -> int:
        return min(self._counted, COUNTED_ROWS)

    @property
    def stopped_counting(self) -> bool:
        return self._counted > COUNTED_ROWS

    def page(self, number: Any) -> "Page[Any]":
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        return Page(self.rows(start, min(start + self.per_page, self.count)), number, self)

    def rows(self, start: int, end: int) -> list[Any]:
        """Return the rows at these positions, in the order of the list."""
        keys = self.keys[start:end] if self.keys is not None else list(self._by_index[start:end])
        if not keys:
            return []
        found = {row.pk: row for row in self._rows_with(keys)}
        return [found[key] for key in keys if key in found]

    def all_rows(self) -> QuerySet[Any]:
        """Return the rows of all pages, without an order. Call it only if ``stopped_counting`` is False."""
        return self._exact_rows.order_by() if self.keys is None else self._rows_with(self.keys)

    def _rows_with(self, keys: list[Any]) -> QuerySet[Any]:
        """Return the rows with these primary keys, with the columns and related rows of the list.

        The other conditions are left out, because the keys were found with them: a search lists thousands of keys.
        """
        listed = self.object_list
        if listed.query.annotations:
            return listed.order_by().filter(pk__in=keys)
        rows: QuerySet[Any] = listed.model._default_manager.using(listed.db).filter(pk__in=keys).order_by()
        rows.query.select_related = listed.query.select_related
        rows.query.deferred_loading = listed.query.deferred_loading
        return rows

    @cached_property
    def keys(self) -> list[Any] | None:
        """The primary keys of the list, in its order. None if they are read page by page, because one index fits."""
        if self.object_list.query.is_empty():
            return []
        if self._conditions.keys_given:
            return list(self.object_list.values_list("pk", flat=True)[: COUNTED_ROWS + 1])
        if self._exact_columns is not None:
            return None
        newest = self._newest_keys()
        self.looked_at_newest = len(newest) == ROWS_LOOKED_AT
        return list(self.object_list.filter(pk__in=newest).values_list("pk", flat=True)) if newest else []

    @cached_property
    def _counted(self) -> int:
        if self.keys is not None:
            return len(self.keys)
        # Only columns of the index are read, so the database does not read the rows of the table.
        order = self._order[0]
        return int(self._exact_rows.order_by(order).values(order.lstrip("-"))[: COUNTED_ROWS + 1].count())

    @property
    def _order(self) -> Sequence[Any]:
        return self.object_list.query.order_by or ("-pk",)

    @property
    def _order_column(self) -> str:
        """The name of the column of the order. Empty if the order is an expression."""
        first = self._order[0]
        name = first.lstrip("-") if isinstance(first, str) else ""
        return str(self.object_list.model._meta.pk.name) if name == "pk" else name

    @cached_property
    def _conditions(self) -> Conditions:
        return conditions_of(self.object_list, self._order_column)

    @cached_property
    def _exact_columns(self) -> tuple[str, ...] | None:
        """The columns of the index that fits all conditions and the order. None if there is no such index."""
        conditions, model = self._conditions, self.object_list.model
        if conditions.others:
            return None
        if self._order_column == self.time_column:
            longest = fitting_indexes(model, self.time_column, conditions.equal)[0]
            return longest if set(longest) == set(conditions.equal) else None
        is_indexed = any(index.fields == [self._order_column] for index in model._meta.indexes)
        return () if is_indexed and not conditions.equal else None

    @property
    def _exact_rows(self) -> QuerySet[Any]:
        return rows_of_index(self.object_list, self._exact_columns or (), self._conditions, self._order)

    @property
    def _by_index(self) -> QuerySet[Any]:
        return self._exact_rows.values_list("pk", flat=True)

    def _newest_keys(self) -> list[Any]:
        """Return the primary keys of the newest rows that an index finds.

        An index that finds fewer than ``ROWS_LOOKED_AT`` rows is used if there is one. Then no match is missed.
        """
        conditions, order = conditions_of(self.object_list, self.time_column), (f"-{self.time_column}", "-pk")
        first: list[Any] = []
        for columns in fitting_indexes(self.object_list.model, self.time_column, conditions.equal)[:CANDIDATES]:
            rows = rows_of_index(self.object_list, columns, conditions, order)
            keys = list(rows.values_list("pk", flat=True)[:ROWS_LOOKED_AT])
            if len(keys) < ROWS_LOOKED_AT:
                return keys
            first = first or keys
        return first
