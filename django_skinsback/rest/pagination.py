"""Splits lists into pages, newest rows first. A cursor in the address selects the page. The rows are not counted."""

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

PAGE_SIZE = 25
_LARGEST_KEY = (1 << 63) - 1


class NewestFirst(CursorPagination):
    """Pages of 25 rows. The rows are sorted by the time of their creation. The newest row is first."""

    page_size = PAGE_SIZE
    ordering = "-id"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the cursor of the request; None for the first page. Raise NotFound if the cursor is damaged.

        DRF accepts some damaged cursors. These cursors would cause an error in the database.
        """
        cursor: Any = super().decode_cursor(request)
        position = None if cursor is None else cursor.position
        if position is not None and not (
            position.isascii() and position.isdigit() and len(position) < 20 and int(position) <= _LARGEST_KEY
        ):
            raise NotFound
        found: Cursor | None = cursor
        return found
