"""The base class of the admins: it joins the search, the list and the paginator."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from .change_list import FindingChangeList
from .pages import BoundedPaginator
from .search import Search, find
from .sums import Sum

FILTER_COLUMNS = frozenset(
    {
        "id",
        "user",
        "account",
        "status",
        "game",
        "batch_id",
        "currency",
        "needs_review",
        "deposit",
        "purchase",
        "created_at",
        "received_at",
        "finished_at",
    }
)
"""The columns that the address of any list may filter by, in addition to the columns of its filters."""


class FindingAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # only the stubs are generic
    """A ModelAdmin whose lists read a limited number of rows.

    ``time_column`` is the column that the list is ordered by. The indexes of the list end with it. ``search`` are the
    columns that a search compares. ``search_through`` are foreign keys to deposits and purchases, by which rows are
    found. ``sums`` are shown for a filtered list.
    """

    time_column = "id"
    search: Search | None = None
    search_through: ClassVar[tuple[str, ...]] = ()
    sums: ClassVar[tuple[Sum, ...]] = ()
    ordering: ClassVar[Any] = ("-pk",)
    sortable_by: ClassVar[tuple[str, ...]] = ()  # sorting by a column needs a database index of that column
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator

    def get_changelist(self, request: HttpRequest, **_options: Any) -> type[FindingChangeList]:
        return FindingChangeList

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> "Paginator[Any]":
        if queryset.model is not self.model:  # Django's page of a row's history lists rows of the admin's log
            return Paginator(queryset, per_page, orphans, allow_empty_first_page)
        return self.paginator(queryset, per_page, orphans, allow_empty_first_page, time_column=self.time_column)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Return whether the address of the list may filter by this lookup.

        Django allows every column. With ``?token__startswith=…`` an operator could then find out a trade token.
        """
        column = lookup.partition("__")[0]
        filters = {each[0] if isinstance(each, tuple) else each for each in self.list_filter}
        is_column = any(column in {field.name, getattr(field, "attname", "")} for field in self.opts.get_fields())
        if is_column and column not in FILTER_COLUMNS | filters:
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Return the columns that are searched. Django shows the search box if there is one."""
        if self.search is None:
            return list(super().get_search_fields(request))
        return [*self.search.ids, *self.search.steam_ids, *self.search.users, *self.search_through]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows that the text finds. Without ``search``, Django's search by ``search_fields`` is used."""
        if self.search is None:
            return super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return queryset, False
        found = find(self.search, search_term, queryset.db, through=self.search_through)
        request.skinsback_search_was_cut = found.is_cut  # type: ignore[attr-defined] # read by the change list
        return queryset.filter(pk__in=sorted(found.keys)), False
