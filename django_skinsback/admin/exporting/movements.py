"""The page "Movements through SkinsBack": sums of the ledger entries of each day, and their CSV file."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...flows.exporting.lines import FileFormat, header_text, rows_text
from ...flows.exporting.movements import COLUMNS, Movement, days_between, read_movements, today, written_days
from .. import display
from ..actions import changelist_url
from ..base import without_transaction
from .view import command_page, file_response, log_export, may_export, refuse_unless_permitted

DAYS_AT_MOST = 366
"""Maximum number of days of one request."""

COUNTED_DAYS = 31
"""Maximum number of days of one request whose sums are not stored yet. The entries of these days must be counted."""

DAYS_SHOWN = 7


class DaysForm(forms.Form):
    first_day = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    last_day = forms.DateField(
        label=gettext_lazy("To"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and first > last:
            raise forms.ValidationError(_("The first day is after the last day."))
        if (first and first.year < 1000) or (last and last.year > 9000):
            raise forms.ValidationError(_("Choose other days."))
        return cleaned


def movements_urls(model_admin: Any) -> list[Any]:
    """Return the URLs of the page and of its CSV file."""
    wrap = model_admin.admin_site.admin_view
    page = path(
        "movements/",
        wrap(lambda request: movements_view(request, model_admin)),
        name="skinsback_ledgerentry_movements",
    )
    export = path(
        "movements/export/",
        wrap(lambda request: movements_export_view(request, model_admin)),
        name="skinsback_ledgerentry_movements_export",
    )
    return without_transaction([page, export])


def movements_url(request: HttpRequest, model_admin: Any) -> str:
    """Return the URL of the page. Return "" if the operator may not export ledger entries."""
    if not may_export(request, model_admin):
        return ""
    return reverse("admin:skinsback_ledgerentry_movements", current_app=model_admin.admin_site.name)


def movements_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Return the page with the movements of the chosen days. Without a choice, the last days are shown."""
    if (refused := refuse_unless_permitted(request, model_admin)) is not None:
        return refused
    form = _form(request)
    days = _days(form) if form.is_valid() else []
    if (page := _command_page(request, model_admin, days)) is not None:
        return page
    return _page(request, model_admin, form, [movement for day in read_movements(days) for movement in day])


def movements_export_view(request: HttpRequest, model_admin: Any) -> HttpResponseBase:
    """Return the CSV file of the chosen days. If the days are not valid, return the page with the errors."""
    if (refused := refuse_unless_permitted(request, model_admin)) is not None:
        return refused
    form = _form(request)
    if not form.is_valid():
        return _page(request, model_admin, form, [])
    days = _days(form)
    if (page := _command_page(request, model_admin, days)) is not None:
        return page
    rows = [movement.values() for day in read_movements(days) for movement in day]  # a few for each day
    span = _("movements from %(first)s to %(last)s")
    log_export(request, model_admin, len(rows), span % {"first": _first(form), "last": _last(form)})
    return file_response(request, "movements-not-liabilities", _texts(rows))


def _texts(rows: list[list[object]]) -> Iterator[str]:
    yield header_text(FileFormat.CSV, COLUMNS) + rows_text(FileFormat.CSV, COLUMNS, rows)


def _form(request: HttpRequest) -> DaysForm:
    newest = today()
    days = {"first_day": newest - timedelta(days=DAYS_SHOWN - 1), "last_day": newest}
    return DaysForm(request.GET if {*days} & {*request.GET} else days)


def _first(form: DaysForm) -> date:
    day: date = form.cleaned_data["first_day"]
    return day


def _last(form: DaysForm) -> date:
    day: date = form.cleaned_data["last_day"]
    return day


def _days(form: DaysForm) -> list[date]:
    return days_between(_first(form), _last(form))


def _command_page(request: HttpRequest, model_admin: Any, days: list[date]) -> HttpResponse | None:
    """Return the page that names the command if there are too many days. Otherwise, return None."""
    is_long = len(days) > DAYS_AT_MOST
    if not is_long and len(days) - len(written_days(days)) <= COUNTED_DAYS:
        return None
    options = ["--from", days[0].isoformat(), "--to", days[-1].isoformat()]
    back_url = movements_url(request, model_admin)
    at_most = DAYS_AT_MOST if is_long else COUNTED_DAYS
    return command_page(request, model_admin, "movements", options, back_url, at_most=at_most)


def _page(request: HttpRequest, model_admin: Any, form: DaysForm, movements: list[Movement]) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    query = ""
    if form.is_valid():
        query = urlencode({"first_day": _first(form).isoformat(), "last_day": _last(form).isoformat()})
    export_url = reverse("admin:skinsback_ledgerentry_movements_export", current_app=model_admin.admin_site.name)
    headings = [_("Day"), _("Account"), _("Credits"), _("Reversals"), _("Charges"), _("Refunds"), _("Net")]
    rows = [
        [
            each.day,
            each.account,
            *(
                display.money(amount, each.currency)
                for amount in (each.credits, each.reversals, each.charges, each.refunds, each.net)
            ),
        ]
        for each in movements
    ]
    response = TemplateResponse(
        request,
        "admin/skinsback/movements.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": _("Movements through SkinsBack"),
            "opts": model_admin.opts,
            "media": model_admin.media,
            "form": form,
            "table": display.table(headings, rows) if rows else "",
            "export_url": f"{export_url}?{query}" if query else "",
            "list_url": changelist_url(model_admin) if model_admin.has_view_permission(request) else "",
        },
    )
    add_never_cache_headers(response)
    return response
