"""Fills the tables of the admin with rows that are like those of a busy site, as fast as the database can insert.

Row number 0 is the oldest. The rows are ``BETWEEN_ROWS`` apart, so that the newest rows of both sites have the same
age. Every value is computed from the number of the row, so that a test can name a row that exists.
"""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.db.models import Model, QuerySet

from django_skinsback.models import (
    Deposit,
    Discrepancy,
    LedgerEntry,
    MarketItem,
    Purchase,
    StatusChange,
    SteamProfile,
    WebhookEvent,
)
from django_skinsback.steam import FIRST_STEAM_ID

NEWEST = datetime.now(UTC).replace(microsecond=0)
BETWEEN_ROWS = timedelta(minutes=1)
ROWS_OF_USER = 50
FULL_PAGE = 60
"""At least this many users exist, so that the list of Steam profiles has a full page."""

FIRST_PARTNER = 90_000_000
FIRST_THEIR_ID = 48_000_000
FIRST_OFFER_ID = 7_100_000_000
OPEN_ROWS = 60
REVIEWS = 500
"""This many deposits and this many purchases need review, on both sites. A queue's page takes time for each of them."""

BUSY_DAY_ROWS = 7000
HOLD_ROWS = 8 * 24 * 60
"""Only this many of the newest deposits can have an approved hold, because it ends after eight days."""

ACCOUNTS = ("default",) * 16 + ("second",) * 3 + ("third",)
GAMES = ("cs2",) * 20 + ("dota2",) * 3 + ("rust",) * 2
DEPOSIT_STATUSES = ("success",) * 13 + ("fail",) * 3 + ("abandoned",) * 3 + ("hold_approved",)
PURCHASE_STATUSES = ("accepted",) * 15 + ("timeout",) * 2 + ("canceled", "refused", "user_not_tradable")
WEARS = ("Factory New", "Minimal Wear", "Field-Tested", "Well-Worn", "Battle-Scarred")
POPULAR = tuple(f"{skin} ({wear})" for skin in ("AK-47 | Redline", "AWP | Asiimov") for wear in WEARS)
OTHER_NAMES = 100
NAMES_NOT_BOUGHT = 4000


def hex_id(kind: str, number: int) -> str:
    """Return the ID of 32 hex digits of a row. It looks random, as a UUID does."""
    return hashlib.md5(f"{kind} {number}".encode(), usedforsecurity=False).hexdigest()


def public_id(kind: str, number: int) -> uuid.UUID:
    """Return the public ID of a row."""
    return uuid.UUID(hex_id(f"public {kind}", number), version=4)


def partner(user: int) -> str:
    return str(FIRST_PARTNER + user)


def steam_id(user: int) -> str:
    return str(FIRST_STEAM_ID + FIRST_PARTNER + user)


def name_of_skin(number: int) -> str:
    if number % 5 < 3:
        return POPULAR[number % len(POPULAR)]
    return f"M4A4 | Bench {number * 7919 % OTHER_NAMES} ({WEARS[number % 5]})"


def needs_review(number: int, count: int) -> bool:
    """Return whether a row needs review. These rows are spread over the whole table and over the accounts."""
    return number * 7919 % count < REVIEWS


