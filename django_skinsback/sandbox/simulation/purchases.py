"""Functions for the steps of a purchase: bought, trade offer sent, accepted or failed, and perhaps rolled back."""

from functools import partial

from django_skinsback.steam import FIRST_STEAM_ID

from ..options import HOLD_SECONDS, OFFER_SECONDS
from . import market
from .outcomes import DEFAULT_REASONS, OUTCOMES, ROLLBACKS, TOKEN_OUTCOMES, TOKEN_REASONS, check_outcome
from .state import OPEN_PURCHASES, Asset, Project, Purchase, StockItem
from .store import Impossible, Store


def create(store: Store, project: Project, skin: StockItem, *, partner: str, token: str, custom_id: str) -> Purchase:
    """Buy the skin, debit the balance and return the purchase.

    The caller must check before that the skin is for sale and that the balance is high enough. The purchase will get
    the planned outcome for ``partner``. If no outcome is planned, it gets the outcome of the trade token. If the token
    has no outcome, the purchase is accepted.
    """
    planned = store.planned_outcomes.consume(partner)
    purchase = Purchase(
        buy_id=store.new_id(),
        client_id=project.client_id,
        custom_id=custom_id,
        partner=partner,
        steam_id=str(FIRST_STEAM_ID + int(partner)),
        skin=skin,
        debited=skin.price,
        created_at=int(store.now()),
        outcome=planned.outcome if planned else TOKEN_OUTCOMES.get(token, "accepted"),
        error_reason_to_come=planned.error_reason if planned else TOKEN_REASONS.get(token, ""),
        history=[("creating_trade", int(store.now()))],
    )
    skin.sold = True
    store.state.purchases[purchase.buy_id] = purchase
    if custom_id:
        store.custom_ids[project.client_id, custom_id] = purchase.buy_id
    store.observer.purchase_created(purchase)
    store.change_balance(project.client_id, -purchase.debited)
    _schedule(store, purchase, store.now() + store.options.creating_seconds)
    return purchase


def reschedule(store: Store) -> None:
    """Schedule the next step of each purchase whose ``due_at`` is set. Called once, after the state was loaded."""
    for purchase in store.state.purchases.values():
        purchase.skin = store.state.stock[purchase.skin.skin_id]
        if purchase.due_at is not None:
            _schedule(store, purchase, purchase.due_at)


def finish(store: Store, purchase: Purchase, outcome: str, *, error_reason: str = "") -> None:
    """End the purchase with this outcome now. If ``error_reason`` is empty, use the default reason of the outcome.

    Raise Impossible if the outcome is unknown or cannot follow the current status. Raise ValueError for an unknown
    reason, and for a reason together with ``accepted``.
    """
    if outcome not in OUTCOMES:
        raise Impossible(f"Unknown outcome: use one of {', '.join(OUTCOMES)}.")
    check_outcome(outcome, error_reason)
    possible = purchase.status == "accepted" if outcome in ROLLBACKS else purchase.status in OPEN_PURCHASES
    if not possible:
        raise Impossible(f"A purchase that is {purchase.status} cannot become {outcome}.")
    purchase.outcome, purchase.error_reason_to_come = outcome, error_reason
    if outcome == "accepted":
        _send_trade_offer(store, purchase)
        _accept(store, purchase)
    else:
        _fail(store, purchase)


def _schedule(store: Store, purchase: Purchase, due_at: float) -> None:
    purchase.due_at = due_at
    store.schedule(due_at, partial(_run_due, store, purchase))


def _run_due(store: Store, purchase: Purchase, due_at: float) -> None:
    """Do the next step of the purchase towards its outcome.

    Do nothing if ``due_at`` of the purchase has changed since this step was scheduled.
    """
    if purchase.due_at != due_at:
        return
    purchase.due_at = None
    match purchase.status, purchase.outcome:
        case "creating_trade", "invalid_trade_token" | "user_not_tradable" | "trade_create_error":
            _fail(store, purchase)
        case "creating_trade", _:
            _send_trade_offer(store, purchase)
        case "waiting_accept", "canceled" | "timeout":
            _fail(store, purchase)
        case "waiting_accept", _:
            _accept(store, purchase)
        case "accepted", outcome if outcome in ROLLBACKS:
            _fail(store, purchase)
        case "accepted", _:
            purchase.in_hold = False
            store.mark_changed()


def _send_trade_offer(store: Store, purchase: Purchase) -> None:
    if purchase.status == "creating_trade":
        purchase.trade_offer_id = str(4_000_000_000 + store.new_id() % 1_000_000_000)
        _change_status(store, purchase, "waiting_accept")
        waits = OFFER_SECONDS if purchase.outcome == "timeout" else store.options.accepting_seconds
        _schedule(store, purchase, store.now() + waits)


def _accept(store: Store, purchase: Purchase) -> None:
    if purchase.skin.game == "cs2":
        purchase.in_hold, purchase.in_hold_until = True, int(store.now()) + HOLD_SECONDS
    store.inventory(purchase.steam_id).append(
        Asset(
            asset_id=_asset_id(purchase),
            game=purchase.skin.game,
            market_hash_name=purchase.skin.market_hash_name,
            price=market.payable_price(purchase.skin.price),
            class_id=purchase.skin.class_id,
            tradable=purchase.skin.game != "cs2",
        )
    )
    _change_status(store, purchase, "accepted")
    if purchase.outcome in ROLLBACKS:
        _schedule(store, purchase, store.now() + store.options.rollback_after)
    elif purchase.in_hold_until is not None:
        _schedule(store, purchase, purchase.in_hold_until)


def _fail(store: Store, purchase: Purchase) -> None:
    """End the purchase with its outcome, which is a failure or a rollback.

    Refund the price to the project's balance, and put the skin on sale again.
    """
    if purchase.status == "accepted":
        inventory = store.inventory(purchase.steam_id)
        inventory[:] = [asset for asset in inventory if asset.asset_id != _asset_id(purchase)]
        if purchase.in_hold is not None:
            purchase.in_hold = False
    purchase.error_reason = purchase.error_reason_to_come or DEFAULT_REASONS.get(purchase.outcome)
    _change_status(store, purchase, purchase.outcome)
    purchase.refunded = True
    purchase.skin.sold = False
    store.change_balance(purchase.client_id, purchase.debited)


def _asset_id(purchase: Purchase) -> str:
    """Return the asset ID of the bought skin in the user's inventory."""
    return str(40_000_000_000 + purchase.buy_id)


def _change_status(store: Store, purchase: Purchase, status: str) -> None:
    purchase.status = status
    purchase.due_at = None
    purchase.history.append((status, int(store.now())))
    store.mark_changed()
    store.observer.purchase_changed(purchase)
