"""What deposits and purchases have in common: what was said about them, their money, and what can be done."""

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
from .actions import list_of
from .base import ReadOnlyAdmin

HISTORY_ROWS = 200


class RowAdmin(ReadOnlyAdmin):
    """A deposit's or a purchase's pages."""

    explanations: Mapping[str, Promise] = {}
    followed: frozenset[str] = frozenset()
    """Statuses so short-lived that the page shows itself again until they are over."""

    def explain(self, row: Any) -> Promise | str:
        """What the row's status means, and what is special about this row."""
        return self.explanations.get(row.status, "")

    def badge(self, row: Any) -> SafeString:
        return display.badge(row.status, row.get_status_display())

    def offers(self, request: HttpRequest, row: Any) -> list[str]:
        """Actions that make sense for this row as it is now."""
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
        """Add to the facts what happened to the row and the buttons that apply."""
        request.current_app = self.admin_site.name
        context |= {
            "row": obj,
            "follow": obj.status in self.followed,
            "badge": self.badge(obj),
            "explanation": self.explain(obj),
            "reasons": reason_texts(obj.review_reasons) if obj.needs_review else [],
            "buttons": self._buttons(request, obj),
            "list_url": list_of(self),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "history": [
                {
                    "change": change,
                    "step": display.step(change),
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
                    "link": display.link(event, display.short(event.digest)),
                }
                for event in obj.webhook_events.defer("body").order_by("-pk")[:HISTORY_ROWS]
            ],
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _buttons(self, request: HttpRequest, row: Any) -> list[tuple[str, Any]]:
        """Name and label of what may be done with this row, by this user."""
        labels = dict(self.get_action_choices(request))
        return [(name, labels[name]) for name in self.offers(request, row) if name in labels]

    @admin.display(description=_("status"))
    def status_badge(self, row: Any) -> SafeString:
        badge = self.badge(row)
        if not row.needs_review:
            return badge
        return format_html("{} {}", badge, display.badge("conflict", _("needs review")))
