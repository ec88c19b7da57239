"""The search of the admin lists. The shape of the text decides which columns are compared, each by its index."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet, UniqueConstraint, Value

from ...flows.monitoring.one_statement import read_together
from ...models import Deposit, MarketItem, Purchase
from .shapes import can_be_name, range_of, steam_id_of, uuid_of

KEYS_OF_EACH_KIND = 1000
"""Maximum number of rows that one column contributes to the result of a search."""

NAMES = 200
"""Maximum number of skins' names that a search by words looks for."""


@dataclass(frozen=True, slots=True)
class Search:
    """The columns of one table that a search compares. Each column has an index.

    ``ids`` are compared with a whole ID or the beginning of an ID. ``steam_ids``, ``public_id`` and ``users`` are
    compared with whole values. ``names`` is the column with the name of a skin. ``time_column`` is the last column of
    the indexes of Steam IDs, users and names.
    """

    model: type[Model]
    ids: tuple[str, ...] = ()
    steam_ids: tuple[str, ...] = ()
    public_id: str = ""
    users: tuple[str, ...] = ()
    names: str = ""
    time_column: str = ""


DEPOSIT_SEARCH = Search(
    Deposit,
    ids=("order_id", "transaction_id", "trade_offer_id"),
    steam_ids=("steam_id", "payer_steam_id"),
    public_id="public_id",
    users=("user",),
    time_column="created_at",
)
PURCHASE_SEARCH = Search(
    Purchase,
    ids=("custom_id", "buy_id", "batch_id", "trade_offer_id"),
    steam_ids=("steam_id",),
    public_id="public_id",
    users=("user",),
    names="market_hash_name",
    time_column="created_at",
)
ROWS = {"deposit": DEPOSIT_SEARCH, "purchase": PURCHASE_SEARCH}
"""Name of a foreign key -> the Search of the table that it refers to. Rows of other tables are found by these keys."""


@dataclass(frozen=True, slots=True)
class Found:
    """Primary keys that a search found. ``is_cut`` is True if one column had more than ``KEYS_OF_EACH_KIND``."""

    keys: set[Any]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """One lookup: at most ``limit`` of ``rows``. ``column`` of a row must have a value that ``is_match`` accepts.

    Databases compare text by a collation, in which different IDs may be equal. So IDs are compared again.
    """

    rows: QuerySet[Any]
    limit: int = field(default_factory=lambda: KEYS_OF_EACH_KIND)
    column: str = ""
    is_match: Callable[[str], bool] = bool


def find(search: Search, text: str, using: str, *, through: Sequence[str] = ()) -> Found:
    """Return the primary keys of the rows that the text finds.

    ``through`` are foreign keys to deposits and purchases. Rows are also found by the IDs, Steam IDs and users of
    these.
    """
    text = text.strip()
    if not text or "\x00" in text:
        return Found(set(), is_cut=False)
    users = _users(text)
    parts = list(_parts(search, text, using, users))
    is_cut = False
    if through:
        rows = [ROWS[name] for name in through]
        of_rows = [list(_parts(each, text, using, [] if search.users else users)) for each in rows]
        found = _read([part for each in of_rows for part in each], using)
        for name, each in zip(through, of_rows, strict=True):
            keys = set().union(*(found.pop(0) for _part in each))
            is_cut = is_cut or len(keys) >= KEYS_OF_EACH_KIND
            if keys:
                parts.append(_Part(_all(search.model, using).filter(**{f"{name}__in": keys})))
    results = _read(parts, using)
    is_cut = is_cut or any(len(keys) == part.limit for part, keys in zip(parts, results, strict=True))
    return Found(set().union(*results), is_cut)


def _parts(search: Search, text: str, using: str, users: Sequence[Any]) -> Iterator[_Part]:
    rows = _all(search.model, using)
    newest = rows.order_by(f"-{search.time_column}") if search.time_column else rows
    limits = range_of(text)
    for column in search.ids:
        if limits:
            matching = rows.filter(**{f"{column}__gte": limits[0], f"{column}__lt": limits[1]})
            yield _Part(matching, column=column, is_match=lambda value: value.startswith(text))
        else:
            yield _Part(rows.filter(**{column: text}), column=column, is_match=lambda value: value == text)
    if search.public_id and (public_id := uuid_of(text)):
        yield _Part(rows.filter(**{search.public_id: public_id}))
    if steam_id := steam_id_of(text):
        for column in search.steam_ids:
            yield _Part(newest.filter(**{column: steam_id}))
    for column in search.users:
        for user in users:
            yield _Part(newest.filter(**{column: user}))
    if search.names and can_be_name(text):
        names = list(MarketItem.objects.using(using).search(text).values_list("market_hash_name", flat=True)[:NAMES])
        for name in dict.fromkeys(names):
            yield _Part(newest.filter(**{search.names: name}), limit=KEYS_OF_EACH_KIND // len(names))


def _all(model: type[Model], using: str) -> QuerySet[Any]:
    return model._default_manager.using(using).order_by()


def _read(parts: Sequence[_Part], using: str) -> list[set[Any]]:
    """Return the primary keys that each part finds. All parts are read by one statement."""
    queries = [part.rows.values_list("pk", part.column or Value(""))[: part.limit] for part in parts]
    results: list[set[Any]] = [set() for _part in parts]
    for number, key, value in read_together(queries, using):
        if not parts[number].column or parts[number].is_match(value):
            results[number].add(key)
    return results


def _users(text: str) -> list[Any]:
    """Return the primary keys of the users whose login name or e-mail address is the text."""
    model = get_user_model()
    columns = [model.USERNAME_FIELD]
    if "@" in text and (email := indexed_email_field()) and email not in columns:
        columns.append(email)
    keys: dict[Any, None] = {}
    for column in columns:
        users = model._default_manager.filter(**{column: text})
        keys |= dict.fromkeys(users.values_list("pk", flat=True)[:KEYS_OF_EACH_KIND])
    return list(keys)


def indexed_email_field() -> str:
    """Return the name of the user model's e-mail field if the database has an index of it, otherwise an empty text."""
    model = get_user_model()
    try:
        field: Any = model._meta.get_field(model.get_email_field_name())
    except FieldDoesNotExist:
        return ""
    indexed = [index.fields for index in model._meta.indexes if index.condition is None]
    unique = [each for each in model._meta.constraints if isinstance(each, UniqueConstraint)]
    indexed += [list(constraint.fields) for constraint in unique if constraint.condition is None]
    return str(field.name) if field.db_index or field.unique or [field.name] in indexed else ""
