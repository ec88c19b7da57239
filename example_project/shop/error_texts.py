"""Texts that tell users why SkinsBack refused something. Problems of the shop itself are not shown to users."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_skinsback import exceptions

NOT_BOUGHT = _("The market did not accept the order.")
TRY_LATER = _("The market is not available at the moment. Please try again later.")
INVALID_TRADE_URL = _(
    "Your Steam trade URL is no longer valid. Copy the current one from Steam into your account page."
)
TOO_MANY_FAILED_TRADES = _("Too many trade offers to you have failed. Please wait a few hours before you order again.")
SOLD = _("The skin has just been sold to another buyer.")

TEXTS: dict[str, str | Promise] = {
    # SkinsBack refused a purchase
    "insufficient_funds": TRY_LATER,
    "skin_unavailable": SOLD,
    "skins_not_found_at_specified_price": _("The price has risen since you opened the page."),
    "custom_id_already_exists": _("This order was already placed."),
    "invalid_partner_value": INVALID_TRADE_URL,
    "invalid_token_value": INVALID_TRADE_URL,
    "too_many_failed_attempts_for_user": TOO_MANY_FAILED_TRADES,
    # a trade failed
    "user_cant_trade": _("Your Steam account cannot trade at the moment."),
    "private_inventory": _("Your Steam inventory is private. Make it public and order again."),
    "user_trade_ban": _("Your Steam account has a trade ban."),
    "user_inventory_is_full": _("Your Steam inventory is full. Make room and order again."),
    "too_many_failed_attempts": TOO_MANY_FAILED_TRADES,
    # SkinsBack refused a deposit
    "invalid_max_value": _("The upper limit is below the smallest deposit of this game."),
    "deposit_amount_less_minimum": _("These skins are worth less than the smallest deposit."),
    "invalid_steam_id": _("SkinsBack does not know your Steam account."),
    "invalid_currency": TRY_LATER,
}


def error_text(error_message: str, error_reason: str = "") -> str:
    """Return the text for the reason of an error. If the reason has no text, return the text for the message.

    Return "" if neither has a text.
    """
    for word in (error_reason, error_message):
        if word in TEXTS:
            return str(TEXTS[word])
    return ""


def deposit_error_text(error: exceptions.SkinsBackError) -> str:
    """Return the text about a deposit that could not be created."""
    if isinstance(error, exceptions.UnknownOutcome):
        return str(_("SkinsBack did not answer. No skins were moved. Please try again in a minute."))
    if isinstance(error, exceptions.APIError):
        return error_text(error.message) or str(TRY_LATER)
    return str(TRY_LATER)
