"""Texts for SkinsBack's codes: the ``error_message`` of a refusal and the ``error_reason`` of a failed trade.

Players must not read about the site's keys, balance and programming. Codes about these have the text NOT_AVAILABLE.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .texts import NextStep

NOT_AVAILABLE = _("This is not available at the moment. Try again in a few minutes.")
MARKET_NOT_AVAILABLE = _("The market is not available at the moment. Try again in a few minutes.")


@dataclass(frozen=True, slots=True)
class CodeText:
    """What a player reads about one code of SkinsBack, and what the player can do next."""

    text: Promise
    next_step: NextStep


_BROKEN_TRADE_URL = CodeText(
    _("Your Steam trade URL is no longer valid. Copy the current trade URL from Steam and enter it here."),
    NextStep.ENTER_TRADE_URL,
)
_TOO_MANY_FAILED_TRADES = CodeText(
    _("Too many trade offers to you have failed. Wait a few hours before you order again."), NextStep.WAIT
)
_SOLD = CodeText(_("The skin has just been sold to another buyer."), NextStep.CHOOSE_ANOTHER)
_MARKET_AWAY = CodeText(MARKET_NOT_AVAILABLE, NextStep.TRY_AGAIN)
_AWAY = CodeText(NOT_AVAILABLE, NextStep.TRY_AGAIN)

CODE_TEXTS: dict[str, CodeText] = {
    # SkinsBack refused a purchase (/docs/api/v1/market_buy, /docs/api/v1/market_batch_buy)
    "insufficient_funds": _MARKET_AWAY,
    "skin_unavailable": _SOLD,
    "skins_not_found_at_specified_price": CodeText(_("The price has risen since you saw it."), NextStep.SEE_NEW_PRICE),
    "custom_id_already_exists": CodeText(_("This order was already placed."), NextStep.WAIT),
    "invalid_partner_value": _BROKEN_TRADE_URL,
    "invalid_token_value": _BROKEN_TRADE_URL,
    "too_many_failed_attempts_for_user": _TOO_MANY_FAILED_TRADES,
    # A trade failed (/docs/api/v1/market_getinfo)
    "user_cant_trade": CodeText(
        _(
            "Your Steam account cannot trade at the moment. Steam's trade page shows the reason. A new device or a "
            "changed password often blocks trades for days."
        ),
        NextStep.TRY_AGAIN,
    ),
    "private_inventory": CodeText(
        _("Your Steam inventory is private. Make the inventory public in Steam's privacy settings, then try again."),
        NextStep.TRY_AGAIN,
    ),
    "user_trade_ban": CodeText(
        _("Your Steam account has a trade ban. Steam's support knows the reason. You can trade here after the ban."),
        NextStep.NONE,
    ),
    "user_inventory_is_full": CodeText(
        _("Your Steam inventory is full. Remove some items from the inventory, then order again."), NextStep.TRY_AGAIN
    ),
    "too_many_failed_attempts": _TOO_MANY_FAILED_TRADES,
    # SkinsBack refused a deposit (/docs/api/v1/createorder, /docs/api/v1/create_from_user_inventory)
    "invalid_steam_id": CodeText(
        _("SkinsBack does not know your Steam account. Check your trade URL."), NextStep.ENTER_TRADE_URL
    ),
    "invalid_trade_token": _BROKEN_TRADE_URL,
    "order_id_already_exists": _AWAY,
    "invalid_max_value": CodeText(
        _("The upper limit is below the minimum deposit of this game. Enter a higher limit, then try again."),
        NextStep.TRY_AGAIN,
    ),
    "deposit_amount_less_minimum": CodeText(
        _("These skins are worth less than the minimum deposit. Choose more skins."), NextStep.CHOOSE_ANOTHER
    ),
    "items_not_found": CodeText(
        _("Some of these skins cannot be deposited any more. Load your inventory again."), NextStep.TRY_AGAIN
    ),
    "invalid_order_id": _AWAY,
    "invalid_currency": CodeText(
        _("SkinsBack does not know this currency. Choose another currency."), NextStep.TRY_AGAIN
    ),
    "invalid_result_url": _AWAY,
    "invalid_success_url": _AWAY,
    "invalid_fail_url": _AWAY,
    "invalid_custom_currency": _AWAY,
    "invalid_custom_currency_rate": _AWAY,
    "invalid_custom_multiplier": _AWAY,
    "invalid_game": CodeText(_("Skins of this game cannot be traded. Choose another game."), NextStep.CHOOSE_ANOTHER),
    # SkinsBack refuses every call (/docs/api/v1/main)
    "market_disabled": _MARKET_AWAY,
    "request_limit_reached": _AWAY,
    "under_maintenance": CodeText(_("SkinsBack is under maintenance. Try again later."), NextStep.TRY_AGAIN),
    "please_use_post_method": _AWAY,
    "invalid_shopid": _AWAY,
    "invalid_signature": _AWAY,
    "shop_not_active": _AWAY,
    "invalid_method": _AWAY,
    "invalid_ip_address": _AWAY,
    "invalid_client_secret": _AWAY,
}
"""SkinsBack's code -> text and next step."""


def code_text(*codes: str) -> CodeText | None:
    """Return the text of the first of these codes that has a text. Return None if no code has a text."""
    return next((CODE_TEXTS[code] for code in codes if code in CODE_TEXTS), None)
