"""Admin of status changes: the history of all deposits and purchases."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import StatusChange
from . import display
from .base import ReadOnlyAdmin
from .finding import Search


@admin.register(StatusChange)
class StatusChangeAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "row", "step", "source", "by", "first_line")
    list_filter = ("source",)
    list_select_related = ("deposit", "purchase", "by")
    search = Search(StatusChange, ids=())
    search_through = ("deposit", "purchase")
    search_help_text = _(
        "An ID of the deposit or purchase: the whole ID, or its first 6 characters or more. Enter in full: Steam ID, "
        "trade URL, user name, e-mail address (only if the database has an index of it)."
    )
    fields = (
        "row",
        "step",
        "source",
        "by",
        "text",
        "reported",
        "credit",
        "delivery",
        "created_at",
    )

    @admin.display(description=_("deposit or purchase"))
    def row(self, change: StatusChange) -> Any:
        return display.deposit_or_purchase(change.deposit, change.purchase)

    @admin.display(description=_("status"))
    def step(self, change: StatusChange) -> SafeString:
        return display.status_step(change)

    @admin.display(description=_("note"))
    def first_line(self, change: StatusChange) -> str:
        return change.text.partition("\n")[0]

    @admin.display(description=_("reported amount"))
    def reported(self, change: StatusChange) -> str:
        return display.money(change.amount, change.currency)

    @admin.display(description=_("credit"))
    def credit(self, change: StatusChange) -> str:
        return display.money(change.credit_amount, change.credit_currency)

    @admin.display(description=_("webhook event"))
    def delivery(self, change: StatusChange) -> Any:
        return display.link(change.webhook_event)
