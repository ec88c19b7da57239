from django.contrib import admin
from django.http import HttpRequest

from .models import Wallet


@admin.register(Wallet)
class WalletAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # generic in the stubs alone
    """Admin of wallets. It is read-only, because only ledger entries change a balance."""

    list_display = ["user", "currency", "balance"]
    fields = ["user", "currency", "balance"]
    list_select_related = ["user"]
    search_fields = ["user__username"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Wallet | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Wallet | None = None) -> bool:
        return False
