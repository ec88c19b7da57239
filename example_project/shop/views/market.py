"""The market page with the skins that can be withdrawn, and the pictures of skins."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from django_skinsback.models import MarketItem
from django_skinsback.models.market import MarketItemQuerySet
from django_skinsback.steam import GAMES

from ..forms import MarketForm
from ..pictures import picture
from ..prices import market_range

PER_PAGE = 24
COUNT_LIMIT = 1000


@login_not_required
@require_safe
def market(request: HttpRequest) -> HttpResponse:
    """Show one page of skins. ``after`` is the last skin of the previous page.

    The query needs no OFFSET, because a page begins after that skin.
    """
    form = MarketForm(request.GET)
    form.is_valid()  # invalid filters are ignored
    filters = form.cleaned_data
    after = MarketItem.objects.filter(pk=filters.get("after")).first()
    games = _games(filters)
    found = _found(games, filters.get("order", ""), after)
    context = {
        "items": found[:PER_PAGE],
        "next": found[PER_PAGE - 1] if len(found) > PER_PAGE else None,
        "after": after,
        "count": sum(items[: COUNT_LIMIT + 1].count() for items in games) if len(found) > PER_PAGE else len(found),
        "count_limit": COUNT_LIMIT,
        "filters": filters,
        "games": GAMES,
    }
    return render(request, "shop/market.html", context)


def _games(filters: dict[str, Any]) -> list[MarketItemQuerySet]:
    """Return one filtered queryset for each game. The database index on prices is sorted within each game."""
    lowest, highest = market_range(filters.get("min"), filters.get("max"))
    return [
        MarketItem.objects.available().for_game(game).search(filters.get("q", "")).priced(lowest, highest)
        for game in ([filters["game"]] if filters.get("game") else GAMES)
    ]


def _found(games: list[MarketItemQuerySet], order: str, after: MarketItem | None) -> list[MarketItem]:
    """Return the skins of one page in the chosen order, and one more skin if there is a next page."""
    if order == "name" and len(games) == 1:
        return list(games[0].by_name(after)[: PER_PAGE + 1])
    backwards = order != "price"
    found = []
    for items in games:
        rows = items.dearest_first(after) if backwards else items.cheapest_first(after)
        found += rows[: PER_PAGE + 1]
    return sorted(found, key=lambda item: (item.price, item.pk), reverse=backwards)[: PER_PAGE + 1]


@login_not_required
@require_safe
@cache_control(public=True, max_age=86400)
def skin_picture(request: HttpRequest, pk: int) -> HttpResponse:
    """Return a drawn SVG picture of a skin. A real shop shows the picture from Steam."""
    item = get_object_or_404(MarketItem, pk=pk)
    return HttpResponse(picture(item.market_hash_name), content_type="image/svg+xml")
