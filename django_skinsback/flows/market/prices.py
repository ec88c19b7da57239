"""The market's price list, kept as rows that a shop's pages can search."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec

from ... import conf
from ...connection import get_client
from ...models.fields import utc_now
from ...ratelimit import background
from ...steam import check_game
from ...wire.market import LARGEST_COUNT
from ...wire.types import PriceListItem
from ..ledger.database import run
from . import price_rows

T = TypeVar("T")

_BATCH = 10_000


@dataclass
class Synced:
    """How many names the list held, how many rows were new or had changed, and how many names have gone."""

    items: int = 0
    written: int = 0
    gone: int = 0


def sync_prices(
    account: str = conf.DEFAULT_ACCOUNT, game: str | None = None, *, report: Callable[[int], object] | None = None
) -> Synced:
    """Take over the grouped price list of one game (``/docs/api/v1/market_pricelist``): prices in US dollars.

    Rows that did not change are not written; a name that is not listed any more becomes unavailable, and is not
    deleted. A name listed twice is one row with the lower of the prices and both counts. The list is read to its end
    and compared before anything is written, in short database transactions; ``report`` is told with each how many
    rows it wrote. The list is held in memory, about 300 bytes an item; rows never are, but for those that change.

    Raises what the client raises, and then nothing has changed. Two at once do no harm.
    """
    game = check_game(game or conf.default_game())
    with background():
        listed = _by_name(get_client(account).get_price_list(game).items)
    synced = Synced(items=len(listed))
    changed: list[tuple[int, PriceListItem]] = []
    gone: list[int] = []
    for key, name, price, count, class_id in price_rows.read(game, available=True):
        item = listed.pop(name, None)
        if item is None:
            gone.append(key)
        elif item.price != price or (item.count or 0) != count or item.class_id != class_id:
            changed.append((key, item))
    for key, name, *_ in price_rows.read(game, available=False):
        item = listed.pop(name, None)
        if item is not None:
            changed.append((key, item))
    new = list(listed.values())
    if len(new) < synced.items:
        new = price_rows.without_equals(game, new)
    synced.written, synced.gone = len(changed) + len(new), len(gone)
    now = utc_now()
    for rows, size, write in (
        (gone, price_rows.COMPARED_AT_ONCE, lambda batch: price_rows.withdraw(batch, now)),
        (changed, _BATCH, lambda batch: price_rows.update(game, batch, now)),
        (new, _BATCH, lambda batch: price_rows.insert_rows(game, batch, now)),
    ):
        for batch in _batches(rows, size):
            run(partial(write, batch))
            if report is not None:
                report(len(batch))
    return synced


def _by_name(items: Iterable[PriceListItem]) -> dict[str, PriceListItem]:
    listed: dict[str, PriceListItem] = {}
    for item in items:
        other = listed.setdefault(item.market_hash_name, item)
        if other is not item:
            cheapest = min(other, item, key=lambda each: each.price)
            count = min((other.count or 0) + (item.count or 0), LARGEST_COUNT)
            listed[item.market_hash_name] = msgspec.structs.replace(cheapest, count=count)
    return listed


def _batches(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
