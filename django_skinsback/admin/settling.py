"""The page where an operator decides about rows under review."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from . import display
from .acting import Tally, ask, back, chosen, confirmed, log_each, run_each


class SettleForm(forms.Form):
    outcome = forms.ChoiceField(label=gettext_lazy("Decision"), widget=forms.RadioSelect)
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy("Why you decided so. It is kept in the history with your name."),
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
    )

    def __init__(self, *args: Any, outcomes: Sequence[tuple[str, Any]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["outcome"].choices = outcomes  # type: ignore[attr-defined] # a ChoiceField, see above


def settle_rows(
    model_admin: Any,
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    flow: Callable[..., Any],
    outcomes: Mapping[str, Any],
    possible: Callable[[Any], set[str]],
    facts: Callable[[Any], list[tuple[Any, Any]]],
) -> HttpResponse | None:
    """Ask for a decision about the chosen rows that need review, then call ``flow`` for each.

    ``possible`` tells which of ``outcomes`` a row allows, ``facts`` what the operator should see of it. A row that
    got another status or reason since the page was shown is left alone: nobody decides what he has not seen.
    """
    rows = chosen(request, queryset.prefetch_related("entries"))
    open_rows = [row for row in rows if row.needs_review]
    if not open_rows:
        if rows:
            messages.warning(request, _("None of the chosen rows needs review; nothing was done."))
        return back(model_admin, request, rows)
    allowed = set().union(*(possible(row) for row in open_rows))
    form = SettleForm(
        request.POST if confirmed(request) else None,
        outcomes=[(name, label) for name, label in outcomes.items() if name in allowed],
        initial={"outcome": "keep"},
    )
    if not confirmed(request) or not form.is_valid():
        shown = [
            {
                "row": row,
                "badge": display.badge(row.status, row.get_status_display()),
                "reasons": row.review_reason.splitlines(),
                "facts": facts(row),
                "entries": [display.money(entry.amount, entry.currency) for entry in row.entries.all()],
                "seen": _fingerprint(row),
            }
            for row in open_rows
        ]
        return ask(model_admin, request, shown, action="settle", title=_("Settle what needs review"), form=form)
    seen = set(request.POST.getlist("seen"))
    same = [row for row in open_rows if _fingerprint(row) in seen]
    decide = partial(
        flow, outcome=form.cleaned_data["outcome"], by=request.user, note=form.cleaned_data["note"].strip()
    )
    tally = run_each(same, decide)
    decision = outcomes[form.cleaned_data["outcome"]]
    log_each(model_admin, request, tally.done, _("Settled: %(decision)s.") % {"decision": decision})
    _tell(tally, request, changed=len(open_rows) - len(same))
    return back(model_admin, request, rows)


def _tell(tally: Tally, request: HttpRequest, *, changed: int) -> None:
    count = len(tally.done)
    words = ngettext("%(count)s row was settled.", "%(count)s rows were settled.", count)
    tally.tell(request, words % {"count": count})
    if changed:
        words = ngettext(
            "%(count)s row has changed since you looked at it and was left alone. Look again.",
            "%(count)s rows have changed since you looked at them and were left alone. Look again.",
            changed,
        )
        messages.warning(request, words % {"count": changed})


def _fingerprint(row: Any) -> str:
    """Tells whether a row is still as the operator saw it."""
    text = "\n".join([row.status, row.review_reason, *sorted(entry.kind for entry in row.entries.all())])
    return f"{row.pk}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
