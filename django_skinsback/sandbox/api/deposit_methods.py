"""The API methods about deposits (``/docs/api/v1/createorder`` and the following pages)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django_skinsback.steam import GAMES

from ..options import OFFER_SECONDS
from ..simulation import currencies, deposits
from ..simulation.market import ICON_PREFIX
from ..simulation.state import Deposit
from ..simulation.store import Impossible
from .calls import Call, Method, Refusal
from .shapes import deposit_fields


def create(call: Call) -> dict[str, Any]:
    """Create a deposit. Return the ``transaction_id`` and the URL of the pay page."""
    order_id = call.new_order_id(Refusal(5, "order_id_already_exists"))
    deposit = _new_deposit(call, order_id, call.steam_id(required=False))
    deposit.game = call.game(Refusal(15, "invalid_game"))
    deposit.success_url = call.url("success_url", Refusal(10, "invalid_success_url"))
    deposit.fail_url = call.url("fail_url", Refusal(11, "invalid_fail_url"))
    deposit.widget = call.flag("widget")
    _set_limits(call, deposit)
    deposits.add(call.store, deposit)
    return {
        "url": f"{call.store.public_url}/_/pay/{deposit.pay_hash}/",
        "transaction_id": deposit.transaction_id,
    }


def _new_deposit(call: Call, order_id: str, steam_id: str) -> Deposit:
    deposit = Deposit(
        transaction_id=0,
        client_id=call.project.client_id,
        order_id=order_id,
        pay_hash="",
        created_at=int(call.store.now()),
        steam_id=steam_id,
        currency=call.currency(),
        result_url=call.url("result_url", Refusal(9, "invalid_result_url")),
    )
    _set_prices(call, deposit)
    return deposit


def _set_prices(call: Call, deposit: Deposit) -> None:
    name, invalid_rate = call.text("custom_currency"), Refusal(13, "invalid_custom_currency_rate")
    rate = call.amount("custom_currency_rate", invalid_rate)
    if len(name) > 4 or (rate is not None and not name):
        raise Refusal(12, "invalid_custom_currency")
    if name and (rate is None or rate < Decimal("0.1")):
        raise invalid_rate
    invalid_multiplier = Refusal(14, "invalid_custom_multiplier")
    multiplier = call.amount("custom_multiplier", invalid_multiplier)
    if multiplier is not None and not currencies.is_multiplier(multiplier):
        raise invalid_multiplier
    deposit.custom_currency, deposit.custom_currency_rate = name, rate
    deposit.multiplier = multiplier if multiplier is not None else call.project.multiplier


def _set_limits(call: Call, deposit: Deposit) -> None:
    invalid_value = Refusal(7, "invalid_max_value")
    min_amount = call.amount("min_amount", invalid_value)
    max_amount = call.amount("max_amount", invalid_value)
    if min_amount is None and max_amount is None:
        return
    if not call.text("currency"):
        raise Refusal(8, "invalid_currency")
    minimum = currencies.from_usd(call.store.options.minimum_usd, deposit)
    deposit.min_amount = max(min_amount or minimum, minimum)
    if max_amount is not None and max_amount <= deposit.min_amount:
        raise invalid_value
    deposit.max_amount = max_amount


def _find_deposit(call: Call) -> Deposit:
    order_id, transaction_id = call.text("order_id"), call.text("transaction_id")
    if not order_id and not transaction_id:
        raise Refusal(1, "order_id_or_transaction_id_missing")
    if transaction_id:
        number = call.whole("transaction_id")
        if number is None:
            raise Refusal(3, "invalid_transaction_id")
        deposit = call.store.state.deposits.get(number)
    else:
        if len(order_id) > 64:
            raise Refusal(2, "invalid_order_id")
        deposit = call.store.deposit(call.project.client_id, order_id)
    if deposit is None or deposit.client_id != call.project.client_id:
        raise Refusal(4, "transaction_not_found")
    return deposit


def orderstatus(call: Call) -> dict[str, Any]:
    """Return one deposit. The field ``status`` of the answer is the status of the deposit, not the word ``success``."""
    return deposit_fields(call.store, _find_deposit(call))


def orders(call: Call) -> dict[str, Any]:
    """Return a page of the deposits created from ``starting`` to ``ending``, both included."""
    starting, ending = call.time_range()
    rows = [
        deposit
        for deposit in call.store.state.deposits.values()
        if deposit.client_id == call.project.client_id and starting <= deposit.created_at <= ending
    ]
    return call.page(
        rows,
        row_id=lambda deposit: int(deposit.transaction_id),
        row_fields=lambda deposit: deposit_fields(call.store, deposit),
    )


def offer_approve(call: Call) -> dict[str, Any]:
    """Approve a held deposit. The amount is added to the project's balance before the hold ends."""
    deposit = _find_deposit(call)
    try:
        deposits.approve(call.store, deposit)
    except Impossible:
        raise Refusal(5, "offer_already_approved_or_canceled") from None
    return {}


