"""What can be had."""

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from django_skinsback.models import MarketItem
from django_skinsback.steam import GAMES

from ..pictures import picture

PER_PAGE = 24
ORDERS = {"price": ["price", "pk"], "-price": ["-price", "pk"], "name": ["market_hash_name"]}


@login_not_required
@require_safe
def market(request: HttpRequest) -> HttpResponse:
    game = request.GET.get("game", "")
    search = request.GET.get("q", "").strip()
    order = request.GET.get("order", "")
    items = MarketItem.objects.available().order_by(*ORDERS.get(order, ORDERS["-price"]))
    if game in GAMES:
        items = items.filter(game=game)
    for word in search.split():
        items = items.filter(market_hash_name__icontains=word)
    page = Paginator(items, PER_PAGE).get_page(request.GET.get("page"))
    words = {"page": page, "games": GAMES, "game": game, "search": search, "order": order}
    return render(request, "shop/market.html", words)


@login_not_required
@require_safe
@cache_control(public=True, max_age=86400)
def skin_picture(request: HttpRequest, pk: int) -> HttpResponse:
    """Stands where a real shop shows the picture Steam has of the skin."""
    item = get_object_or_404(MarketItem, pk=pk)
    return HttpResponse(picture(item.market_hash_name), content_type="image/svg+xml")
