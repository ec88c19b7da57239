"""Classes of the values that the client returns: reports of deposits and purchases, and pages of reports.

Each class has ``from_wire``, which accepts every format that SkinsBack has been seen to use: IDs and amounts as text or
numbers, ``[]`` for an empty object, ``{"1": ...}`` for a list. Unknown fields are ignored. Unknown statuses are kept.
A field of a report that cannot be read is empty or None. Amounts are exact Decimals.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar

import msgspec

from ..exceptions import APIError, UnknownOutcome
from . import readers
from .limits import URL_LENGTH
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
    "list_reader",
]

T = TypeVar("T")


class DepositReport(msgspec.Struct, frozen=True, kw_only=True):
    """What SkinsBack says about one deposit (``/docs/api/v1/callback``, ``orderstatus``, ``orders``).

    ``amount`` is in ``amount_currency``. ``user_amount`` is ``amount`` times the project's multiplier, in the same
    currency. ``created_at`` is UTC. ``skins`` and ``user_risk`` are not signed in a notification. Only display them,
    and do not use them for decisions. In both, a whole number is int, and every other number is text.
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
        """Return a notification, an answer of ``orderstatus`` or a row of ``orders`` as a report. Never raises."""
        return cls(
            status=readers.text(fields.get("status")),
            order_id=readers.identifier(fields.get("order_id")),
            transaction_id=readers.identifier(fields.get("transaction_id")),
            steam_id=readers.steam_id(fields.get("steam_id")),
            created_at=readers.utc_time(fields.get("date")),
            amount=readers.amount(fields.get("amount")),
            amount_currency=readers.currency(fields.get("amount_currency")),
            user_amount=readers.amount(fields.get("user_amount")),
            skins=readers.display_data(readers.rows(fields.get("skins") or fields.get("skins_info"))),
            user_risk=readers.display_data(readers.mapping(fields.get("user_risk"))),
            trade_offer_id=_trade_offer_id(fields),
            reason=readers.text(fields.get("reason")),
        )


class PurchaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What SkinsBack says about one purchase (``/docs/api/v1/market_getinfo``). Amounts are in USD, times are UTC."""

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
        """Return an answer, a row of a list or the data of an event as a report. Never raises.

        The argument ``skin_id`` is used if the item has no ID. In an answer of ``market_batch_buy``, the skin's ID is
        the key of the row.
        """
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
            in_hold_until=readers.utc_time(fields.get("in_hold_until")),
            error_reason=readers.text(fields.get("error_reason")),
            created_at=readers.utc_time(fields.get("date")),
        )

    @classmethod
    def bought(cls, fields: Mapping[str, Any], custom_id: str) -> Self:
        """Return an answer of ``market_buy`` as a report with this ``custom_id``.

        The answer may have no ``custom_id``. Raises UnknownOutcome if the answer has another ``custom_id``, or if
        ``buy_id`` or the status is missing.
        """
        report = cls.from_wire(fields)
        if not report.status or not report.buy_id or report.custom_id not in {"", custom_id}:
            raise UnknownOutcome("market_buy: the answer does not say what was bought.")
        return msgspec.structs.replace(report, custom_id=custom_id)

    @classmethod
    def list_from_wire(cls, fields: Mapping[str, Any]) -> list[Self]:
        """Return the purchases in an answer of ``market_getinfo`` as reports.

        The answer contains a list of purchases, or one purchase at the top level. Rows without a status are skipped.
        Raises UnknownOutcome if the answer contains neither.
        """
        if "items" not in fields and "offer_status" not in fields:
            raise UnknownOutcome("market_getinfo: the answer contains no purchase.")
        found = readers.rows(fields["items"]) if "items" in fields else [fields]
        return [report for row in found if (report := cls.from_wire(row)).status]


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for each skin of a batch purchase (``/docs/api/v1/market_batch_buy``).

    ``purchased`` contains the skins that were bought. ``unavailable`` contains the error of each skin that was not
    bought. The key is the skin's ID. If a skin is in neither, its outcome is unknown. If SkinsBack's answer lists a
    skin in both, the skin was bought. Then it is only in ``purchased`` here.
    """

    purchased: list[PurchaseReport] = []
    unavailable: dict[str, APIError] = {}

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any], custom_ids: Mapping[str, str]) -> Self:
        """Return an answer of ``market_batch_buy`` as a BatchResult.

        ``custom_ids`` maps the ID of each requested skin to its ``custom_id``.
        """
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
    """The address where the user pays, and SkinsBack's ID of the deposit (``/docs/api/v1/createorder``)."""

    pay_url: str
    transaction_id: str

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Return an answer of ``create`` as a DepositLink.

        Raise UnknownOutcome if ``url`` or ``transaction_id`` is missing.
        """
        pay_url = readers.text(fields.get("url"), limit=URL_LENGTH)
        if not pay_url.startswith(("https://", "http://")):
            raise UnknownOutcome("create: the answer has no address to pay at.")
        return cls(pay_url=pay_url, transaction_id=_transaction_id("create", fields))


class InventoryDeposit(msgspec.Struct, frozen=True, kw_only=True):
    """The trade offer of a deposit that is paid on the site's own page (``/docs/api/v1/create_from_user_inventory``).

    ``amount`` is in USD. ``amount_local`` is in ``currency_local``. ``user_amount_local`` is ``amount_local`` times the
    multiplier, in the same currency. The user must accept the offer on Steam before ``trade_offer_expires_at`` (UTC).
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
        """Return an answer of ``create_from_user_inventory`` as an InventoryDeposit.

        Raise UnknownOutcome if ``transaction_id`` is missing.
        """
        data = readers.mapping(fields.get("data")) or fields
        return cls(
            transaction_id=_transaction_id("create_from_user_inventory", data),
            trade_offer_id=_trade_offer_id(data),
            trade_offer_expires_at=readers.utc_time(data.get("trade_offer_expiry_at")),
            amount=readers.amount(data.get("sum")),
            amount_local=readers.amount(data.get("local_sum")),
            user_amount_local=readers.amount(data.get("local_sum_multiplied")),
            currency_local=readers.currency(data.get("local_currency")),
            bot_steam_id=readers.text(data.get("bot_steam_id")),
            bot_name=readers.text(data.get("bot_name")),
        )


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list. If ``has_more`` is True, pass ``start_from`` to the next call to get the next page."""

    items: list[T]
    total_count: int | None = None
    has_more: bool = False
    start_from: str = ""

    @classmethod
    def reader(cls, item: Callable[[Mapping[str, Any]], T]) -> "Callable[[Mapping[str, Any]], Page[T]]":
        """Return a function that reads an answer and returns a page. The function calls ``item`` to read each row."""

        def read(fields: Mapping[str, Any]) -> Page[T]:
            return Page(
                items=[item(row) for row in readers.rows(fields.get("items"))],
                total_count=readers.count(fields.get("total_count")),
                has_more=readers.flag(fields.get("has_more")) is True,
                start_from=readers.text(fields.get("start_from")),
            )

        return read


class FailedNotification(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that the site did not answer with 200 (``/docs/api/v1/callback_errors``)."""

    transaction_id: str = ""
    order_id: str = ""
    http_code: str = ""

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> Self:
        """Return a row of ``callback_error_list`` as a FailedNotification."""
        return cls(
            transaction_id=readers.identifier(fields.get("transaction_id")),
            order_id=readers.identifier(fields.get("order_id")),
            http_code=readers.text(fields.get("http_code")),
        )


def list_reader(item: Callable[[Mapping[str, Any]], T | None]) -> Callable[[Mapping[str, Any]], list[T]]:
    """Return a function that reads an answer and returns a list.

    The function calls ``item`` for each row. A row for which ``item`` returns None is left out.
    """

    def read(fields: Mapping[str, Any]) -> list[T]:
        return [row for row in map(item, readers.rows(fields.get("items"))) if row is not None]

    return read


def _with_custom_id(report: PurchaseReport, custom_ids: Mapping[str, str]) -> PurchaseReport:
    custom_id = report.custom_id or custom_ids.get(report.skin_id, "")
    return msgspec.structs.replace(report, custom_id=custom_id)


def _transaction_id(method: str, fields: Mapping[str, Any]) -> str:
    transaction_id = readers.identifier(fields.get("transaction_id"))
    if not transaction_id:
        raise UnknownOutcome(f"{method}: the answer has no transaction_id.")
    return transaction_id


def _trade_offer_id(fields: Mapping[str, Any]) -> str:
    return readers.identifier(fields.get("trade_offer_id")) or readers.identifier(fields.get("tradeofferid"))
