"""What SkinsBack says, as immutable values.

Each class has ``from_wire``, which reads every spelling that has been seen: ids and amounts as text or
numbers, ``[]`` for an empty object, ``{"1": ...}`` for a list. Unknown fields are ignored and unknown words
kept. In a report, whatever cannot be read is empty or None. Amounts are exact decimals.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar

import msgspec

from ..exceptions import APIError, UnknownOutcome
from . import readers
from .market import (
    Balance,
    CurrencyRate,
    Inventory,
    InventoryItem,
    PriceList,
    PriceListItem,
    ServiceStatus,
    Skin,
)

__all__ = [
    "Balance",
    "BatchResult",
    "CurrencyRate",
    "DepositLink",
    "DepositReport",
    "FailedNotification",
    "Inventory",
    "InventoryDeposit",
    "InventoryItem",
    "Page",
    "PriceList",
    "PriceListItem",
    "PurchaseReport",
    "ServiceStatus",
    "Skin",
    "readable",
]

T = TypeVar("T")


class DepositReport(msgspec.Struct, frozen=True, kw_only=True):
    """What SkinsBack says about one deposit (``/docs/api/v1/callback``, ``orderstatus``, ``orders``).

    ``amount`` and ``user_amount`` (times the project's multiplier) are in ``amount_currency``. ``skins`` and
    ``user_risk`` are not signed in a notification: show them, never count on them. Whole numbers in them are
    int and fractions are text.
    """

    status: str
    order_id: str = ""
    transaction_id: str = ""
    steam_id: str = ""
    created_at: datetime | None = None
    amount: Decimal | None = None
    amount_currency: str = ""
    user_amount: Decimal | None = None
    skins: list[dict[str, Any]] = []
    user_risk: dict[str, Any] = {}
    trade_offer_id: str = ""
    reason: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Read a notification, an answer of ``orderstatus`` or a row of ``orders``."""
        return cls(
            status=readers.text(fields.get("status")),
            order_id=readers.identifier(fields.get("order_id")),
            transaction_id=readers.identifier(fields.get("transaction_id")),
            steam_id=readers.steam_id(fields.get("steam_id")),
            created_at=readers.moment(fields.get("date")),
            amount=readers.amount(fields.get("amount")),
            amount_currency=readers.currency(fields.get("amount_currency")),
            user_amount=readers.amount(fields.get("user_amount")),
            skins=readers.shown(readers.rows(fields.get("skins") or fields.get("skins_info"))),
            user_risk=readers.shown(readers.mapping(fields.get("user_risk"))),
            trade_offer_id=_trade_offer_id(fields),
            reason=readers.text(fields.get("reason")),
        )


class PurchaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What SkinsBack says about one purchase (``/docs/api/v1/market_getinfo``). Amounts are in USD."""

    status: str
    custom_id: str = ""
    buy_id: str = ""
    skin_id: str = ""
    market_hash_name: str = ""
    class_id: str = ""
    price: Decimal | None = None
    debited_amount: Decimal | None = None
    steam_id: str = ""
    trade_offer_id: str = ""
    in_hold: bool | None = None
    in_hold_until: datetime | None = None
    error_reason: str = ""
    created_at: datetime | None = None

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any], skin_id: str = "") -> Self:
        """Read an answer, a row or the data of an event; ``skin_id`` where only the key of a row tells it."""
        item = readers.mapping(fields.get("item"))
        return cls(
            status=readers.text(fields.get("offer_status")),
            custom_id=readers.identifier(fields.get("custom_id")),
            buy_id=readers.identifier(fields.get("buy_id")),
            skin_id=readers.identifier(item.get("id")) or skin_id,
            market_hash_name=readers.text(item.get("name")),
            class_id=readers.identifier(item.get("classid")),
            price=readers.amount(item.get("price")),
            debited_amount=readers.amount(fields.get("balance_debited_sum")),
            steam_id=readers.steam_id(fields.get("steamid")) or readers.steam_id(fields.get("steam_id")),
            trade_offer_id=_trade_offer_id(fields),
            in_hold=readers.flag(fields.get("in_hold")),
            in_hold_until=readers.moment(fields.get("in_hold_until")),
            error_reason=readers.text(fields.get("error_reason")),
            created_at=readers.moment(fields.get("date")),
        )

    @classmethod
    def bought(cls, fields: Mapping[str, Any], custom_id: str) -> Self:
        """Read the answer of ``market_buy``, which need not repeat ``custom_id``.

        Raises UnknownOutcome if it has no id or status, or is about another purchase.
        """
        report = cls.from_wire(fields)
        if not report.status or not report.buy_id or report.custom_id not in {"", custom_id}:
            raise UnknownOutcome("market_buy: the answer does not say what was bought.")
        return msgspec.structs.replace(report, custom_id=custom_id)

    @classmethod
    def list_from_wire(cls, fields: Mapping[str, Any]) -> list[Self]:
        """Read an answer of ``market_getinfo``: a list, or one purchase alone at the top level.

        Raises UnknownOutcome if it is neither.
        """
        if "items" not in fields and "offer_status" not in fields:
            raise UnknownOutcome("market_getinfo: the answer tells of no purchase.")
        found = readers.rows(fields["items"]) if "items" in fields else [fields]
        return [report for row in found if (report := cls.from_wire(row)).status]


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each skin of a bulk purchase (``/docs/api/v1/market_batch_buy``).

    A skin that is in neither has an unknown outcome. One that SkinsBack names in both was bought.
    """

    purchased: list[PurchaseReport] = []
    unavailable: dict[str, APIError] = {}

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any], custom_ids: Mapping[str, str]) -> Self:
        """Read an answer of ``market_batch_buy``; ``custom_ids`` are those asked for, by skin."""
        bought = fields.get("purchased")
        keyed = bought.items() if isinstance(bought, dict) else (("", row) for row in readers.rows(bought))
        purchased = [
            _with_custom_id(PurchaseReport.from_wire(row, skin_id=readers.text(key)), custom_ids)
            for key, row in keyed
            if isinstance(row, dict)
        ]
        bought_ids = {report.skin_id for report in purchased}
        return cls(
            purchased=purchased,
            unavailable={
                key: APIError.for_answer(
                    "market_batch_buy",
                    readers.error_code(row.get("error_code")),
                    readers.text(row.get("error_message")),
                )
                for key, row in readers.mapping(fields.get("unavailable")).items()
                if isinstance(row, dict) and key not in bought_ids
            },
        )


class DepositLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send the user to pay (``/docs/api/v1/createorder``)."""

    pay_url: str
    transaction_id: str

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Read an answer of ``create``. Raises UnknownOutcome if address or id are missing."""
        pay_url = readers.text(fields.get("url"), limit=readers.URL_LIMIT)
        if not pay_url.startswith(("https://", "http://")):
            raise UnknownOutcome("create: the answer has no address to pay at.")
        return cls(pay_url=pay_url, transaction_id=_needed("create", fields, "transaction_id"))


class InventoryDeposit(msgspec.Struct, frozen=True, kw_only=True):
    """The trade offer of a deposit without SkinsBack's page (``/docs/api/v1/create_from_user_inventory``).

    ``amount`` is in USD; ``amount_local`` and ``user_amount_local`` (times the multiplier) in
    ``currency_local``. The user must accept the offer on Steam before ``trade_offer_expires_at`` (UTC).
    """

    transaction_id: str
    trade_offer_id: str = ""
    trade_offer_expires_at: datetime | None = None
    amount: Decimal | None = None
    amount_local: Decimal | None = None
    user_amount_local: Decimal | None = None
    currency_local: str = ""
    bot_steam_id: str = ""
    bot_name: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Read the answer. Raises UnknownOutcome if the id of the deposit is missing."""
        data = readers.mapping(fields.get("data")) or fields
        return cls(
            transaction_id=_needed("create_from_user_inventory", data, "transaction_id"),
            trade_offer_id=_trade_offer_id(data),
            trade_offer_expires_at=readers.moment(data.get("trade_offer_expiry_at")),
            amount=readers.amount(data.get("sum")),
            amount_local=readers.amount(data.get("local_sum")),
            user_amount_local=readers.amount(data.get("local_sum_multiplied")),
            currency_local=readers.currency(data.get("local_currency")),
            bot_steam_id=readers.text(data.get("bot_steam_id")),
            bot_name=readers.text(data.get("bot_name")),
        )


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; pass ``start_from`` back for the next one while ``has_more``."""

    items: list[T]
    total_count: int | None = None
    has_more: bool = False
    start_from: str = ""

    @classmethod
    def reader(cls, item: Callable[[Mapping[str, Any]], T]) -> "Callable[[Mapping[str, Any]], Page[T]]":
        """The function that reads a page whose rows ``item`` reads."""

        def read(fields: Mapping[str, Any]) -> Page[T]:
            return Page(
                items=[item(row) for row in readers.rows(fields.get("items"))],
                total_count=readers.count(fields.get("total_count")),
                has_more=readers.flag(fields.get("has_more")) is True,
                start_from=readers.text(fields.get("start_from")),
            )

        return read


class FailedNotification(msgspec.Struct, frozen=True, kw_only=True):
    """A notification the site did not answer with 200 (``/docs/api/v1/callback_errors``)."""

    transaction_id: str = ""
    order_id: str = ""
    http_code: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Read a row of ``callback_error_list``."""
        return cls(
            transaction_id=readers.identifier(fields.get("transaction_id")),
            order_id=readers.identifier(fields.get("order_id")),
            http_code=readers.text(fields.get("http_code")),
        )


def readable(item: Callable[[Mapping[str, Any]], T | None]) -> Callable[[Mapping[str, Any]], list[T]]:
    """The function that reads a list whose rows ``item`` reads, without those that it cannot."""

    def read(fields: Mapping[str, Any]) -> list[T]:
        return [row for row in map(item, readers.rows(fields.get("items"))) if row is not None]

    return read


def _with_custom_id(report: PurchaseReport, custom_ids: Mapping[str, str]) -> PurchaseReport:
    custom_id = report.custom_id or custom_ids.get(report.skin_id, "")
    return msgspec.structs.replace(report, custom_id=custom_id)


def _needed(method: str, fields: Mapping[str, Any], name: str) -> str:
    limit = readers.URL_LIMIT if name == "url" else readers.ID_LIMIT
    words = readers.text(fields.get(name), limit)
    if not words:
        raise UnknownOutcome(f"{method}: the answer has no {name}.")
    return words


def _trade_offer_id(fields: Mapping[str, Any]) -> str:
    return readers.identifier(fields.get("trade_offer_id")) or readers.identifier(fields.get("tradeofferid"))
