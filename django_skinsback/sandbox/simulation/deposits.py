"""The life of a deposit: pay link, trade offer, hold, end. Each change is told to the merchant."""

import secrets
from collections.abc import Callable, Collection
from decimal import Decimal
from functools import partial

from ..options import HOLD_SECONDS, OFFER_SECONDS
from ..webhooks.notifications import change_balance, deposit_changed
from . import currencies as money
from .state import Asset, Deposit
from .store import World

HELD = frozenset({"in_hold", "hold_approved"})


Step = Callable[[World, Deposit], None]
"""Something a user does about a deposit."""


class Impossible(Exception):
    """The user, or whoever works the control page, cannot do that now; the message says why."""


def add(world: World, deposit: Deposit) -> Deposit:
    """Take a new deposit into the world."""
    deposit.history.append((deposit.status, int(world.now())))
    world.state.deposits[deposit.transaction_id] = deposit
    world.deposit_ids[deposit.client_id, deposit.order_id] = deposit.transaction_id
    world.pay_hashes[deposit.pay_hash] = deposit.transaction_id
    world.touch()
    return deposit


def new_hash() -> str:
    """The unguessable part of a pay link."""
    return secrets.token_hex(16)


def resume(world: World) -> None:
    """Put what a loaded state still has to do back on the agenda."""
    for deposit in world.state.deposits.values():
        if deposit.due_at is not None:
            _schedule(world, deposit, deposit.due_at)


def choosable(world: World, steam_id: str, game: str) -> list[Asset]:
    """The skins the account could pay with, dearest first."""
    assets = [asset for asset in world.inventory(steam_id) if asset.game == game]
    return sorted(assets, key=lambda asset: (-asset.price, asset.asset_id))


def offer(world: World, deposit: Deposit, steam_id: str, asset_ids: Collection[str]) -> None:
    """The user has chosen his skins: SkinsBack's bot sends him a trade offer. Impossible says what is wrong."""
    check_open(deposit)
    chosen = [asset for asset in world.inventory(steam_id) if asset.asset_id in asset_ids]
    if not chosen or len(chosen) != len(set(asset_ids)):
        raise Impossible("Choose at least one skin that is still in the inventory.")
    if not all(asset.tradable for asset in chosen):
        raise Impossible("One of these skins cannot be traded.")
    if len({asset.game for asset in chosen}) != 1:
        raise Impossible("Choose skins of one game only.")
    amount_usd = money.usd_sum(chosen)
    amounts = [money.local(asset.price, deposit) for asset in chosen]
    amount = money.total(amounts)
    check_limits(world, deposit, amount_usd, amount)
    deposit.steam_id = steam_id
    deposit.game = chosen[0].game
    deposit.skins = chosen
    deposit.amount_usd, deposit.amount = amount_usd, amount
    # Rounded skin by skin, so that it is what the user added up on the pay page.
    deposit.user_amount = money.total(money.seen_by_user(amount, deposit) for amount in amounts)
    deposit.trade_offer_id = str(6_000_000_000 + world.new_id() % 1_000_000_000)
    deposit.offered_at = int(world.now())
    _schedule(world, deposit, world.now() + OFFER_SECONDS)
    world.touch()
    if world.options.notify_pending:
        deposit_changed(world, deposit)


def check_open(deposit: Deposit) -> None:
    """Impossible, unless the user may still choose skins."""
    if deposit.status != "pending":
        raise Impossible("This deposit is already finished.")
    if deposit.trade_offer_id:
        raise Impossible("A trade offer was already sent.")


def check_limits(world: World, deposit: Deposit, amount_usd: Decimal, amount: Decimal) -> None:
    """Impossible, when the sum is under the game's minimum or outside the limits of ``create``."""
    if amount_usd < world.options.minimum_usd:
        raise Impossible("These skins are worth less than the smallest deposit.")
    if deposit.min_amount is not None and amount < deposit.min_amount:
        raise Impossible("These skins are worth less than this deposit's minimum.")
    if deposit.max_amount is not None and amount > deposit.max_amount:
        raise Impossible("These skins are worth more than this deposit's maximum.")


