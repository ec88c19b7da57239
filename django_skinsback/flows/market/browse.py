"""Pages of the market: the available skins of one game, searched, filtered and sorted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any, cast, get_args

from django.db import connections

from ...exceptions import InvalidInput
from ...models import MarketItem
from ...models.fields import TEXT_LENGTH
from ...models.market import WEAR_LABELS, MarketItemQuerySet, Quality
from ...steam import check_game
from .cursors import Cursor, Sort
from .price_range import market_price_range

PAGE_SIZE = 24
_FEW = 1000
"""So many items of a price range are sorted by name. If a range has more, the names are read in their order."""


@dataclass(frozen=True, slots=True)
class MarketPage:
    """Up to 24 items, and the cursors of the pages after and before them. A cursor is empty if there is no such page.

    ``items`` are rows of ``MarketItem``. ``quotes.charge_for(item.price)`` is the price that a user pays.
    """

    items: list[MarketItem]
    next: str
    previous: str


@dataclass(frozen=True, slots=True)
class _Filters:
    game: str
    search: str
    lowest: Decimal | None
    highest: Decimal | None
    wears: tuple[str, ...]
    qualities: tuple[str, ...]

    @property
    def rows(self) -> MarketItemQuerySet:
        """The rows of all filters except wear and quality."""
        rows = MarketItem.objects.available().for_game(self.game).priced(self.lowest, self.highest)
        return rows.search(self.search) if self.search else rows

    @property
    def has_range(self) -> bool:
        return self.lowest is not None or self.highest is not None


def search_market(
    *,
    game: str,
    search: str = "",
    lowest: Decimal | None = None,
    highest: Decimal | None = None,
    wears: Sequence[str] = (),
    qualities: Sequence[str] = (),
    sort: str = "price",
    cursor: str = "",
) -> MarketPage:
    """Return one page of the available items of ``game``: 24 items, fewer on the last page.

    ``search`` are words that the name must contain, in any order. ``lowest`` and ``highest`` are the site's prices in
    ``QUOTE_CURRENCY``, both included. ``wears`` are keys of ``WEAR_LABELS`` and ``qualities`` values of ``Quality``; an
    item needs one of each; an empty sequence allows all. ``sort`` is ``price``, ``-price`` or ``name``. ``cursor`` is
    ``next`` or ``previous`` of another page with the same filters and ``sort``; empty for the first page.

    Raises InvalidInput if an argument is not valid or the cursor is damaged. Takes one to three queries.
    """
    order = _check_sort(sort)
    market_lowest, market_highest = market_price_range(charge_for, lowest, highest)
    filters = _Filters(
        game=check_game(game),
        search=_check_words(search),
        lowest=market_lowest,
        highest=market_highest,
        wears=_check_choices(wears, WEAR_LABELS, "wear"),
        qualities=_check_choices(qualities, Quality.values, "quality"),
    )
    place = Cursor.from_text(cursor, order) if cursor else None
    backward = place is not None and place.backward
    found = _read(filters, order, place, backward=backward)
    if place and backward and len(found) < PAGE_SIZE:
        place, backward = None, False  # rows have gone since: this is the first page
        found = _read(filters, order, None, backward=False)
    elif place and not found:
        place, backward = None, True  # rows have gone since: show the last page
        found = _read(filters, order, None, backward=True)
        return _page(found, order, backward=True, has_more=False)
    return _page(found, order, backward=backward, has_more=place is not None)


def _page(found: list[MarketItem], order: Sort, *, backward: bool, has_more: bool) -> MarketPage:
    """Return the page of the rows that were read. ``has_more``: whether there are rows on the side of the cursor."""
    items, beyond = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    if backward:
        items.reverse()
    has_next, has_previous = (has_more, beyond) if backward else (beyond, has_more)
    return MarketPage(
        items=items,
        next=Cursor.at(items[-1], order, backward=False).text if items and has_next else "",
        previous=Cursor.at(items[0], order, backward=True).text if items and has_previous else "",
    )


# Reading


def _read(filters: _Filters, order: Sort, place: Cursor | None, *, backward: bool) -> list[MarketItem]:
    """Return up to 25 rows beyond the place, the nearest first."""
    rows = filters.rows
    if filters.search:
        rows = _with_facets(rows, filters)
        return list(_ordered(rows, order, place, backward=backward)[: PAGE_SIZE + 1])
    if order == "name" and filters.has_range and (few := _few(filters)) is not None:
        return list(_ordered(few, order, place, backward=backward)[: PAGE_SIZE + 1])
    parts = [
        part[: PAGE_SIZE + 1]
        for each in _facet_rows(rows, filters)
        for part in _parts(each, order, place, backward=backward)
    ]
    return _merged(parts, order, backward=backward)


def _few(filters: _Filters) -> MarketItemQuerySet | None:
    """Return the rows of all filters if there are at most 1,000; else None.

    In the order of names, all rows outside the price range would be read before the first one inside it.
    """
    rows = _with_facets(filters.rows, filters)
    keys = list(rows.order_by().values_list("pk", flat=True)[: _FEW + 1])
    return MarketItem.objects.filter(pk__in=keys) if len(keys) <= _FEW else None


def _with_facets(rows: MarketItemQuerySet, filters: _Filters) -> MarketItemQuerySet:
    if filters.wears:
        rows = rows.filter(wear__in=filters.wears)
    return rows.filter(quality__in=filters.qualities) if filters.qualities else rows


def _facet_rows(rows: MarketItemQuerySet, filters: _Filters) -> Iterable[MarketItemQuerySet]:
    """Yield the rows of each chosen pair of wear and quality: each pair has its own range of an index."""
    if not filters.wears and not filters.qualities:
        yield rows
        return
    for wear, quality in product(filters.wears or ("", *WEAR_LABELS), filters.qualities or Quality.values):
        yield rows.filter(wear=wear, quality=quality)


def _ordered(rows: MarketItemQuerySet, order: Sort, place: Cursor | None, *, backward: bool) -> MarketItemQuerySet:
    after = place.item if place else None
    if order == "name":
        return rows.by_name_backwards(after) if backward else rows.by_name(after)
    return rows.cheapest_first(after) if (order == "price") != backward else rows.dearest_first(after)


def _parts(rows: MarketItemQuerySet, order: Sort, place: Cursor | None, *, backward: bool) -> list[MarketItemQuerySet]:
    """Return the ordered rows beyond the place, in parts of which each is one range of an index.

    ``price > x OR (price = x AND id > y)`` is no such range: thousands of items may have the price of the cursor.
    """
    if place is None or order == "name":
        return [_ordered(rows, order, place, backward=backward)]
    price, upwards = place.item.price, (order == "price") != backward
    same = rows.filter(price=price, pk__gt=place.pk) if upwards else rows.filter(price=price, pk__lt=place.pk)
    others = rows.filter(price__gt=price) if upwards else rows.filter(price__lt=price)
    return [_ordered(part, order, None, backward=backward) for part in (same, others)]


def _merged(parts: Sequence[MarketItemQuerySet], order: Sort, *, backward: bool) -> list[MarketItem]:
    """Return the first 25 rows of all parts, which have at most 25 rows each, in one query.

    ``QuerySet.union`` is not used, because with it Django allows no limits on SQLite.
    """
    if len(parts) == 1:
        return list(parts[0])
    connection = connections[parts[0].db]
    quote = connection.ops.quote_name
    selects: list[str] = []
    values: list[Any] = []
    for number, part in enumerate(parts):
        sql, params = part.query.get_compiler(parts[0].db).as_sql()
        selects.append(f"SELECT * FROM ({sql}) AS part{number}")  # noqa: S608 - only compiled queries
        values += params
    columns = ("market_hash_name",) if order == "name" else ("price", "id")
    direction = "DESC" if (order == "-price") != backward else "ASC"
    ordering = ", ".join(f"{quote(column)} {direction}" for column in columns)
    sql = f"{' UNION ALL '.join(selects)} ORDER BY {ordering} LIMIT {PAGE_SIZE + 1}"
    return list(MarketItem.objects.using(parts[0].db).raw(sql, values))


# Arguments


def _check_sort(sort: str) -> Sort:
    if sort not in get_args(Sort):
        raise InvalidInput(f"Unknown sort order: use one of {', '.join(get_args(Sort))}.")
    return cast(Sort, sort)


def _check_words(search: str) -> str:
    if len(search) > TEXT_LENGTH or "\0" in search:
        raise InvalidInput(f"The words to search for must be text of at most {TEXT_LENGTH} characters.")
    return " ".join(dict.fromkeys(search.split()))


def _check_choices(chosen: Sequence[str], known: Iterable[str], name: str) -> tuple[str, ...]:
    if not set(chosen) <= set(known):
        raise InvalidInput(f"Unknown {name}: use some of {', '.join(known)}.")
    return tuple(dict.fromkeys(chosen))


def charge_for(market_price: Decimal) -> Decimal:
    return MarketItem(price=market_price).site_price
