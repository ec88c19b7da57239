"""The base class of the admins. Rows are read-only."""

from typing import Any

from django.contrib.admin.utils import flatten_fieldsets
from django.db import connections, transaction
from django.http import HttpRequest

from .. import conf
from .finding import FindingAdmin


class ReadOnlyAdmin(FindingAdmin):
    """A ModelAdmin that cannot add, edit or delete rows. Only actions change rows. An action calls a flow."""

    class Media:
        css = {"all": ["skinsback/admin.css", "skinsback/find.css"]}

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
