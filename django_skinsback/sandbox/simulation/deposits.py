"""Functions for the steps of a deposit: pay link, trade offer, hold, final status.

After every change of the status, the observer is called.
"""

import secrets
from collections.abc import Callable, Collection
from decimal import Decimal
from functools import partial

from ..options import HOLD_SECONDS, OFFER_SECONDS
from . import currencies
from .state import HELD_DEPOSITS, Asset, Deposit
from .store import Impossible, Store

STEAM_ACCOUNTS = {
    "76561198999000001": "Juniper",
    "76561198999000002": "Kestrel",
    "76561198999000003": "Marlow",
    "76561198999000004": "Wren",
}
"""Steam ID -> name. These Steam accounts exist only in the sandbox. Each of them can pay any deposit."""

_BOTS = (
    ("76561199390042107", "Dragonfly"),
    ("76561199390042215", "Kingfisher"),
    ("76561199390042388", "Nightjar"),
)

Action = Callable[[Store, Deposit], None]
"""The type of the functions that change a deposit. They raise Impossible if the status does not allow the change."""


def add(store: Store, deposit: Deposit) -> None:
    """Give a new deposit its ``transaction_id`` and ``pay_hash``, and store it."""
    deposit.transaction_id = store.new_id()
    deposit.pay_hash = secrets.token_hex(16)
    deposit.history.append((deposit.status, int(store.now())))
    store.state.deposits[deposit.transaction_id] = deposit
    store.deposit_ids[deposit.client_id, deposit.order_id] = deposit.transaction_id
    store.pay_hashes[deposit.pay_hash] = deposit.transaction_id
    store.mark_changed()


def reschedule(store: Store) -> None:
    """Schedule the next step of each deposit whose ``due_at`` is set. Called once, after the state was loaded."""
    for deposit in store.state.deposits.values():
        if deposit.due_at is not None:
            _schedule(store, deposit, deposit.due_at)


def bot(deposit: Deposit) -> tuple[str, str]:
    """Return the Steam ID and the name of the bot that sends the trade offer."""
    return _BOTS[deposit.transaction_id % len(_BOTS)]


def choose_payer(deposit: Deposit, steam_id: str) -> str:
    """Return the Steam ID of the payer.

    This is ``steam_id`` if this account may pay the deposit. Otherwise it is the deposit's ``steam_id``, or the first
    of STEAM_ACCOUNTS if the deposit has none.
    """
    if steam_id in STEAM_ACCOUNTS or (steam_id and steam_id == deposit.steam_id):
        return steam_id
    return deposit.steam_id or next(iter(STEAM_ACCOUNTS))


def skins_of_game(store: Store, steam_id: str, game: str) -> list[Asset]:
    """Return the account's skins of one game, the most valuable first."""
    assets = [asset for asset in store.inventory(steam_id) if asset.game == game]
    return sorted(assets, key=lambda asset: (-asset.price, asset.asset_id))


def find_payment(store: Store, deposit: Deposit, steam_id: str) -> Asset:
    """Return the payer's most valuable skin that is tradable, not trade-protected and within the deposit's limits.

    Raise Impossible if there is no such skin.
    """
    for asset in skins_of_game(store, steam_id, deposit.game):
        if asset.tradable and not asset.trade_protected:
            try:
                _check_limits(store, deposit, asset.price, currencies.from_usd(asset.price, deposit))
            except Impossible:
                continue
            return asset
    raise Impossible("This account has no skin within the limits of this deposit.")


def send_trade_offer(store: Store, deposit: Deposit, steam_id: str, asset_ids: Collection[str]) -> None:
    """Store the skins that the user has chosen, and send the trade offer.

    Raise Impossible if these skins are not allowed, or if a trade offer was sent before.
    """
    if deposit.status != "pending":
        raise Impossible("This deposit is already finished.")
    if deposit.trade_offer_id:
        raise Impossible("A trade offer was already sent.")
    chosen = [asset for asset in store.inventory(steam_id) if asset.asset_id in asset_ids]
    if not chosen or len(chosen) != len(set(asset_ids)):
        raise Impossible("Choose at least one skin that is still in the inventory.")
    if not all(asset.tradable for asset in chosen):
        raise Impossible("One of these skins cannot be traded.")
    if len({asset.game for asset in chosen}) != 1:
        raise Impossible("Choose skins of one game only.")
    amount_usd = currencies.total_usd(chosen)
    amounts = [currencies.from_usd(asset.price, deposit) for asset in chosen]
    amount = currencies.total(amounts)
    _check_limits(store, deposit, amount_usd, amount)
    deposit.steam_id = steam_id
    deposit.game = chosen[0].game
    deposit.skins = chosen
    deposit.amount_usd, deposit.amount = amount_usd, amount
    # The amount of each skin is rounded before the amounts are added, as on the pay page.
    deposit.user_amount = currencies.total(currencies.user_amount(amount, deposit) for amount in amounts)
    deposit.trade_offer_id = str(6_000_000_000 + store.new_id() % 1_000_000_000)
    deposit.offered_at = int(store.now())
    _schedule(store, deposit, store.now() + OFFER_SECONDS)
    store.mark_changed()
    if store.options.notify_pending:
        store.observer.deposit_changed(deposit)


