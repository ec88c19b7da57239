"""Functions for an answer or list page of SkinsBack in which several rows have the same ID.

Identical rows count once. If the rows differ, it is unknown which row is right, so none of them is recorded. Then the
stored deposit or purchase is flagged for manual review and polled again.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .edit import Edit, Row, Source
from .record import change

Report = TypeVar("Report")
Id = TypeVar("Id", str, int)


def by_id(reports: Iterable[Report], identify: Callable[[Report], Id | None]) -> tuple[dict[Id, Report], set[Id]]:
    """Return a dict of the reports by ID, and the set of IDs whose reports differ.

    The dict does not contain differing reports and reports without an ID.
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
    """Flag the row for manual review, because an answer contained it twice with different values."""
    edit.flag("conflicting_answer")


def review_differing(model: type[Row], pk: int, source: Source) -> None:
    """Flag a row that a list page contains twice with different values. Make the row due for the next sweep."""

    def act(edit: Edit[Row]) -> None:
        flag_differing(edit)
        due = edit.row.next_poll_at
        if due is None or due > edit.now:  # a row that is due already keeps its place in the sweep
            edit.set(next_poll_at=edit.now)

    change(model, pk, source, act)
