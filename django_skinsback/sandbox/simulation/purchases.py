"""The life of a purchase: bought, offered to the user, accepted or not, perhaps rolled back."""

import re
from decimal import Decimal
from functools import partial

from django_skinsback.steam import FIRST_STEAM_ID

from ..options import HOLD_SECONDS, OFFER_SECONDS
from ..webhooks.notifications import change_balance, purchase_bought, purchase_changed
from . import market as catalogue
from .deposits import Impossible
from .state import OPEN_PURCHASES, Asset, Project, Purchase, StockItem
from .store import PlannedOutcome, World

OUTCOMES = {
    "accepted": "The user accepts.",
    "canceled": "The user declines.",
    "timeout": "The user does not answer for ten minutes.",
    "invalid_trade_token": "Steam does not know the trade token.",
    "user_not_tradable": "The user may not trade.",
    "trade_create_error": "The trade offer cannot be made.",
    "rollback_user": "The user accepts and later takes the trade back.",
    "rollback_supplier": "The user accepts and later the supplier takes the trade back.",
}
"""How a purchase may end."""

TOKEN_OUTCOMES = {
    "DECLINED": "canceled",
    "TIMEOUT0": "timeout",
    "OLDTOKEN": "invalid_trade_token",
    "NOTRADES": "user_not_tradable",
    "OFFERERR": "trade_create_error",
    "ROLLBACK": "rollback_user",
    "SUPPLIER": "rollback_supplier",
    "PRIVATE0": "user_not_tradable",
    "TRADEBAN": "user_not_tradable",
    "FULLINV0": "user_not_tradable",
    "ATTEMPTS": "trade_create_error",
}
"""Trade tokens that decide how every purchase sent to them ends."""

TOKEN_REASONS = {
    "NOTRADES": "user_cant_trade",
    "OFFERERR": "skin_unavailable",
    "PRIVATE0": "private_inventory",
    "TRADEBAN": "user_trade_ban",
    "FULLINV0": "user_inventory_is_full",
    "ATTEMPTS": "too_many_failed_attempts",
}
"""Trade tokens that also decide the ``error_reason``."""

ERROR_REASONS = {
    "user_cant_trade": "user_not_tradable",
    "private_inventory": "user_not_tradable",
    "user_trade_ban": "user_not_tradable",
    "user_inventory_is_full": "user_not_tradable",
    "too_many_failed_attempts": "trade_create_error",
    "skin_unavailable": "trade_create_error",
}
"""Every ``error_reason`` and the outcome it fits; SkinsBack does not document which statuses come with which."""

TOKEN_REFUSALS = {
    "BADTOKEN": (9, "invalid_token_value"),
    "TOOMANY0": (10, "too_many_failed_attempts_for_user"),
}
"""Trade tokens with which buying is refused at once."""

_PARTNER = re.compile(r"[0-9]{1,10}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8}", re.ASCII)
_ROLLBACKS = frozenset({"rollback_user", "rollback_supplier"})
_USUAL_REASONS = {"user_not_tradable": "user_cant_trade", "trade_create_error": "skin_unavailable"}


