"""Base class of the admins of deposits and purchases. It adds history, ledger entries and buttons to a row's page."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models.reasons import reason_texts
from . import display
from .actions import changelist_url
from .base import ReadOnlyAdmin

HISTORY_ROWS = 200
"""The page of a row shows at most this many status changes, and at most this many deliveries."""


class RowAdmin(ReadOnlyAdmin):
    """Admin of deposits or purchases.

    ``explanations`` maps each status to a text for operators.
    """

    explanations: Mapping[str, Promise] = {}
    auto_reload_statuses: frozenset[str] = frozenset()
    """The page reloads itself while the row has one of these statuses, which last only seconds or minutes."""

    def explain(self, row: Any) -> Promise | str:
        """Return a text that explains the status of the row. Return "" for an unknown status."""
        return self.explanations.get(row.status, "")

    def badge(self, row: Any) -> SafeString:
        return display.badge(row.status, row.get_status_display())

    def available_actions(self, request: HttpRequest, row: Any) -> list[str]:
        """Return the names of the actions that are possible for this row. This method does not check permissions."""
        raise NotImplementedError

    def render_change_form(  # noqa: PLR0917 - Django's signature
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Add the explanation, buttons, history, ledger entries and deliveries of the row to Django's page."""
        request.current_app = self.admin_site.name
        context |= {
            "row": obj,
            "auto_reload": obj.status in self.auto_reload_statuses,
            "badge": self.badge(obj),
            "explanation": self.explain(obj),
            "reasons": reason_texts(obj.review_reasons) if obj.needs_review else [],
            "buttons": self._buttons(request, obj),
            "list_url": changelist_url(self),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "history": [
                {
                    "change": change,
                    "step": display.status_step(change),
                    "amount": display.money(change.amount, change.currency),
                    "credit": display.money(change.credit_amount, change.credit_currency),
                    "settled": reason_texts(change.settled_reasons),
                }
                for change in obj.changes.select_related("by").order_by("-pk")[:HISTORY_ROWS]
            ],
            "entries": [
                {
                    "entry": entry,
                    "kind": display.badge(entry.kind),
                    "amount": display.money(entry.amount, entry.currency),
                    "link": display.link(entry, f"#{entry.pk}"),
                }
                for entry in obj.entries.select_related("user").order_by("pk")
            ],
            "deliveries": [
                {
                    "event": event,
                    "outcome": display.badge(event.outcome, event.get_outcome_display()),
                    "link": display.link(event, display.short_id(event.digest)),
                }
                for event in obj.webhook_events.defer("body").order_by("-pk")[:HISTORY_ROWS]
            ],
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _buttons(self, request: HttpRequest, row: Any) -> list[tuple[str, Any]]:
        """Return (name, label) of each action that is possible for this row and permitted for this user."""
        labels = dict(self.get_action_choices(request))
        return [(name, labels[name]) for name in self.available_actions(request, row) if name in labels]

    @admin.display(description=_("status"))
    def status_badge(self, row: Any) -> SafeString:
        badge = self.badge(row)
        if not row.needs_review:
            return badge
        return format_html("{} {}", badge, display.badge("conflict", _("needs review")))
