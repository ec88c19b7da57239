"""Functions that the admin actions share: they ask for confirmation, call a flow for each row, and show the results."""

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

from ..error_texts import text_for
from ..exceptions import ACCOUNT_WIDE, RowChanged, SkinsBackError

ROWS_AT_ONCE = 100
"""Maximum number of rows of one action. Each row can need a call to SkinsBack while the operator's browser waits."""

NAMED_ROWS = 5
"""Maximum number of rows whose names are shown in one message."""


@dataclass
class Results:
    """The results of one action.

    ``done`` are the values that the flow returned. ``failed`` maps the text of an error to the rows with that error. If
    the error concerns the whole account, the list of rows is empty, and ``not_tried`` is the number of rows without a
    result. ``changed`` are the rows that were skipped because they changed after the operator saw them.
    """

    done: list[Any] = field(default_factory=list)
    failed: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    changed: list[Any] = field(default_factory=list)
    not_tried: int = 0

    def show_messages(self, request: HttpRequest, success: str) -> None:
        """Add Django messages about the results. The message ``success`` is shown if at least one row is done."""
        if self.done:
            messages.success(request, success)
        for reason, rows in self.failed.items():
            messages.error(request, f"{reason} [{_names(rows)}]" if rows else reason)
        if self.changed:
            text = ngettext(
                "%(count)s row was skipped because it has changed since you looked at it: %(names)s. Look at it again.",
                "%(count)s rows were skipped because they have changed since you looked at them: %(names)s. "
                "Look at them again.",
                len(self.changed),
            )
            messages.warning(request, text % {"count": len(self.changed), "names": _names(self.changed)})
        if self.not_tried:
            text = ngettext("%(count)s row was not tried.", "%(count)s rows were not tried.", self.not_tried)
            messages.warning(request, text % {"count": self.not_tried})


def _names(rows: list[Any]) -> str:
    more = " …" if len(rows) > NAMED_ROWS else ""
    return ", ".join(str(row) for row in rows[:NAMED_ROWS]) + more


def run_each(rows: list[Any], flow: Callable[[Any], Any]) -> Results:
    """Call ``flow`` for each row and return the results. Stop after an error that concerns the whole account."""
    results = Results()
    for position, row in enumerate(rows):
        try:
            results.done.append(flow(row))
        except ACCOUNT_WIDE as error:
            results.failed[text_for(error)] = []
            results.not_tried = len(rows) - position
            break
        except RowChanged:
            results.changed.append(row)
        except SkinsBackError as error:
            results.failed[text_for(error)].append(row)
    return results


def run_each_if_unchanged(
    request: HttpRequest, rows: list[Any], token: Callable[[Any], str], flow: Callable[[Any], Any]
) -> Results:
    """Call ``flow`` for each row that has not changed since the confirmation page, and return the results.

    ``token`` is a function that returns the current token of a row. The current token is compared with the token in the
    form. If they differ, the row is skipped and added to ``changed`` of the results.
    """
    tokens = seen_tokens(request)

    def call_if_unchanged(row: Any) -> Any:
        if token(row) != tokens[row.pk]:
            raise RowChanged
        return flow(row)

    return run_each(rows, call_if_unchanged)


def make_seen_token(*shown: object) -> str:
    """Return the token of a row: 16 hex digits of a hash of the values that the page shows.

    Pass the token to ``confirmation_page`` as ``seen``.
    """
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def note_field(help_text: Any, **options: Any) -> forms.CharField:
    """Return the form field for an operator's note. The template ``note.html`` renders it."""
    widget = forms.Textarea(attrs={"rows": 3, "cols": 60})
    return forms.CharField(label=gettext_lazy("Note"), max_length=1000, help_text=help_text, widget=widget, **options)


def selected_rows(request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
    """Return the selected rows. If more than ``ROWS_AT_ONCE`` are selected, show an error and return an empty list."""
    rows = list(queryset.order_by("pk")[: ROWS_AT_ONCE + 1])
    if len(rows) > ROWS_AT_ONCE:
        messages.error(request, _("Choose at most %(count)s rows at a time.") % {"count": ROWS_AT_ONCE})
        return []
    return rows


def confirmation_page(
    model_admin: Any, request: HttpRequest, rows: list[dict[str, Any]], *, action: str, title: str, **context: Any
) -> HttpResponse:
    """Return the page that shows ``rows`` and asks for confirmation before an action.

    Each dict in ``rows`` has ``row`` (the model instance), ``facts`` (pairs of label and value), ``seen`` (the token of
    the row) and other values for the template of the action. The form of the page sends these rows and no others.
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
            "list_url": changelist_url(model_admin),
            "rows": rows,
            "action": action,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "stay": "yes" if stay else "",
            "back_url": change_url(model_admin, rows[0]["row"]) if stay else request.get_full_path(),
            **context,
        },
    )


def is_confirmed(request: HttpRequest) -> bool:
    """Return True if the operator has sent the form of a confirmation page with this request."""
    return request.POST.get("confirmed") == "yes"


def seen_tokens(request: HttpRequest) -> Mapping[int, str]:
    """Return the tokens in the form of a confirmation page, as a mapping: primary key -> token.

    For a primary key that is not in the form, the mapping returns "not shown". No row has this token.
    """
    tokens: dict[int, str] = defaultdict(lambda: "not shown")
    for pair in request.POST.getlist("seen"):
        pk, _separator, token = pair.partition(":")
        if pk.isdecimal():
            tokens[int(pk)] = token or "not shown"
    return tokens


def log_each(model_admin: Any, request: HttpRequest, rows: Iterable[Any], message: str) -> None:
    """Write ``message`` into Django's admin log for each row. Pass only rows for which the flow succeeded."""
    for row in rows:
        model_admin.log_change(request, row, message)


def redirect_back(model_admin: Any, request: HttpRequest, rows: Iterable[Any]) -> HttpResponse | None:
    """Return a redirect to the page of the row if the operator started the action on that page.

    Return None if the operator started the action on the list. Then Django shows the list again.
    """
    only = list(rows)
    if request.POST.get("stay") != "yes" or len(only) != 1:
        return None
    return HttpResponseRedirect(change_url(model_admin, only[0]))


def change_url(model_admin: Any, row: Any) -> str:
    """Return the URL of the page of ``row`` in the admin site of ``model_admin``."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk], current_app=model_admin.admin_site.name)


def changelist_url(model_admin: Any) -> str:
    """Return the URL of the list of rows in the admin site of ``model_admin``."""
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist", current_app=model_admin.admin_site.name)
