"""The API methods about the market, balance, currencies and status (``/docs/api/v1/market_pricelist`` and others)."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from ..simulation import market, outcomes, purchases
from ..simulation.currencies import CURRENCIES
from ..simulation.state import Project, Purchase, StockItem
from . import php
from .calls import Call, Method, Refusal, whole_number
from .shapes import item_with_numbers, item_with_text, purchase_fields

_BORDER_COLORS = {"covert": "eb4b4b", "classified": "d32ce6", "restricted": "8847ff", "milspec": "4b69ff"}


def _for_sale(call: Call) -> Iterable[StockItem]:
    game = call.game(Refusal(1, "invalid_game"))
    return (item for item in call.store.state.stock.values() if item.game == game and not item.sold)


def market_pricelist(call: Call) -> dict[str, Any]:
    """Return the skins for sale: one row for each name. With ``full``, return one row for each skin, with its ID."""
    items = list(_for_sale(call))
    last_update = str(int(call.store.now()) // 60 * 60)
    if call.flag("full"):
        rows = [row for item in items for row in _full_rows(call, item)]
        return {"last_update": last_update, "items": rows}
    by_name = sorted(items, key=lambda item: (item.market_hash_name, item.price))
    grouped = []
    for name, group in groupby(by_name, key=lambda item: item.market_hash_name):
        same = list(group)
        grouped.append({"name": name, "price": same[0].price, "classid": same[0].class_id, "count": len(same)})
    return {"last_update": last_update, "items": grouped}


def _full_rows(call: Call, item: StockItem) -> list[dict[str, Any]]:
    row: dict[str, Any] = item_with_numbers(item)
    design = market.BY_CLASS_ID[item.class_id]
    if call.flag("extended"):
        row |= {
            "assetid": str(50_000_000_000 + item.skin_id),
            "steamid": "76561199390042107",
            "image": f"{call.store.public_url}/_sandbox/skin/{item.class_id}.svg",
            "link": "",
            "border_color": _BORDER_COLORS.get(design.rarity, "b0c3d9"),
            "stickers": [],
            "extra": {
                "type": design.kind,
                "rarity": design.rarity,
                "exterior": item.market_hash_name.partition(" (")[2].rstrip(")"),
            },
        }
    if design.rarity == "rare" and design.kind == "knife":
        # The real list contains a skin with phases in two rows with the same ID: one name has the phase, one has not.
        return [row, {**row, "name": f"{item.market_hash_name} - Phase 2"}]
    return [row]


def market_search(call: Call) -> dict[str, Any]:
    """Return the skins for sale whose name contains ``name`` or one of ``names``. The cheapest is first."""
    names = call.texts("names") or [call.text("name")]
    if not any(names):
        raise Refusal(1, "name_or_names_required")
    if any(len(name) < 3 for name in names):
        raise Refusal(2, "name_min_length_3")
    wanted = [name.lower() for name in names]
    found = [item for item in _for_sale(call) if any(name in item.market_hash_name.lower() for name in wanted)]
    return {"items": [item_with_text(item) for item in sorted(found, key=lambda item: item.price)]}


def market_buy(call: Call) -> dict[str, Any]:
    """Buy the skin with this ``id``, or the cheapest skin with this ``name``."""
    found = _by_id(call) if call.text("id") else _by_name(call)
    partner, token = call.text("partner"), call.text("token")
    if not partner or not token:
        raise Refusal(3, "partner_or_token_missing")
    _check_trade_url(partner, token)
    return _bought(_buy(call, found, partner, token))


def _check_trade_url(partner: str, token: str) -> None:
    if not outcomes.is_partner(partner):
        raise Refusal(8, "invalid_partner_value")
    if not outcomes.is_trade_url(partner, token):
        raise Refusal(9, "invalid_token_value")
    if token in outcomes.TOKEN_REFUSALS:
        raise Refusal(*outcomes.TOKEN_REFUSALS[token])


def _buy(call: Call, found: list[StockItem], partner: str, token: str) -> Purchase:
    """Buy the cheapest skin of ``found``, debit the balance and return the purchase (``/docs/api/v1/market_buy``)."""
    too_expensive = Refusal(6, "skins_not_found_at_specified_price")
    custom_id, max_price = call.text("custom_id"), call.amount("max_price", too_expensive)
    if custom_id and call.store.purchase(call.project.client_id, custom_id):
        raise Refusal(7, "custom_id_already_exists")
    if not found:
        raise Refusal(5, "skin_unavailable")
    skin = min(found, key=lambda item: (item.price, item.skin_id))
    if max_price is not None and skin.price > max_price:
        raise too_expensive
    if skin.price > call.project.balance:
        raise Refusal(4, "insufficient_funds")
    return purchases.create(call.store, call.project, skin, partner=partner, token=token, custom_id=custom_id)


def _by_id(call: Call) -> list[StockItem]:
    item = call.store.state.stock.get(call.whole("id") or 0)
    return [item] if item is not None and not item.sold else []


def _by_name(call: Call) -> list[StockItem]:
    name = call.text("name")
    if not name:
        raise Refusal(1, "name_or_id_required")
    if len(name) < 3:
        raise Refusal(2, "name_min_length_3")
    return [item for item in _for_sale(call) if item.market_hash_name == name]


def _bought(purchase: Purchase) -> dict[str, Any]:
    answer = {
        "item": item_with_numbers(purchase.skin),
        "buy_id": purchase.buy_id,
        "offer_status": purchase.status,
        "balance_debited_sum": purchase.debited,
    }
    return {**answer, "custom_id": purchase.custom_id} if purchase.custom_id else answer


def market_batch_buy(call: Call) -> dict[str, Any]:
    """Buy several skins by their IDs. If one of them cannot be bought, the others are still bought."""
    partner, token = call.text("partner"), call.text("token")
    _check_trade_url(partner, token)
    rows = [call.row(row) for row in call.many("items")]
    if not rows:
        raise Refusal(1, "items_required")
    purchased: dict[str, Any] = {}
    unavailable: dict[str, Any] = {}
    for row in rows:
        skin_id = row.text("id")
        try:
            purchase = _buy(row, _by_id(row), partner, token)
        except Refusal as refusal:
            unavailable[skin_id] = {"error_code": refusal.code, "error_message": refusal.message}
        else:
            dated = {"steamid": purchase.steam_id, "date": str(purchase.created_at)}
            purchased[skin_id] = {**_bought(purchase), **dated}
    return {"purchased": purchased, "unavailable": unavailable}


def market_getinfo(call: Call) -> dict[str, Any]:
    """Return one purchase by ``buy_id``, or several purchases by ``buy_ids`` or ``custom_ids``.

    Raise error 2 if ``buy_id`` is unknown. Unknown IDs in ``buy_ids`` and ``custom_ids`` are left out.
    """
    if call.text("buy_id"):
        purchase = _own_purchase(call, call.whole("buy_id"))
        if purchase is None:
            raise Refusal(2, "offer_not_found")
        return purchase_fields(purchase)
    if buy_ids := call.texts("buy_ids"):
        found = [_own_purchase(call, whole_number(text)) for text in buy_ids]
    elif custom_ids := call.texts("custom_ids"):
        found = [call.store.purchase(call.project.client_id, custom_id) for custom_id in custom_ids]
    else:
        raise Refusal(1, "missing_one_of_required_params")
    return {"items": [purchase_fields(purchase) for purchase in found if purchase is not None]}


def _own_purchase(call: Call, buy_id: int | None) -> Purchase | None:
    purchase = call.store.state.purchases.get(buy_id) if buy_id is not None else None
    return purchase if purchase is not None and purchase.client_id == call.project.client_id else None


def market_history(call: Call) -> dict[str, Any]:
    """Return a page of the purchases made from ``starting`` to ``ending``, both included. The oldest is first."""
    starting, ending = call.time_range()
    rows = [
        purchase
        for purchase in call.store.state.purchases.values()
        if purchase.client_id == call.project.client_id and starting <= purchase.created_at <= ending
    ]
    return call.page(rows, row_id=lambda purchase: int(purchase.buy_id), row_fields=purchase_fields)


def balance(call: Call) -> dict[str, Any]:
    """Return the project's balance. The amounts are text with three decimals, or ``0``."""
    project: Project = call.project
    return {
        "balance": f"{project.balance:.3f}",
        "balance_in_currencies": {code: f"{project.balance * rate:.3f}" for code, (_, rate) in CURRENCIES.items()},
        "deals_sum": f"{project.deals_sum:.3f}" if project.deals_sum else "0",
        "deals_sum_in_currencies": {
            code: f"{project.deals_sum * rate:.3f}" for code, (_, rate) in CURRENCIES.items() if project.deals_sum
        },
        "withdraw_sum": "0",
        "withdraw_sum_in_currencies": {},
    }


def currencies(_call: Call) -> dict[str, Any]:
    """Return the code, name and rate of every currency as text. The rate is the value of one US dollar."""
    return {
        "items": [
            {"code": code, "name": name, "rate": php.plain_text(rate)} for code, (name, rate) in CURRENCIES.items()
        ]
    }


def status(call: Call) -> dict[str, Any]:
    """Return ``available``: False if the fault ``site_off`` or ``no_bots`` is active, otherwise True."""
    for reason in ("site_off", "no_bots"):
        if call.store.faults.consume(reason, "status"):
            return {"available": False, "reason": reason}
    return {"available": True}


METHODS: dict[str, Method] = {
    "market_pricelist": market_pricelist,
    "market_search": market_search,
    "market_buy": market_buy,
    "market_batch_buy": market_batch_buy,
    "market_getinfo": market_getinfo,
    "market_history": market_history,
    "balance": balance,
    "currencies": currencies,
    "status": status,
}
