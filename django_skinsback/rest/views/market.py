"""Views that return the skins of the market, and the skins of the user's Steam inventory."""

from decimal import Decimal
from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from ... import conf, pictures, players
from ...exceptions import InvalidInput, RequestNotSent, UnknownOutcome
from ...flows.market.browse import MarketPage, search_market
from ...flows.market.quotes import offered_charge
from .. import serializers
from ..base import BaseView
from ..schema import documented, page_of
from ..throttles import InventoryThrottle


class MarketView(BaseView):
    """The skins that the site sells."""

    @documented(
        "list_market",
        "Search the skins that the site sells",
        answers={200: page_of(serializers.MarketItemSerializer, "MarketPage")},
        parameters=[serializers.MarketQuerySerializer],
        problems=[400, 404],
    )
    def get(self, request: Request) -> Response:
        """Prices are what a user pays, without obligation. Ask for a quote to buy. Skins whose price the site does not
        offer are left out, so a page may be short or empty and still have a `next`.
        """
        form = serializers.MarketQuerySerializer(data=_query(request))
        form.is_valid(raise_exception=True)
        values = form.validated_data
        page = _search(values, game=values.get("game") or conf.default_game())
        currency, address = conf.quote_currency(), request.build_absolute_uri()
        items = [
            {
                "game": item.game,
                "market_hash_name": item.market_hash_name,
                "price": charge,
                "currency": currency,
                "count": item.count,
                "wear": item.wear or None,
                "quality": item.quality,
                "picture_url": pictures.picture_url(class_id=item.class_id, game=item.game) or None,
            }
            for item in page.items
            if (charge := offered_charge(item.price)) is not None
        ]
        return Response(
            {
                "results": serializers.MarketItemSerializer(items, many=True).data,
                "next": replace_query_param(address, "cursor", page.next) if page.next else None,
                "previous": replace_query_param(address, "cursor", page.previous) if page.previous else None,
            }
        )


def _query(request: Request) -> dict[str, Any]:
    """Return the query parameters. A parameter with an empty value is not left out."""
    several = ("wear", "quality")
    return {name: found if name in several else found[-1] for name, found in request.query_params.lists()}


def _search(values: dict[str, Any], game: str) -> MarketPage:
    """Return one page of the market. If the cursor is damaged, raise Http404 like the other lists of the API."""
    filters: Any = {
        "game": game,
        "search": values.get("search", ""),
        "lowest": _amount(values.get("min")),
        "highest": _amount(values.get("max")),
        "wears": sorted(values.get("wear", ())),
        "qualities": sorted(values.get("quality", ())),
        "sort": values.get("sort") or "price",
    }
    try:
        return search_market(cursor=values.get("cursor", ""), **filters)
    except InvalidInput:
        raise Http404 from None


def _amount(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


class InventoryView(BaseView):
    """The user's Steam inventory."""

    throttles = {"GET": InventoryThrottle, "HEAD": InventoryThrottle}

    @documented(
        "get_inventory",
        "Read the user's Steam inventory of one game",
        answers={200: serializers.InventorySerializer},
        parameters=[serializers.GameQuerySerializer],
        problems=[400, 409],
    )
    def get(self, request: Request) -> Response:
        """The inventory is read from SkinsBack and cached for one minute. SkinsBack is called at most once in five
        seconds for each user.
        """
        form = serializers.GameQuerySerializer(data=_query(request))
        form.is_valid(raise_exception=True)
        game = form.validated_data.get("game") or conf.default_game()
        try:
            inventory = players.get_inventory(self.user, game)
        except UnknownOutcome as error:  # nothing was to be changed, so it is safe to try again
            raise RequestNotSent from error
        skins = [
            {
                "asset_id": skin.asset_id,
                "name": skin.name,
                "picture_url": pictures.picture_url(class_id=skin.class_id, icon=skin.icon_url, game=game) or None,
                "price": skin.price,
                "is_tradable": skin.is_tradable,
                "is_accepted": skin.is_accepted,
            }
            for skin in inventory.items
        ]
        values = {
            "game": game,
            "currency": inventory.currency or None,
            "loaded_at": inventory.loaded_at,
            "results": skins,
        }
        return Response(serializers.InventorySerializer(values).data)
