"""Why something did not work, in words a user understands; the shop's own troubles stay its own."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_skinsback import exceptions

FALLBACK = _("The market did not accept the order.")
LATER = _("The market is not available at the moment. Please try again later.")
TRADE_URL = _("Steam does not know your trade URL any more. Copy the present one into your account.")
TOO_MANY = _("Too many trade offers to you have failed. Please wait a few hours before you order again.")
GONE = _("Somebody else was faster: the skin has been sold.")

BY_WORD: dict[str, str | Promise] = {
    # refusals of a buy
    "insufficient_funds": LATER,
    "skin_unavailable": GONE,
    "skins_not_found_at_specified_price": _("The price has risen since you looked at it."),
    "custom_id_already_exists": _("This order was placed already."),
    "invalid_partner_value": TRADE_URL,
    "invalid_token_value": TRADE_URL,
    "too_many_failed_attempts_for_user": TOO_MANY,
    # reasons of a failed trade
    "user_cant_trade": _("Steam does not let your account trade at present."),
    "private_inventory": _("Your Steam inventory is private. Make it public and order again."),
    "user_trade_ban": _("Your Steam account has a trade ban."),
    "user_inventory_is_full": _("Your Steam inventory is full. Make room and order again."),
    "too_many_failed_attempts": TOO_MANY,
    # refusals of a deposit
    "invalid_max_value": _("The upper limit is below the smallest deposit of this game."),
    "deposit_amount_less_minimum": _("These skins are worth less than the smallest deposit."),
    "invalid_steam_id": _("SkinsBack does not know your Steam account."),
    "invalid_currency": LATER,
}


def why(error_message: str, error_reason: str = "") -> str:
    """The sentence for SkinsBack's words, the reason first because it says more; empty if there is none."""
    for word in (error_reason, error_message):
        if word in BY_WORD:
            return str(BY_WORD[word])
    return ""


def of_deposit(error: exceptions.SkinsBackError) -> str:
    """The sentence for a deposit that could not be opened."""
    if isinstance(error, exceptions.UnknownOutcome):
        return str(_("SkinsBack did not answer. No skins were moved; please start again in a minute."))
    if isinstance(error, exceptions.APIError):
        return why(error.message) or str(LATER)
    return str(LATER)
