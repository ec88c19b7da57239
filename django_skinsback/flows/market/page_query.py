"""Reads one page of the market. The query reads only a few more rows than the page contains, even in a large table.

An index of the table has one range for each pair of wear and quality, and for each price band. In each range, the rows
are in the order of the page. The query reads the first rows of each range and merges these rows. If the query used
``IN`` or ``OR`` instead, the database would read and sort all rows that match.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Any

from django.db import connections, router
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from ...models import MarketItem
from ...models.market import PRICE_BANDS, WEAR_LABELS, Quality
from .cursors import Cursor, Sort

_FEW = 500
"""If a part of a price band has more matching rows than this, the rows are not found by their price."""

Condition = tuple[str, str, Any]
"""Column, operator, value."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a page. ``lowest`` and ``highest`` are market prices in US dollars. Both limits are included."""

    game: str
    words: tuple[str, ...] = ()
    lowest: Decimal | None = None
    highest: Decimal | None = None
    wears: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()

    @property
    def facets(self) -> list[tuple[Condition, ...]]:
        """The conditions of each wanted pair of wear and quality.

        If all pairs are wanted, the list contains one empty tuple.
        """
        if not self.wears and not self.qualities:
            return [()]
        return self.all_facets

    @property
    def all_facets(self) -> list[tuple[Condition, ...]]:
        """The conditions of each wanted pair of wear and quality, even if all pairs are wanted."""
        pairs = product(self.wears or ("", *WEAR_LABELS), self.qualities or Quality.values)
        return [(("wear", "=", wear), ("quality", "=", quality)) for wear, quality in pairs]

    def limits(self, *, lower: bool = True, upper: bool = True) -> list[Condition]:
        """Return the conditions of the price range, or of one side of the price range."""
        found: list[Condition] = []
        if lower and self.lowest is not None:
            found.append(("price", ">=", self.lowest))
        if upper and self.highest is not None:
            found.append(("price", "<=", self.highest))
        return found

    def includes(self, price: Decimal) -> bool:
        """Return whether a price is inside the price range."""
        is_low = self.lowest is not None and price < self.lowest
        return not is_low and (self.highest is None or price <= self.highest)

    @property
    def bands(self) -> range:
        """The price bands that contain prices of the price range."""
        first = 0 if self.lowest is None else bisect_right(PRICE_BANDS, self.lowest)
        last = len(PRICE_BANDS) if self.highest is None else bisect_right(PRICE_BANDS, self.highest)
        return range(first, last + 1)

    def edge_limits(self, band: int) -> list[Condition]:
        """Return the conditions of the part of a band that is inside the price range."""
        lower = max(self.lowest or Decimal(0), PRICE_BANDS[band - 1] if band else Decimal(0))
        limits: list[Condition] = [("price", ">=", lower)]
        end = PRICE_BANDS[band] if band < len(PRICE_BANDS) else None
        if self.highest is not None and (end is None or self.highest < end):
            return [*limits, ("price", "<=", self.highest)]
        return [*limits, ("price", "<", end)] if end is not None else limits

    def limits_in(self, band: int) -> list[Condition]:
        """Return the conditions that exclude the unwanted part of a band. If the whole band is wanted, return none."""
        start = PRICE_BANDS[band - 1] if band else Decimal(0)
        lower = self.lowest is not None and self.lowest > start
        upper = self.highest is not None and (band == len(PRICE_BANDS) or self.highest < PRICE_BANDS[band])
        return self.limits(lower=lower, upper=upper)


