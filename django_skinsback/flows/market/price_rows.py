"""Reading and writing the rows of a price list, thousands at a time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connections
from django.db.models import TextField, Value
from django.db.models.functions import Cast, Coalesce

from ...models import MarketItem
from ...steam import GAMES
from ...wire.types import PriceListItem
from ..ledger.database import database

COMPARED_AT_ONCE = 500
_READ_AT_ONCE = 2000
_NAMES_LOOKED_UP = 100
_NAME_LENGTH = 255
_COLUMNS = ("game", "available", "updated_at", "market_hash_name", "price", "count", "class_id")


def read(game: str, *, available: bool) -> Iterator[tuple[int, str, Decimal, int, str]]:
    """Key, name, price, count and class ID of the game's rows, a chunk of them in memory at a time."""
    # As text, because one text is read once: Django's way to a Decimal takes longer than all else on SQLite.
    price = Cast("price", TextField())
    # Not game=game: to follow an index from row to row takes twice as long as to read the table from end to end.
    rows = MarketItem.objects.using(database()).alias(whose=Coalesce("game", Value("")))
    columns = rows.filter(whose=game, available__in=[available]).values_list(
        "pk", "market_hash_name", price, "count", "class_id"
    )
    for key, name, amount, count, class_id in columns.iterator(_READ_AT_ONCE):
        yield key, name, _decimal(amount), count, class_id


_decimal = lru_cache(maxsize=1 << 12)(Decimal)


def game_of_skins(skins: Sequence[dict[str, Any]]) -> str:
    """The game in which the price list knows these skins by name; empty for none, or for more than one.

    A user may pay with skins of another game than the one the deposit was opened for, and no report names the game.
    """
    reported = (skin.get("name") for skin in skins)
    names = list(dict.fromkeys(name for name in reported if isinstance(name, str) and 0 < len(name) <= _NAME_LENGTH))
    rows = MarketItem.objects.using(database()).filter(game__in=GAMES, market_hash_name__in=names[:_NAMES_LOOKED_UP])
    games = set(rows.values_list("game", flat=True))
    return games.pop() if len(games) == 1 else ""


def insert_rows(game: str, items: Sequence[PriceListItem], now: datetime) -> None:
    """Insert a row for each item, inside a database transaction. An item whose name has a row is skipped.

    The database decides whether two names are equal: another import may have been first, or a collation takes two
    names for one. Raises what the database raises for a value that does not fit. ``INSERT IGNORE`` would truncate it.

    ``bulk_create`` is not used: it prepares each value by itself. A first import of 20,000 names took 1.05 times as
    long as a plain upsert with it, and takes 0.2 to 0.3 times as long without it.
    """
    connection = connections[database()]
    options = MarketItem._meta
    table = connection.ops.quote_name(options.db_table)
    columns = ", ".join(map(connection.ops.quote_name, _COLUMNS))
    skip = "ON DUPLICATE KEY UPDATE id = id" if connection.vendor == "mysql" else "ON CONFLICT DO NOTHING"
    same = [game, True, options.get_field("updated_at").get_db_prep_save(now, connection)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # One parameter for all items: executemany, or VALUES with many rows, took 0.95 times as long as the upsert.
            values = "%s, %s, %s, market_hash_name, price, coalesce(count, 0), class_id"
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {values} "  # noqa: S608 - only names and placeholders
                f"FROM json_populate_recordset(NULL::{table}, %s) {skip}",
                [*same, msgspec.json.encode(items).decode()],
            )
        else:
            values = ", ".join(["%s"] * len(_COLUMNS))
            cursor.executemany(
                f"INSERT INTO {table} ({columns}) VALUES ({values}) {skip}",  # noqa: S608 - only names and placeholders
                [(*same, item.market_hash_name, item.price, item.count or 0, item.class_id) for item in items],
            )


def update(game: str, items: Sequence[tuple[int, PriceListItem]], now: datetime) -> None:
    """Write what the list says into rows that exist, each given by its key."""
    using = database()
    rows = [
        MarketItem(
            pk=key,
            game=game,
            market_hash_name=item.market_hash_name,
            price=item.price,
            count=item.count or 0,
            class_id=item.class_id,
            available=True,
            updated_at=now,
        )
        for key, item in items
    ]
    # One statement for many rows; bulk_update spends ten times as long on its CASE expressions.
    names_target = connections[using].features.supports_update_conflicts_with_target
    MarketItem.objects.using(using).bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["pk"] if names_target else None,
        update_fields=["price", "count", "class_id", "available", "updated_at"],
    )


def withdraw(keys: Sequence[int], now: datetime) -> None:
    """Mark rows as not available any more."""
    rows = MarketItem.objects.using(database()).filter(pk__in=keys, available=True)
    rows.update(available=False, updated_at=now)


def without_equals(game: str, items: Sequence[PriceListItem]) -> list[PriceListItem]:
    """The items whose name no row has in the eyes of the database, whose collation may take two names for one.

    Halved until they are found, because a collation cannot be copied here.
    """
    if len(items) > COMPARED_AT_ONCE:
        starts = range(0, len(items), COMPARED_AT_ONCE)
        return [item for start in starts for item in without_equals(game, items[start : start + COMPARED_AT_ONCE])]
    names = [item.market_hash_name for item in items]
    rows = MarketItem.objects.using(database()).filter(game=game, market_hash_name__in=names)
    stored = set(rows.values_list("market_hash_name", flat=True))
    if not stored:
        return list(items)
    others = [item for item in items if item.market_hash_name not in stored]
    if len(others) < len(items):
        return without_equals(game, others)
    middle = len(items) // 2
    return [*without_equals(game, items[:middle]), *without_equals(game, items[middle:])] if middle else []
