"""Checking the arguments of a call; each function gives back what is sent, or raises InvalidInput."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from ..exceptions import InvalidInput, InvalidTradeURL
from ..money import parse_amount, parse_currency
from ..sensitive import hide
from ..steam import check_game, check_steam_id

Amount = Decimal | str | int
Time = datetime | int

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8}")
_CURSOR = re.compile(r"[A-Za-z0-9_-]{0,64}")
_UNSENDABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class PriceOptions(TypedDict, total=False):
    """How prices are shown to the user: times a factor, or in a currency of the site's own."""

    custom_multiplier: Amount | None
    custom_currency: str
    custom_currency_rate: Amount | None


class InventoryOptions(PriceOptions, total=False):
    """In which currency an inventory shows its prices (``/docs/api/v1/user_inventory``)."""

    currency: str


class DepositOptions(PriceOptions, total=False):
    """What may be said about a new deposit, apart from its id (``/docs/api/v1/createorder``)."""

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
    """A deposit of chosen items (``/docs/api/v1/create_from_user_inventory``)."""

    game: str
    steam_id: str
    trade_token: str
    item_asset_ids: Sequence[str]
    currency: NotRequired[str]
    result_url: NotRequired[str]


class SkinToBuy(TypedDict):
    """One skin by its id, or the cheapest of a name and game; ``max_price`` is in USD."""

    skin_id: NotRequired[str]
    market_hash_name: NotRequired[str]
    game: NotRequired[str]
    max_price: Amount


class BatchItem(TypedDict):
    """One skin of a bulk purchase; ``max_price`` is in USD."""

    skin_id: str
    max_price: Amount
    custom_id: str


def text(name: str, value: object) -> str:
    """Text of one line. A float ends here too: nobody may guess its decimals."""
    if not isinstance(value, str) or not value or _UNSENDABLE.search(value):
        raise InvalidInput(f"{name} must be text without control characters; amounts are Decimal, not float.")
    return str(value)


def identifier(name: str, value: object) -> str:
    """An id, ours or theirs, as text."""
    words = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _ID.fullmatch(words):
        raise InvalidInput(f"{name} must be 1 to 64 letters, digits, '-' or '_'.")
    return words


def several(name: str, values: Sequence[str]) -> Sequence[str]:
    """A list; a single text would be taken for a list of letters."""
    if isinstance(values, str):
        raise InvalidInput(f"{name} must be a list.")
    return values


def identifiers(name: str, values: Sequence[str]) -> list[str]:
    """At least one id."""
    ids = [identifier(name, value) for value in several(name, values)]
    if not ids:
        raise InvalidInput(f"{name} must not be empty.")
    return ids


def one_of(**ids: str) -> dict[str, str]:
    """Exactly one of two ids."""
    given = {name: value for name, value in ids.items() if value}
    if len(given) != 1:
        raise InvalidInput(f"Give either {' or '.join(ids)}.")
    return {name: identifier(name, value) for name, value in given.items()}


def window(starting: Time, ending: Time, start_from: str | int | None) -> dict[str, Any]:
    """A time range and where to go on in its list."""
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
    """Where a list goes on: what the previous page gave."""
    words = "" if value is None else str(value)
    if not _CURSOR.fullmatch(words):
        raise InvalidInput("start_from must be what the previous page gave.")
    return words


def prices(
    custom_multiplier: Amount | None = None,
    custom_currency: str = "",
    custom_currency_rate: Amount | None = None,
) -> dict[str, Any]:
    """How prices are shown to the user."""
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
    """An amount, or None."""
    return None if value is None else parse_amount(value)


def price(value: Amount | None) -> Decimal:
    """The most a skin may cost, in USD."""
    if value is None:
        raise InvalidInput("max_price must be given.")
    highest = parse_amount(value)
    if not highest:
        raise InvalidInput("max_price must be above zero.")
    return highest


def currency(value: str | None) -> str:
    """A currency code, or nothing."""
    return parse_currency(value) if value else ""


def game(value: str | None) -> str:
    """A game, or nothing."""
    return check_game(value) if value else ""


def steam_id(value: str | None) -> str:
    """A Steam ID, or nothing."""
    return check_steam_id(value) if value else ""


def token(value: str | None, *, needed: bool = False) -> str:
    """A trade URL's token, hidden."""
    value = hide(value)
    if not value and not needed:
        return ""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise InvalidTradeURL("A trade token is 8 letters, digits, '-' or '_'.")
    return value


def url(name: str, value: str | None) -> str:
    """A whole address, or nothing."""
    if value and not value.startswith(("https://", "http://")):
        raise InvalidInput(f"{name} must be a whole address, beginning with https://.")
    return text(name, value) if value else ""
