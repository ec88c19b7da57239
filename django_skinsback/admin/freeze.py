"""Admin of frozen users: operators freeze a user by adding a row, and unfreeze a user by deleting the row."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import players
from ..models import Freeze
from .base import ReadOnlyAdmin
from .customers.links import CustomerLinks
from .finding import Search


@admin.register(Freeze)
class FreezeAdmin(CustomerLinks, ReadOnlyAdmin):
    list_display = ("user", "reason", "by", "since")
    list_display_links = ("since",)
    list_select_related = ("user", "by")
    fields = ("user", "reason", "by", "since")
    raw_id_fields = ("user",)
    actions = ("delete_selected",)
    search = Search(Freeze, steam_ids=("user__skinsback_profile__steam_id",), users=("user",))
    search_help_text = gettext_lazy(
        "Enter in full: Steam ID, trade URL, user name, e-mail address (only if the database has an index of it)."
    )

    def get_fields(self, request: HttpRequest, obj: Freeze | None = None) -> Any:
        return ("user", "reason") if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Freeze | None = None) -> list[Any]:
        return [] if obj is None else super().get_readonly_fields(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Freeze | None = None) -> bool:
        return super().has_view_permission(request, obj) or self._may_freeze(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or self._may_freeze(request)

    def has_add_permission(self, request: HttpRequest, obj: Freeze | None = None) -> bool:
        return self._may_freeze(request)

    def has_delete_permission(self, request: HttpRequest, obj: Freeze | None = None) -> bool:
        return self._may_freeze(request)

    def _may_freeze(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.freeze_user")

    def save_model(self, request: HttpRequest, obj: Freeze, form: Any, change: bool) -> None:
        """Freeze the user. ``obj`` gets the primary key of the stored row, because Django logs and shows ``obj``."""
        frozen = players.freeze(obj.user, by=request.user, reason=obj.reason)
        obj.pk, obj._state.adding = frozen.pk, False

    def delete_model(self, request: HttpRequest, obj: Freeze) -> None:
        players.unfreeze(obj.user, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Freeze]) -> None:
        for freeze in queryset:
            if not players.unfreeze(freeze.user, by=request.user):
                messages.warning(request, _("%(user)s was not frozen any more.") % {"user": freeze.user})