def fill(alias: str, count: int) -> None:
    """Insert ``count`` deposits and ``count`` purchases with users, history, entries and deliveries."""
    users = max(count // ROWS_OF_USER, 5)
    _fill_users(alias, max(users, FULL_PAGE))
    loader = Loader(alias)
    for model, columns, rows in tables(count, users):
        loader.load(model, columns, rows)
    loader.finish()


def tables(count: int, users: int) -> Iterator[tuple[type[Model], Sequence[str], Iterator[tuple[Any, ...]]]]:
    """Yield each model with its columns and rows, in an order in which foreign keys refer to earlier rows."""
    yield MarketItem, ("game", "market_hash_name", "price", "count"), _market_items()
    yield Deposit, _DEPOSIT_COLUMNS, _deposits(count, users)
    yield Purchase, _PURCHASE_COLUMNS, _purchases(count, users)
    columns: tuple[str, ...] = ("user_id", "deposit_id", "purchase_id", "kind", "amount", "currency", "created_at")
    yield LedgerEntry, columns, _entries(count, users)
    columns = ("account", "kind", "digest", "body", "headers", "received_at", "processed_at", "outcome", "deposit_id")
    yield WebhookEvent, columns, _deliveries(count)
    columns = ("deposit_id", "purchase_id", "from_status", "to_status", "source", "created_at")
    yield StatusChange, columns, _changes(count)
    columns = ("account", "found_in", "kind", "digest", "deposit_id", "our_id", "their_id", "state")
    yield Discrepancy, columns, _discrepancies(count)


def _fill_users(alias: str, count: int) -> None:
    model = get_user_model()
    for start in range(0, count, 5000):
        numbers = range(start, min(start + 5000, count))
        new = [model(username=f"player-{number}", email=f"{number}@shop.example") for number in numbers]
        model.objects.using(alias).bulk_create(new)
        SteamProfile.objects.using(alias).bulk_create(
            [
                SteamProfile(user_id=number + 1, steam_id=steam_id(number), partner=partner(number), token="i1ArBZey")
                for number in numbers
            ]
        )


def _created(number: int, count: int) -> datetime:
    return NEWEST - (count - number) * BETWEEN_ROWS


def make_busy_day(alias: str) -> None:
    """Move the newest deposits, purchases and their entries to now, so that many rows were created today."""
    oldest = NEWEST - timedelta(minutes=BUSY_DAY_ROWS)
    for model in (Deposit, Purchase, LedgerEntry):
        QuerySet(model, using=alias).filter(created_at__gte=oldest).update(created_at=NEWEST)


def _deposit_status(number: int, count: int) -> str:
    if number >= count - OPEN_ROWS:
        return "pending" if number % 3 else "in_hold"
    status = DEPOSIT_STATUSES[number * 17 % len(DEPOSIT_STATUSES)]
    return "success" if status == "hold_approved" and number < count - HOLD_ROWS else status


def _market_items() -> Iterator[tuple[Any, ...]]:
    for name in POPULAR:
        yield "cs2", name, Decimal("8.5"), 20
    for number in range(OTHER_NAMES):
        for wear in WEARS:
            yield "cs2", f"M4A4 | Bench {number} ({wear})", Decimal("2.5"), 20
    for number in range(NAMES_NOT_BOUGHT):
        for wear in WEARS:
            yield "cs2", f"P250 | Listed {number} ({wear})", Decimal("0.5"), 20


_DEPOSIT_COLUMNS = (
    "public_id", "account", "user_id", "owner_id", "steam_id", "game", "trade_offer_id", "needs_review", "created_at",
    "updated_at", "finished_at", "order_id", "transaction_id", "status", "payer_steam_id", "pay_url", "amount",
    "amount_currency", "user_amount", "skins", "held_since",
)  # fmt: skip


def _deposits(count: int, users: int) -> Iterator[tuple[Any, ...]]:
    skins = '[{"name": "AK-47 | Redline (Field-Tested)", "price": "8.5"}, {"name": "Glock-18 | Bunsen", "price": "2"}]'
    for number in range(count):
        user, created = number * 31 % users, _created(number, count)
        status = _deposit_status(number, count)
        is_open = status in {"pending", "in_hold", "hold_approved"}
        is_paid = status in {"success", "hold_approved", "in_hold"}
        amount = Decimal(number % 5000 + 100) / 100 if is_paid else None
        yield (
            public_id("deposit", number), ACCOUNTS[number * 7 % len(ACCOUNTS)], user + 1, str(user + 1),
            steam_id(user), GAMES[number * 3 % len(GAMES)], str(FIRST_OFFER_ID + number), needs_review(number, count),
            created, created, None if is_open else created + timedelta(minutes=9), hex_id("deposit", number),
            str(FIRST_THEIR_ID + number), status, steam_id(user) if is_paid else "", "https://skinsback.com/pay",
            amount, "usd" if is_paid else "", amount, skins if is_paid else "[]",
            created if status in {"in_hold", "hold_approved"} else None,
        )  # fmt: skip


_PURCHASE_COLUMNS = (
    "public_id", "account", "user_id", "owner_id", "steam_id", "game", "trade_offer_id", "needs_review", "created_at",
    "updated_at", "finished_at", "custom_id", "batch_id", "buy_id", "status", "partner", "skin_id", "market_hash_name",
    "max_price", "price", "debited_amount", "charge_amount", "charge_currency", "accepted_at",
)  # fmt: skip


def _purchases(count: int, users: int) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        user, created = number * 37 % users, _created(number, count)
        is_open = number >= count - OPEN_ROWS
        status = "waiting_accept" if is_open else PURCHASE_STATUSES[number * 17 % len(PURCHASE_STATUSES)]
        price = Decimal(number % 9000 + 100) / 100
        finished = None if is_open else created + timedelta(minutes=4)
        yield (
            public_id("purchase", number), ACCOUNTS[number * 7 % len(ACCOUNTS)], user + 1,
            str(user + 1), steam_id(user), GAMES[number * 3 % len(GAMES)], str(FIRST_OFFER_ID + number),
            needs_review(number, count), created, created, finished, hex_id("purchase", number),
            hex_id("batch", number // 3), str(FIRST_THEIR_ID + number), status, partner(user), str(number),
            name_of_skin(number), price, price, price, price + 1, "usd", finished if status == "accepted" else None,
        )  # fmt: skip


def _entries(count: int, users: int) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        created = _created(number, count)
        if _deposit_status(number, count) in {"success", "hold_approved"}:
            amount = Decimal(number % 5000 + 100) / 100
            yield number * 31 % users + 1, number + 1, None, "credit", amount, "usd", created
        charge = -(Decimal(number % 9000 + 100) / 100 + 1)
        yield number * 37 % users + 1, None, number + 1, "charge", charge, "usd", created


def _deliveries(count: int) -> Iterator[tuple[Any, ...]]:
    body = b'{"status": "success", "amount": "10.5"}'
    for number in range(count):
        created = _created(number, count) + timedelta(minutes=9)
        outcome = "stale" if number % 50 == 0 else "applied"
        account, digest = ACCOUNTS[number * 7 % len(ACCOUNTS)], hex_id("digest", number) * 2
        yield account, "deposit", digest, body, "{}", created, created, outcome, number + 1


def _changes(count: int) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        created = _created(number, count)
        yield number + 1, None, "created", "pending", "webhook", created
        yield number + 1, None, "pending", "success", "poll" if number % 9 == 0 else "webhook", created
        yield None, number + 1, "requested", "accepted", "answer", created


def _discrepancies(count: int) -> Iterator[tuple[Any, ...]]:
    for number in range(min(count, 500)):
        order_id, their_id = hex_id("deposit", number), str(FIRST_THEIR_ID + number)
        state = "open" if number % 50 == 0 else "closed"
        yield "default", "orders", "differing", hex_id("d", number) * 2, number + 1, order_id, their_id, state


class Loader:
    """Inserts rows by COPY or ``executemany``. The indexes of the models are created after the rows."""

    def __init__(self, alias: str) -> None:
        self._connection = connections[alias]
        self._loaded: list[type[Model]] = []
        self._tune("OFF", cache_kib=500_000)  # if the computer stops now, the database is filled again

    def _tune(self, journal: str, cache_kib: int) -> None:
        if self._connection.vendor == "sqlite":
            with self._connection.cursor() as cursor:
                cursor.execute(f"PRAGMA cache_size = -{cache_kib}")
                cursor.execute(f"PRAGMA journal_mode = {journal}")

    def load(self, model: type[Model], columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        """Insert rows that have these columns. The other columns have the values of a new instance of the model."""
        meta, connection = model._meta, self._connection
        fields = {
            field.attname: field for field in meta.concrete_fields if not field.generated and not field.primary_key
        }
        new = model()
        others = [name for name in fields if name not in columns]
        constant = tuple(fields[name].get_db_prep_save(getattr(new, name), connection) for name in others)
        names = [fields[name].column for name in (*columns, *others)]
        with connection.schema_editor() as editor:
            for index in meta.indexes:
                editor.remove_index(model, index)
        self._loaded.append(model)
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            insert = self._copy if connection.vendor == "postgresql" else self._execute_many
            insert(cursor, meta.db_table, names, (row + constant for row in rows))

    def finish(self) -> None:
        """Create the indexes and update the statistics of the database."""
        with self._connection.schema_editor() as editor:
            if self._connection.vendor == "postgresql":
                editor.execute("SET LOCAL maintenance_work_mem = '256MB'")
            for model in self._loaded:
                for index in model._meta.indexes:
                    editor.add_index(model, index)
        with self._connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE" if self._connection.vendor == "postgresql" else "ANALYZE")
        self._tune("WAL", cache_kib=2000)

    def _copy(self, cursor: Any, table: str, names: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        cursor.execute("SET LOCAL session_replication_role = replica")  # foreign keys are not checked row by row
        columns = ", ".join(f'"{name}"' for name in names)
        with cursor.cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)

    def _execute_many(self, cursor: Any, table: str, names: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        columns, places = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
        statement = f'INSERT INTO "{table}" ({columns}) VALUES ({places})'
        cursor.cursor.connection.executemany(statement, (tuple(map(_of_sqlite, row)) for row in rows))


def _of_sqlite(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:.6f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.hex if isinstance(value, uuid.UUID) else value
