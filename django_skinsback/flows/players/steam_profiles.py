"""Reads and changes the Steam ID and the trade URL of a user. Flags a trade URL as broken if SkinsBack refuses it."""

import math
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.utils.translation import ngettext

from ... import conf
from ...exceptions import (
    ConfigurationError,
    InvalidSteamID,
    TradeURLBroken,
    TradeURLChangedRecently,
    TradeURLMissing,
    TradeURLOfAnotherAccount,
)
from ...models import Purchase, SteamProfile
from ...models.fields import WORD_LENGTH, utc_now
from ...sensitive import hide
from ...signals import trade_url_changed
from ...steam import TradeURL, check_steam_id
from ..ledger.database import after_commit, database, lock, run

BROKEN_CODES = frozenset({8, 9})
"""Error codes with which the buying methods refuse a trade URL: ``invalid_partner_value``, ``invalid_token_value``."""


def get_profile(user: Any) -> SteamProfile | None:
    """Return the Steam profile of a user. Return None if the user has never entered a trade URL."""
    return SteamProfile.objects.using(database()).filter(user_id=user.pk).first()


def steam_id_of(user: Any) -> str:
    """Return the Steam ID of a user. Return an empty string if the Steam ID is not known.

    The Steam ID is the result of the function ``STEAM_ID``. If this result is empty, the Steam ID of the user's Steam
    profile is returned. Raises ConfigurationError if ``STEAM_ID`` returns a value that is not a Steam ID.
    """
    if steam_id := _login_steam_id(user):
        return steam_id
    profile = get_profile(user)
    return profile.steam_id if profile is not None else ""


def set_trade_url(user: Any, trade_url: str) -> SteamProfile:
    """Store the trade URL that a user has entered, with the Steam ID of the trade URL. Return the profile.

    If another trade URL was stored before, the signal ``trade_url_changed`` is sent after the commit, and the user
    cannot buy for ``TRADE_URL_COOLDOWN_HOURS``. If the same trade URL was stored before, nothing is changed.

    Raises InvalidTradeURL if ``trade_url`` is not a trade URL. Raises TradeURLOfAnotherAccount if the user's login
    (``STEAM_ID``) has another Steam ID. Raises TradeURLBroken if SkinsBack has refused this trade URL before.
    """
    trade_url = hide(trade_url)
    entered = TradeURL.parse(trade_url)
    if _login_steam_id(user) not in {"", entered.steam_id}:
        raise TradeURLOfAnotherAccount
    return run(partial(_set_trade_url, user, entered))


def _set_trade_url(user: Any, entered: TradeURL) -> SteamProfile:
    now = utc_now()
    profile = lock(SteamProfile, user_id=user.pk)
    if profile is None:
        return SteamProfile.objects.using(database()).create(
            user_id=user.pk,
            steam_id=entered.steam_id,
            partner=entered.partner,
            token=entered.token,
            updated_at=now,
        )
    if (profile.partner, profile.token) == (entered.partner, entered.token):
        if profile.broken_at is not None:
            raise TradeURLBroken
        return profile
    if profile.trade_url:
        profile.trade_url_changed_at = now
        after_commit(trade_url_changed, sender=SteamProfile, user=user, profile=profile)
    profile.steam_id, profile.partner, profile.token = entered.steam_id, entered.partner, entered.token
    profile.broken_at, profile.broken_reason, profile.updated_at = None, "", now
    profile.save(using=database())
    return profile


def trade_url_to_use(user: Any) -> str:
    """Return the trade URL at which a user receives skins.

    Raises these exceptions:

    * TradeURLMissing if the user has no trade URL.
    * TradeURLBroken if SkinsBack has refused the trade URL.
    * TradeURLChangedRecently if the user has changed the trade URL and cannot buy yet.
    * TradeURLOfAnotherAccount if the user's login (``STEAM_ID``) has another Steam ID now.
    """
    trade_url, changed_at = _working_trade_url(user)
    cooldown = conf.trade_url_cooldown()
    if changed_at is not None and (left := changed_at + cooldown - utc_now()) > timedelta(0):
        hours = math.ceil(left / timedelta(hours=1))
        raise TradeURLChangedRecently(
            ngettext(
                "You have changed your trade URL. For your safety, you can withdraw again in %(hours)s hour.",
                "You have changed your trade URL. For your safety, you can withdraw again in %(hours)s hours.",
                hours,
            )
            % {"hours": hours}
        )
    return trade_url


def trade_url_to_pay_from(user: Any) -> str:
    """Return the trade URL from which a user pays.

    Raises the exceptions of ``trade_url_to_use``, but not TradeURLChangedRecently: a change of the trade URL does not
    block deposits.
    """
    return _working_trade_url(user)[0]


def _working_trade_url(user: Any) -> tuple[str, datetime | None]:
    """Return the trade URL of a user, and the time of its last change. If it was never changed, the time is None."""
    profile = get_profile(user)
    if profile is None or not profile.trade_url:
        raise TradeURLMissing
    if profile.broken_at is not None:
        raise TradeURLBroken
    if _login_steam_id(user) not in {"", TradeURL(profile.partner, profile.token).steam_id}:
        raise TradeURLOfAnotherAccount
    return profile.trade_url, profile.trade_url_changed_at


def known_payer(user: Any, steam_id: str) -> tuple[str, str]:
    """Return the Steam ID and the trade token for a deposit of a user. Each of them may be an empty string.

    If ``steam_id`` is not empty, it is returned. Otherwise the Steam ID of the user's login is returned. If the login
    has no Steam ID, the Steam ID of the profile is returned. The token is empty if there is no trade URL, if SkinsBack
    has refused the trade URL, or if the trade URL belongs to another Steam account.
    """
    profile = get_profile(user)
    steam_id = steam_id or _login_steam_id(user) or (profile.steam_id if profile is not None else "")
    if profile is None or not profile.trade_url or profile.broken_at is not None:
        return steam_id, ""
    trade_url = TradeURL(profile.partner, profile.token)
    return steam_id, trade_url.token if trade_url.steam_id == steam_id else ""


def mark_broken(purchase: Purchase, reason: str, now: datetime) -> None:
    """Flag the trade URL of a purchase as broken in the user's profile. ``reason`` is SkinsBack's status or message.

    If the profile now has another trade URL, nothing is flagged. Call this function in the database transaction that
    stores the refusal. Call it before the ``token`` of the purchase is deleted.
    """
    if purchase.user_id is None or not purchase.token:
        return
    profile = lock(SteamProfile, user_id=purchase.user_id, partner=purchase.partner, token=purchase.token)
    if profile is not None and profile.broken_at is None:
        SteamProfile.objects.using(database()).filter(pk=profile.pk).update(
            broken_at=now, broken_reason=reason[:WORD_LENGTH], updated_at=now
        )


def _login_steam_id(user: Any) -> str:
    """Return the Steam ID that ``STEAM_ID`` returns. Return an empty string if ``STEAM_ID`` is not set.

    Raise ConfigurationError if ``STEAM_ID`` returns a value that is not a Steam ID.
    """
    hook = conf.callable_setting("STEAM_ID")
    steam_id = "" if hook is None else hook(user)
    try:
        return check_steam_id(steam_id) if steam_id else ""
    except InvalidSteamID:
        raise ConfigurationError(
            "SKINSBACK['STEAM_ID'] must return a Steam ID of 17 digits, or an empty string if the user has no Steam ID."
        ) from None
