"""The base class of the admins whose list can be exported."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse

from ...flows.exporting.listed import PAGE_PARAMETERS
from ..base import ReadOnlyAdmin, without_transaction
from .movements import movements_url, movements_urls
from .view import export_view, may_export


class ExportAdmin(ReadOnlyAdmin):
    """A ReadOnlyAdmin with the view ``…_export``, and with a link to it on the list for those who may export."""

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        export = path("export/", self.admin_site.admin_view(self.export_view), name=name)
        return [*without_transaction([export]), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        return export_view(request, self)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"export_url": self.export_url(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def export_url(self, request: HttpRequest) -> str:
        """Return the URL that exports the list with its present filters. Return "" if the operator may not export."""
        if not may_export(request, self):
            return ""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_export"
        filters = request.GET.copy()
        for parameter in PAGE_PARAMETERS:
            filters.pop(parameter, None)
        query = filters.urlencode()
        url = reverse(name, current_app=self.admin_site.name)
        return f"{url}?{query}" if query else url


class LedgerExportAdmin(ExportAdmin):
    """An ExportAdmin with the pages of the daily movements."""

    def get_urls(self) -> list[Any]:
        return [*movements_urls(self), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"movements_url": movements_url(request, self), **(extra_context or {})}
        return super().changelist_view(request, context)
