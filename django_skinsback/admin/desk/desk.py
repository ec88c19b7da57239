"""The page of the operator's desk. It is the list of the model ``Desk``, which has no table."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ... import conf
from ...models import Desk
from ..base import ReadOnlyAdmin, without_transaction
from .figures import figures_context
from .summary import DESK_PERMISSION, desk_context


@admin.register(Desk)
class DeskAdmin(ReadOnlyAdmin):
    """Admin of the desk. Its list is the desk. No other page exists, and the table of the model is never queried."""

    class Media:
        css = {"all": ["skinsback/desk.css", "skinsback/figures.css"]}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(DESK_PERMISSION)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[Any]:
        """Return only the URL of the desk. Django's other pages would query the table."""
        view = self.admin_site.admin_view(require_safe(self.changelist_view))
        return without_transaction([path("", view, name="skinsback_desk_changelist")])

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the desk: what needs the operator, money, the state of the site, holds and figures.

        Each part is shown only to users who may view its model.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Desk"),
            "opts": self.opts,
            "media": self.media,
            **desk_context(request, self.admin_site.name),
            **figures_context(request, conf.accounts()),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/skinsback/desk/desk.html", context)
