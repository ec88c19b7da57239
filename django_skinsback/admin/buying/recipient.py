"""The recipient of an order: a trade URL, and optionally a user of the site whose Steam profile may have one.

The trade URL of a Steam profile is never shown and never sent to the browser. The order contains a digest of it, so
that an order is refused if the user has changed the trade URL since the confirmation page was shown.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import conf
from ...error_texts import text_for
from ...exceptions import ConfigurationError, InvalidTradeURL
from ...flows.ledger.database import database
from ...flows.players.freeze import is_frozen
from ...flows.players.steam_profiles import get_profile, steam_id_of
from ...models import Purchase, SteamProfile
from ...models.fields import utc_now
from ...statuses import PurchaseStatus
from ...steam import TradeURL

FAILED_LATELY = timedelta(days=7)
_MOST_COUNTED = 20
_REFUSALS_OF_RECIPIENT = (8, 9, 10)
"""Error codes with which the buying methods refuse a recipient: partner, token, too many failed attempts."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets the skins. ``is_from_profile`` is True if the trade URL is that of the user's Steam profile."""

    trade_url: TradeURL
    user: Any = None
    is_from_profile: bool = False


def find_user(text: str, column: str = "") -> Any:
    """Return the user with this login name, or None. ``column`` is another column to search, such as ``pk``."""
    model = get_user_model()
    try:
        return model._default_manager.using(database()).filter(**{column or model.USERNAME_FIELD: text}).first()
    except (ValidationError, ValueError, OverflowError):  # not a primary key of this model
        return None


def profile_trade_url(profile: SteamProfile | None) -> TradeURL | None:
    """Return the trade URL of a Steam profile. Return None if the profile has none."""
    if profile is None or not profile.trade_url:
        return None
    try:
        return TradeURL(profile.partner, profile.token)
    except InvalidTradeURL:
        return None


def trade_url_digest(trade_url: TradeURL) -> str:
    """Return a keyed digest of a trade URL, from which the trade token cannot be calculated."""
    return salted_hmac("skinsback_trade_url", str(trade_url.url), algorithm="sha256").hexdigest()


def describe(user: Any) -> dict[str, str]:
    """Return the texts about a user's Steam profile: ``steam_id``, and ``trade_url`` that says if it can be used."""
    profile = get_profile(user)
    trade_url = profile_trade_url(profile)
    if profile is None or trade_url is None:
        return {"steam_id": profile.steam_id if profile else "", "trade_url": _("missing")}
    return {
        "steam_id": profile.steam_id or trade_url.steam_id,
        "trade_url": _("stored, and used if the field below is empty") if profile.broken_at is None else _("broken"),
    }


def warnings_about(recipient: Recipient) -> list[str]:
    """Return a warning for each reason not to send skins to this recipient. This takes at most four queries."""
    user, trade_url = recipient.user, recipient.trade_url
    if user is None:
        return []
    profile = get_profile(user)
    warnings = []
    if is_frozen(user):
        warnings.append(_("%(user)s is frozen: the site blocks this user's own purchases.") % {"user": user})
    try:
        known = steam_id_of(user)
    except ConfigurationError as error:
        known = ""
        warnings.append(text_for(error))
    for steam_id in dict.fromkeys((known, profile.steam_id if profile else "")):
        if steam_id not in {"", trade_url.steam_id}:
            values = {"user": user, "entered": trade_url.steam_id, "known": steam_id}
            warnings.append(
                _(
                    "The trade URL belongs to another Steam account (%(entered)s) than the one that this site knows "
                    "for %(user)s (%(known)s). The skins would go to the other account."
                )
                % values
            )
    if profile is not None and profile_trade_url(profile) == trade_url:
        warnings += _profile_warnings(profile)
    return [*warnings, *_failed_lately(user, trade_url)]


def _profile_warnings(profile: SteamProfile) -> list[str]:
    warnings = []
    if profile.broken_at is not None:
        values = {"date": date_format(localtime(profile.broken_at), "DATETIME_FORMAT"), "reason": profile.broken_reason}
        text = _(
            "The trade URL of the Steam profile has been broken since %(date)s (%(reason)s). SkinsBack may refuse it."
        )
        warnings.append(text % values)
    changed = profile.trade_url_changed_at
    if changed is not None and utc_now() < changed + conf.trade_url_cooldown():
        values = {"date": date_format(localtime(changed), "DATETIME_FORMAT")}
        text = _("The user changed this trade URL on %(date)s. Make sure that the user's account was not taken over.")
        warnings.append(text % values)
    return warnings


def _failed_lately(user: Any, trade_url: TradeURL) -> list[str]:
    failed = Purchase.objects.using(database()).filter(
        Q(status__in=[PurchaseStatus.INVALID_TRADE_TOKEN, PurchaseStatus.USER_NOT_TRADABLE])
        | Q(status=PurchaseStatus.REFUSED, error_code__in=_REFUSALS_OF_RECIPIENT),
        user_id=user.pk,
        steam_id=trade_url.steam_id,
        created_at__gte=utc_now() - FAILED_LATELY,
    )
    count = failed[:_MOST_COUNTED].count()
    if not count:
        return []
    text = ngettext(
        "%(count)s purchase for this Steam account failed in the last 7 days, because of its trade URL or because "
        "Steam did not let it trade.",
        "%(count)s purchases for this Steam account failed in the last 7 days, because of its trade URL or because "
        "Steam did not let it trade.",
        count,
    )
    return [text % {"count": count}]
