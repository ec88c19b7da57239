"""Views that return the user's ledger, balances and Steam profile, set a trade URL, and return the site's settings."""

from datetime import datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from ... import conf, players
from ...exceptions import TradeURLBroken
from ...flows.players.steam_profiles import steam_id_of
from ...models import LedgerEntry, SteamProfile
from ...models.fields import utc_now
from ...player_texts import for_error
from ...sensitive import SensitiveText
from .. import serializers
from ..base import BaseView
from ..representations import entry_values
from ..rows import rows_of
from ..schema import CURSOR_PARAMETER, documented, page_of
from ..throttles import WriteThrottle

NOT_STORED = {"Cache-Control": "private, no-store"}
"""Header of an answer with a trade URL: no cache stores it, also not that of the browser."""

ENTRY_COLUMNS = ("kind", "amount", "currency", "created_at", "deposit__public_id", "purchase__public_id")


class LedgerView(BaseView):
    """The user's ledger entries."""

    @documented(
        "list_ledger",
        "List the changes of the user's balance, the newest first",
        answers={200: page_of(serializers.LedgerEntrySerializer, "LedgerPage")},
        parameters=[CURSOR_PARAMETER],
        problems=[404],
    )
    def get(self, request: Request) -> Response:
        """A page has up to 25 entries. Only deposits and purchases have entries. Other changes that the site makes to
        the balance are not listed.
        """
        rows = rows_of(LedgerEntry, self.user).select_related("deposit", "purchase").only(*ENTRY_COLUMNS)
        return self.page_of(rows, lambda entry: serializers.LedgerEntrySerializer(entry_values(entry)).data)


class BalancesView(BaseView):
    """The user's balances."""

    @documented("get_balances", "Read the user's balances", answers={200: serializers.BalancesSerializer})
    def get(self, request: Request) -> Response:
        """The list has one balance in the site's currency, and one in each other currency of the user's ledger. The
        setting `BALANCE` is a function that returns a balance. Without this function, a balance is the sum of the
        user's ledger entries.
        """
        used = rows_of(LedgerEntry, self.user).order_by().values_list("currency", flat=True)
        main = conf.quote_currency()
        currencies = [main, *sorted(set(used.distinct()) - {main})]
        balance_of = conf.callable_setting("BALANCE") or LedgerEntry.objects.balance
        results = [{"amount": balance_of(self.user, currency), "currency": currency} for currency in currencies]
        return Response(serializers.BalancesSerializer({"results": results}).data)


class SteamProfileView(BaseView):
    """The user's Steam ID and trade URL."""

    throttles = {"PUT": WriteThrottle}

    @documented(
        "get_steam_profile", "Read the user's Steam ID and trade URL", answers={200: serializers.SteamProfileSerializer}
    )
    def get(self, request: Request) -> Response:
        """Show the trade URL to this user only. Anyone who knows the trade URL can send trade offers to the user."""
        return Response(_shown(self.user, players.get_profile(self.user)), headers=NOT_STORED)

    @documented(
        "set_steam_profile",
        "Set the user's trade URL",
        request=serializers.NewTradeURLSerializer,
        answers={200: serializers.SteamProfileSerializer},
        problems=[409],
    )
    def put(self, request: Request) -> Response:
        """Earlier deposits and purchases keep the earlier trade URL. If the trade URL has changed, the user cannot buy
        until `purchases_blocked_until`.
        """
        profile = players.set_trade_url(self.user, _given_trade_url(request))
        return Response(_shown(self.user, profile), headers=NOT_STORED)


def _given_trade_url(request: Request) -> str:
    """Return the trade URL of the request as SensitiveText.

    The caller does not get the serializer, because the ``repr`` of the serializer shows the trade URL.
    """
    form = serializers.NewTradeURLSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    return SensitiveText(form.validated_data["trade_url"])


def _shown(user: Any, profile: SteamProfile | None) -> Any:
    is_broken = profile is not None and profile.broken_at is not None
    values = {
        "steam_id": steam_id_of(user) or None,
        "has_trade_url": bool(profile and profile.trade_url),
        "trade_url": (profile.trade_url or None) if profile else None,
        "is_broken": is_broken,
        "broken_text": for_error(TradeURLBroken()).text if is_broken else None,
        "purchases_blocked_until": _blocked_until(profile),
    }
    return serializers.SteamProfileSerializer(values).data


def _blocked_until(profile: SteamProfile | None) -> datetime | None:
    if profile is None or profile.trade_url_changed_at is None:
        return None
    until = profile.trade_url_changed_at + conf.trade_url_cooldown()
    return until if until > utc_now() else None


class ConfigView(BaseView):
    """The settings of the site that a front end needs."""

    @documented("get_config", "Read what the site allows", answers={200: serializers.ConfigSerializer})
    def get(self, request: Request) -> Response:
        """Read the games, the limits, the currency, the address of pictures, and whether this user is frozen."""
        pictures = conf.picture_url()
        values = {
            "games": {direction: conf.games(direction) for direction in ("deposits", "purchases")},
            "default_game": conf.default_game(),
            "limits": {direction: _limits(direction) for direction in ("deposits", "purchases")},
            "quote_currency": conf.quote_currency(),
            "quote_seconds": conf.quote_seconds(),
            "inventory_prices": conf.callable_setting("CREDIT") is None,
            "pictures": {"url": pictures, "sizes": conf.get("PICTURE_SIZES")} if pictures else None,
            "is_frozen": players.is_frozen(self.user),
        }
        return Response(serializers.ConfigSerializer(values).data)


def _limits(direction: str) -> dict[str, Any]:
    limits = conf.limits(direction)
    sums = [{"amount": amount, "currency": currency} for currency, amount in (limits.get("sum") or {}).items()]
    return {"count": limits.get("count"), "sums": sums}
