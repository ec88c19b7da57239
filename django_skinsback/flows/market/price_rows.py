"""Reads and writes the ``MarketItem`` rows of a price list, thousands at a time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connections
from django.db.models import TextField, Value
from django.db.models.functions import Cast, Coalesce

from ...models import MarketItem, PriceListImport
from ...steam import GAMES
from ...wire.types import PriceListItem
from ..ledger.database import database
from .facets import GAME_WITH_FACETS, facets

COMPARE_AT_ONCE = 500
_READ_AT_ONCE = 2000
_NAMES_LOOKED_UP = 100
_NAME_LENGTH = 255
_ITEM_COLUMNS = ("market_hash_name", "price", "count", "class_id", "wear", "quality")
_COLUMNS = ("game", "available", "updated_at", *_ITEM_COLUMNS)


def read_rows(game: str, *, available: bool) -> Iterator[tuple[int, str, Decimal, int, str]]:
    """Yield primary key, name, price, count and class ID of each row of a game. 2,000 rows are in memory at a time."""
    # Because of Coalesce, SQLite reads the table in order and does not use the index of the game. To read 100,000 of
    # 300,000 rows took 0.3 instead of 0.6 seconds. An import of 200,000 names took 3.7 instead of 5.5 seconds of
    # processor time.
    rows = MarketItem.objects.using(database()).alias(game_without_index=Coalesce("game", Value("")))
    # Prices are read as text. On SQLite, Django's conversion of a price to a Decimal takes as long as all the rest.
    columns = rows.filter(game_without_index=game, available=available).values_list(
        "pk", "market_hash_name", Cast("price", TextField()), "count", "class_id"
    )
    for key, name, price, count, class_id in columns.iterator(_READ_AT_ONCE):
        yield key, name, _decimal(price), count, class_id


_decimal = lru_cache(maxsize=1 << 12)(Decimal)
"""Converts the text of a price to a Decimal. Results are cached, because many skins have the same price."""


def game_of_skins(skins: Sequence[dict[str, Any]]) -> str:
    """Return the game of these skins. If the name of every skin ends with a wear, the game is CS2.

    Otherwise the names are searched in the price lists of all games. Return an empty string if no price list contains
    the names, or if several price lists do. This function is needed because SkinsBack does not report the game, and a
    user may pay with skins of another game than that of the pay page.
    """
    reported = (skin.get("name") for skin in skins)
    names = list(dict.fromkeys(name for name in reported if isinstance(name, str) and 0 < len(name) <= _NAME_LENGTH))
    names = names[:_NAMES_LOOKED_UP]
    if not names:
        return ""
    if all(wear for wear, _quality in map(facets, names)):
        return GAME_WITH_FACETS
    # Plain SQL, because the deposit is locked at this time, and Django takes five times as long to build the query.
    connection = connections[database()]
    table = connection.ops.quote_name(MarketItem._meta.db_table)
    these_games, these_names = (", ".join(["%s"] * len(values)) for values in (GAMES, names))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT game FROM {table} WHERE game IN ({these_games}) AND market_hash_name IN ({these_names})",
            [*GAMES, *names],
        )
        games = cursor.fetchall()
    return str(games[0][0]) if len(games) == 1 else ""


def insert_rows(game: str, items: Sequence[PriceListItem], now: datetime) -> None:
    """Insert a row for each item. If a row with the same name exists, the item is skipped.

    Such a row exists if another import has inserted the same name, or if the collation of the database treats two names
    as equal. Raises the error of the database if a value does not fit into its column. ``INSERT IGNORE`` is not used,
    because it would truncate the value.

    ``bulk_create`` is not used, because it prepares the values one by one. For a first import of 20,000 names,
    ``bulk_create`` took 1.05 times as long as a plain upsert. This function takes 0.2 to 0.3 times as long.
    """
    connection = connections[database()]
    options = MarketItem._meta
    table = connection.ops.quote_name(options.db_table)
    columns = ", ".join(map(connection.ops.quote_name, _COLUMNS))
    if connection.vendor == "mysql":
        skip = "ON DUPLICATE KEY UPDATE id = id"
    else:
        skip = f"ON CONFLICT (game, market_hash_name) DO UPDATE SET id = {table}.id"
    same = [game, True, options.get_field("updated_at").get_db_prep_save(now, connection)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # One parameter for all items. executemany and VALUES with many rows took 0.95 times as long as the upsert.
            cursor.execute(
                f"INSERT INTO {table} ({columns}) "
                f"SELECT %s, %s, %s, {', '.join(map(connection.ops.quote_name, _ITEM_COLUMNS))} "
                f"FROM json_populate_recordset(NULL::{table}, %s) {skip}",
                [*same, msgspec.json.encode([_NewRow(*_values(game, item)) for item in items]).decode()],
            )
        else:
            values = ", ".join(["%s"] * len(_COLUMNS))
            cursor.executemany(
                f"INSERT INTO {table} ({columns}) VALUES ({values}) {skip}",
                [(*same, *_values(game, item)) for item in items],
            )


class _NewRow(msgspec.Struct, gc=False):
    """The columns of an item, in the order of ``_ITEM_COLUMNS``."""

    market_hash_name: str
    price: Decimal
    count: int
    class_id: str
    wear: str
    quality: str


def _values(game: str, item: PriceListItem) -> tuple[str, Decimal, int, str, str, str]:
    """Return the values of ``_ITEM_COLUMNS``."""
    name = item.market_hash_name
    return (name, item.price, item.count or 0, item.class_id, *facets(name, game))


def update_rows(game: str, items: Sequence[tuple[int, PriceListItem]], now: datetime) -> None:
    """Update the row of each item, and mark the row as available. ``items`` are pairs of primary key and item."""
    using = database()
    rows = [
        MarketItem(
            pk=key,
            game=game,
            available=True,
            updated_at=now,
            **dict(zip(_ITEM_COLUMNS, _values(game, item), strict=True)),
        )
        for key, item in items
    ]
    # One statement for many rows. bulk_update takes ten times as long, because it writes a CASE for each value.
    needs_unique_fields = connections[using].features.supports_update_conflicts_with_target
    MarketItem.objects.using(using).bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["pk"] if needs_unique_fields else None,
        update_fields=[column for column in _COLUMNS if column not in {"game", "market_hash_name"}],
    )


def record_import(game: str, now: datetime) -> None:
    """Store that the price list of ``game`` was imported at ``now``, with one statement."""
    using = database()
    needs_unique_fields = connections[using].features.supports_update_conflicts_with_target
    PriceListImport.objects.using(using).bulk_create(
        [PriceListImport(game=game, imported_at=now)],
        update_conflicts=True,
        unique_fields=["game"] if needs_unique_fields else None,
        update_fields=["imported_at"],
    )


def mark_unavailable(keys: Sequence[int], now: datetime) -> None:
    """Mark the rows with these primary keys as not available."""
    rows = MarketItem.objects.using(database()).filter(pk__in=keys, available=True)
    rows.update(available=False, updated_at=now)


def items_without_row(game: str, items: Sequence[PriceListItem]) -> list[PriceListItem]:
    """Return the items that have no row. The collation of the database decides whether two names are equal.

    Python cannot compare names by this collation. So the database compares smaller and smaller parts of ``items``,
    until each item with a row is found.
    """
    if len(items) > COMPARE_AT_ONCE:
        starts = range(0, len(items), COMPARE_AT_ONCE)
        return [item for start in starts for item in items_without_row(game, items[start : start + COMPARE_AT_ONCE])]
    names = [item.market_hash_name for item in items]
    rows = MarketItem.objects.using(database()).filter(game=game, market_hash_name__in=names)
    stored = set(rows.values_list("market_hash_name", flat=True))
    if not stored:
        return list(items)
    others = [item for item in items if item.market_hash_name not in stored]
    if len(others) < len(items):
        return items_without_row(game, others)
    middle = len(items) // 2
    return [*items_without_row(game, items[:middle]), *items_without_row(game, items[middle:])] if middle else []
