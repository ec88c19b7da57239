"""Admin of market items: the skins of the imported price list. Operators can buy the selected skins."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import MarketItem
from . import display
from .base import ReadOnlyAdmin
from .buying import SKINS_AT_ONCE, add_to_cart, buy_url
from .filters import GameFilter


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
        """Add the selected items to the cart, one skin of each, and redirect to the page that buys skins.

        Show an error and stay on the list if more than ``SKINS_AT_ONCE`` items are selected.
        """
        items = list(queryset.order_by("pk")[: SKINS_AT_ONCE + 1])
        if len(items) > SKINS_AT_ONCE:
            messages.error(request, _("Choose at most %(count)s items.") % {"count": SKINS_AT_ONCE})
            return None
        if left_out := add_to_cart(request.session, items):
            text = _("An order has at most %(count)s skins. Not added to the cart: %(names)s")
            names = ", ".join(item.market_hash_name for item in left_out)
            messages.warning(request, text % {"count": SKINS_AT_ONCE, "names": names})
        return HttpResponseRedirect(buy_url(self, request))

    @admin.display(description=gettext_lazy("price"), ordering="price")
    def shown_price(self, item: MarketItem) -> str:
        return display.money(item.price)
