"""Base classes of the admin. Rows are read-only. Long lists load fast, because not all rows are counted."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db import connections, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from .. import conf

COUNTED_ROWS = 10_000
"""Maximum number of rows that are counted for a list. Counting millions of rows takes several seconds."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # generic in the stubs alone
    """A paginator that counts at most ``COUNTED_ROWS`` rows."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:COUNTED_ROWS].count()

    @property
    def stopped_counting(self) -> bool:
        return self.count == COUNTED_ROWS


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # generic in the stubs alone
    """A ModelAdmin that cannot add, edit or delete rows. Only actions change rows. An action calls a flow."""

    ordering = ("-pk",)
    sortable_by: ClassVar[tuple[str, ...]] = ()  # sorting by a column would need a database index of that column
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator

    class Media:
        css = {"all": ["skinsback/admin.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(flatten_fieldsets(self.get_fieldsets(request, obj)))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns of the list. Leave out ``account`` if the site has only one account."""
        columns = list(self.list_display)
        return columns if len(conf.accounts()) > 1 else [name for name in columns if name != "account"]

    def get_urls(self) -> list[Any]:
        return without_transaction(super().get_urls())


def without_transaction(patterns: list[Any]) -> list[Any]:
    """Exempt the views of these URL patterns from ``ATOMIC_REQUESTS``, and return the patterns.

    Flows that call SkinsBack cannot run in a database transaction.
    """
    for pattern in patterns:
        for alias in connections:
            pattern.callback = transaction.non_atomic_requests(using=alias)(pattern.callback)
    return patterns


def user_search(path: str = "user") -> str:
    """Return the lookup that finds rows by the exact login name of a user, such as ``user__username__exact``."""
    return f"{path}__{get_user_model().USERNAME_FIELD}__exact"
