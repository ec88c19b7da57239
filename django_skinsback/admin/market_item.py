"""Admin of market items: the skins of the imported price list. Operators can buy the selected skins."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import MarketItem
from . import display
from .base import ReadOnlyAdmin
from .buying import buy_url
from .filters import GameFilter

NAMES_AT_ONCE = 20


@admin.register(MarketItem)
class MarketItemAdmin(ReadOnlyAdmin):
    actions = ("buy",)
    list_display = ("market_hash_name", "game", "shown_price", "count", "available", "updated_at")
    list_filter = (GameFilter, "available")
    search_fields = ("market_hash_name",)  # substring search without an index: fast enough for thousands of rows
    sortable_by = ("market_hash_name", "shown_price", "count")
    fields = ("market_hash_name", "game", "shown_price", "count", "class_id", "available", "updated_at")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "buy_url": buy_url(self, request)})

    def has_buy_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.buy_skins")

    @admin.action(description=gettext_lazy("Buy…"), permissions=["buy"])
    def buy(self, request: HttpRequest, queryset: QuerySet[MarketItem]) -> HttpResponse | None:
        """Redirect to the page that buys skins. The page searches for the selected items.

        Show an error and stay on the list if more than ``NAMES_AT_ONCE`` items are selected, or items of several games.
        """
        items = list(queryset.order_by("pk")[: NAMES_AT_ONCE + 1])
        if len(items) > NAMES_AT_ONCE or len({item.game for item in items}) != 1:
            text = _("Choose at most %(count)s items, all of one game.") % {"count": NAMES_AT_ONCE}
            messages.error(request, text)
            return None
        query = [("game", items[0].game), *(("name", item.market_hash_name) for item in items)]
        return HttpResponseRedirect(f"{buy_url(self, request)}?{urlencode(query)}")

    @admin.display(description=gettext_lazy("price"), ordering="price")
    def shown_price(self, item: MarketItem) -> str:
        return display.money(item.price)
