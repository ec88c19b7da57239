"""Functions that return rows in the format of the API's answers.

If SkinsBack sends a value as a JSON number, the value is Decimal or int. Every other value is text.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django_skinsback.steam import GAMES

from ..simulation.currencies import in_all_currencies, round_to_cents, total, total_usd
from ..simulation.state import HELD_DEPOSITS, Deposit, Purchase, StockItem
from ..simulation.store import Store
from . import php

_WITH_AMOUNT = HELD_DEPOSITS | {"success"}


def deposit_fields(store: Store, deposit: Deposit, status: str = "") -> dict[str, Any]:
    """Return the fields of a deposit for ``orderstatus``, ``orders`` and notifications.

    If ``status`` is not empty, ``status`` replaces the status of the deposit. Page: ``/docs/api/v1/orderstatus``.
    """
    status = status or deposit.status
    fields: dict[str, Any] = {
        "status": status,
        "transaction_id": str(deposit.transaction_id),
        "order_id": deposit.order_id,
        "steam_id": deposit.steam_id,
        "date": deposit.created_at,
    }
    if deposit.amount is not None and deposit.user_amount is not None and status in _WITH_AMOUNT:
        user_local = round_to_cents(deposit.user_amount / (deposit.custom_currency_rate or 1))
        fields |= {
            "amount": deposit.amount,
            "amount_currency": deposit.currency,
            "amount_in_currencies": in_all_currencies(deposit.amount, deposit.currency),
            "user_amount": deposit.user_amount,
            "user_amount_in_currencies": in_all_currencies(user_local, deposit.currency),
            "offer_date": deposit.offered_at,
            "skins_send_date": deposit.received_at,
            "skins": [
                {
                    "name": skin.market_hash_name,
                    "price": skin.price,
                    "multiplied_price": round_to_cents(skin.price * deposit.multiplier),
                }
                for skin in deposit.skins
            ],
        }
    if status in HELD_DEPOSITS:
        fields["user_risk"] = _user_risk(store, deposit.steam_id)
    return fields


def _user_risk(store: Store, steam_id: str) -> dict[str, Any]:
    """Return statistics in USD about the payer's paid deposits in all projects (``/docs/api/v1/offers_with_hold``)."""
    deposits = [d for d in store.state.deposits.values() if d.steam_id == steam_id and d.received_at]
    returned = [d for d in deposits if d.status == "hold_returned"]
    now = datetime.fromtimestamp(store.now(), UTC)
    by_game = {game: [asset for asset in store.inventory(steam_id) if asset.game == game] for game in GAMES}
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
            game: {"last_updated_at": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}", "sum": total_usd(assets)}
            for game, assets in by_game.items()
            if assets
        },
    }


def item_with_numbers(item: StockItem) -> dict[str, Any]:
    """Return the fields of a skin for ``market_pricelist`` and the buying methods. The price is a number."""
    return {
        "id": str(item.skin_id),
        "name": item.market_hash_name,
        "price": item.price,
        "classid": item.class_id,
        "instanceid": "0",
    }


def item_with_text(item: StockItem) -> dict[str, str]:
    """Return the fields of a skin for ``market_search``, ``market_getinfo`` and events. The price is text."""
    return {
        "id": str(item.skin_id),
        "name": item.market_hash_name,
        "price": php.plain_text(item.price),
        "classid": item.class_id,
    }


def purchase_fields(purchase: Purchase) -> dict[str, Any]:
    """Return the fields of a purchase for ``market_getinfo`` and ``market_history``. Numbers are text.

    The fields of the hold, ``tradeofferid`` and ``custom_id`` are left out if the purchase has no value for them.
    """
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
    """Return the value with every number as text, also in nested dicts and lists.

    PHP reads numbers from a database as text.
    """
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
