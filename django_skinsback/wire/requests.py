"""One function for each API method. It checks its arguments and returns the Request that is signed and sent.

The limits that SkinsBack documents are checked. A wrong argument raises InvalidInput or a subclass.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

from ..exceptions import InvalidInput
from ..sensitive import hide
from ..steam import TradeURL, check_game, check_steam_id
from . import arguments
from .arguments import Amount, PriceOptions, SkinToBuy, Time

MAX_SKINS_PER_BATCH = 50

READS = frozenset(
    {
        "balance",
        "callback_error_list",
        "currencies",
        "market_getinfo",
        "market_history",
        "market_pricelist",
        "market_search",
        "orders",
        "orderstatus",
        "status",
        "user_inventory",
    }
)
"""The methods that change nothing at SkinsBack. They can be called again. All other methods may change something."""

_METHOD_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RESERVED = {"method", "shopid", "sign"}


@dataclass(frozen=True, slots=True)
class Request:
    """The name of a method and its parameters as text. ``repr`` hides ``fields``: they may contain a trade token."""

    method: str
    fields: dict[str, str] = field(repr=False)


def build(method: str, params: Mapping[str, Any]) -> Request:
    """Return the request of any method. Raise InvalidInput for a name or value that cannot be sent.

    None, False and empty text are left out. True becomes ``1``. A list becomes fields such as ``items[0]``, as in PHP.
    """
    if not _METHOD_NAME.fullmatch(method):
        raise InvalidInput("A method is a word in lower case, such as balance.")
    if reserved := _RESERVED & set(params):
        raise InvalidInput(f"{reserved.pop()} is not a parameter: the client sets it.")
    return Request(method, {"method": method, **dict(arguments.form_fields(params))})


def create_deposit(
    order_id: str,
    *,
    steam_id: str = "",
    trade_token: str = "",
    result_url: str = "",
    success_url: str = "",
    fail_url: str = "",
    currency: str = "",
    min_amount: Amount | None = None,
    max_amount: Amount | None = None,
    widget: bool = False,
    game: str = "",
    **shown: Unpack[PriceOptions],
) -> Request:
    """Return the request of ``create``.

    ``min_amount`` and ``max_amount`` are in ``currency``. Raise InvalidInput if one of them is given without
    ``currency``.
    """
    trade_token = hide(trade_token)
    smallest, largest = arguments.optional_amount(min_amount), arguments.optional_amount(max_amount)
    if not currency and (smallest is not None or largest is not None):
        raise InvalidInput("min_amount and max_amount need a currency.")
    if smallest is not None and largest is not None and largest <= smallest:
        raise InvalidInput("max_amount must be larger than min_amount.")
    return build(
        "create",
        {
            "order_id": arguments.identifier("order_id", order_id),
            "steam_id": arguments.steam_id(steam_id),
            "trade_token": arguments.token(trade_token),
            "result_url": arguments.url("result_url", result_url),
            "success_url": arguments.url("success_url", success_url),
            "fail_url": arguments.url("fail_url", fail_url),
            "currency": arguments.currency(currency),
            "min_amount": smallest,
            "max_amount": largest,
            "widget": bool(widget),
            "game": arguments.game(game),
            **arguments.prices(**shown),
        },
    )


def create_deposit_from_inventory(
    order_id: str,
    *,
    game: str,
    steam_id: str,
    trade_token: str,
    item_asset_ids: Sequence[str],
    currency: str = "",
    result_url: str = "",
) -> Request:
    """Return the request of ``create_from_user_inventory``."""
    trade_token = hide(trade_token)
    return build(
        "create_from_user_inventory",
        {
            "order_id": arguments.identifier("order_id", order_id),
            "game": check_game(game),
            "steam_id": check_steam_id(steam_id),
            "trade_token": arguments.token(trade_token, required=True),
            "item_asset_ids": arguments.identifiers("item_asset_ids", item_asset_ids),
            "currency": arguments.currency(currency),
            "result_url": arguments.url("result_url", result_url),
        },
    )


def get_deposit(order_id: str, transaction_id: str) -> Request:
    """Return the request of ``orderstatus``. Exactly one of the two IDs must be given."""
    return build("orderstatus", arguments.one_of(order_id=order_id, transaction_id=transaction_id))


def approve_hold(order_id: str, transaction_id: str) -> Request:
    """Return the request of ``offer_approve``. Exactly one of the two IDs must be given."""
    return build("offer_approve", arguments.one_of(order_id=order_id, transaction_id=transaction_id))


def list_deposits(starting: Time, ending: Time, start_from: str | int | None) -> Request:
    """Return the request of ``orders``."""
    return build("orders", arguments.window(starting, ending, start_from))


def list_failed_notifications(start_from: str | int | None) -> Request:
    """Return the request of ``callback_error_list``."""
    return build("callback_error_list", {"start_from": arguments.cursor(start_from)})


def get_inventory(
    game: str, steam_id: str, trade_token: str, *, currency: str = "", **shown: Unpack[PriceOptions]
) -> Request:
    """Return the request of ``user_inventory``."""
    trade_token = hide(trade_token)
    return build(
        "user_inventory",
        {
            "game": check_game(game),
            "steam_id": check_steam_id(steam_id),
            "trade_token": arguments.token(trade_token, required=True),
            "currency": arguments.currency(currency),
            **arguments.prices(**shown),
        },
    )


def get_price_list(game: str, full: bool) -> Request:
    """Return the request of ``market_pricelist``."""
    return build("market_pricelist", {"game": check_game(game), "full": full})


def search_skins(game: str, name: str, names: Sequence[str]) -> Request:
    """Return the request of ``market_search``. Either ``name`` or ``names`` must be given."""
    if bool(name) == bool(names):
        raise InvalidInput("Give either name or names.")
    several = [arguments.text("names", each) for each in arguments.several("names", names)] if names else []
    return build(
        "market_search",
        {"game": check_game(game), "name": arguments.text("name", name) if name else "", "names": several},
    )


def buy_skin(
    trade_url: TradeURL,
    custom_id: str,
    *,
    skin_id: str = "",
    market_hash_name: str = "",
    game: str = "",
    max_price: Amount,
) -> Request:
    """Return the request of ``market_buy``.

    ``skin_id`` buys that skin. ``market_hash_name`` and ``game`` buy the cheapest skin with that name.
    """
    if bool(skin_id) == bool(market_hash_name):
        raise InvalidInput("Give either skin_id or market_hash_name.")
    if skin_id:
        skin = {"id": arguments.identifier("skin_id", skin_id)}
    else:
        skin = {"name": arguments.text("market_hash_name", market_hash_name), "game": check_game(game)}
    return build(
        "market_buy",
        {
            "partner": trade_url.partner,
            "token": trade_url.token,
            **skin,
            "max_price": arguments.price(max_price),
            "custom_id": arguments.identifier("custom_id", custom_id),
        },
    )


def buy_skins(trade_url: TradeURL, items: Sequence[SkinToBuy]) -> Request:
    """Return the request of ``market_batch_buy``. Raise InvalidInput if a skin ID or a custom ID is given twice."""
    if not 1 <= len(items) <= MAX_SKINS_PER_BATCH:
        raise InvalidInput(f"Buy 1 to {MAX_SKINS_PER_BATCH} skins at once.")
    rows = [
        {
            "id": arguments.identifier("skin_id", item.get("skin_id")),
            "max_price": arguments.price(item.get("max_price")),
            "custom_id": arguments.identifier("custom_id", item.get("custom_id")),
        }
        for item in items
    ]
    for name in ("id", "custom_id"):
        if len({row[name] for row in rows}) != len(rows):
            raise InvalidInput(f"Each {'skin_id' if name == 'id' else name} may be given once.")
    return build("market_batch_buy", {"partner": trade_url.partner, "token": trade_url.token, "items": rows})


def get_purchase(buy_id: str) -> Request:
    """Return the request of ``market_getinfo`` for one purchase by SkinsBack's ID."""
    return build("market_getinfo", {"buy_id": arguments.identifier("buy_id", buy_id)})


def get_purchases(buy_ids: Sequence[str], custom_ids: Sequence[str]) -> Request:
    """Return the request of ``market_getinfo`` for several purchases. Give either ``buy_ids`` or ``custom_ids``."""
    if bool(buy_ids) == bool(custom_ids):
        raise InvalidInput("Give either buy_ids or custom_ids.")
    name, ids = ("buy_ids", buy_ids) if buy_ids else ("custom_ids", custom_ids)
    return build("market_getinfo", {name: arguments.identifiers(name, ids)})


def list_purchases(starting: Time, ending: Time, start_from: str | int | None) -> Request:
    """Return the request of ``market_history``."""
    return build("market_history", arguments.window(starting, ending, start_from))
