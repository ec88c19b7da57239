"""The rows of a list of the admin, found by the list's own query string."""

import copy
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import SuspiciousOperation
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from ...exceptions import InvalidInput, InvalidTradeURL
from ...steam import TradeURL

SEARCH, PAGE_PARAMETERS = "q", {"p", "all", "e"}
"""The parameter of the search, and the parameters that choose a page of the list."""


def rows_of_list(model_admin: Any, request: HttpRequest, filters: QueryDict) -> QuerySet[Any]:
    """Return all rows that the list of this ModelAdmin shows with these parameters, on all of its pages.

    Raise InvalidInput if a parameter is wrong, or if the search has found more rows than it looks up.
    """
    listed: Any = copy.copy(request)
    listed.GET = filters
    try:
        rows: QuerySet[Any] = model_admin.get_changelist_instance(listed).queryset
    except (IncorrectLookupParameters, SuspiciousOperation) as error:
        raise InvalidInput(_("The filters are not valid for this list.")) from error
    if getattr(listed, "skinsback_search_was_cut", False):
        raise InvalidInput(
            _(
                "The search finds more rows than a search can return, so the export would not be complete. "
                "Enter more of the text, or filter the list instead."
            )
        )
    return rows


def filters_of(query: str) -> QueryDict:
    """Return the parameters of a list's query string. A trade URL in the search is replaced by its Steam ID.

    Parameters that only choose a page are left out. Raise InvalidInput for a NUL character.
    """
    filters = QueryDict(query.removeprefix("?"), mutable=True)
    for name in [*filters]:
        if name in PAGE_PARAMETERS:
            del filters[name]
        elif any("\x00" in text for text in (name, *filters.getlist(name))):
            raise InvalidInput(_("The filters are not valid for this list."))
    if "tradeoffer" in (text := filters.get(SEARCH) or "").lower():
        try:
            filters[SEARCH] = TradeURL.parse(text).steam_id
        except InvalidTradeURL as error:
            raise InvalidInput(_("The search is not a valid trade URL.")) from error
    filters._mutable = False
    return filters


def query_string(filters: QueryDict) -> str:
    """Return the parameters as a query string that contains only letters, digits and ``_.-~%+=&``."""
    return urlencode(_pairs(filters))


def filters_text(filters: QueryDict) -> str:
    """Return the parameters for a person to read. Empty if there are none."""
    return ", ".join(f"{name}={value}" for name, value in _pairs(filters))


def _pairs(filters: QueryDict) -> list[tuple[str, str]]:
    return [(name, value) for name, values in filters.lists() for value in values]
