"""What can be had."""

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
COUNTED = 1000


@login_not_required
@require_safe
def market(request: HttpRequest) -> HttpResponse:
    """A page of skins. The next one begins after its last skin: nothing is counted or passed over to find it."""
    form = MarketForm(request.GET)
    form.is_valid()  # what cannot be read is not asked for
    asked = form.cleaned_data
    after = MarketItem.objects.filter(pk=asked.get("after")).first()
    games = _games(asked)
    found = _found(games, asked.get("order", ""), after)
    words = {
        "items": found[:PER_PAGE],
        "next": found[PER_PAGE - 1] if len(found) > PER_PAGE else None,
        "after": after,
        "count": sum(items[: COUNTED + 1].count() for items in games) if len(found) > PER_PAGE else len(found),
        "counted": COUNTED,
        "asked": asked,
        "games": GAMES,
    }
    return render(request, "shop/market.html", words)


def _games(asked: dict[str, Any]) -> list[MarketItemQuerySet]:
    """What is asked for, game by game: the index that keeps the order of prices has one order for each game."""
    lowest, highest = market_range(asked.get("min"), asked.get("max"))
    return [
        MarketItem.objects.available().for_game(game).search(asked.get("q", "")).priced(lowest, highest)
        for game in ([asked["game"]] if asked.get("game") else GAMES)
    ]


def _found(games: list[MarketItemQuerySet], order: str, after: MarketItem | None) -> list[MarketItem]:
    """A page and one more, so that it is known whether there is another page."""
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
    """Stands where a real shop shows the picture Steam has of the skin."""
    item = get_object_or_404(MarketItem, pk=pk)
    return HttpResponse(picture(item.market_hash_name), content_type="image/svg+xml")
