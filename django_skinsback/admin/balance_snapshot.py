"""What the project's balance at SkinsBack was."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..models import BalanceSnapshot
from . import display
from .base import ReadOnlyAdmin
from .filters import AccountFilter


@admin.register(BalanceSnapshot)
class BalanceSnapshotAdmin(ReadOnlyAdmin):
    list_display = ("taken_at", "shown_balance", "low", "account")
    list_filter = (AccountFilter,)
    fields = ("account", "shown_balance", "low", "taken_at")

    @admin.display(description=_("balance"))
    def shown_balance(self, snapshot: BalanceSnapshot) -> str:
        return display.money(snapshot.balance)

    @admin.display(description=_("low"))
    def low(self, snapshot: BalanceSnapshot) -> SafeString | str:
        limit = conf.low_balance()
        return display.badge("conflict", _("low")) if limit is not None and snapshot.balance < limit else ""
