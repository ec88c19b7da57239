"""Deliveries of SkinsBack's. Their bodies are shown to those who hold the permission for it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import display_for_value, quote
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ..exceptions import SkinsBackError
from ..flows.webhooks.replay import dismiss, is_processed, replay
from ..models import WebhookEvent
from . import display
from .actions import ask, back, chosen, confirmed, log_each, note_field, run_each_as_seen, token_of
from .base import ReadOnlyAdmin
from .filters import AccountFilter, ReviewFilter

Outcome = WebhookEvent.Outcome


class DismissForm(forms.Form):
    note = note_field(_("Why the delivery need not be applied. It is kept with your name."))


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = (
        "short_digest",
        "kind",
        "outcome_badge",
        "row",
        "short_error",
        "deliveries",
        "account",
        "received_at",
    )
    list_filter = (ReviewFilter, "outcome", "kind", AccountFilter)
    list_select_related = ("deposit", "purchase")
    search_fields = ("digest__exact", "deposit__order_id__exact", "purchase__custom_id__exact")
    search_help_text = _("Digest, order ID or custom ID, written out in full.")
    fieldsets = (
        (None, {"fields": ("id", "kind", "outcome_badge", "error", "row", "account", "operator_actions")}),
        (_("Delivery"), {"fields": ("received_at", "processed_at", "deliveries", "remote_addr", "digest")}),
        (_("Headers"), {"fields": ("content_type", "shown_headers")}),
    )

    actions = ("replay", "dismiss")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.replay_webhookevent")

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.dismiss_webhookevent")

    @admin.action(description=_("Apply again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        """Safe without asking: what was applied before changes nothing."""
        rows = chosen(request, queryset)
        applied = left_alone = 0
        for event, result in replay(WebhookEvent.objects.filter(pk__in=[row.pk for row in rows])):
            if isinstance(result, Exception):
                error = str(result) if isinstance(result, SkinsBackError) else type(result).__name__
                values = {"event": event, "error": error}
                messages.error(request, gettext("Delivery %(event)s could not be applied: %(error)s.") % values)
                continue
            if is_processed(event):
                left_alone += 1
                continue
            log_each(self, request, [event], gettext("Applied again: %(outcome)s.") % {"outcome": result.label})
            if result == Outcome.APPLIED:
                applied += 1
            else:
                values = {"event": event, "outcome": result.label}
                messages.warning(request, gettext("Delivery %(event)s was not applied: %(outcome)s.") % values)
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

    @admin.action(description=_("Dismiss…"), permissions=["dismiss"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> HttpResponse | None:
        """Ask for a note, then give up the chosen deliveries that failed and are still as the operator saw them."""
        rows = chosen(request, queryset.select_related("deposit", "purchase"))
        failed = [row for row in rows if row.outcome == Outcome.FAILED]
        if not failed:
            if rows:
                messages.warning(request, gettext("None of the chosen deliveries failed; nothing was done."))
            return back(self, request, rows)
        form = DismissForm(request.POST if confirmed(request) else None)
        if not confirmed(request) or not form.is_valid():
            title = gettext("Dismiss deliveries")
            return ask(self, request, [self._shown(row) for row in failed], action="dismiss", title=title, form=form)
        note = form.cleaned_data["note"]
        tally = run_each_as_seen(request, rows, _token, lambda row: dismiss(row, by=request.user, note=note))
        log_each(self, request, tally.done, gettext("Dismissed: %(note)s") % {"note": note})
        count = len(tally.done)
        words = ngettext("%(count)s delivery was dismissed.", "%(count)s deliveries were dismissed.", count)
        tally.tell(request, words % {"count": count})
        return back(self, request, rows)

    def _shown(self, row: WebhookEvent) -> dict[str, Any]:
        facts = [
            (gettext("Received"), row.received_at),
            (gettext("Error"), row.error),
            (gettext("Tried again at"), row.next_try_at or gettext("not any more")),
        ]
        return {"row": row, "badge": self.outcome_badge(row), "facts": facts, "seen": _token(row)}

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

    @admin.display(description=_("error"))
    def short_error(self, event: WebhookEvent) -> str:
        return truncatechars(event.error, 60)

    @admin.display(description=_("outcome"))
    def outcome_badge(self, event: WebhookEvent) -> SafeString:
        return display.badge(event.outcome, event.get_outcome_display())

    @admin.display(description=_("deposit or purchase"))
    def row(self, event: WebhookEvent) -> Any:
        return display.source(event.deposit, event.purchase)

    @admin.display(description=_("done by operators"))
    def operator_actions(self, event: WebhookEvent) -> SafeString | str:
        """What the admin logged about it. The note of a dismissal is kept nowhere else."""
        logged = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(WebhookEvent), object_id=quote(event.pk)
        )
        lines = (
            (display_for_value(entry.action_time, ""), entry.user, entry.get_change_message())
            for entry in logged.select_related("user").order_by("pk")
        )
        return format_html_join("", "<p>{}, {}: {}</p>", lines) or display.NOTHING

    @admin.display(description=_("headers"))
    def shown_headers(self, event: WebhookEvent) -> SafeString | str:
        return display.headers(event.headers)

    @admin.display(description=_("as it came"))
    def shown_body(self, event: WebhookEvent) -> SafeString:
        return display.body(bytes(event.body), event.content_type)


def _token(event: WebhookEvent) -> str:
    """Token of what the page shows of a delivery, apart from when it is tried again."""
    return token_of(event.outcome, event.error)
