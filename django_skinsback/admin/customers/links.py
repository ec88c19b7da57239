"""Links to the page of a user, for the lists and pages of the admin and for the UserAdmin of the site."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import display

PERMISSIONS = ("skinsback.view_deposit", "skinsback.view_purchase")
"""A person who has one of these permissions may open the page of a user."""


class Link(NamedTuple):
    """A link on a page of the admin. ``is_external`` is True if the link leaves the site."""

    label: str | Promise
    url: str
    is_external: bool = False


def may_see_customers(request: HttpRequest) -> bool:
    """Return whether the person may open the pages of users."""
    return any(request.user.has_perm(permission) for permission in PERMISSIONS)


def customer_url(model_admin: Any, user_pk: Any, request: HttpRequest | None = None) -> str:
    """Return the URL of the page of the user with this primary key, in the admin site of ``model_admin``.

    Return "" if there is no user or no such page. With ``request``, also return "" if the person may not open the page.
    """
    return _customer_url(model_admin, "customer", user_pk) if request is None or may_see_customers(request) else ""


def freezing_url(model_admin: Any, action: str, user_pk: Any, request: HttpRequest) -> str:
    """Return the URL of the page that asks before a user is frozen or unfrozen. ``action`` is freeze or unfreeze.

    Return "" if the person may not freeze users.
    """
    return _customer_url(model_admin, action, user_pk) if request.user.has_perm("skinsback.freeze_user") else ""


def _customer_url(model_admin: Any, page: str, user_pk: Any) -> str:
    if user_pk is None:
        return ""
    try:
        name = f"admin:skinsback_deposit_{page}"
        return reverse(name, args=[quote(str(user_pk))], current_app=model_admin.admin_site.name)
    except NoReverseMatch:  # the site has unregistered the admin of deposits
        return ""


def user_admin_url(model_admin: Any, user: Any, request: HttpRequest) -> str:
    """Return the URL of the user in the site's own UserAdmin. Return "" if there is none or without permission."""
    site, model = model_admin.admin_site, get_user_model()
    if user is None or not site.is_registered(model):
        return ""
    if not site.get_model_admin(model).has_view_or_change_permission(request, user):
        return ""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    return reverse(name, args=[quote(user.pk)], current_app=site.name)


def owner_text(row: Any) -> str:
    """Return the user of a row as text. If the user was deleted, return a text with the user's primary key."""
    if row.user is not None:
        return str(row.user)
    owner_id = getattr(row, "owner_id", "")
    return _("deleted user %(owner_id)s") % {"owner_id": owner_id} if owner_id else display.NOTHING


def make_user_column(model_admin: Any, request: HttpRequest) -> Callable[[Any], SafeString | str]:
    """Return a column for a list: the user of each row, as a link to the page of the user."""
    may_see = may_see_customers(request)

    @admin.display(description=gettext_lazy("user"))
    def user(row: Any) -> SafeString | str:
        text = owner_text(row)
        url = customer_url(model_admin, row.user_id) if may_see else ""
        return format_html('<a href="{}">{}</a>', url, text) if url else text

    return user


if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object


class CustomerLinks(_ModelAdmin):
    """A mixin for admins of models with a ``user``. Lists and pages get links to the page of the user.

    The column ``user`` of ``list_display`` becomes a link. So another column must be in ``list_display_links``.
    """

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        column = make_user_column(self, request)
        return [column if name == "user" else name for name in super().get_list_display(request)]

    def row_links(self, request: HttpRequest, row: Any) -> list[Link]:
        """Return the links on the page of a row: the page of the user here, and the user in the site's UserAdmin."""
        links = [
            Link(_("Customer page of %(user)s") % {"user": row.user}, customer_url(self, row.user_id, request)),
            Link(_("User in this site's admin"), user_admin_url(self, row.user, request)),
        ]
        return [link for link in links if link.url]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        context["links"] = self.row_links(request, row) if (row := context["original"]) is not None else []
        return super().render_change_form(request, context, *args, **options)


class CustomerLinkMixin(_ModelAdmin):
    """A mixin for the site's own UserAdmin. The list and the page of a user get a link to the customer page.

    The link is shown only to persons who may see deposits or purchases. Put the mixin before the other base class::

        from django.contrib import admin
        from django.contrib.auth.admin import UserAdmin
        from django.contrib.auth.models import User
        from django_skinsback.admin import CustomerLinkMixin

        admin.site.unregister(User)

        @admin.register(User)
        class SiteUserAdmin(CustomerLinkMixin, UserAdmin):
            pass
    """

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        return [*columns, "skinsback_customer"] if may_see_customers(request) else columns

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not may_see_customers(request):
            return fieldsets
        return [*fieldsets, (gettext_lazy("SkinsBack"), {"fields": ("skinsback_customer",)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_readonly_fields(request, obj), "skinsback_customer"]

    @admin.display(description=gettext_lazy("deposits and purchases"))
    def skinsback_customer(self, user: Any) -> SafeString | str:
        url = customer_url(self, user.pk)
        if not url:
            return display.NOTHING
        return format_html('<a href="{}">{}</a>', url, _("Customer page of %(user)s") % {"user": user})
