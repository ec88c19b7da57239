"""The API methods about deposits (``/docs/api/v1/createorder`` and the pages after it)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django_skinsback.steam import GAMES

from ..options import OFFER_SECONDS
from ..simulation import currencies as money
from ..simulation import deposits
from ..simulation.purchases import Refusal
from ..simulation.state import Deposit
from .calls import Call, Method
from .shapes import deposit_fields

BOTS = (
    ("76561199390042107", "Dragonfly"),
    ("76561199390042215", "Kingfisher"),
    ("76561199390042388", "Nightjar"),
)


def create(call: Call) -> dict[str, Any]:
    """Open a deposit and answer the address of its pay page."""
    order_id = call.new_order_id(Refusal(5, "order_id_already_exists"))
    deposit = _new_deposit(call, order_id, call.steam_id(required=False))
    deposit.game = call.game(Refusal(15, "invalid_game"))
    deposit.success_url = call.url("success_url", Refusal(10, "invalid_success_url"))
    deposit.fail_url = call.url("fail_url", Refusal(11, "invalid_fail_url"))
    deposit.widget = call.flag("widget")
    _set_limits(call, deposit)
    deposit.transaction_id = call.world.new_id()
    deposits.add(call.world, deposit)
    return {
        "url": f"{call.world.public_url}/_/pay/{deposit.pay_hash}/",
        "transaction_id": deposit.transaction_id,
    }


def _new_deposit(call: Call, order_id: str, steam_id: str) -> Deposit:
    deposit = Deposit(
        transaction_id=0,
        client_id=call.project.client_id,
        order_id=order_id,
        pay_hash=deposits.new_hash(),
        created_at=int(call.world.now()),
        steam_id=steam_id,
        currency=call.currency(),
        result_url=call.url("result_url", Refusal(9, "invalid_result_url")),
    )
    _set_prices(call, deposit)
    return deposit


def _set_prices(call: Call, deposit: Deposit) -> None:
    name, bad_name = call.text("custom_currency"), Refusal(12, "invalid_custom_currency")
    bad_rate, bad_multiplier = (
        Refusal(13, "invalid_custom_currency_rate"),
        Refusal(14, "invalid_custom_multiplier"),
    )
    rate = call.amount("custom_currency_rate", bad_rate)
    if len(name) > 4 or (rate is not None and not name):
        raise bad_name
    if name and (rate is None or rate < Decimal("0.1")):
        raise bad_rate
    multiplier = call.amount("custom_multiplier", bad_multiplier)
    if multiplier is not None and not Decimal("0.5") <= multiplier <= 2:
        raise bad_multiplier
    deposit.custom_currency, deposit.custom_currency_rate = name, rate
    deposit.multiplier = multiplier if multiplier is not None else call.project.multiplier


def _set_limits(call: Call, deposit: Deposit) -> None:
    refusal = Refusal(7, "invalid_max_value")
    least = call.amount("min_amount", refusal)
    most = call.amount("max_amount", refusal)
    if least is None and most is None:
        return
    if not call.text("currency"):
        raise Refusal(8, "invalid_currency")
    minimum = money.local(call.world.options.minimum_usd, deposit)
    deposit.min_amount = max(least or minimum, minimum)
    if most is not None and most <= deposit.min_amount:
        raise refusal
    deposit.max_amount = most


def _found(call: Call) -> Deposit:
    order_id, transaction_id = call.text("order_id"), call.text("transaction_id")
    if not order_id and not transaction_id:
        raise Refusal(1, "order_id_or_transaction_id_missing")
    if transaction_id:
        number = call.whole("transaction_id")
        if number is None:
            raise Refusal(3, "invalid_transaction_id")
        deposit = call.world.state.deposits.get(number)
    else:
        if len(order_id) > 64:
            raise Refusal(2, "invalid_order_id")
        deposit = call.world.deposit(call.project.client_id, order_id)
    if deposit is None or deposit.client_id != call.project.client_id:
        raise Refusal(4, "transaction_not_found")
    return deposit


def orderstatus(call: Call) -> dict[str, Any]:
    """One deposit; its own status stands where other answers say success."""
    return deposit_fields(call.world, _found(call))


def orders(call: Call) -> dict[str, Any]:
    """Deposits created from ``starting`` to ``ending``, both included."""
    starting, ending = call.whole("starting"), call.whole("ending")
    if starting is None or ending is None:
        raise Refusal(1, "missing_starting_or_ending")
    rows = [
        deposit
        for deposit in call.world.state.deposits.values()
        if deposit.client_id == call.project.client_id and starting <= deposit.created_at <= ending
    ]
    page = call.page(rows, lambda deposit: int(deposit.transaction_id))
    return {**page, "items": [deposit_fields(call.world, deposit) for deposit in page["items"]]}


def offer_approve(call: Call) -> dict[str, Any]:
    """Take the risk of a held deposit."""
    deposit = _found(call)
    try:
        deposits.approve(call.world, deposit)
    except deposits.Impossible:
        raise Refusal(5, "offer_already_approved_or_canceled") from None
    return {}


def callback_error_list(call: Call) -> dict[str, Any]:
    """Notifications that the merchant's server did not take. A later success does not remove one."""
    rows = [row for row in call.world.state.failed_callbacks.values() if row.client_id == call.project.client_id]
    page = call.page(sorted(rows, key=lambda row: row.delivery_id), lambda row: int(row.delivery_id))
    items = [
        {"transaction_id": row.transaction_id, "order_id": row.order_id, "http_code": str(row.http_code)}
        for row in page["items"]
    ]
    return {**page, "items": items}