def _check_limits(store: Store, deposit: Deposit, amount_usd: Decimal, amount: Decimal) -> None:
    """Raise Impossible if the amount is below the option ``minimum_usd`` or outside the limits of the deposit."""
    if amount_usd < store.options.minimum_usd:
        raise Impossible("These skins are worth less than the smallest deposit.")
    if deposit.min_amount is not None and amount < deposit.min_amount:
        raise Impossible("These skins are worth less than this deposit's minimum.")
    if deposit.max_amount is not None and amount > deposit.max_amount:
        raise Impossible("These skins are worth more than this deposit's maximum.")


def accept(store: Store, deposit: Deposit, *, held: bool | None = None) -> None:
    """Accept the trade as the user.

    If ``held`` is True, the status becomes ``in_hold`` for eight days. If ``held`` is False, the status becomes
    ``success``. If ``held`` is None, ``will_be_held`` decides. Raise Impossible if there is no open trade offer, or if
    a skin is no longer in the inventory.
    """
    _check_offered(deposit)
    inventory = store.inventory(deposit.steam_id)
    given = {skin.asset_id for skin in deposit.skins}
    if not given <= {asset.asset_id for asset in inventory}:
        raise Impossible("One of these skins is no longer in the inventory.")
    inventory[:] = [asset for asset in inventory if asset.asset_id not in given]
    deposit.received_at = int(store.now())
    if will_be_held(store, deposit) if held is None else held:
        _change_status(store, deposit, "in_hold", due_at=store.now() + HOLD_SECONDS)
    else:
        _change_status(store, deposit, "success")
        _credit_merchant(store, deposit)


def decline(store: Store, deposit: Deposit) -> None:
    """Decline the trade offer as the user. The status becomes ``fail``. Raise Impossible if there is no open offer."""
    _check_offered(deposit)
    deposit.reason = "declined"
    _change_status(store, deposit, "fail")


def expire(store: Store, deposit: Deposit) -> None:
    """Let the trade offer or the pay link expire. The status becomes ``fail``.

    Raise Impossible if the deposit is not ``pending``.
    """
    if deposit.status != "pending":
        raise Impossible("This deposit is already finished.")
    deposit.reason = "timeout"
    _change_status(store, deposit, "fail")


def approve(store: Store, deposit: Deposit) -> None:
    """Approve a held deposit (``offer_approve``). The status becomes ``hold_approved``.

    The amount is added to the merchant's balance now. Raise Impossible if the status is not ``in_hold``.
    """
    if deposit.status != "in_hold":
        raise Impossible("Only a held deposit can be approved.")
    _change_status(store, deposit, "hold_approved", due_at=deposit.due_at)
    _credit_merchant(store, deposit)


def give_back(store: Store, deposit: Deposit) -> None:
    """Give the skins of a held deposit back to the user, as if the user had undone the trade on Steam.

    If the hold was approved, the status becomes ``hold_returned``, and the amount is subtracted from the merchant's
    balance. Otherwise the status becomes ``fail``. Raise Impossible if the deposit is not held.
    """
    if deposit.status not in HELD_DEPOSITS:
        raise Impossible("Only a held deposit can be returned.")
    store.inventory(deposit.steam_id).extend(deposit.skins)
    deposit.reason = "returned"
    approved = deposit.status == "hold_approved"
    _change_status(store, deposit, "hold_returned" if approved else "fail")
    if approved and deposit.amount_usd is not None:
        deposit.advanced = False
        store.change_balance(deposit.client_id, -deposit.amount_usd)


def finish_hold(store: Store, deposit: Deposit) -> None:
    """End the hold. The status becomes ``success``. Raise Impossible if the deposit is not held."""
    if deposit.status not in HELD_DEPOSITS:
        raise Impossible("This deposit is not held.")
    _change_status(store, deposit, "success")
    _credit_merchant(store, deposit)


def _check_offered(deposit: Deposit) -> None:
    if deposit.status != "pending" or not deposit.trade_offer_id:
        raise Impossible("There is no open trade offer.")


def will_be_held(store: Store, deposit: Deposit) -> bool:
    """Return whether Trade Protection will hold the deposit.

    This depends on the game and the skins of the deposit, and on the option ``holds``.
    """
    if deposit.game != "cs2" or store.options.holds == "never":
        return False
    return store.options.holds == "always" or any(skin.trade_protected for skin in deposit.skins)


def _credit_merchant(store: Store, deposit: Deposit) -> None:
    """Add the amount of the deposit to the merchant's balance. Do nothing if it was added before."""
    if not deposit.advanced and deposit.amount_usd is not None:
        deposit.advanced = True
        store.state.projects[deposit.client_id].deals_sum += deposit.amount_usd
        store.change_balance(deposit.client_id, deposit.amount_usd)


def _change_status(store: Store, deposit: Deposit, status: str, *, due_at: float | None = None) -> None:
    deposit.status = status
    deposit.history.append((status, int(store.now())))
    deposit.due_at = None
    if due_at is not None:
        _schedule(store, deposit, due_at)
    store.mark_changed()
    store.observer.deposit_changed(deposit)


def _schedule(store: Store, deposit: Deposit, due_at: float) -> None:
    deposit.due_at = due_at
    store.schedule(due_at, partial(_run_due, store, deposit))


def _run_due(store: Store, deposit: Deposit, due_at: float) -> None:
    """Let the trade offer of a pending deposit expire, or end the hold of a held deposit.

    Do nothing if ``due_at`` of the deposit has changed since this step was scheduled.
    """
    if deposit.due_at == due_at:
        deposit.due_at = None
        (expire if deposit.status == "pending" else finish_hold)(store, deposit)
