"""The view that exports a list as CSV, and functions that both exports of the admin use."""

import shlex
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...error_texts import text_for
from ...exceptions import InvalidInput
from ...flows.exporting import walk
from ...flows.exporting.columns import Table, table_of
from ...flows.exporting.lines import FileFormat, header_text, rows_text
from ...flows.exporting.listed import filters_of, filters_text, query_string, rows_of_list
from ...flows.exporting.movements import today
from .. import display
from ..actions import changelist_url

ROWS_AT_MOST = 50_000
"""Maximum number of rows that the admin exports. More rows are exported by the command."""


def may_export(request: HttpRequest, model_admin: Any) -> bool:
    """Return whether the operator may view the rows and may export them."""
    opts = model_admin.opts
    is_permitted = request.user.has_perm(f"{opts.app_label}.export_{opts.model_name}")
    return bool(is_permitted and model_admin.has_view_permission(request))


def refuse_unless_permitted(request: HttpRequest, model_admin: Any) -> HttpResponse | None:
    """Return an error response if the method is not GET. Raise PermissionDenied if the operator may not export."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    if not may_export(request, model_admin):
        raise PermissionDenied
    return None


def export_view(request: HttpRequest, model_admin: Any) -> HttpResponseBase:
    """Return the rows of the list as a CSV file. The parameters of the request are those of the list.

    If more than ``ROWS_AT_MOST`` rows match, return a page that names the command for this export.
    """
    if (refused := refuse_unless_permitted(request, model_admin)) is not None:
        return refused
    table = table_of(model_admin.model)
    try:
        filters = filters_of(request.META.get("QUERY_STRING", ""))
        rows = rows_of_list(model_admin, request, filters)
    except InvalidInput as error:
        messages.error(request, text_for(error))
        return HttpResponseRedirect(changelist_url(model_admin))
    keys = walk.first_keys(rows, ROWS_AT_MOST + 1)
    query = query_string(filters)
    if len(keys) > ROWS_AT_MOST:
        options = ["--filters", query] if query else []
        back_url = f"{changelist_url(model_admin)}?{query}"
        return command_page(request, model_admin, table.name, options, back_url, at_most=ROWS_AT_MOST)
    log_export(request, model_admin, len(keys), filters_text(filters))
    return file_response(request, table.name, _texts(table, rows.db, keys))


def _texts(table: Table, using: str, keys: list[Any]) -> Iterator[str]:
    yield header_text(FileFormat.CSV, table.header)
    for page in walk.pages_of_keys(table, using, keys):
        yield rows_text(FileFormat.CSV, table.header, page)


def file_response(request: HttpRequest, name: str, texts: Iterator[str]) -> HttpResponseBase:
    """Return a response that streams a CSV file. The whole file is never in memory.

    An ASGI server needs an asynchronous iterator. With another iterator, Django would read the whole file first.
    """
    is_asgi = hasattr(request, "scope")
    content: Any = _asynchronous(texts) if is_asgi else texts
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{file_name(name)}"'
    response["X-Content-Type-Options"] = "nosniff"
    add_never_cache_headers(response)
    return response


async def _asynchronous(texts: Iterator[str]) -> AsyncIterator[str]:
    read_next = sync_to_async(lambda: next(texts, None))
    while (text := await read_next()) is not None:
        yield text


def file_name(name: str) -> str:
    return f"skinsback-{name}-{today().isoformat()}.csv"


def command_page(
    request: HttpRequest, model_admin: Any, name: str, options: list[str], back_url: str, *, at_most: int
) -> HttpResponse:
    """Return the page that says that the export is too large. The page shows the command for this export."""
    command = ["python", "manage.py", "skinsback_export", name, *options, "--output", file_name(name)]
    request.current_app = model_admin.admin_site.name
    response = TemplateResponse(
        request,
        "admin/skinsback/export_command.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": _("Export with a command"),
            "opts": model_admin.opts,
            "media": model_admin.media,
            "at_most": f"{at_most:,}",
            "unit": _("days") if name == "movements" else model_admin.opts.verbose_name_plural,
            "command": display.code(shlex.join(command), _("Command")),
            "back_url": back_url,
        },
    )
    add_never_cache_headers(response)
    return response


def log_export(request: HttpRequest, model_admin: Any, rows: int, filters: str) -> None:
    """Write the export into Django's admin log: who exported, how many rows, and with which filters."""
    message = ngettext("Exported %(count)s row.", "Exported %(count)s rows.", rows) % {"count": rows}
    message += " " + (_("Filters: %(filters)s") % {"filters": filters} if filters else _("No filters."))
    name = _("Export: %(name)s") % {"name": model_admin.opts.verbose_name_plural}
    LogEntry.objects.create(
        user_id=str(request.user.pk),
        content_type_id=ContentType.objects.get_for_model(model_admin.model).pk,
        object_repr=name[:200],
        action_flag=CHANGE,
        change_message=message,
    )
