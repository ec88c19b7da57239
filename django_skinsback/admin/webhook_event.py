"""Deliveries of SkinsBack's. Their bodies are shown to those who hold the permission for it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ..flows.notifications import is_processed, replay
from ..models import WebhookEvent
from . import display
from .acting import chosen, log_each
from .base import ReadOnlyAdmin
from .filters import AccountFilter

Outcome = WebhookEvent.Outcome


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ("short_digest", "kind", "outcome_badge", "row", "error", "deliveries", "account", "received_at")
    list_filter = ("outcome", "kind", AccountFilter)
    list_select_related = ("deposit", "purchase")
    search_fields = ("digest__exact", "deposit__order_id__exact", "purchase__custom_id__exact")
    search_help_text = _("Digest, order ID or custom ID, written out in full.")
    fieldsets = (
        (None, {"fields": ("id", "kind", "outcome_badge", "error", "row", "account")}),
        (_("Delivery"), {"fields": ("received_at", "processed_at", "deliveries", "remote_addr", "digest")}),
        (_("Headers"), {"fields": ("content_type", "shown_headers")}),
    )

    actions = ("replay",)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.replay_webhookevent")

    @admin.action(description=_("Apply again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        """Safe without asking: what was applied before changes nothing."""
        rows = chosen(request, queryset)
        applied = left_alone = 0
        for event, result in replay(WebhookEvent.objects.filter(pk__in=[row.pk for row in rows])):
            if isinstance(result, Exception):
                told = {"event": event, "error": type(result).__name__}
                messages.error(request, gettext("%(event)s could not be applied: %(error)s.") % told)
                continue
            if is_processed(event):
                left_alone += 1
                continue
            log_each(self, request, [event], gettext("Applied again: %(outcome)s.") % {"outcome": result.label})
            if result == Outcome.APPLIED:
                applied += 1
            else:
                told = {"event": event, "outcome": result.label}
                messages.warning(request, gettext("%(event)s was not applied: %(outcome)s.") % told)
        if applied:
            words = ngettext(
                "%(count)s delivery was applied again.", "%(count)s deliveries were applied again.", applied
            )
            messages.success(request, words % {"count": applied})
        if left_alone:
            words = ngettext(
                "%(count)s delivery had been processed before and was left alone.",
                "%(count)s deliveries had been processed before and were left alone.",
                left_alone,
            )
            messages.info(request, words % {"count": left_alone})

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
