"""The class PageReader. It reads one of SkinsBack's lists page by page, and stops if the list would never end.

SkinsBack does not document what ``start_from`` means. So each ``start_from`` is sent back unchanged. Reading stops if
a page has the ``start_from`` of an earlier page, if it has the same rows as an earlier page, or if it has no rows but
says that there are more.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from django.utils.translation import gettext as _

from ..wire.types import Page

T = TypeVar("T")

MAX_PAGES = 10_000
"""The maximum number of pages that are read: ten million rows. A longer list is treated as endless."""


class PageReader(Generic[T]):
    """Iterates over the pages of a list, at most ``max_pages``. ``fetch`` returns a page for a ``start_from``.

    ``identify`` returns the ID of a row. ``start_from`` is the page at which the next run can continue. It changes
    after the caller has processed a page. ``error`` is the reason why reading stopped before the end of the list.
    ``shrank`` is True if the total became smaller during reading. Then a row may have moved to a page that was read
    before, so it was not read.
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
        """True if all rows of the list were read.

        This requires three things: the last page was reached, at least ``total_count`` rows were read, and
        ``total_count`` did not become smaller.
        """
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
        """Count a page and its rows.

        If a page says that more pages follow, and its ``total_count`` is not larger than the number of its rows, then
        ``total_count`` is the count of one page and not of the list. In this case ``total_count`` is ignored for the
        whole list.
        """
        self.pages += 1
        self.rows += len(page.items)
        if page.has_more and page.items and page.total_count is not None and page.total_count <= len(page.items):
            self._total_is_per_page = True
        if self._total_is_per_page:
            self.total_count = None
            return
        if page.total_count is None:
            return
        if self.total_count is not None and page.total_count < self.total_count:
            self.shrank = True
        self.total_count = page.total_count
