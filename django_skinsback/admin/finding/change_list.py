"""The list of an admin: a normalised order, pages that are read by primary keys, sums, and notes about limits."""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from .bounds import ROWS_LOOKED_AT
from .pages import COUNTED_ROWS, BoundedPaginator
from .search import KEYS_OF_EACH_KIND
from .sums import sums_of


class FindingChangeList(ChangeList):
    """A ChangeList that reads a limited number of rows. Its queryset contains all matches, for actions and exports."""

    paginator: BoundedPaginator
    model_admin: Any

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the first column of Django's order and the primary key, both in the same direction.

        An index of the column then has this order. With two directions, the database would sort the rows.
        """
        order = list(super().get_ordering(request, queryset))
        first = order[0]
        if not isinstance(first, str):
            return order
        return [first] if first.lstrip("-") == "pk" else [first, "-pk" if first.startswith("-") else "pk"]

    def get_queryset(self, request: HttpRequest, *args: Any, **options: Any) -> QuerySet[Any]:
        """Return all rows that match. If the order is by a time that not every row has, leave out rows without it.

        Some databases sort empty values first, others sort them last, and their indexes have the same order. Raise
        IncorrectLookupParameters for a filter with a NUL character, which PostgreSQL refuses.
        """
        if any("\x00" in text for values in self.get_filters_params().values() for text in values):
            raise IncorrectLookupParameters(ValidationError(_("The filters are not valid for this list.")))
        queryset = super().get_queryset(request, *args, **options)
        self.column_of_order = self._nullable_column_of_order(queryset)
        if self.column_of_order:
            queryset = queryset.filter(**{f"{self.column_of_order}__isnull": False})
        return queryset

    def _nullable_column_of_order(self, queryset: QuerySet[Any]) -> str:
        first = queryset.query.order_by[0] if queryset.query.order_by else ""
        name = first.lstrip("-") if isinstance(first, str) else ""
        if not name or name == "pk" or not self.lookup_opts.get_field(name).null:
            return ""
        return name

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page. Django would read them from the queryset if there is only one page."""
        super().get_results(request)
        self.search_was_cut = getattr(request, "skinsback_search_was_cut", False)
        if not isinstance(self.result_list, list):
            self.result_list = self.paginator.rows(0, self.result_count)

    @cached_property
    def notes(self) -> list[str]:
        """Texts that tell the operator which rows the list does not contain."""
        notes = []
        newest = {"count": f"{ROWS_LOOKED_AT:,}"}
        if self.paginator.stopped_counting:
            notes.append(_("There are more rows than this list counts. Filter or search to find older ones."))
        if self.paginator.looked_at_newest:
            notes.append(
                _(
                    "This combination of filters was searched only in the newest %(count)s matches of one filter. "
                    "Choose fewer filters, or export the list, to find older rows."
                )
                % newest
            )
        if self.search_was_cut:
            text = _(
                "The search found more rows than it shows: at most %(count)s of each kind. Enter more of the text."
            )
            notes.append(text % {"count": f"{KEYS_OF_EACH_KIND:,}"})
        if self.column_of_order:
            column = label_for_field(self.column_of_order, self.model)
            notes.append(_("Rows without “%(column)s” are not shown in this order.") % {"column": column})
        return notes

    @cached_property
    def sums(self) -> list[tuple[str, list[str]]]:
        """The sums of the rows of a filtered, complete list, as pairs of label and amounts."""
        is_chosen = bool(self.query or self.has_active_filters)
        if not (is_chosen and self.result_count and self.model_admin.sums) or self.are_sums_left_out:
            return []
        return sums_of(self.paginator.all_rows(), self.model_admin.sums)

    @property
    def are_sums_left_out(self) -> bool:
        """Whether the sums are not shown, because the list is not complete and they would be wrong."""
        return self.paginator.stopped_counting or self.paginator.looked_at_newest or self.search_was_cut

    @property
    def counted_rows(self) -> str:
        """The largest number that the list counts, as text."""
        return f"{COUNTED_ROWS:,}+"
