"""The market's price list, kept as rows that a shop's pages can search."""

from dataclasses import dataclass

from .. import conf
from ..connection import get_client
from ..models import MarketItem
from ..models.fields import utc_now
from ..steam import check_game
from .database import database, run

_BATCH = 500


@dataclass
class Synced:
    """How many names the list held, how many rows were new or had changed, and how many names have gone."""

    items: int = 0
    written: int = 0
    gone: int = 0


def sync_prices(account: str = conf.DEFAULT_ACCOUNT, game: str | None = None) -> Synced:
    """Take over the grouped price list of one game (``/docs/api/v1/market_pricelist``): prices in US dollars.

    Rows that did not change are not written; a name that is not listed any more becomes unavailable, and is not
    deleted. Raises what the client raises, and then nothing has changed.
    """
    game = check_game(game or conf.default_game())
    listed = {item.market_hash_name: item for item in get_client(account).get_price_list(game).items}
    now = utc_now()
    rows = MarketItem.objects.using(database())
    known = {item.market_hash_name: item for item in rows.filter(game=game).iterator()}
    new, changed = [], []
    for name, item in listed.items():
        row = known.get(name)
        values = {"price": item.price, "count": item.count or 0, "class_id": item.class_id, "available": True}
        if row is None:
            new.append(MarketItem(game=game, market_hash_name=name, updated_at=now, **values))
        elif any(getattr(row, column) != value for column, value in values.items()):
            for column, value in {**values, "updated_at": now}.items():
                setattr(row, column, value)
            changed.append(row)
    gone = [row.pk for name, row in known.items() if name not in listed and row.available]

    def block() -> None:
        for keys in (gone[start : start + _BATCH] for start in range(0, len(gone), _BATCH)):
            rows.filter(pk__in=keys).update(available=False, updated_at=now)
        # Another sync may be writing the same names, and some collations take two names for one.
        rows.bulk_create(new, batch_size=_BATCH, ignore_conflicts=True)
        rows.bulk_update(changed, ["price", "count", "class_id", "available", "updated_at"], batch_size=_BATCH)

    run(block)
    return Synced(items=len(listed), written=len(new) + len(changed), gone=len(gone))
