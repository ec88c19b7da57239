"""Acting on chosen rows: ask first where money moves, call the flow for each, tell what came of it."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..exceptions import RowChanged, SkinsBackError
from .advice import SAME_FOR_ALL, advice

ROWS_AT_ONCE = 100
"""Each row may be a call to SkinsBack, and the operator's browser waits for all of them."""

NAMED_ROWS = 5


@dataclass
class Tally:
    """What came of each row."""

    done: list[Any] = field(default_factory=list)
    failed: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    changed: list[Any] = field(default_factory=list)
    not_tried: int = 0

    def tell(self, request: HttpRequest, done: str) -> None:
        """Tell the operator; ``done`` is the sentence about the rows that worked."""
        if self.done:
            messages.success(request, done)
        for reason, rows in self.failed.items():
            messages.error(request, f"{reason} [{_names(rows)}]" if rows else reason)
        if self.changed:
            words = ngettext(
                "%(count)s row has changed since you looked at it and was left alone: %(names)s. Look at it again.",
                "%(count)s rows have changed since you looked at them and were left alone: %(names)s. "
                "Look at them again.",
                len(self.changed),
            )
            messages.warning(request, words % {"count": len(self.changed), "names": _names(self.changed)})
        if self.not_tried:
            words = ngettext("%(count)s row was not tried.", "%(count)s rows were not tried.", self.not_tried)
            messages.warning(request, words % {"count": self.not_tried})


def _names(rows: list[Any]) -> str:
    """The first of these rows by name."""
    more = " …" if len(rows) > NAMED_ROWS else ""
    return ", ".join(str(row) for row in rows[:NAMED_ROWS]) + more


def run_each(rows: list[Any], flow: Callable[[Any], Any]) -> Tally:
    """Call ``flow`` for each row. Stops at an error that the other rows would only meet again."""
    tally = Tally()
    for position, row in enumerate(rows):
        try:
            tally.done.append(flow(row))
        except SAME_FOR_ALL as error:
            tally.failed[advice(error)] = []
            tally.not_tried = len(rows) - position
            break
        except RowChanged:
            tally.changed.append(row)
        except SkinsBackError as error:
            tally.failed[advice(error)].append(row)
    return tally


def run_each_as_seen(
    request: HttpRequest, rows: list[Any], token: Callable[[Any], str], flow: Callable[[Any], Any]
) -> Tally:
    """The same, but leave a row alone whose ``token`` is not the one that the confirmed page showed."""
    tokens = seen_tokens(request)

    def call_if_unchanged(row: Any) -> Any:
        if token(row) != tokens[row.pk]:
            raise RowChanged
        return flow(row)

    return run_each(rows, call_if_unchanged)


def token_of(*shown: object) -> str:
    """A token of the values that a page shows of a row, for ``seen`` in ``ask``."""
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def note_field(help_text: Any, **options: Any) -> forms.CharField:
    """The field for a person's note. The template ``note.html`` shows it."""
    widget = forms.Textarea(attrs={"rows": 3, "cols": 60})
    return forms.CharField(label=gettext_lazy("Note"), max_length=1000, help_text=help_text, widget=widget, **options)


def chosen(request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
    """The rows an action is to work on; none, and a message, where they are too many."""
    rows = list(queryset.order_by("pk")[: ROWS_AT_ONCE + 1])
    if len(rows) > ROWS_AT_ONCE:
        messages.error(request, _("Choose at most %(count)s rows at a time.") % {"count": ROWS_AT_ONCE})
        return []
    return rows


def ask(
    model_admin: Any, request: HttpRequest, rows: list[dict[str, Any]], *, action: str, title: str, **context: Any
) -> HttpResponse:
    """The page that asks before an action works on ``rows``, exactly those it shows.

    ``rows`` are dicts of ``row``, ``facts`` (pairs of label and value), ``seen`` (the row's token) and what the
    template of the action shows beside.
    """
    request.current_app = model_admin.admin_site.name
    stay = request.POST.get("stay") == "yes" and len(rows) == 1
    return TemplateResponse(
        request,
        f"admin/skinsback/{action}.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": title,
            "opts": model_admin.opts,
            "media": model_admin.media,
            "rows": rows,
            "action": action,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "stay": "yes" if stay else "",
            "back_url": page_of(model_admin, rows[0]["row"]) if stay else request.get_full_path(),
            **context,
        },
    )


def seen_tokens(request: HttpRequest) -> Mapping[int, str]:
    """What the confirmed page showed of each row, by key. A row that the page did not show has a token of no row."""
    tokens: dict[int, str] = defaultdict(lambda: "not shown")
    for pair in request.POST.getlist("seen"):
        pk, _separator, token = pair.partition(":")
        if pk.isdecimal():
            tokens[int(pk)] = token or "not shown"
    return tokens


def log_each(model_admin: Any, request: HttpRequest, rows: Iterable[Any], message: str) -> None:
    """Write what was done with each row into Django's "Recent actions". Call it after the flow has succeeded."""
    for row in rows:
        model_admin.log_change(request, row, message)


def confirmed(request: HttpRequest) -> bool:
    return request.POST.get("confirmed") == "yes"


def back(model_admin: Any, request: HttpRequest, rows: Iterable[Any]) -> HttpResponse | None:
    """To the row's own page if the button was there; None lets Django return to the list."""
    only = list(rows)
    if request.POST.get("stay") != "yes" or len(only) != 1:
        return None
    return HttpResponseRedirect(page_of(model_admin, only[0]))


def page_of(model_admin: Any, row: Any) -> str:
    """Address of a row's page in the same admin site."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk], current_app=model_admin.admin_site.name)


def list_of(model_admin: Any) -> str:
    """Address of the list in the same admin site."""
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist", current_app=model_admin.admin_site.name)
