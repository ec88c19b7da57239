"""The page on which an operator decides about rows that need review."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ...models.reasons import reason_texts
from .. import display
from ..actions import (
    confirmation_page,
    is_confirmed,
    log_each,
    note_field,
    redirect_back,
    run_each,
    seen_tokens,
    selected_rows,
)
from .debits import Debit


class SettleForm(forms.Form):
    decision = forms.ChoiceField(label=gettext_lazy("Decision"), widget=forms.RadioSelect)
    note = note_field(
        gettext_lazy("The reason for your decision. The history shows this note with your name."), required=False
    )

    def __init__(self, *args: Any, decisions: Iterable[tuple[str, Any]], **options: Any) -> None:
        super().__init__(*args, **options)
        cast(forms.ChoiceField, self.fields["decision"]).choices = list(decisions)


def settle_rows(
    model_admin: Any,
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    flow: Callable[..., Any],
    decisions: Mapping[str, Any],
    allowed_decisions: Callable[[Any], set[str]],
    facts: Callable[[Any], list[tuple[Any, Any]]],
    seen: Callable[[Any], str],
    irreversible_warnings: Mapping[str, str],
    debit: Callable[[Any], Debit] | None = None,
) -> HttpResponse | None:
    """Show a form that asks for a decision about the selected rows. When the form is sent, call ``flow`` for each row.

    * ``decisions`` maps the code of each decision to its label.
    * ``allowed_decisions`` returns the codes that are possible for a row.
    * ``facts`` returns the labels and values of a row for the page.
    * ``seen`` returns the token of a row. ``flow`` compares the token under the row lock, and raises RowChanged if the
      row has changed.
    * ``irreversible_warnings`` maps a code to a warning. The page shows the warning if the decision is possible.
    * ``debit`` returns what is known about the debit of a purchase.
    """
    rows = selected_rows(request, queryset.prefetch_related("entries"))
    if is_confirmed(request):
        tokens = seen_tokens(request)
        same = [row for row in rows if seen(row) == tokens[row.pk]]
        form = SettleForm(
            request.POST, decisions=_choices(decisions, same, allowed_decisions) if same else decisions.items()
        )
        if form.is_valid():
            decision, note = form.cleaned_data["decision"], form.cleaned_data["note"].strip()
            results = run_each(rows, lambda row: flow(row, decision, by=request.user, note=note, seen=tokens[row.pk]))
            log_each(
                model_admin, request, results.done, _("Settled: %(decision)s.") % {"decision": decisions[decision]}
            )
            count = len(results.done)
            text = ngettext("%(count)s row was settled.", "%(count)s rows were settled.", count)
            results.show_messages(request, text % {"count": count})
            return redirect_back(model_admin, request, rows)
    open_rows = [row for row in rows if row.needs_review]
    if not open_rows:
        if rows:
            messages.warning(request, _("No selected row needs review. Nothing was done."))
        return redirect_back(model_admin, request, rows)
    choices = _choices(decisions, open_rows, allowed_decisions)
    form = SettleForm(request.POST if is_confirmed(request) else None, decisions=choices, initial={"decision": "keep"})
    warnings = [irreversible_warnings[name] for name, _label in choices if name in irreversible_warnings]
    shown = [
        {
            "row": row,
            "badge": display.badge(row.status, row.get_status_display()),
            "reasons": reason_texts(row.review_reasons),
            "facts": facts(row),
            "entries": [
                f"{entry.get_kind_display()} {display.money(entry.amount, entry.currency)}"
                for entry in row.entries.all()
            ],
            "debit": debit(row) if debit is not None else None,
            "seen": seen(row),
        }
        for row in open_rows
    ]
    title = _("Settle rows that need review")
    return confirmation_page(model_admin, request, shown, action="settle", title=title, form=form, warnings=warnings)


def _choices(
    decisions: Mapping[str, Any], rows: list[Any], allowed_decisions: Callable[[Any], set[str]]
) -> list[tuple[str, Any]]:
    """Return (code, label) of each decision that is possible for at least one of these rows."""
    allowed = set().union(*(allowed_decisions(row) for row in rows))
    return [(name, label) for name, label in decisions.items() if name in allowed]
