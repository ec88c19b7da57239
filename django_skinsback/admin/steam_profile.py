"""Admin of Steam profiles. Operators see whether a trade URL is broken. The trade token is never shown."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import SteamProfile
from . import display
from .base import ReadOnlyAdmin
from .customers.links import CustomerLinks, Link
from .finding import Search


@admin.register(SteamProfile)
class SteamProfileAdmin(CustomerLinks, ReadOnlyAdmin):
    list_display = ("user", "steam_id", "state", "trade_url_changed_at", "updated_at")
    list_display_links = ("steam_id",)
    list_select_related = ("user",)
    list_filter = (("broken_at", admin.EmptyFieldListFilter),)
    search = Search(SteamProfile, steam_ids=("steam_id",), users=("user",))
    search_help_text = gettext_lazy(
        "Enter in full: Steam ID, trade URL, user name, e-mail address (only if the database has an index of it)."
    )
    fields = ("user", "steam_id", "state", "broken_at", "broken_reason", "trade_url_changed_at", "updated_at")

    def row_links(self, request: HttpRequest, row: SteamProfile) -> list[Link]:
        profile = Link(_("Profile on Steam"), display.steam_profile_url(row.steam_id), is_external=True)
        return [*super().row_links(request, row), *([profile] if profile.url else [])]

    @admin.display(description=gettext_lazy("trade URL"))
    def state(self, profile: SteamProfile) -> SafeString | str:
        if profile.broken_at is not None:
            return display.badge("conflict", _("broken"))
        return _("usable") if profile.token else _("missing")
