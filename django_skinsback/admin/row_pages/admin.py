"""Base class of the admins of deposits and purchases. It adds a timeline, links and buttons to a row's page."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ...models import WebhookEvent
from ...models.reasons import reason_texts
from .. import display
from ..actions import changelist_url, redirect_back, selected_rows
from ..base import ReadOnlyAdmin
from ..customers.links import CustomerLinks, Link, owner_text
from .replaying import replay_deliveries
from .timeline import Timeline, make_timeline


class RowAdmin(CustomerLinks, ReadOnlyAdmin):
    """Admin of deposits or purchases.

    ``explanations`` maps each status to a text for operators.
    """

    explanations: Mapping[str, Promise] = {}
    auto_reload_statuses: frozenset[str] = frozenset()
    """The page reloads itself while the row has one of these statuses, which last only seconds or minutes."""

    button_labels: Mapping[str, Promise] = {"refresh": _("Ask SkinsBack now")}
    """Name of an action -> the label of its button on the page of a row, if it differs from the label in the list."""

    def explain(self, row: Any) -> Promise | str:
        """Return a text that explains the status of the row. Return "" for an unknown status."""
        return self.explanations.get(row.status, "")

    def badge(self, row: Any) -> SafeString:
        return display.badge(row.status, row.get_status_display())

    def available_actions(self, request: HttpRequest, row: Any) -> list[str]:
        """Return the names of the actions that are possible for this row. This method does not check permissions."""
        raise NotImplementedError

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Add the explanation, the buttons, the links and the timeline of the row to Django's page."""
        request.current_app = self.admin_site.name
        obj = context["original"]
        timeline = make_timeline(obj, show_bodies=request.user.has_perm("skinsback.view_webhook_body"))
        context |= {
            "row": obj,
            "auto_reload": obj.status in self.auto_reload_statuses,
            "badge": self.badge(obj),
            "explanation": self.explain(obj),
            "reasons": reason_texts(obj.review_reasons) if obj.needs_review else [],
            "owner_gone": owner_text(obj) if obj.is_owner_gone else "",
            "buttons": self._buttons(request, obj, timeline),
            "list_url": changelist_url(self),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "timeline": timeline,
        }
        return super().render_change_form(request, context, *args, **options)

    def _buttons(self, request: HttpRequest, row: Any, timeline: Timeline) -> list[tuple[str, Any]]:
        """Return (name, label) of each action that is possible for this row and permitted for this user."""
        labels = {**dict(self.get_action_choices(request)), **self.button_labels}
        allowed = self.get_actions(request)
        names = [*self.available_actions(request, row), *(["replay"] if timeline.failed_deliveries else [])]
        return [(name, labels[name]) for name in names if name in allowed]

    def row_links(self, request: HttpRequest, row: Any) -> list[Link]:
        steam = [
            Link(_("Trade offer on Steam"), display.steam_offer_url(row.trade_offer_id), is_external=True),
            Link(_("Profile on Steam"), display.steam_profile_url(row.steam_id), is_external=True),
        ]
        payer = getattr(row, "payer_steam_id", "")
        if payer != row.steam_id:
            steam.append(Link(_("Payer's profile on Steam"), display.steam_profile_url(payer), is_external=True))
        return [*super().row_links(request, row), *(link for link in steam if link.url)]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.replay_webhookevent")

    @admin.action(description=_("Apply failed deliveries again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Apply the failed deliveries of the selected rows again. This action has no confirmation page."""
        rows = selected_rows(request, queryset)
        deliveries = WebhookEvent.objects.filter(outcome=WebhookEvent.Outcome.FAILED)
        name = self.opts.model_name
        failed = selected_rows(request, deliveries.filter(**{f"{name}__in": [row.pk for row in rows]}))
        if rows and not failed:
            messages.info(request, _("No delivery of the selected rows waits to be applied."))
        replay_deliveries(self, request, failed)
        return redirect_back(self, request, rows)

    @admin.display(description=_("status"))
    def status_badge(self, row: Any) -> SafeString:
        badge = self.badge(row)
        if not row.needs_review:
            return badge
        return format_html("{} {}", badge, display.badge("conflict", _("needs review")))
