"""Reading one of SkinsBack's lists page by page, and noticing when that leads nowhere.

What ``start_from`` means is not published: it is passed back as it came. So a page that points to itself or back, that
brings the rows of an earlier one, or that promises more and brings none ends the reading.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from django.utils.translation import gettext as _

from ..wire.types import Page

T = TypeVar("T")

PAGES_ATMOST = 10_000
"""A list that is still not over then never will be: these are ten million rows."""


class Reading(Generic[T]):
    """Walks the pages that ``fetch`` gives; ``identify`` tells rows apart.

    ``start_from`` is always the page to go on with should the reading break off: it moves on only when the rows of a
    page have been dealt with. ``stuck`` says why the pages led nowhere. ``shrank`` tells that rows left the list while
    it was read, so that others may have slipped through between two pages.
    """

    def __init__(
        self,
        fetch: Callable[[str | None], Page[T]],
        identify: Callable[[T], Hashable],
        start_from: str = "",
        *,
        pages_atmost: int | None = None,
    ) -> None:
        self._fetch = fetch
        self._identify = identify
        self._pages_atmost = PAGES_ATMOST if pages_atmost is None else pages_atmost
        self._totals_count_pages = False
        self.start_from = start_from
        self.pages = self.rows = 0
        self.total_count: int | None = None
        self.complete = self.shrank = self.cut_off = False
        self.stuck = ""

    @property
    def whole(self) -> bool:
        """Whether as many rows came as the list says it has, and none can have slipped through."""
        return self.complete and not self.shrank and (self.total_count is None or self.rows >= self.total_count)

    def __iter__(self) -> Iterator[list[T]]:
        asked: set[str] = set()
        seen: set[int] = set()
        while self.pages < self._pages_atmost:
            asked.add(self.start_from)
            page = self._fetch(self.start_from or None)
            self._count(page)
            rows = hash(tuple(map(self._identify, page.items)))
            if page.items and rows in seen:
                self.stuck = _("The list gave the same rows twice.")
                return
            seen.add(rows)
            yield page.items
            if not page.has_more:
                self.complete = True
                return
            if not page.items:
                self.stuck = _("The list promised more and gave an empty page.")
                return
            if not page.start_from or page.start_from in asked:
                self.stuck = _("The list did not say where its next page begins.")
                return
            self.start_from = page.start_from
        self.cut_off = True
        self.stuck = _("The list did not end.")

    def _count(self, page: Page[T]) -> None:
        self.pages += 1
        self.rows += len(page.items)
        if page.has_more and page.items and page.total_count is not None and page.total_count <= len(page.items):
            self._totals_count_pages = True
        if self._totals_count_pages:
            self.total_count = None
            return
        if None not in {page.total_count, self.total_count} and page.total_count < self.total_count:  # type: ignore[operator] # neither is None
            self.shrank = True
        if page.total_count is not None:
            self.total_count = page.total_count
