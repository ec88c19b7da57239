"""Admin of ledger entries: credits, reversals, charges and refunds of users."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import LedgerEntry
from . import display
from .base import ReadOnlyAdmin, user_search
from .customers.links import CustomerLinks
from .exporting import LedgerExportAdmin


@admin.register(LedgerEntry)
class LedgerEntryAdmin(LedgerExportAdmin, CustomerLinks, ReadOnlyAdmin):
    list_display = ("created_at", "user", "kind_badge", "shown_amount", "source")
    list_filter = ("kind",)
    list_select_related = ("user", "deposit", "purchase")
    search_fields = ("deposit__order_id__exact", "purchase__custom_id__exact")
    search_help_text = _("Order ID, custom ID or user name, in full.")
    fields = ("user", "kind_badge", "shown_amount", "source", "created_at")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [*self.search_fields, user_search()]

    @admin.display(description=_("kind"))
    def kind_badge(self, entry: LedgerEntry) -> SafeString:
        return display.badge(entry.kind)

    @admin.display(description=_("amount"))
    def shown_amount(self, entry: LedgerEntry) -> str:
        return display.money(entry.amount, entry.currency)

    @admin.display(description=_("deposit or purchase"))
    def source(self, entry: LedgerEntry) -> Any:
        return display.deposit_or_purchase(entry.deposit, entry.purchase)