class Refusal(Exception):
    """The API says no: ``code`` and ``message`` go into the answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check_receiver(partner: str, token: str) -> None:
    """Refusal, unless a trade URL could have these parts."""
    if not _PARTNER.fullmatch(partner) or not 0 < int(partner) < 2**32:
        raise Refusal(8, "invalid_partner_value")
    if not _TOKEN.fullmatch(token):
        raise Refusal(9, "invalid_token_value")
    if token in TOKEN_REFUSALS:
        raise Refusal(*TOKEN_REFUSALS[token])


def buy(
    world: World,
    project: Project,
    found: list[StockItem],
    *,
    partner: str,
    token: str,
    custom_id: str,
    max_price: Decimal | None,
) -> Purchase:
    """Buy the cheapest of the skins found, or Refusal (``/docs/api/v1/market_buy``); the balance is debited now."""
    if custom_id and world.purchase(project.client_id, custom_id):
        raise Refusal(7, "custom_id_already_exists")
    if not found:
        raise Refusal(5, "skin_unavailable")
    skin = min(found, key=lambda item: (item.price, item.skin_id))
    if max_price is not None and skin.price > max_price:
        raise Refusal(6, "skins_not_found_at_specified_price")
    if skin.price > project.balance:
        raise Refusal(4, "insufficient_funds")
    plan = world.planned_outcome(partner)
    purchase = Purchase(
        buy_id=world.new_id(),
        client_id=project.client_id,
        custom_id=custom_id,
        partner=partner,
        steam_id=str(FIRST_STEAM_ID + int(partner)),
        skin=skin,
        debited=skin.price,
        created_at=int(world.now()),
        outcome=plan.outcome if plan else TOKEN_OUTCOMES.get(token, "accepted"),
        history=[("creating_trade", int(world.now()))],
    )
    purchase.error_reason_to_come = plan.error_reason if plan else TOKEN_REASONS.get(token, "")
    skin.sold = True
    world.state.purchases[purchase.buy_id] = purchase
    if custom_id:
        world.custom_ids[project.client_id, custom_id] = purchase.buy_id
    purchase_bought(world, purchase)
    change_balance(world, project.client_id, -purchase.debited)
    _schedule(world, purchase, world.now() + world.options.creating_seconds)
    return purchase


def resume(world: World) -> None:
    """Put what a loaded state still has to do back on the agenda."""
    for purchase in world.state.purchases.values():
        purchase.skin = world.state.stock[purchase.skin.skin_id]
        if purchase.due_at is not None:
            _schedule(world, purchase, purchase.due_at)


def plan(world: World, outcome: str, *, times: int = 1, partner: str | None = None, error_reason: str = "") -> None:
    """Decide how the next purchases end; ValueError for an outcome, reason or partner that does not exist."""
    if outcome not in OUTCOMES:
        raise ValueError(f"Unknown outcome: use one of {', '.join(OUTCOMES)}.")
    if partner and not _PARTNER.fullmatch(partner):
        raise ValueError("A partner is the number of a trade URL: up to 10 digits.")
    _check_reason(outcome, error_reason)
    world.outcomes.append(PlannedOutcome(outcome, max(times, 1), partner or None, error_reason))


def end(world: World, purchase: Purchase, outcome: str, *, error_reason: str = "") -> None:
    """Bring the purchase to that end now. Impossible, when it cannot come from where it stands.

    Without ``error_reason`` the purchase gets the usual one of the outcome. ValueError for an unknown reason.
    """
    if outcome not in OUTCOMES:
        raise Impossible(f"Unknown outcome: use one of {', '.join(OUTCOMES)}.")
    _check_reason(outcome, error_reason)
    possible = purchase.status == "accepted" if outcome in _ROLLBACKS else purchase.status in OPEN_PURCHASES
    if not possible:
        raise Impossible(f"A purchase that is {purchase.status} cannot become {outcome}.")
    purchase.outcome, purchase.error_reason_to_come = outcome, error_reason
    if outcome == "accepted":
        _offered(world, purchase)
        _accepted(world, purchase)
    else:
        _failed(world, purchase)


def _check_reason(outcome: str, error_reason: str) -> None:
    if error_reason and (error_reason not in ERROR_REASONS or outcome == "accepted"):
        raise ValueError(f"Unknown error reason: use one of {', '.join(ERROR_REASONS)}, and no accepted outcome.")


def _schedule(world: World, purchase: Purchase, due_at: float) -> None:
    purchase.due_at = due_at
    world.at(due_at, partial(_step, world, purchase))


def _step(world: World, purchase: Purchase, due_at: float) -> None:
    if purchase.due_at != due_at:
        return
    purchase.due_at = None
    match purchase.status, purchase.outcome:
        case "creating_trade", "invalid_trade_token" | "user_not_tradable" | "trade_create_error":
            _failed(world, purchase)
        case "creating_trade", _:
            _offered(world, purchase)
        case "waiting_accept", "canceled" | "timeout":
            _failed(world, purchase)
        case "waiting_accept", _:
            _accepted(world, purchase)
        case "accepted", outcome if outcome in _ROLLBACKS:
            _failed(world, purchase)
        case "accepted", _:
            purchase.in_hold = False
            world.touch()


def _offered(world: World, purchase: Purchase) -> None:
    if purchase.status == "creating_trade":
        purchase.trade_offer_id = str(4_000_000_000 + world.new_id() % 1_000_000_000)
        _change(world, purchase, "waiting_accept")
        waits = OFFER_SECONDS if purchase.outcome == "timeout" else world.options.accepting_seconds
        _schedule(world, purchase, world.now() + waits)


def _accepted(world: World, purchase: Purchase) -> None:
    if purchase.skin.game == "cs2":
        purchase.in_hold, purchase.in_hold_until = True, int(world.now()) + HOLD_SECONDS
    world.inventory(purchase.steam_id).append(
        Asset(
            asset_id=str(40_000_000_000 + purchase.buy_id),
            game=purchase.skin.game,
            market_hash_name=purchase.skin.market_hash_name,
            price=catalogue.paid_price(purchase.skin.price),
            class_id=purchase.skin.class_id,
            tradable=purchase.skin.game != "cs2",
        )
    )
    _change(world, purchase, "accepted")
    if purchase.outcome in _ROLLBACKS:
        _schedule(world, purchase, world.now() + world.options.rollback_after)
    elif purchase.in_hold_until is not None:
        _schedule(world, purchase, purchase.in_hold_until)


def _failed(world: World, purchase: Purchase) -> None:
    if purchase.status == "accepted":
        inventory = world.inventory(purchase.steam_id)
        inventory[:] = [asset for asset in inventory if asset.asset_id != str(40_000_000_000 + purchase.buy_id)]
        if purchase.in_hold is not None:
            purchase.in_hold = False
    purchase.error_reason = purchase.error_reason_to_come or _USUAL_REASONS.get(purchase.outcome)
    _change(world, purchase, purchase.outcome)
    purchase.refunded = True
    purchase.skin.sold = False
    change_balance(world, purchase.client_id, purchase.debited)


def _change(world: World, purchase: Purchase, status: str) -> None:
    purchase.status = status
    purchase.due_at = None
    purchase.history.append((status, int(world.now())))
    world.touch()
    purchase_changed(world, purchase)
