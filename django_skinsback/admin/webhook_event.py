"""Deliveries of SkinsBack's. Their bodies are shown to those who hold the permission for it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import WebhookEvent
from . import display
from .base import ReadOnlyAdmin
from .filters import AccountFilter


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ("short_digest", "kind", "outcome_badge", "row", "error", "deliveries", "account", "received_at")
    list_filter = ("outcome", "kind", AccountFilter)
    list_select_related = ("deposit", "purchase")
    search_fields = ("digest__exact", "deposit__order_id__exact", "purchase__custom_id__exact")
    search_help_text = _("Digest, order ID or custom ID, written out in full.")
    fieldsets = (
        (None, {"fields": ("kind", "outcome_badge", "error", "row", "account")}),
        (_("Delivery"), {"fields": ("received_at", "processed_at", "deliveries", "remote_addr", "digest")}),
        (_("Headers"), {"fields": ("content_type", "shown_headers")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEvent]:
        return super().get_queryset(request).defer("body")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fieldsets = list(super().get_fieldsets(request, obj))
        if request.user.has_perm("skinsback.view_webhook_body"):
            fieldsets.append((_("Body"), {"fields": ("shown_body",)}))
        return fieldsets

    @admin.display(description=_("digest"))
    def short_digest(self, event: WebhookEvent) -> SafeString | str:
        return display.short(event.digest)

    @admin.display(description=_("outcome"))
    def outcome_badge(self, event: WebhookEvent) -> SafeString:
        return display.badge(event.outcome, event.get_outcome_display())

    @admin.display(description=_("deposit or purchase"))
    def row(self, event: WebhookEvent) -> Any:
        return display.source(event.deposit, event.purchase)

    @admin.display(description=_("headers"))
    def shown_headers(self, event: WebhookEvent) -> SafeString | str:
        return display.headers(event.headers)

    @admin.display(description=_("as it came"))
    def shown_body(self, event: WebhookEvent) -> SafeString:
        return display.body(bytes(event.body), event.content_type)
