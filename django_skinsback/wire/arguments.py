"""Functions that check the arguments of a call. Each returns the value that is sent, or raises InvalidInput."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from ..exceptions import InvalidInput
from ..money import parse_amount, parse_currency, wire_amount
from ..sensitive import hide
from ..steam import check_game, check_steam_id, check_trade_token

Amount = Decimal | str | int
Time = datetime | int

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_CURSOR = re.compile(r"[A-Za-z0-9_-]{0,64}")
_UNSENDABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class PriceOptions(TypedDict, total=False):
    """How SkinsBack shows prices to the user: multiplied, or in the site's own currency.

    ``custom_multiplier`` is from 0.5 to 2. ``custom_currency`` has at most 4 characters and needs
    ``custom_currency_rate``, which is at least 0.1 (``/docs/api/v1/createorder``).
    """

    custom_multiplier: Amount | None
    custom_currency: str
    custom_currency_rate: Amount | None


class InventoryOptions(PriceOptions, total=False):
    """The options of ``get_inventory()``; local prices are in ``currency`` (``/docs/api/v1/user_inventory``)."""

    currency: str


class DepositOptions(PriceOptions, total=False):
    """The options of ``create_deposit()`` (``/docs/api/v1/createorder``).

    ``min_amount`` and ``max_amount`` are in ``currency``, which is then required.
    """

    steam_id: str
    trade_token: str
    result_url: str
    success_url: str
    fail_url: str
    currency: str
    min_amount: Amount | None
    max_amount: Amount | None
    widget: bool
    game: str


class InventoryDepositOptions(TypedDict):
    """The options of ``create_deposit_from_inventory()`` (``/docs/api/v1/create_from_user_inventory``)."""

    game: str
    steam_id: str
    trade_token: str
    item_asset_ids: Sequence[str]
    currency: NotRequired[str]
    result_url: NotRequired[str]


class BuySkinOptions(TypedDict):
    """The options of ``buy_skin()``: one skin by its ID, or the cheapest skin of a name and game.

    ``max_price`` is in USD (``/docs/api/v1/market_buy``).
    """

    skin_id: NotRequired[str]
    market_hash_name: NotRequired[str]
    game: NotRequired[str]
    max_price: Amount


class SkinToBuy(TypedDict):
    """One skin of ``buy_skins()``; ``max_price`` is in USD (``/docs/api/v1/market_batch_buy``)."""

    skin_id: str
    max_price: Amount
    custom_id: str


def text(name: str, value: object) -> str:
    """Return text without control characters. A float is refused too, because its decimals are not exact."""
    if not isinstance(value, str) or not value or _UNSENDABLE.search(value):
        raise InvalidInput(f"{name} must be text without control characters; amounts are Decimal, not float.")
    return str(value)


def identifier(name: str, value: object) -> str:
    """Return an ID, ours or SkinsBack's, as text."""
    written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _ID.fullmatch(written):
        raise InvalidInput(f"{name} must be 1 to 64 letters, digits, '-' or '_'.")
    return written


def several(name: str, values: Sequence[str]) -> Sequence[str]:
    """Return a list. A single text is refused, because it would be read as a list of letters."""
    if isinstance(values, str):
        raise InvalidInput(f"{name} must be a list.")
    return values


def identifiers(name: str, values: Sequence[str]) -> list[str]:
    """Return a list of at least one ID."""
    ids = [identifier(name, value) for value in several(name, values)]
    if not ids:
        raise InvalidInput(f"{name} must not be empty.")
    return ids


def one_of(**ids: str) -> dict[str, str]:
    """Return the ID that is given, as ``{name: ID}``. Raises InvalidInput unless exactly one is given."""
    given = {name: value for name, value in ids.items() if value}
    if len(given) != 1:
        raise InvalidInput(f"Give either {' or '.join(ids)}.")
    return {name: identifier(name, value) for name, value in given.items()}


def window(starting: Time, ending: Time, start_from: str | int | None) -> dict[str, Any]:
    """Return the parameters of a list: its time range in UNIX seconds and where to continue."""
    return {
        "starting": _seconds("starting", starting),
        "ending": _seconds("ending", ending),
        "start_from": cursor(start_from),
    }


def _seconds(name: str, value: Time) -> int:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return int(value.timestamp())
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidInput(f"{name} must be an aware datetime or UNIX seconds.")


def cursor(value: str | int | None) -> str:
    """Return where a list continues: ``start_from`` of the previous page; empty for the first page."""
    written = "" if value is None else str(value)
    if not _CURSOR.fullmatch(written):
        raise InvalidInput("start_from must be the start_from of the previous page.")
    return written


def prices(
    custom_multiplier: Amount | None = None,
    custom_currency: str = "",
    custom_currency_rate: Amount | None = None,
) -> dict[str, Any]:
    """Return the parameters of PriceOptions."""
    multiplier, rate = optional_amount(custom_multiplier), optional_amount(custom_currency_rate)
    if multiplier is not None and not Decimal("0.5") <= multiplier <= 2:
        raise InvalidInput("custom_multiplier must be from 0.5 to 2.")
    if bool(custom_currency) != (rate is not None):
        raise InvalidInput("custom_currency and custom_currency_rate go together.")
    if len(custom_currency) > 4 or (rate is not None and rate < Decimal("0.1")):
        raise InvalidInput("custom_currency has at most 4 characters, custom_currency_rate is at least 0.1.")
    return {
        "custom_multiplier": multiplier,
        "custom_currency": custom_currency,
        "custom_currency_rate": rate,
    }


def optional_amount(value: Amount | None) -> Decimal | None:
    """Return an amount, or None."""
    return None if value is None else parse_amount(value)


def price(value: Amount | None) -> Decimal:
    """Return a price cap in USD; it is required and above zero."""
    if value is None:
        raise InvalidInput("max_price must be given.")
    highest = parse_amount(value)
    if not highest:
        raise InvalidInput("max_price must be above zero.")
    return highest


def currency(value: str | None) -> str:
    """Return a currency code, or empty text."""
    return parse_currency(value) if value else ""


def game(value: str | None) -> str:
    """Return a game's code, or empty text."""
    return check_game(value) if value else ""


def steam_id(value: str | None) -> str:
    """Return a Steam ID, or empty text."""
    return check_steam_id(value) if value else ""


def token(value: str | None, *, required: bool = False) -> str:
    """Return a trade token, which no ``repr`` shows, or empty text if it is not required."""
    value = hide(value)
    return check_trade_token(value) if value or required else ""


def url(name: str, value: str | None) -> str:
    """Return a complete address, or empty text."""
    if value and not value.startswith(("https://", "http://")):
        raise InvalidInput(f"{name} must be a complete address that begins with https://.")
    return text(name, value) if value else ""


def form_fields(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and text of each parameter, nested ones with names as PHP writes them: ``items[0][id]``."""
    for key, value in params.items():
        name = f"{prefix}[{key}]" if prefix else key
        if value is None or value is False or value == "":
            continue
        if isinstance(value, Mapping):
            yield from form_fields(value, name)
        elif isinstance(value, list | tuple):
            yield from form_fields({str(index): item for index, item in enumerate(value)}, name)
        else:
            yield name, _scalar_text(name, value)


def _scalar_text(name: str, value: object) -> str:
    if value is True:
        return "1"
    if isinstance(value, Decimal):
        return wire_amount(value)
    if isinstance(value, int):
        return str(value)
    return text(name, value)
