"""Admin of discrepancies between SkinsBack's lists and this site's rows. Operators see both sides here."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..flows.reconciliation import discrepancies
from ..models import Deposit, Discrepancy, ListName, Purchase
from . import display
from .actions import (
    changelist_url,
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
from .queues.advice import DISCREPANCY_EXPLANATIONS
from .queues.columns import QueueListAdmin

State = Discrepancy.State

DONE_EXPLANATIONS = {
    State.RESOLVED: gettext_lazy("Both sides agree now. There is nothing to do."),
    State.CLOSED: gettext_lazy(
        "An operator has checked and closed this discrepancy. It opens again only if one of the two sides changes."
    ),
}


class CloseForm(forms.Form):
    note = note_field(
        gettext_lazy("What you found out. The note is stored with your name."),
        error_messages={
            "required": gettext_lazy("Write what you found out. A discrepancy cannot be closed without a note.")
        },
    )


@admin.register(Discrepancy)
class DiscrepancyAdmin(QueueListAdmin):
    list_display = ("row", "kind_badge", "summary", "state_badge", "account", "last_seen_at")
    list_display_links = ("kind_badge",)
    queue_columns = ("row", "kind_badge", "summary", "last_seen_at")
    list_filter = (QueueFilter, "state", "kind", "found_in", AccountFilter)
    list_select_related = ("deposit", "purchase")
    search = Search(Discrepancy, ids=("our_id", "their_id"))
    search_through = ("deposit", "purchase")
    search_help_text = gettext_lazy(
        "This site's ID or SkinsBack's ID: the whole ID, or its first 6 characters or more. Enter in full: Steam ID, "
        "trade URL, user name, e-mail address (only if the database has an index of it)."
    )
    actions = ("close",)
    fieldsets = (
        (None, {"fields": ("row", ("our_id", "their_id"), ("found_in", "account"), "outcome")}),
        (gettext_lazy("Side by side"), {"fields": ("side_by_side",)}),
        (gettext_lazy("Times"), {"fields": (("first_seen_at", "last_seen_at", "times_seen"),)}),
        (gettext_lazy("Closed"), {"fields": (("closed_at", "closed_by"), "note")}),
    )

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Return the order of the list: open discrepancies first, then those that were seen last."""
        return [Case(When(state=State.OPEN, then=Value(0)), default=Value(1)), "-last_seen_at", "-pk"]

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.close_discrepancy")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Add the explanation to Django's page. Also add the close button if the discrepancy is open."""
        request.current_app = self.admin_site.name
        obj = context["original"]
        labels = dict(self.get_action_choices(request))
        context |= {
            "discrepancy": obj,
            "badge": format_html("{} {}", self.kind_badge(obj), self.state_badge(obj)),
            "explanation": DONE_EXPLANATIONS.get(obj.state) or DISCREPANCY_EXPLANATIONS[obj.kind],
            "buttons": [("close", labels["close"])] if "close" in labels and obj.state == State.OPEN else [],
            "list_url": changelist_url(self),
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return super().render_change_form(request, context, *args, **options)

    @admin.action(description=gettext_lazy("Close…"), permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> HttpResponse | None:
        """Show a form that asks for a note. When the form is sent, close the discrepancies that have not changed."""
        rows = selected_rows(request, queryset.select_related("deposit", "purchase"))
        open_rows = [row for row in rows if row.state == State.OPEN]
        if not open_rows:
            if rows:
                messages.warning(request, _("No selected discrepancy is open. Nothing was done."))
            return redirect_back(self, request, rows)
        form = CloseForm(request.POST if is_confirmed(request) else None)
        if not is_confirmed(request) or not form.is_valid():
            shown = [
                {"row": row, "badge": self.kind_badge(row), "sides": self.side_by_side(row), "seen": _seen_token(row)}
                for row in open_rows
            ]
            return confirmation_page(self, request, shown, action="close", title=_("Close discrepancies"), form=form)
        note = form.cleaned_data["note"]
        results = run_each_if_unchanged(
            request, rows, _seen_token, lambda row: discrepancies.close(row, by=request.user, note=note)
        )
        log_each(self, request, results.done, _("Closed: %(note)s") % {"note": note})
        count = len(results.done)
        text = ngettext("%(count)s discrepancy was closed.", "%(count)s discrepancies were closed.", count)
        results.show_messages(request, text % {"count": count})
        return redirect_back(self, request, rows)

    @admin.display(description=gettext_lazy("deposit or purchase"))
    def row(self, discrepancy: Discrepancy) -> Any:
        if discrepancy.deposit or discrepancy.purchase:
            return display.deposit_or_purchase(discrepancy.deposit, discrepancy.purchase)
        return display.short_id(discrepancy.our_id or discrepancy.their_id)

    @admin.display(description=gettext_lazy("kind"))
    def kind_badge(self, discrepancy: Discrepancy) -> SafeString:
        return display.badge(discrepancy.kind, discrepancy.get_kind_display())

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, discrepancy: Discrepancy) -> SafeString:
        return display.badge(discrepancy.state, discrepancy.get_state_display())

    @admin.display(description=gettext_lazy("here / at SkinsBack"))
    def summary(self, discrepancy: Discrepancy) -> str:
        ours, theirs = discrepancy.ours, discrepancy.theirs
        name = next(iter([*_differing(ours, theirs), *({"status"} & {*ours, *theirs}), *theirs]), "status")
        between = f"{ours.get(name, display.NOTHING)} / {theirs.get(name, display.NOTHING)}"
        return f"{_label(discrepancy.found_in, name)}: {between}"

    @admin.display(description=gettext_lazy("side by side"))
    def side_by_side(self, discrepancy: Discrepancy) -> SafeString:
        ours, theirs = discrepancy.ours, discrepancy.theirs
        differing = set(_differing(ours, theirs))
        rows = (
            (
                "skinsback-differs" if name in differing else "",
                _label(discrepancy.found_in, name),
                ours.get(name, display.NOTHING),
                theirs.get(name, display.NOTHING),
                _("differs") if name in differing else "",
            )
            for name in dict.fromkeys([*ours, *theirs])
        )
        return format_html(
            '<div class="skinsback-scroll" tabindex="0" role="region" aria-label="{}">'
            '<table class="skinsback-table skinsback-sides"><thead><tr><td></td>'
            '<th scope="col">{}</th><th scope="col">{}</th><td></td></tr></thead><tbody>{}</tbody></table></div>',
            _("Side by side: %(id)s") % {"id": discrepancy.our_id or discrepancy.their_id},
            _("Here"),
            _("At SkinsBack"),
            format_html_join("", '<tr class="{}"><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>', rows),
        )


def _differing(ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """Return the names of the columns that are on both sides and have different values."""
    return [name for name in ours if name in theirs and ours[name] != theirs[name]]


def _label(found_in: str, name: str) -> Any:
    model = Purchase if found_in == ListName.MARKET_HISTORY else Deposit
    known = {field.name: field.verbose_name for field in model._meta.fields}
    return known.get(name, {"http_code": _("this site's answer")}.get(name, name))


def _seen_token(row: Discrepancy) -> str:
    """Return the token of the values that the confirmation page shows: the state, our values and SkinsBack's values."""
    return make_seen_token(row.state, sorted(row.ours.items()), sorted(row.theirs.items()))
