"""The page where an operator decides about rows under review."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..models.reasons import reason_texts
from . import display
from .actions import ask, back, chosen, confirmed, log_each, note_field, run_each, seen_tokens


class SettleForm(forms.Form):
    decision = forms.ChoiceField(label=gettext_lazy("Decision"), widget=forms.RadioSelect)
    note = note_field(gettext_lazy("Why you decided so. It is kept in the history with your name."), required=False)

    def __init__(self, *args: Any, decisions: Iterable[tuple[str, Any]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["decision"].choices = list(decisions)  # type: ignore[attr-defined] # a ChoiceField, see above


def settle_rows(
    model_admin: Any,
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    flow: Callable[..., Any],
    decisions: Mapping[str, Any],
    possible: Callable[[Any], set[str]],
    facts: Callable[[Any], list[tuple[Any, Any]]],
    seen: Callable[[Any], str],
    irreversible: Mapping[str, str],
) -> HttpResponse | None:
    """Ask for a decision about the chosen rows that need review, then call ``flow`` for each.

    ``possible`` tells which of ``decisions`` a row allows, ``facts`` what the operator should see of it, ``seen`` the
    token of a row as it is shown. ``irreversible`` maps decisions that are final to a sentence that says so. ``flow``
    compares the token under the row lock and leaves a row alone that differs.
    """
    rows = chosen(request, queryset.prefetch_related("entries"))
    if confirmed(request):
        tokens = seen_tokens(request)
        same = [row for row in rows if seen(row) == tokens[row.pk]]
        form = SettleForm(request.POST, decisions=_choices(decisions, same, possible) if same else decisions.items())
        if form.is_valid():
            decision, note = form.cleaned_data["decision"], form.cleaned_data["note"].strip()
            tally = run_each(rows, lambda row: flow(row, decision, by=request.user, note=note, seen=tokens[row.pk]))
            log_each(model_admin, request, tally.done, _("Settled: %(decision)s.") % {"decision": decisions[decision]})
            count = len(tally.done)
            words = ngettext("%(count)s row was settled.", "%(count)s rows were settled.", count)
            tally.tell(request, words % {"count": count})
            return back(model_admin, request, rows)
    open_rows = [row for row in rows if row.needs_review]
    if not open_rows:
        if rows:
            messages.warning(request, _("None of the chosen rows needs review; nothing was done."))
        return back(model_admin, request, rows)
    choices = _choices(decisions, open_rows, possible)
    form = SettleForm(request.POST if confirmed(request) else None, decisions=choices, initial={"decision": "keep"})
    warnings = [irreversible[name] for name, _label in choices if name in irreversible]
    shown = [
        {
            "row": row,
            "badge": display.badge(row.status, row.get_status_display()),
            "reasons": reason_texts(row.review_reasons),
            "facts": facts(row),
            "entries": [display.money(entry.amount, entry.currency) for entry in row.entries.all()],
            "seen": seen(row),
        }
        for row in open_rows
    ]
    title = _("Settle what needs review")
    return ask(model_admin, request, shown, action="settle", title=title, form=form, irreversible=warnings)


def _choices(
    decisions: Mapping[str, Any], rows: list[Any], possible: Callable[[Any], set[str]]
) -> list[tuple[str, Any]]:
    """The decisions that at least one of these rows allows."""
    allowed = set().union(*(possible(row) for row in rows))
    return [(name, label) for name, label in decisions.items() if name in allowed]
