"""Rows of one answer or list page that have the same ID.

Identical rows count once. If rows differ, it is unknown which one is true. So none of them is recorded. Our row is
flagged for review and polled again.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .edit import Edit, Row, Source
from .record import change

Report = TypeVar("Report")
Id = TypeVar("Id", str, int)


def by_id(reports: Iterable[Report], identify: Callable[[Report], Id | None]) -> tuple[dict[Id, Report], set[Id]]:
    """Return the reports by ID, and the IDs whose reports differ.

    Differing reports, and reports without an ID, are not among the returned reports.
    """
    found: dict[Id, Report] = {}
    differing: set[Id] = set()
    for report in reports:
        key = identify(report)
        if key and found.setdefault(key, report) != report:
            differing.add(key)
    for key in differing:
        del found[key]
    return found, differing


def flag_differing(edit: Edit[Any]) -> None:
    """Flag our row: an answer contained it twice with different values."""
    edit.flag("conflicting_answer")


def review_differing(model: type[Row], pk: int, source: Source) -> None:
    """Flag a row that a list page contains twice with different content, and make it due for the next sweep."""

    def act(edit: Edit[Row]) -> None:
        flag_differing(edit)
        due = edit.row.next_poll_at
        if due is None or due > edit.now:  # a row that is due already keeps its place in the sweep
            edit.set(next_poll_at=edit.now)

    change(model, pk, source, act)