class PageQuery:
    """Reads at most ``limit`` rows after or before a place, in the order of ``sort``."""

    def __init__(self, filters: Filters, sort: Sort, *, limit: int) -> None:
        self._filters = filters
        self._sort = sort
        self._limit = limit
        self._using = router.db_for_read(MarketItem)

    def rows(self, place: Cursor | None, *, backward: bool) -> list[MarketItem]:
        """Return the rows after ``place``. If ``backward`` is True, return the rows before ``place``.

        The row that is nearest to ``place`` is first. If ``place`` is None, the first or the last rows are returned.
        """
        descending = (self._sort == "-price") != backward
        if self._filters.words:
            return self._found_by_words(place, descending=descending)
        parts = self._name_parts if self._sort == "name" else self._price_parts
        return self._merged(list(parts(place, descending=descending)), descending=descending)

    # Words

    def _found_by_words(self, place: Cursor | None, *, descending: bool) -> list[MarketItem]:
        """Return the rows whose names contain all words of the filters.

        The database reads all names of the game from one index, which also contains the other columns of the filters.
        """
        filters = self._filters
        # Coalesce keeps the database from using an index of prices. With this index, the database would fetch each
        # name from the table, which takes ten times as long.
        price, name = Coalesce("price", Value(Decimal(0))), Coalesce("market_hash_name", Value(""))
        rows = MarketItem.objects.using(self._using).available().for_game(filters.game).search(" ".join(filters.words))
        rows = rows.alias(shown_price=price, shown_name=name)
        chosen = {"wear__in": filters.wears, "quality__in": filters.qualities}
        limits = {"shown_price__gte": filters.lowest, "shown_price__lte": filters.highest}
        rows = rows.filter(
            **{lookup: values for lookup, values in chosen.items() if values},
            **{lookup: limit for lookup, limit in limits.items() if limit is not None},
        )
        beyond, sign = ("lt", "-") if descending else ("gt", "")
        if self._sort == "name":
            rows = rows.order_by(f"{sign}shown_name")
            if place:
                rows = rows.filter(**{f"shown_name__{beyond}": place.name})
        else:
            rows = rows.order_by(f"{sign}shown_price", f"{sign}pk")
            if place:
                same_price = Q(**{"shown_price": place.price, f"pk__{beyond}": place.pk})
                rows = rows.filter(Q(**{f"shown_price__{beyond}": place.price}) | same_price)
        keys = list(rows.values_list("pk", flat=True)[: self._limit])
        found = MarketItem.objects.using(self._using).in_bulk(keys)
        return [found[key] for key in keys if key in found]

    # Parts: the conditions of one range of an index

    def _price_parts(self, place: Cursor | None, *, descending: bool) -> Iterator[Sequence[Condition]]:
        filters = self._filters
        for facet in filters.facets:
            if place is None:
                yield (*facet, *filters.limits())
                continue
            price = place.price
            # Two ranges: thousands of rows may have the price of the cursor.
            if filters.includes(price):
                yield (*facet, ("price", "=", price), ("id", "<" if descending else ">", place.pk))
            # Only one limit on each side. If there are two, SQLite may use the limit that excludes fewer rows.
            if descending:
                inside = filters.highest is None or price <= filters.highest
                yield (*facet, *((("price", "<", price),) if inside else ()), *filters.limits(upper=not inside))
            else:
                inside = filters.lowest is None or price >= filters.lowest
                yield (*facet, *((("price", ">", price),) if inside else ()), *filters.limits(lower=not inside))

    def _name_parts(self, place: Cursor | None, *, descending: bool) -> Iterator[Sequence[Condition]]:
        filters = self._filters
        beyond: list[Condition] = [("market_hash_name", "<" if descending else ">", place.name)] if place else []
        if filters.facets == [()] and not filters.limits():
            yield beyond
            return
        for facet, band in product(filters.all_facets, filters.bands):
            if self._edges.get(band) is None:
                yield (*facet, ("price_band", "=", band), *beyond, *filters.limits_in(band))
        for keys in self._edges.values():
            if keys:
                yield [("id", "IN", keys), *beyond]

    @cached_property
    def _edges(self) -> dict[int, list[int] | None]:
        """A dict: price band -> primary keys of the matching rows. It contains only the bands that the page needs.

        If more than 500 rows of a band match, the value is None. Few matching rows are found by their price, because a
        query in the order of the names would read many other rows before the first match.
        """
        filters, edges = self._filters, {}
        for band in filters.bands:
            if filters.limits_in(band):
                inside = filters.edge_limits(band)
                parts = [(*facet, *inside) for facet in filters.facets]
                sql, values = self._union(parts, ("id",), ("price", "id"), limit=_FEW + 1)
                with connections[self._using].cursor() as cursor:
                    cursor.execute(f"{sql} LIMIT {_FEW + 1}", values)
                    keys = [key for (key,) in cursor.fetchall()]
                edges[band] = keys if len(keys) <= _FEW else None
        return edges

    # SQL

    def _merged(self, parts: Sequence[Sequence[Condition]], *, descending: bool) -> list[MarketItem]:
        """Return the first rows of all parts in one query.

        ``QuerySet.union`` is not used, because on SQLite it does not allow a limit for each part.
        """
        if not parts:
            return []
        columns = ("market_hash_name",) if self._sort == "name" else ("price", "id")
        quote = connections[self._using].ops.quote_name
        keys = dict.fromkeys(("id", *columns))
        union, params = self._union(parts, keys, columns, descending=descending)
        table = quote(MarketItem._meta.db_table)
        # The inner query reads only the index. The outer query fetches the rows of one page from the table.
        sql = (
            f"SELECT {table}.* FROM ("
            f"{union} {self._order(columns, descending=descending)} LIMIT {self._limit}"
            f") AS page JOIN {table} ON {table}.{quote('id')} = page.{quote('id')} "
            f"{self._order(columns, table, descending=descending)}"
        )
        return list(MarketItem.objects.using(self._using).raw(sql, params))

    def _union(
        self, parts: Sequence[Sequence[Condition]], columns: Iterable[str], order: Sequence[str] = (), **options: Any
    ) -> tuple[str, list[Any]]:
        """Return the SQL that selects the first rows of each part, and the values for this SQL."""
        columns = list(columns)
        shapes: dict[tuple[tuple[str, str, int], ...], list[list[Any]]] = {}
        for part in parts:
            conditions = [*self._always, *part]
            shape = tuple((column, operator, len(values)) for column, operator, values in map(_listed, conditions))
            shapes.setdefault(shape, []).append(self._values(conditions))
        selects, params = [], []
        has_lateral = connections[self._using].vendor == "postgresql"
        for shape, rows in shapes.items():
            if has_lateral and len(rows) > 1:
                # With LATERAL, PostgreSQL plans one query for all parts. To plan a hundred queries takes 30 ms.
                names = [f"value{number}" for number in range(len(rows[0]))]
                select = self._select(shape, [f"part.{name}" for name in names], columns, order, **options)
                row = f"({', '.join(['%s'] * len(names))})"
                selects.append(
                    f"SELECT {', '.join(f'found.{column}' for column in columns)} "
                    f"FROM (VALUES {', '.join([row] * len(rows))}) AS part ({', '.join(names)}) "
                    f"CROSS JOIN LATERAL ({select}) AS found"
                )
                params += [value for values in rows for value in values]
                continue
            for values in rows:
                select = self._select(shape, ["%s"] * len(values), columns, order, **options)
                selects.append(f"SELECT * FROM ({select}) AS part{len(selects)}")
                params += values
        return " UNION ALL ".join(selects), params

    def _values(self, conditions: Iterable[Condition]) -> list[Any]:
        connection = connections[self._using]
        fields = {field.name: field for field in MarketItem._meta.concrete_fields}
        return [
            fields[column].get_db_prep_value(value, connection)
            for column, _, values in map(_listed, conditions)
            for value in values
        ]

    @property
    def _always(self) -> list[Condition]:
        return [("game", "=", self._filters.game), ("available", "=", True)]

    def _select(
        self,
        shape: Sequence[tuple[str, str, int]],
        marks: Sequence[str],
        columns: Iterable[str],
        order: Sequence[str],
        *,
        descending: bool = False,
        limit: int | None = None,
    ) -> str:
        """Return the SQL that selects the rows of a part. ``marks`` are the placeholders for the conditions' values."""
        connection = connections[self._using]
        quote = connection.ops.quote_name
        tests, rest = [], list(marks)
        for column, operator, length in shape:
            values, rest = rest[:length], rest[length:]
            value = f"({', '.join(values)})" if operator == "IN" else values[0]
            if column == "price" and "market_hash_name" in order and connection.vendor == "sqlite":
                # The plus sign keeps SQLite from using an index of prices for a page in the order of the names. It also
                # removes the type of the column. Then SQLite would treat the value as text, which is above any number.
                # CAST makes the value a number.
                tests.append(f"+{quote(column)} {operator} CAST({value} AS NUMERIC)")
            else:
                tests.append(f"{quote(column)} {operator} {value}")
        sql = (
            f"SELECT {', '.join(map(quote, columns))} FROM {quote(MarketItem._meta.db_table)} "
            f"WHERE {' AND '.join(tests)}"
        )
        if any(operator == "IN" for _, operator, _ in shape):
            # There are at most this many keys. With an order, or without this limit, PostgreSQL may read all names in
            # their order until it meets the keys.
            return f"{sql} LIMIT {_FEW}"
        return f"{sql} {self._order(order, descending=descending)} LIMIT {limit or self._limit}"

    def _order(self, columns: Sequence[str], table: str = "", *, descending: bool) -> str:
        quote = connections[self._using].ops.quote_name
        prefix, suffix = f"{table}." if table else "", " DESC" if descending else ""
        terms = ", ".join(f"{prefix}{quote(column)}{suffix}" for column in columns)
        return f"ORDER BY {terms}" if terms else ""


def _listed(condition: Condition) -> tuple[str, str, Sequence[Any]]:
    """Return a condition with its values as a list."""
    column, operator, value = condition
    return column, operator, value if operator == "IN" else [value]