def callback_error_list(call: Call) -> dict[str, Any]:
    """Return a page of the failed notifications. A notification stays in the list even if a retry was successful."""
    rows = [row for row in call.store.state.failed_callbacks.values() if row.client_id == call.project.client_id]
    return call.page(
        sorted(rows, key=lambda row: row.delivery_id),
        row_id=lambda row: int(row.delivery_id),
        row_fields=lambda row: {
            "transaction_id": row.transaction_id,
            "order_id": row.order_id,
            "http_code": str(row.http_code),
        },
    )


def user_inventory(call: Call) -> dict[str, Any]:
    """Return the user's skins of one game. Skins that cannot be traded are also returned, with ``disabled``.

    SkinsBack does not document the error codes of this method and of ``create_from_user_inventory``. The codes here are
    guesses.
    """
    game = call.game(Refusal(4, "invalid_game"))
    steam_id = call.steam_id(required=True)
    _check_token(call)
    deposit = Deposit(transaction_id=0, client_id="", order_id="", pay_hash="", created_at=0, currency=call.currency())
    _set_prices(call, deposit)
    items = []
    for asset in deposits.skins_of_game(call.store, steam_id, game):
        price_local = currencies.from_usd(asset.price, deposit)
        items.append(
            {
                "item": {
                    "asset_id": asset.asset_id,
                    "tradable": int(asset.tradable),
                    "app_id": str(GAMES[game].app_id),
                    "icon_url": f"{ICON_PREFIX}{asset.class_id}",
                    "class_id": asset.class_id,
                },
                "name": asset.market_hash_name,
                "price": asset.price,
                "price_local": price_local,
                "multiplied_price_local": currencies.user_amount(price_local, deposit),
                "disabled": not asset.tradable,
            }
        )
    return {"data": {"currency_local": deposit.custom_currency or deposit.currency, "items": items}}


def _check_token(call: Call) -> None:
    if len(call.text("trade_token")) != 8:
        raise Refusal(3, "invalid_trade_token")


def create_from_user_inventory(call: Call) -> dict[str, Any]:
    """Create a deposit of the chosen skins and send the trade offer now. The user needs no pay page."""
    order_id = call.new_order_id(Refusal(7, "order_id_already_exists"))
    steam_id = call.steam_id(required=True)
    _check_token(call)
    game = call.game(Refusal(4, "invalid_game"))
    deposit = _new_deposit(call, order_id, steam_id)
    wanted = call.texts("item_asset_ids")
    owned = {asset.asset_id: asset for asset in deposits.skins_of_game(call.store, steam_id, game) if asset.tradable}
    if not wanted or not set(wanted) <= set(owned):
        raise Refusal(5, "items_not_found")
    if currencies.total_usd(owned[asset_id] for asset_id in set(wanted)) < call.store.options.minimum_usd:
        raise Refusal(6, "deposit_amount_less_minimum")
    deposits.add(call.store, deposit)
    deposits.send_trade_offer(call.store, deposit, steam_id, wanted)
    bot_steam_id, bot_name = deposits.bot(deposit)
    expires_at = datetime.fromtimestamp(int(call.store.now()) + OFFER_SECONDS, UTC)
    return {
        "data": {
            "transaction_id": deposit.transaction_id,
            "sum": deposit.amount_usd,
            "local_sum": deposit.amount,
            "local_sum_multiplied": deposit.user_amount,
            "local_currency": deposit.custom_currency or deposit.currency,
            "trade_offer_id": deposit.trade_offer_id,
            "trade_offer_expiry_at": f"{expires_at:%Y-%m-%dT%H:%M:%S.%fZ}",
            "bot_steam_id": bot_steam_id,
            "bot_name": bot_name,
        }
    }


METHODS: dict[str, Method] = {
    "create": create,
    "orderstatus": orderstatus,
    "orders": orders,
    "offer_approve": offer_approve,
    "callback_error_list": callback_error_list,
    "user_inventory": user_inventory,
    "create_from_user_inventory": create_from_user_inventory,
}
