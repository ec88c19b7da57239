"""Imports SkinsBack's price list into rows that a shop can search."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import msgspec

from ... import conf
from ...connection import get_client
from ...models import PriceListImport
from ...models.fields import utc_now
from ...ratelimit import background
from ...steam import check_game
from ...wire.market import LARGEST_COUNT
from ...wire.types import PriceListItem
from ..ledger.database import database, run
from ..progress import OnProgress, no_progress
from . import price_rows

T = TypeVar("T")

_BATCH = 10_000


@dataclass
class SyncCounts:
    """The counts of an import.

    ``items`` is the number of names in the price list. ``written`` is the number of rows that were inserted or updated.
    ``gone`` is the number of rows that became unavailable.
    """

    items: int = 0
    written: int = 0
    gone: int = 0


def sync_prices(
    account: str = conf.DEFAULT_ACCOUNT, game: str | None = None, *, on_progress: OnProgress = no_progress
) -> SyncCounts:
    """Import the grouped price list of one game, and return the counts (``/docs/api/v1/market_pricelist``).

    Prices are in US dollars. Unchanged rows are not written. If a name is not listed any more, its row becomes
    unavailable and is not deleted. If a name is listed twice, its row has the lower price and the sum of the counts.

    The whole list is read and compared before the first write. The list needs about 300 bytes of memory for each item.
    Rows are written in batches. Each batch has its own database transaction. ``on_progress`` is called with the number
    of rows of each batch. At the end, the time of the import is stored for ``price_list_age``, even if no row has
    changed.

    Raises the exceptions of the client. After such an exception, nothing was written. Two imports may run at once.
    """
    game = check_game(game or conf.default_game())
    now = utc_now()
    with background():
        listed = _by_name(get_client(account).get_price_list(game).items)
    counts = SyncCounts(items=len(listed))
    changed: list[tuple[int, PriceListItem]] = []
    gone: list[int] = []
    for key, name, price, count, class_id in price_rows.read_rows(game, available=True):
        item = listed.pop(name, None)
        if item is None:
            gone.append(key)
        elif item.price != price or (item.count or 0) != count or item.class_id != class_id:
            changed.append((key, item))
    for key, name, *_ in price_rows.read_rows(game, available=False):
        item = listed.pop(name, None)
        if item is not None:
            changed.append((key, item))
    new = list(listed.values())
    if len(new) < counts.items:
        new = price_rows.items_without_row(game, new)
    counts.written, counts.gone = len(changed) + len(new), len(gone)
    for rows, size, write in (
        (gone, price_rows.COMPARE_AT_ONCE, lambda batch: price_rows.mark_unavailable(batch, now)),
        (changed, _BATCH, lambda batch: price_rows.update_rows(game, batch, now)),
        (new, _BATCH, lambda batch: price_rows.insert_rows(game, batch, now)),
    ):
        for batch in _batches(rows, size):
            run(partial(write, batch))
            on_progress(len(batch))
    price_rows.record_import(game, now)
    return counts


def price_list_age(game: str) -> timedelta | None:
    """Return the age of the imported price list of ``game``. Return None if no price list was imported.

    The age is counted from the time at which SkinsBack was asked for the price list.
    """
    rows = PriceListImport.objects.using(database()).filter(game=game)
    imported_at = rows.values_list("imported_at", flat=True).first()
    return None if imported_at is None else utc_now() - imported_at


def _by_name(items: Iterable[PriceListItem]) -> dict[str, PriceListItem]:
    listed: dict[str, PriceListItem] = {}
    for item in items:
        other = listed.setdefault(item.market_hash_name, item)
        if other is not item:
            cheapest = min(other, item, key=lambda item: item.price)
            count = min((other.count or 0) + (item.count or 0), LARGEST_COUNT)
            listed[item.market_hash_name] = msgspec.structs.replace(cheapest, count=count)
    return listed


def _batches(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