def user_inventory(call: Call) -> dict[str, Any]:
    """What the user could deposit. The error codes of this method and the next are not published: these are ours."""
    game = call.game(Refusal(4, "invalid_game"))
    steam_id = call.steam_id(required=True)
    _check_token(call)
    deposit = Deposit(transaction_id=0, client_id="", order_id="", pay_hash="", created_at=0, currency=call.currency())
    _set_prices(call, deposit)
    items = []
    for asset in deposits.choosable(call.world, steam_id, game):
        price_local = money.local(asset.price, deposit)
        items.append(
            {
                "item": {
                    "asset_id": asset.asset_id,
                    "tradable": int(asset.tradable),
                    "app_id": str(GAMES[game].app_id),
                    "icon_url": f"{call.world.public_url}/_sandbox/skin/{asset.class_id}.svg",
                    "class_id": asset.class_id,
                },
                "name": asset.market_hash_name,
                "price": asset.price,
                "price_local": price_local,
                "multiplied_price_local": money.seen_by_user(price_local, deposit),
                "disabled": not asset.tradable,
            }
        )
    return {"data": {"currency_local": deposit.custom_currency or deposit.currency, "items": items}}


def _check_token(call: Call) -> None:
    token = call.text("trade_token")
    if len(token) != 8:
        raise Refusal(3, "invalid_trade_token")


def create_from_user_inventory(call: Call) -> dict[str, Any]:
    """Open a deposit of chosen skins and send the trade offer at once, without a pay page."""
    order_id = call.new_order_id(Refusal(7, "order_id_already_exists"))
    steam_id = call.steam_id(required=True)
    _check_token(call)
    game = call.game(Refusal(4, "invalid_game"))
    deposit = _new_deposit(call, order_id, steam_id)
    wanted = call.texts("item_asset_ids")
    owned = {asset.asset_id: asset for asset in deposits.choosable(call.world, steam_id, game) if asset.tradable}
    if not wanted or not set(wanted) <= set(owned):
        raise Refusal(5, "items_not_found")
    if money.usd_sum(owned[asset_id] for asset_id in set(wanted)) < call.world.options.minimum_usd:
        raise Refusal(6, "deposit_amount_less_minimum")
    deposit.transaction_id = call.world.new_id()
    deposits.add(call.world, deposit)
    deposits.offer(call.world, deposit, steam_id, wanted)
    bot_steam_id, bot_name = bot_of(deposit)
    expires_at = datetime.fromtimestamp(int(call.world.now()) + OFFER_SECONDS, UTC)
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


def bot_of(deposit: Deposit) -> tuple[str, str]:
    """Steam ID and name of the bot that sends the trade offer."""
    return BOTS[deposit.transaction_id % len(BOTS)]


METHODS: dict[str, Method] = {
    "create": create,
    "orderstatus": orderstatus,
    "orders": orders,
    "offer_approve": offer_approve,
    "callback_error_list": callback_error_list,
    "user_inventory": user_inventory,
    "create_from_user_inventory": create_from_user_inventory,
}
