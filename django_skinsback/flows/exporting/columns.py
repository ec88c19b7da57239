"""The exported columns of each table. They contain no secrets: no trade tokens, pay URLs, digests or metadata."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model

from ...models import Deposit, LedgerEntry, Purchase


def unchanged(value: Any) -> Any:
    return value


def reason_codes(reasons: Any) -> str:
    """Return the codes of review reasons, with a space between two codes."""
    return " ".join(str(reason["code"]) for reason in reasons or () if isinstance(reason, Mapping) and "code" in reason)


@dataclass(frozen=True, slots=True)
class Column:
    """One exported column: its name in the file, the path of its value in the database, and its conversion.

    With two paths, the value is the first one that is not empty.
    """

    name: str
    path: str = ""
    other_path: str = ""
    convert: Callable[[Any], Any] = unchanged


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be exported. ``name`` is the word for it in commands and file names."""

    name: str
    model: type[Model]
    columns: tuple[Column, ...]

    @property
    def header(self) -> list[str]:
        return [column.name for column in self.columns]

    def paths(self) -> list[str]:
        """Return the paths that are read for each row, each once."""
        found = {
            _path(path): None for column in self.columns for path in (column.path or column.name, column.other_path)
        }
        return [path for path in found if path]

    def reader(self) -> Callable[[Sequence[Any]], list[Any]]:
        """Return a function that makes the exported values of a row out of the values of ``paths``."""
        positions = {path: position for position, path in enumerate(self.paths())}
        plan = [
            (positions[_path(column.path or column.name)], positions.get(_path(column.other_path)), column.convert)
            for column in self.columns
        ]

        def read(row: Sequence[Any]) -> list[Any]:
            values = []
            for first, other, convert in plan:
                value = row[first]
                values.append(convert(row[other] if value is None and other is not None else value))
            return values

        return read


def _path(path: str) -> str:
    """Return the path with the USERNAME_FIELD of the user model instead of ``username``."""
    before, found, after = path.rpartition("__username")
    return f"{before}__{get_user_model().USERNAME_FIELD}" if found and not after else path


DEPOSITS = Table(
    "deposits",
    Deposit,
    (
        Column("id"),
        Column("order_id"),
        Column("transaction_id"),
        Column("public_id"),
        Column("account"),
        Column("game"),
        Column("status"),
        Column("user_id", "owner_id"),
        Column("user_name", "user__username"),
        Column("steam_id"),
        Column("payer_steam_id"),
        Column("trade_offer_id"),
        Column("min_amount"),
        Column("max_amount"),
        Column("currency"),
        Column("user_amount"),
        Column("amount"),
        Column("amount_currency"),
        Column("needs_review"),
        Column("review_reasons", convert=reason_codes),
        Column("hold_decision"),
        Column("held_since_utc", "held_since"),
        Column("created_at_utc", "created_at"),
        Column("updated_at_utc", "updated_at"),
        Column("finished_at_utc", "finished_at"),
    ),
)
PURCHASES = Table(
    "purchases",
    Purchase,
    (
        Column("id"),
        Column("custom_id"),
        Column("buy_id"),
        Column("batch_id"),
        Column("public_id"),
        Column("account"),
        Column("game"),
        Column("status"),
        Column("user_id", "owner_id"),
        Column("user_name", "user__username"),
        Column("by", "by__username"),
        Column("steam_id"),
        Column("trade_offer_id"),
        Column("market_hash_name"),
        Column("skin_id"),
        Column("class_id"),
        Column("max_price_usd", "max_price"),
        Column("price_usd", "price"),
        Column("debited_amount_usd", "debited_amount"),
        Column("charge_amount"),
        Column("charge_currency"),
        Column("in_hold"),
        Column("in_hold_until_utc", "in_hold_until"),
        Column("attempts"),
        Column("error_code"),
        Column("error_reason"),
        Column("needs_review"),
        Column("review_reasons", convert=reason_codes),
        Column("submitted_at_utc", "submitted_at"),
        Column("accepted_at_utc", "accepted_at"),
        Column("created_at_utc", "created_at"),
        Column("updated_at_utc", "updated_at"),
        Column("finished_at_utc", "finished_at"),
    ),
)
LEDGER = Table(
    "ledger",
    LedgerEntry,
    (
        Column("id"),
        Column("kind"),
        Column("amount"),
        Column("currency"),
        Column("user_id"),
        Column("user_name", "user__username"),
        Column("account", "deposit__account", "purchase__account"),
        Column("game", "deposit__game", "purchase__game"),
        Column("order_id", "deposit__order_id"),
        Column("transaction_id", "deposit__transaction_id"),
        Column("custom_id", "purchase__custom_id"),
        Column("buy_id", "purchase__buy_id"),
        Column("created_at_utc", "created_at"),
    ),
)
TABLES = {table.name: table for table in (DEPOSITS, PURCHASES, LEDGER)}
"""The name of a table in commands -> the table."""


def table_of(model: type[Model]) -> Table:
    """Return the table of a model. Raise StopIteration if the model cannot be exported."""
    return next(table for table in TABLES.values() if table.model is model)
