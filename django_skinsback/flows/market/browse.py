"""Reads pages of the market: the available skins of one game, searched, filtered and sorted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast, get_args

import msgspec
from django.db import router
from django.utils.translation import gettext as _

from ...exceptions import InvalidInput
from ...models import MarketItem
from ...models.fields import TEXT_LENGTH
from ...models.market import WEAR_LABELS, Quality
from ...money import parse_amount
from ...steam import check_game
from .cursors import Cursor, Sort
from .page_query import Filters, PageQuery
from .quotes import price_range

PAGE_SIZE = 24


@dataclass(frozen=True, slots=True)
class MarketPage:
    """One page of the market. ``items`` are up to 24 rows of ``MarketItem``.

    ``quotes.charge_for(item.price)`` is the price that a user pays. ``next`` and ``previous`` are the cursors of the
    next and the previous page. If there is no such page, the cursor is empty.
    """

    items: list[MarketItem]
    next: str
    previous: str


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
    """Return one page of the available items of ``game``. A page has 24 items. The last page may have fewer items.

    * ``search`` contains words. The name of an item must contain all words, in any order.
    * ``lowest`` and ``highest`` are prices for the user in ``QUOTE_CURRENCY``. Both limits are included.
    * ``wears`` are keys of ``WEAR_LABELS``. An item must have one of these wears. An empty sequence allows all wears.
    * ``qualities`` are values of ``Quality``. An empty sequence allows all qualities.
    * ``sort`` is ``price``, ``-price`` (highest first) or ``name``.
    * ``cursor`` is ``next`` or ``previous`` of another page with the same filters and the same ``sort``. It is empty
      for the first page.

    Raises InvalidInput if an argument is not valid or the cursor is damaged. Takes one to three queries.
    """
    order = _check_sort(sort)
    place = _place(cursor, order) if cursor else None
    market_lowest, market_highest = price_range(_amount(lowest), _amount(highest))
    filters = Filters(
        game=check_game(game),
        words=_check_words(search),
        lowest=market_lowest,
        highest=market_highest,
        wears=_check_choices(wears, WEAR_LABELS, "wear"),
        qualities=_check_choices(qualities, Quality.values, "quality"),
    )
    query = PageQuery(filters, order, limit=PAGE_SIZE + 1)
    backward = place is not None and place.backward
    found = query.rows(place, backward=backward)
    if place and backward and len(found) < PAGE_SIZE:  # rows have disappeared: show the first page
        return _page(query.rows(None, backward=False), order, backward=False, has_more=False)
    if place and not found:  # rows have disappeared: show the last page
        return _page(query.rows(None, backward=True), order, backward=True, has_more=False)
    return _page(found, order, backward=backward, has_more=place is not None)


def _page(found: list[MarketItem], order: Sort, *, backward: bool, has_more: bool) -> MarketPage:
    """Return the page for the rows ``found``. If ``backward`` is True, these rows are in reverse order.

    ``has_more`` is True if the market has rows on the other side of the cursor.
    """
    items, has_further = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    if backward:
        items.reverse()
    has_next, has_previous = (has_more, has_further) if backward else (has_further, has_more)
    return MarketPage(
        items=items,
        next=Cursor.at(items[-1], order, backward=False).text if items and has_next else "",
        previous=Cursor.at(items[0], order, backward=True).text if items and has_previous else "",
    )


def _place(text: str, order: Sort) -> Cursor | None:
    """Return the cursor with the present price of its item. Return None if the item was deleted."""
    cursor = Cursor.from_text(text, order)
    if order == "name":
        return cursor
    items = MarketItem.objects.using(router.db_for_read(MarketItem)).filter(pk=cursor.pk)
    price = items.values_list("price", flat=True).first()
    return None if price is None else msgspec.structs.replace(cursor, price=price)


def _check_sort(sort: str) -> Sort:
    if sort not in get_args(Sort):
        raise InvalidInput(_("Unknown sort order: use one of %(sorts)s.") % {"sorts": ", ".join(get_args(Sort))})
    return cast(Sort, sort)


def _check_words(search: str) -> tuple[str, ...]:
    if len(search) > TEXT_LENGTH or "\0" in search:
        message = _("The words to search for must be text of at most %(length)s characters.")
        raise InvalidInput(message % {"length": TEXT_LENGTH})
    return tuple(dict.fromkeys(search.split()))


def _check_choices(chosen: Sequence[str], known: Iterable[str], name: str) -> tuple[str, ...]:
    if not set(chosen) <= set(known):
        raise InvalidInput(_("Unknown %(name)s: use some of %(known)s.") % {"name": name, "known": ", ".join(known)})
    return tuple(dict.fromkeys(chosen))


def _amount(limit: Decimal | None) -> Decimal | None:
    return None if limit is None else parse_amount(limit)
