"""Reads one of SkinsBack's lists page by page, and stops if the list would never end.

SkinsBack does not publish what ``start_from`` means, so it is sent back as it was received. Reading stops at a page
that points to itself or to an earlier page, that repeats the rows of an earlier page, or that is empty but announces
more rows.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from django.utils.translation import gettext as _

from ..wire.types import Page

T = TypeVar("T")

MAX_PAGES = 10_000
"""Ten million rows, at 1,000 rows a page. A longer list is treated as endless."""


class PageReader(Generic[T]):
    """Iterates over the pages that ``fetch`` returns, at most ``max_pages``; ``identify`` returns the ID of a row.

    ``start_from`` is the page to resume with. It advances when the caller has processed the rows of a page.
    ``error`` says why reading stopped before the end of the list. ``shrank`` is true if the total fell while the list
    was read: rows may then have moved from an unread page to a page that had been read already.
    """

    def __init__(
        self,
        fetch: Callable[[str | None], Page[T]],
        identify: Callable[[T], Hashable],
        start_from: str = "",
        *,
        max_pages: int | None = None,
    ) -> None:
        self._fetch = fetch
        self._identify = identify
        self._max_pages = MAX_PAGES if max_pages is None else max_pages
        self._total_is_per_page = False
        self.start_from = start_from
        self.pages = self.rows = 0
        self.total_count: int | None = None
        self.complete = self.shrank = self.reached_limit = False
        self.error = ""

    @property
    def has_all_rows(self) -> bool:
        """Whether the last page was reached, at least ``total_count`` rows came, and ``total_count`` did not fall."""
        return self.complete and not self.shrank and (self.total_count is None or self.rows >= self.total_count)

    def __iter__(self) -> Iterator[list[T]]:
        requested: set[str] = set()
        seen: set[int] = set()
        while self.pages < self._max_pages:
            requested.add(self.start_from)
            page = self._fetch(self.start_from or None)
            self._count(page)
            rows = hash(tuple(map(self._identify, page.items)))
            if page.items and rows in seen:
                self.error = _("Two pages of the list have the same rows.")
                return
            seen.add(rows)
            yield page.items
            if not page.has_more:
                self.complete = True
                return
            if not page.items:
                self.error = _("The list announced more rows and returned an empty page.")
                return
            if not page.start_from or page.start_from in requested:
                self.error = _("The list did not say where its next page begins.")
                return
            self.start_from = page.start_from
        self.reached_limit = True
        self.error = _("The list has more than %(pages)s pages.") % {"pages": self._max_pages}

    def _count(self, page: Page[T]) -> None:
        """Add a page to the totals.

        If more pages follow a page with rows, and ``total_count`` is not larger than the number of its rows, then
        ``total_count`` counts one page only. It is then ignored for the whole list.
        """
        self.pages += 1
        self.rows += len(page.items)
        if page.has_more and page.items and page.total_count is not None and page.total_count <= len(page.items):
            self._total_is_per_page = True
        if self._total_is_per_page:
            self.total_count = None
            return
        if None not in {page.total_count, self.total_count} and page.total_count < self.total_count:  # type: ignore[operator] # neither is None
            self.shrank = True
        if page.total_count is not None:
            self.total_count = page.total_count
