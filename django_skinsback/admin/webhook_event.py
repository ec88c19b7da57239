"""Admin of stored deliveries. Operators can apply a delivery again or dismiss it.

The body is shown only to users with the permission ``view_webhook_body``.
"""

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

from ..flows.webhooks.replay import dismiss
from ..models import WebhookEvent
from . import display
from .actions import (
    confirmation_page,
    is_confirmed,
    log_each,
    make_seen_token,
    note_field,
    redirect_back,
    run_each_if_unchanged,
    selected_rows,
)
from .filters import AccountFilter, QueueFilter
from .finding import Search
from .finding.dates import ReceivedFilter
from .queues.columns import QueueListAdmin
from .row_pages.replaying import replay_deliveries

Outcome = WebhookEvent.Outcome


class DismissForm(forms.Form):
    note = note_field(_("Why the delivery need not be applied. The note is stored with your name."))


@admin.register(WebhookEvent)
class WebhookEventAdmin(QueueListAdmin):
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
    queue_columns = ("short_digest", "outcome_badge", "row", "received_at")
    list_filter = (QueueFilter, "outcome", "kind", AccountFilter, ReceivedFilter)
    sortable_by = ("received_at",)
    time_column = "received_at"
    ordering = ("-received_at", "-pk")
    list_select_related = ("deposit", "purchase")
    search = Search(WebhookEvent, ids=("digest",))
    search_through = ("deposit", "purchase")
    search_help_text = _(
        "Digest, or an ID of the deposit or purchase: the whole ID, or its first 6 characters or more. Enter in full: "
        "Steam ID, trade URL, user name, e-mail address (only if the database has an index of it)."
    )
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
        """Apply the selected deliveries again without asking. Skip deliveries that were processed before."""
        replay_deliveries(self, request, selected_rows(request, queryset))

    @admin.action(description=_("Dismiss…"), permissions=["dismiss"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> HttpResponse | None:
        """Show a form that asks for a note. When the form is sent, dismiss the failed deliveries.

        Skip a delivery that has changed since the form was shown.
        """
        rows = selected_rows(request, queryset.select_related("deposit", "purchase"))
        failed = [row for row in rows if row.outcome == Outcome.FAILED]
        if not failed:
            if rows:
                messages.warning(request, gettext("No selected delivery has failed. Nothing was done."))
            return redirect_back(self, request, rows)
        form = DismissForm(request.POST if is_confirmed(request) else None)
        if not is_confirmed(request) or not form.is_valid():
            title = gettext("Dismiss deliveries")
            return confirmation_page(
                self, request, [self._shown(row) for row in failed], action="dismiss", title=title, form=form
            )
        note = form.cleaned_data["note"]
        results = run_each_if_unchanged(
            request, rows, _seen_token, lambda row: dismiss(row, by=request.user, note=note)
        )
        log_each(self, request, results.done, gettext("Dismissed: %(note)s") % {"note": note})
        count = len(results.done)
        text = ngettext("%(count)s delivery was dismissed.", "%(count)s deliveries were dismissed.", count)
        results.show_messages(request, text % {"count": count})
        return redirect_back(self, request, rows)

    def _shown(self, row: WebhookEvent) -> dict[str, Any]:
        facts = [
            (gettext("Received"), row.received_at),
            (gettext("Error"), row.error),
            (gettext("Next try"), row.next_try_at or gettext("none")),
        ]
        return {"row": row, "badge": self.outcome_badge(row), "facts": facts, "seen": _seen_token(row)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEvent]:
        return super().get_queryset(request).defer("body")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fieldsets = list(super().get_fieldsets(request, obj))
        if request.user.has_perm("skinsback.view_webhook_body"):
            fieldsets.append((_("Body"), {"fields": ("shown_body",)}))
        return fieldsets

    @admin.display(description=_("digest"))
    def short_digest(self, event: WebhookEvent) -> SafeString | str:
        return display.short_id(event.digest)

    @admin.display(description=_("error"))
    def short_error(self, event: WebhookEvent) -> str:
        return truncatechars(event.error, 60)

    @admin.display(description=_("outcome"))
    def outcome_badge(self, event: WebhookEvent) -> SafeString:
        return display.badge(event.outcome, event.get_outcome_display())

    @admin.display(description=_("deposit or purchase"))
    def row(self, event: WebhookEvent) -> Any:
        return display.deposit_or_purchase(event.deposit, event.purchase)

    @admin.display(description=_("actions of operators"))
    def operator_actions(self, event: WebhookEvent) -> SafeString | str:
        """Return the lines of Django's admin log about this delivery. The note of a dismissal is only in this log."""
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
        return display.headers_text(event.headers)

    @admin.display(description=_("body"))
    def shown_body(self, event: WebhookEvent) -> SafeString:
        return display.body_text(bytes(event.body), event.content_type)


def _seen_token(event: WebhookEvent) -> str:
    """Return the token of the outcome and the error. The token does not contain the time of the next try."""
    return make_seen_token(event.outcome, event.error)
