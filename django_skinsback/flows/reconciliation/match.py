"""The class ListMatcher. It compares the pages of a list with the rows here. One query reads the rows for a page."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext as _

from ... import conf, schedule
from ...models import Discrepancy
from ..ledger.database import database
from ..ledger.duplicate_rows import by_id, review_differing
from ..ledger.edit import Source
from .compare import Comparison, ListSpec, Values, compare, required_for_credit
from .cursors import OVERLAP, Window
from .discrepancies import DiscrepancyStore, FoundDiscrepancy, Kind, ListResult

LAG_TOLERANCE = timedelta(minutes=5)
"""If a row of SkinsBack's list is older than the row here for longer than this, the two rows contradict each other."""

MAX_ABSENT = 1000

OurRow = tuple[int, Values]
"""A pair: the primary key of a row, and its values that are compared."""


class DeferredRow(NamedTuple):
    """A row of SkinsBack's list that contradicts the stored deposit or purchase.

    After the list has been read, ``record_deferred`` records or skips this row.
    """

    report: Any
    theirs: Values
    ours: Values
    comparison: Comparison
    requested_at: datetime


class ListMatcher:
    """Compares the pages of one list with the rows here, records missed reports, and stores discrepancies.

    The primary keys of rows that agree, and the values of the other rows, are kept in memory. A contradiction is
    deferred until the end of the list, because the list may contain the same row again with other values.
    """

    def __init__(self, spec: ListSpec, store: DiscrepancyStore, result: ListResult) -> None:
        self._spec = spec
        self._store = store
        self._result = result
        self._required = required_for_credit(spec, conf.get("CREDIT"))
        self._agreeing: set[int] = set()
        self._seen: set[tuple[str, Values]] = set()
        self._recorded: dict[int, Values] = {}
        """Primary key -> values of the row here after a missed report was recorded."""
        self._deferred: dict[int, list[DeferredRow]] = {}
        self._unknown: set[str] = set()
        self._differing: set[int] = set()
        """Primary keys of rows that one page contains twice with different values. Their reports are not recorded."""

    def compare_page(self, reports: Sequence[Any], requested_at: datetime) -> None:
        """Compare a page of the list with the rows here. ``requested_at`` is the time when the page was requested."""
        spec, agreeing = self._spec, self._agreeing
        our_id, values_of_report = attrgetter(spec.our_id), spec.values_of_report
        by_our_id, by_their_id = self._find_rows(reports)

        def find(report: Any) -> OurRow | None:
            row = by_our_id.get(our_id(report))
            return by_their_id.get(values_of_report(report)[0]) if row is None and not our_id(report) else row

        self._flag_differing(reports, find)
        for report in reports:
            row, theirs = find(report), values_of_report(report)
            if row is not None and row[1] == theirs:
                agreeing.add(row[0])
            elif row is None:
                self._add_unknown(report, theirs)
            else:
                self._compare_row(report, theirs, row, requested_at)
        if self._store.resolvable:
            self._resolve_agreeing(reports, by_our_id)

    def record_deferred(self) -> None:
        """Record the deferred contradictions. Call this when reading has ended, even if it ended early."""
        behind = [pk for pk, rows in self._deferred.items() if any(row.comparison is Comparison.BEHIND for row in rows)]
        lasting = self._unchanged_for_long(behind) if behind else set()
        for pk, rows in self._deferred.items():
            is_duplicate = pk in self._agreeing or pk in self._differing or len(rows) > 1
            for report, theirs, ours, comparison, _requested_at in rows:
                if comparison is Comparison.BEHIND and (pk not in lasting or pk in self._agreeing):
                    continue
                self._record(Kind.DUPLICATE if is_duplicate else Kind.DIFFERING, report, theirs, (pk, ours))
        self._deferred.clear()

    def add_absent(self, window: Window) -> None:
        """Add an ABSENT discrepancy for each paid row here that the list should contain and does not contain.

        The list should contain the rows of the window, except those near the ends of the window.
        """
        spec = self._spec
        begin, end = window.since + OVERLAP, window.until - OVERLAP
        if begin >= end:
            return
        paid = self._our_rows().filter(
            Q(finished_at=None) | Q(finished_at__lte=end),
            status__in=spec.paid_statuses,
            **{f"{spec.time_column}__gte": begin, f"{spec.time_column}__lte": end},
        )
        listed = self._agreeing | self._deferred.keys() | self._recorded.keys()
        absent = [pk for pk in paid.values_list("pk", flat=True) if pk not in listed]
        if len(absent) > MAX_ABSENT:
            text = _("%(count)s paid rows are not in the list. Discrepancies are stored for the first %(kept)s only.")
            self._result.notes.append(text % {"count": len(absent), "kept": MAX_ABSENT})
        for pk, our_id, *row in self._columns(pk__in=absent[:MAX_ABSENT]) if absent else ():
            ours = spec.as_text(tuple(row))
            self._store.add(FoundDiscrepancy(Kind.ABSENT, our_id, row[0] or "", ours, model=spec.model, row_id=pk))

    def _find_rows(self, reports: Sequence[Any]) -> tuple[dict[str, OurRow], dict[str, OurRow]]:
        """Return two dicts of the rows here: by this site's ID, and by SkinsBack's ID.

        The second dict is for reports without this site's ID. It is empty if there are no such reports.
        """
        spec = self._spec
        our_ids, their_ids = [], []
        for our_id, their_id in map(spec.ids_of_report, reports):
            if our_id:
                our_ids.append(our_id)
            elif their_id:
                their_ids.append(their_id)
        wanted = Q(**{f"{spec.our_id}__in": our_ids})
        if their_ids:
            wanted |= Q(**{f"{spec.their_id}__in": their_ids})
        rows = {row[1]: (row[0], row[2:]) for row in self._columns(wanted)} if our_ids or their_ids else {}
        return rows, {row[1][0]: row for row in rows.values()} if their_ids else {}

    def _columns(self, *conditions: Q, **filters: Any) -> Any:
        spec = self._spec
        return self._our_rows().filter(*conditions, **filters).values_list("pk", spec.our_id, *spec.columns)

    def _our_rows(self) -> Any:
        return self._spec.model._default_manager.using(database()).filter(account=self._result.account)

    def _unchanged_for_long(self, pks: list[int]) -> set[int]:
        """Return the primary keys of rows that had not changed for LAG_TOLERANCE when their page was requested."""
        changed = dict(self._our_rows().filter(pk__in=pks).values_list("pk", "updated_at"))
        return {
            pk
            for pk, changed_at in changed.items()
            if schedule.age_for_waiting(changed_at, self._deferred[pk][0].requested_at) > LAG_TOLERANCE
        }

    def _flag_differing(self, reports: Sequence[Any], find: Callable[[Any], OurRow | None]) -> None:
        """Flag the rows here that the page contains twice with different values, and make them due."""
        _same, differing = by_id(reports, lambda report: row[0] if (row := find(report)) else None)
        for pk in differing:
            review_differing(self._spec.model, pk, Source.LIST)  # type: ignore[type-var] # one of the two
        self._differing |= differing

    def _compare_row(self, report: Any, theirs: Values, row: OurRow, requested_at: datetime) -> None:
        """Compare a row of the list with the row here, which has other values.

        If SkinsBack's row is newer, record it now. If the two rows contradict each other, defer SkinsBack's row.
        """
        pk, ours = row[0], self._recorded.get(row[0], row[1])
        comparison = compare(ours, theirs, required=self._required)
        if comparison is None:
            self._agreeing.add(pk)
        elif self._was_seen(report, theirs):
            pass
        elif comparison is Comparison.AHEAD and pk not in self._differing:
            self._recorded[pk] = ours
            self._record(Kind.MISSED, report, theirs, (pk, ours))
        else:
            self._deferred.setdefault(pk, []).append(DeferredRow(report, theirs, ours, comparison, requested_at))

    def _add_unknown(self, report: Any, theirs: Values) -> None:
        if self._was_seen(report, theirs):
            return
        our_id, their_id = self._spec.ids_of_report(report)
        kind = Kind.DUPLICATE if our_id in self._unknown else Kind.UNKNOWN
        self._unknown.update({our_id} - {""})
        self._store.add(FoundDiscrepancy(kind, our_id, their_id, theirs=self._spec.as_text(theirs)))

    def _was_seen(self, report: Any, theirs: Values) -> bool:
        """Return whether an earlier page contained an equal row. Pages of a list may overlap."""
        row = (self._spec.ids_of_report(report)[0], theirs)
        seen = row in self._seen
        self._seen.add(row)
        return seen

    def _record(self, kind: Discrepancy.Kind, report: Any, theirs: Values, row: OurRow) -> None:
        """Record a row of the list like any report, and store the discrepancy with the outcome.

        Do not record a report without a status. Do not record a contradiction that is stored already, because an
        earlier run has recorded it. In these cases, only store the discrepancy.
        """
        spec, (pk, ours) = self._spec, row
        our_id, their_id = spec.ids_of_report(report)
        found = FoundDiscrepancy(
            kind, our_id, their_id, spec.as_text(ours), spec.as_text(theirs), model=spec.model, row_id=pk
        )
        was_recorded = kind is not Kind.MISSED and self._store.is_stored(found)
        if pk not in self._differing and theirs[1] and not was_recorded:
            recorded = found.record(partial(spec.record_report, report, Source.LIST, account=self._result.account))
            if recorded is not None and recorded.row is not None and kind is Kind.MISSED:
                now = spec.values_of_row(recorded.row)
                self._recorded[pk] = now
                if compare(now, theirs, required=self._required) is None:
                    self._agreeing.add(pk)
                    found.mark_repaired(from_status=ours[1], to_status=now[1])
        self._store.add(found)

    def _resolve_agreeing(self, reports: Sequence[Any], by_our_id: dict[str, OurRow]) -> None:
        """Resolve the open discrepancies of rows for which both sides agree now."""
        for report in reports:
            ids = self._spec.ids_of_report(report)
            row = by_our_id.get(ids[0])
            if ids in self._store.resolvable and row is not None and row[0] in self._agreeing:
                self._store.resolve(ids)
