"""Classes of the values that the client returns: skins, prices, balances.

Amounts are in USD, except the fields ``…_local`` and ``in_currencies``. A row of ``market_search`` or
``market_pricelist`` without a readable name or price is left out, because such a skin cannot be bought.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Self

import msgspec

from ..exceptions import UnknownOutcome
from . import readers
from .fields import Number
from .limits import ID_LENGTH, TEXT_LENGTH, URL_LENGTH

LARGEST_COUNT = (1 << 31) - 1
"""The largest integer that every database can store. A larger count is read as None."""


class Skin(msgspec.Struct, frozen=True, kw_only=True):
    """One skin for sale that was found by its name (``/docs/api/v1/market_search``). ``price`` is in USD."""

    skin_id: str
    market_hash_name: str
    price: Decimal
    class_id: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self | None:
        """Return a row of ``market_search`` as a Skin. Return None if the row has no ID, name or price."""
        skin_id = readers.text(fields.get("id"))
        name = readers.text(fields.get("name"))
        price = readers.amount(fields.get("price"))
        if not skin_id or not name or price is None:
            return None
        return cls(skin_id=skin_id, market_hash_name=name, price=price, class_id=readers.text(fields.get("classid")))


class PriceListItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the price list (``/docs/api/v1/market_pricelist``).

    A row of the grouped list has ``count``. A row of the full list has ``skin_id``. ``price`` is in USD. A full list
    may contain the same Doppler skin in two rows: in one of them, the name contains the phase.
    """

    market_hash_name: str
    price: Decimal
    class_id: str = ""
    count: int | None = None
    skin_id: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self | None:
        """Return a row of ``market_pricelist`` as a PriceListItem. Return None if the row has no name or price."""
        return cls.from_values(*map(fields.get, ("name", "price", "classid", "count", "id")))

    @classmethod
    def from_values(cls, name: object, price: object, class_id: object, count: object, skin_id: object) -> Self | None:
        """Return a PriceListItem with these values. Return None if the name or the price is missing.

        The caller passes None for a missing value.
        """
        market_hash_name = _plain_text(name)
        if isinstance(price, Number):
            price = readers.number_text(str(price))
        amount = _cached_price(price) if type(price) is str else readers.amount(price)
        if not market_hash_name or amount is None:
            return None
        return cls(
            market_hash_name=market_hash_name,
            price=amount,
            class_id=_plain_text(class_id, ID_LENGTH) if class_id is not None else "",
            count=count if type(count) is int and 0 <= count <= LARGEST_COUNT else _storable_count(count),
            skin_id=_plain_text(skin_id, ID_LENGTH) if skin_id is not None else "",
        )


# A price list is long. Most of its values are plain text, and most prices repeat: these values are read by fast code.
# The slower readers are called only for the other values.
_PLAIN_PRICE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


@lru_cache(maxsize=1 << 11)
def _cached_price(text: str) -> Decimal | None:
    return Decimal(text) if _PLAIN_PRICE.fullmatch(text) else readers.amount(text)


def _plain_text(value: object, limit: int = TEXT_LENGTH) -> str:
    if type(value) is str and len(value) <= limit and value.isprintable():
        return value
    return readers.text(value, limit)


def _storable_count(value: object) -> int | None:
    count = readers.count(value)
    return count if count is not None and count <= LARGEST_COUNT else None


class PriceList(msgspec.Struct, frozen=True, kw_only=True):
    """The whole price list. ``last_update`` is the UTC time of SkinsBack's last update, or None if it is unknown."""

    last_update: datetime | None
    items: list[PriceListItem]


class InventoryItem(msgspec.Struct, frozen=True, kw_only=True):
    """A skin that a user owns (``/docs/api/v1/user_inventory``).

    ``price`` is in USD. ``price_local`` is the price in ``currency_local`` of the inventory. ``user_price_local`` is
    ``price_local`` times the multiplier. A price that cannot be read is None.
    """

    asset_id: str
    market_hash_name: str = ""
    price: Decimal | None = None
    price_local: Decimal | None = None
    user_price_local: Decimal | None = None
    tradable: bool | None = None
    disabled: bool | None = None
    app_id: str = ""
    class_id: str = ""
    icon_url: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Return a row of ``user_inventory`` as an InventoryItem."""
        item = readers.mapping(fields.get("item"))
        return cls(
            asset_id=readers.text(item.get("asset_id")),
            market_hash_name=readers.text(fields.get("name")),
            price=readers.amount(fields.get("price")),
            price_local=readers.amount(fields.get("price_local")),
            user_price_local=readers.amount(fields.get("multiplied_price_local")),
            tradable=readers.flag(item.get("tradable")),
            disabled=readers.flag(fields.get("disabled")),
            app_id=readers.text(item.get("app_id")),
            class_id=readers.text(item.get("class_id")),
            icon_url=readers.text(item.get("icon_url"), limit=URL_LENGTH),
        )


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The skins that a user owns on Steam (``/docs/api/v1/user_inventory``)."""

    items: list[InventoryItem] = []
    currency_local: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Return an answer of ``user_inventory`` as an Inventory. The answer may have its fields in ``data``."""
        data = readers.mapping(fields.get("data")) or fields
        items = [InventoryItem.from_wire(row) for row in readers.rows(data.get("items"))]
        return cls(
            items=[item for item in items if item.asset_id],
            currency_local=readers.currency(data.get("currency_local")),
        )


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The project's balance at SkinsBack (method ``balance``). The balance may be below zero.

    ``usd`` is in US dollars. ``in_currencies`` maps a currency code in lower case to the balance in that currency.
    """

    usd: Decimal
    in_currencies: dict[str, Decimal] = {}

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Return an answer of ``balance`` as a Balance. Raise UnknownOutcome if the answer has no balance in USD.

        The answer's field ``balance`` is not read, because its unit is not documented.
        """
        read = {
            readers.currency(code): readers.balance(value)
            for code, value in readers.mapping(fields.get("balance_in_currencies")).items()
        }
        known = {code: value for code, value in read.items() if code and value is not None}
        if "usd" not in known:
            raise UnknownOutcome("balance: the answer has no balance in USD.")
        return cls(usd=known["usd"], in_currencies=known)


class CurrencyRate(msgspec.Struct, frozen=True, kw_only=True):
    """A currency that SkinsBack supports, and its rate (method ``currencies``). The base currency is not documented."""

    code: str
    name: str
    rate: Decimal

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self | None:
        """Return a row of ``currencies`` as a CurrencyRate. Return None if the row has no code or rate."""
        code = readers.currency(fields.get("code"))
        rate = readers.rate(fields.get("rate"))
        return cls(code=code, name=readers.text(fields.get("name")), rate=rate) if code and rate else None


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether SkinsBack accepts deposits now (method ``status``).

    If ``available`` is False, ``reason`` is SkinsBack's word for the reason: ``site_off`` or ``no_bots``.
    """

    available: bool
    reason: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Return an answer of ``status`` as a ServiceStatus. Raise UnknownOutcome if ``available`` is missing."""
        available = readers.flag(fields.get("available"))
        if available is None:
            raise UnknownOutcome("status: the answer does not say whether SkinsBack is available.")
        return cls(available=available, reason=readers.text(fields.get("reason")))
