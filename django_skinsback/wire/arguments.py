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
    """Options for the prices that SkinsBack shows to the user: a multiplier, or the site's own currency.

    ``custom_multiplier`` is from 0.5 to 2. ``custom_currency`` has at most 4 characters and needs
    ``custom_currency_rate``, which is at least 0.1 (``/docs/api/v1/createorder``).
    """

    custom_multiplier: Amount | None
    custom_currency: str
    custom_currency_rate: Amount | None


class InventoryOptions(PriceOptions, total=False):
    """The options of ``get_inventory()`` (``/docs/api/v1/user_inventory``).

    ``currency`` is the currency of the fields ``price_local`` and ``user_price_local``.
    """

    currency: str


class DepositOptions(PriceOptions, total=False):
    """The options of ``create_deposit()`` (``/docs/api/v1/createorder``).

    ``min_amount`` and ``max_amount`` are in ``currency``. Each of them requires ``currency``.
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
    """The options of ``buy_skin()`` (``/docs/api/v1/market_buy``).

    Give ``skin_id`` to buy that skin. Give ``market_hash_name`` and ``game`` to buy the cheapest skin with that name.
    ``max_price`` is in USD.
    """

    skin_id: NotRequired[str]
    market_hash_name: NotRequired[str]
    game: NotRequired[str]
    max_price: Amount


class SkinToBuy(TypedDict):
    """One skin of ``buy_skins()`` (``/docs/api/v1/market_batch_buy``). ``max_price`` is in USD."""

    skin_id: str
    max_price: Amount
    custom_id: str


def text(name: str, value: object) -> str:
    """Return ``value`` unchanged. Raise InvalidInput if it is not text, is empty or contains a control character."""
    if not isinstance(value, str) or not value or _UNSENDABLE.search(value):
        raise InvalidInput(f"{name} must be text without control characters; amounts are Decimal, not float.")
    return str(value)


def identifier(name: str, value: object) -> str:
    """Return an ID of this site or of SkinsBack as text.

    Raise InvalidInput if the ID is not 1 to 64 characters from ``A-Z``, ``a-z``, ``0-9``, ``-`` and ``_``.
    """
    written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _ID.fullmatch(written):
        raise InvalidInput(f"{name} must be 1 to 64 letters, digits, '-' or '_'.")
    return written


def several(name: str, values: Sequence[str]) -> Sequence[str]:
    """Return ``values`` unchanged. Raise InvalidInput if ``values`` is one text instead of a list.

    Python would read one text as a list of its letters.
    """
    if isinstance(values, str):
        raise InvalidInput(f"{name} must be a list.")
    return values


def identifiers(name: str, values: Sequence[str]) -> list[str]:
    """Return the IDs as a list of text. Raise InvalidInput if the list is empty or contains an invalid ID."""
    ids = [identifier(name, value) for value in several(name, values)]
    if not ids:
        raise InvalidInput(f"{name} must not be empty.")
    return ids


def one_of(**ids: str) -> dict[str, str]:
    """Return the only ID that is not empty, as ``{name: ID}``.

    Raise InvalidInput if all IDs are empty, or if more than one ID is not empty.
    """
    given = {name: value for name, value in ids.items() if value}
    if len(given) != 1:
        raise InvalidInput(f"Give either {' or '.join(ids)}.")
    return {name: identifier(name, value) for name, value in given.items()}


def window(starting: Time, ending: Time, start_from: str | int | None) -> dict[str, Any]:
    """Return the parameters of a call that returns a list: the time range in UNIX seconds, and the page's cursor."""
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
    """Return the cursor of a page as text: ``start_from`` of the previous page, or empty text for the first page."""
    written = "" if value is None else str(value)
    if not _CURSOR.fullmatch(written):
        raise InvalidInput("start_from must be the start_from of the previous page.")
    return written


def prices(
    custom_multiplier: Amount | None = None,
    custom_currency: str = "",
    custom_currency_rate: Amount | None = None,
) -> dict[str, Any]:
    """Return PriceOptions as parameters of a request. Raise InvalidInput if they are outside SkinsBack's limits."""
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
    """Return ``value`` as a Decimal amount. Return None if ``value`` is None."""
    return None if value is None else parse_amount(value)


def price(value: Amount | None) -> Decimal:
    """Return a price cap in USD as a Decimal. Raise InvalidInput if it is None or zero."""
    if value is None:
        raise InvalidInput("max_price must be given.")
    highest = parse_amount(value)
    if not highest:
        raise InvalidInput("max_price must be above zero.")
    return highest


def currency(value: str | None) -> str:
    """Return a currency code in lower case. Return empty text if ``value`` is empty or None."""
    return parse_currency(value) if value else ""


def game(value: str | None) -> str:
    """Return the code of a game. Return empty text if ``value`` is empty or None."""
    return check_game(value) if value else ""


def steam_id(value: str | None) -> str:
    """Return a Steam ID of 17 digits. Return empty text if ``value`` is empty or None."""
    return check_steam_id(value) if value else ""


def token(value: str | None, *, required: bool = False) -> str:
    """Return a trade token as SensitiveText. Raise InvalidTradeURL if the token is invalid.

    If ``value`` is empty or None, raise InvalidTradeURL if ``required`` is True, otherwise return empty text.
    """
    value = hide(value)
    return check_trade_token(value) if value or required else ""


def url(name: str, value: str | None) -> str:
    """Return an address that begins with https:// or http://. Return empty text if ``value`` is empty or None."""
    if value and not value.startswith(("https://", "http://")):
        raise InvalidInput(f"{name} must be a complete address that begins with https://.")
    return text(name, value) if value else ""


def form_fields(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each parameter that has a value.

    None, False and empty text are not values. The name of a nested parameter has the form ``items[0][id]``.
    """
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