def fitting(world: World, deposit: Deposit, steam_id: str) -> Asset:
    """The dearest skin without Trade Protection that pays this deposit alone; Impossible if there is none."""
    for asset in choosable(world, steam_id, deposit.game):
        if asset.tradable and not asset.trade_protected:
            try:
                check_limits(world, deposit, asset.price, money.local(asset.price, deposit))
            except Impossible:
                continue
            return asset
    raise Impossible("No skin of this account suits this deposit.")


def accept(world: World, deposit: Deposit, *, held: bool | None = None) -> None:
    """The user accepts the trade in Steam: the skins are SkinsBack's, finally or held for eight days.

    ``held`` overrides what the skins and the sandbox's options say.
    """
    _check_offered(deposit)
    inventory = world.inventory(deposit.steam_id)
    given = {skin.asset_id for skin in deposit.skins}
    if not given <= {asset.asset_id for asset in inventory}:
        raise Impossible("One of these skins has left the inventory.")
    inventory[:] = [asset for asset in inventory if asset.asset_id not in given]
    deposit.received_at = int(world.now())
    if is_held(world, deposit) if held is None else held:
        _change(world, deposit, "in_hold", due_at=world.now() + HOLD_SECONDS)
    else:
        _change(world, deposit, "success")
        _pay(world, deposit)


def decline(world: World, deposit: Deposit) -> None:
    """The user declines the trade offer."""
    _check_offered(deposit)
    deposit.reason = "declined"
    _change(world, deposit, "fail")


def expire(world: World, deposit: Deposit) -> None:
    """The user lets the trade offer, or the pay link, run out."""
    if deposit.status != "pending":
        raise Impossible("This deposit is already finished.")
    deposit.reason = "timeout"
    _change(world, deposit, "fail")


def approve(world: World, deposit: Deposit) -> None:
    """The merchant takes the risk of a held deposit (``offer_approve``)."""
    if deposit.status != "in_hold":
        raise Impossible("Only a held deposit can be approved.")
    _change(world, deposit, "hold_approved", due_at=deposit.due_at)
    _pay(world, deposit)


def give_back(world: World, deposit: Deposit) -> None:
    """The user takes a held trade back, as Trade Protection lets him for eight days."""
    if deposit.status not in HELD:
        raise Impossible("Only a held deposit can be returned.")
    world.inventory(deposit.steam_id).extend(deposit.skins)
    deposit.reason = "returned"
    approved = deposit.status == "hold_approved"
    _change(world, deposit, "hold_returned" if approved else "fail")
    if approved and deposit.amount_usd is not None:
        deposit.advanced = False
        change_balance(world, deposit.client_id, -deposit.amount_usd)


def finish_hold(world: World, deposit: Deposit) -> None:
    """The hold is over and nobody took anything back."""
    if deposit.status not in HELD:
        raise Impossible("This deposit is not held.")
    _change(world, deposit, "success")
    _pay(world, deposit)


def _check_offered(deposit: Deposit) -> None:
    if deposit.status != "pending" or not deposit.trade_offer_id:
        raise Impossible("There is no open trade offer.")


def is_held(world: World, deposit: Deposit) -> bool:
    """Whether Trade Protection will hold the chosen skins."""
    if deposit.game != "cs2" or world.options.holds == "never":
        return False
    return world.options.holds == "always" or any(skin.trade_protected for skin in deposit.skins)


def _pay(world: World, deposit: Deposit) -> None:
    if not deposit.advanced and deposit.amount_usd is not None:
        deposit.advanced = True
        world.state.projects[deposit.client_id].deals_sum += deposit.amount_usd
        change_balance(world, deposit.client_id, deposit.amount_usd)


def _change(world: World, deposit: Deposit, status: str, *, due_at: float | None = None) -> None:
    deposit.status = status
    deposit.history.append((status, int(world.now())))
    deposit.due_at = None
    if due_at is not None:
        _schedule(world, deposit, due_at)
    world.touch()
    deposit_changed(world, deposit)


def _schedule(world: World, deposit: Deposit, due_at: float) -> None:
    deposit.due_at = due_at
    world.at(due_at, partial(_step, world, deposit))


def _step(world: World, deposit: Deposit, due_at: float) -> None:
    if deposit.due_at == due_at:
        deposit.due_at = None
        (expire if deposit.status == "pending" else finish_hold)(world, deposit)
