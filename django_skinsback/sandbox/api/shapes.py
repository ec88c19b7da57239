"""Rows as they look on the wire. Numbers are Decimal or int where SkinsBack sends numbers, text where it sends text."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..simulation.currencies import cents, in_currencies, total, usd_sum
from ..simulation.state import Deposit, Purchase, StockItem
from ..simulation.store import World
from . import php

WITH_AMOUNT = frozenset({"success", "in_hold", "hold_approved"})
HELD = frozenset({"in_hold", "hold_approved"})


def deposit_fields(world: World, deposit: Deposit, status: str = "") -> dict[str, Any]:
    """A deposit as ``orderstatus`` and ``orders`` show it (``/docs/api/v1/orderstatus``)."""
    status = status or deposit.status
    fields: dict[str, Any] = {
        "status": status,
        "transaction_id": str(deposit.transaction_id),
        "order_id": deposit.order_id,
        "steam_id": deposit.steam_id,
        "date": deposit.created_at,
    }
    if deposit.amount is not None and deposit.user_amount is not None and status in WITH_AMOUNT:
        user_local = cents(deposit.user_amount / (deposit.custom_currency_rate or 1))
        fields |= {
            "amount": deposit.amount,
            "amount_currency": deposit.currency,
            "amount_in_currencies": in_currencies(deposit.amount, deposit.currency),
            "user_amount": deposit.user_amount,
            "user_amount_in_currencies": in_currencies(user_local, deposit.currency),
            "offer_date": deposit.offered_at,
            "skins_send_date": deposit.received_at,
            "skins": [
                {
                    "name": skin.market_hash_name,
                    "price": skin.price,
                    "multiplied_price": cents(skin.price * deposit.multiplier),
                }
                for skin in deposit.skins
            ],
        }
    if status in HELD:
        fields["user_risk"] = user_risk(world, deposit.steam_id)
    return fields


def user_risk(world: World, steam_id: str) -> dict[str, Any]:
    """What SkinsBack knows of the payer, across projects (``/docs/api/v1/offers_with_hold``); sums in USD."""
    deposits = [d for d in world.state.deposits.values() if d.steam_id == steam_id and d.received_at]
    returned = [d for d in deposits if d.status == "hold_returned"]
    now = datetime.fromtimestamp(world.now(), UTC)
    by_game = {
        game: [asset for asset in world.inventory(steam_id) if asset.game == game] for game in ("cs2", "dota2", "rust")
    }
    return {
        "total_deposits_count": len(deposits),
        "total_deposits_sum": total(d.amount_usd or Decimal(0) for d in deposits),
        "total_rollback_deposits_count": len(returned),
        "total_rollback_deposits_sum": total(d.amount_usd or Decimal(0) for d in returned),
        "joined_at": f"20{15 + int(steam_id) % 10}-05-27 13:54:30",
        "last_deposit_at": f"{datetime.fromtimestamp(max(d.created_at for d in deposits), UTC):%Y-%m-%d %H:%M:%S}"
        if deposits
        else None,
        "user_inventory": {
            game: {"last_updated_at": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}", "sum": usd_sum(assets)}
            for game, assets in by_game.items()
            if assets
        },
    }


def item_with_numbers(item: StockItem) -> dict[str, Any]:
    """A skin in the answers of the buying methods."""
    return {
        "id": str(item.skin_id),
        "name": item.market_hash_name,
        "price": item.price,
        "classid": item.class_id,
        "instanceid": "0",
    }


def item_with_text(item: StockItem) -> dict[str, str]:
    """A skin in searches, ``market_getinfo`` and events, where the price is text."""
    return {
        "id": str(item.skin_id),
        "name": item.market_hash_name,
        "price": php.plain_text(item.price),
        "classid": item.class_id,
    }


def purchase_info(purchase: Purchase) -> dict[str, Any]:
    """A purchase in ``market_getinfo`` and ``market_history``: numbers as text, no key for what does not exist."""
    fields: dict[str, Any] = {
        "item": item_with_text(purchase.skin),
        "buy_id": str(purchase.buy_id),
        "offer_status": purchase.status,
    }
    if purchase.in_hold is not None:
        fields |= {"in_hold": purchase.in_hold, "in_hold_until": str(purchase.in_hold_until)}
    fields |= {
        "error_reason": purchase.error_reason,
        "steamid": purchase.steam_id,
        "date": str(purchase.created_at),
        "balance_debited_sum": php.plain_text(purchase.debited),
    }
    if purchase.trade_offer_id:
        fields["tradeofferid"] = purchase.trade_offer_id
    if purchase.custom_id:
        fields["custom_id"] = purchase.custom_id
    return fields


def as_text(value: Any) -> Any:
    """The same with every number as text, as PHP shows what it read from its database."""
    match value:
        case dict():
            return {key: as_text(inner) for key, inner in value.items()}
        case list():
            return [as_text(inner) for inner in value]
        case Decimal():
            return php.plain_text(value)
        case int() if not isinstance(value, bool):
            return str(value)
        case _:
            return value
