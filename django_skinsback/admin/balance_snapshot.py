"""Admin of balance snapshots. A snapshot is the project's balance at SkinsBack at one time."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..flows.monitoring.balance import days_left_text, estimate_days_left
from ..models import BalanceSnapshot
from . import display
from .base import ReadOnlyAdmin
from .filters import AccountFilter


@admin.register(BalanceSnapshot)
class BalanceSnapshotAdmin(ReadOnlyAdmin):
    list_display = ("taken_at", "shown_balance", "low", "account")
    list_filter = (AccountFilter,)
    fields = ("account", "shown_balance", "low", "taken_at")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show two values of each account above the list: the newest balance, and how many days it will last."""
        subtitle = "; ".join(filter(None, map(_current_balance, conf.accounts())))
        return super().changelist_view(request, {"subtitle": subtitle, **(extra_context or {})})

    @admin.display(description=_("balance"))
    def shown_balance(self, snapshot: BalanceSnapshot) -> str:
        return display.money(snapshot.balance)

    @admin.display(description=_("low"))
    def low(self, snapshot: BalanceSnapshot) -> SafeString | str:
        limit = conf.low_balance()
        return display.badge("conflict", _("low")) if limit is not None and snapshot.balance < limit else ""


def _current_balance(alias: str) -> str:
    newest = BalanceSnapshot.objects.filter(account=alias).order_by("-pk").first()
    if newest is None:
        return ""
    return ", ".join(
        filter(None, [f"{alias}: {display.money(newest.balance)}", days_left_text(estimate_days_left(alias))])
    )
