"""Admin of ledger entries: credits, reversals, charges and refunds of users."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import LedgerEntry
from . import display
from .base import ReadOnlyAdmin
from .customers.links import CustomerLinks
from .exporting import LedgerExportAdmin
from .finding import CreatedFilter, Search, Sum


@admin.register(LedgerEntry)
class LedgerEntryAdmin(LedgerExportAdmin, CustomerLinks, ReadOnlyAdmin):
    list_display = ("created_at", "user", "kind_badge", "shown_amount", "source")
    list_filter = ("kind", CreatedFilter)
    sortable_by = ("created_at",)
    time_column = "created_at"
    ordering = ("-created_at", "-pk")
    list_select_related = ("user", "deposit", "purchase")
    search = Search(LedgerEntry, users=("user",), time_column="created_at")
    search_through = ("deposit", "purchase")
    search_help_text = _(
        "An ID of the deposit or purchase: the whole ID, or its first 6 characters or more. Enter in full: Steam ID, "
        "trade URL, user name, e-mail address (only if the database has an index of it)."
    )
    sums = (Sum("", "amount", "currency", split_by="kind"),)
    fields = ("user", "kind_badge", "shown_amount", "source", "created_at")

    @admin.display(description=_("kind"))
    def kind_badge(self, entry: LedgerEntry) -> SafeString:
        return display.badge(entry.kind)

    @admin.display(description=_("amount"))
    def shown_amount(self, entry: LedgerEntry) -> str:
        return display.money(entry.amount, entry.currency)

    @admin.display(description=_("deposit or purchase"))
    def source(self, entry: LedgerEntry) -> Any:
        return display.deposit_or_purchase(entry.deposit, entry.purchase)
