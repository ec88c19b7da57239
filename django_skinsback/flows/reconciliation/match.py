"""Laying one page of a list beside our rows: one query for all of them, then a comparison in memory."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext as _

from ... import conf, schedule
from ...models import Discrepancy
from ..ledger.database import database
from ..ledger.duplicate_rows import by_id, review_differing
from ..ledger.edit import Source
from ..ledger.record import Outcome
from .compare import Compared, Finding, Subject, compare, needed_to_credit
from .cursors import OVERLAP, Window
from .discrepancies import Book, Counts, Difference, Kind

logger = logging.getLogger("django_skinsback")

SETTLED_FOR = timedelta(minutes=5)
"""A row of ours that is ahead of SkinsBack's list for longer than this is not ahead by chance."""

ABSENT_ATMOST = 1000

Ours = tuple[int, Compared]
"""Key of a row and what of it is compared."""


class Held(NamedTuple):
    """A listed row that contradicts ours, until it is known what else the list says about it."""

    report: Any
    told: Compared
    ours: Compared
    finding: Finding
    asked_at: datetime


class Matcher:
    """Compares the rows of one reading with ours, records what is news and books what is odd.

    It remembers which of our rows were listed, as numbers, and in full only what did not agree. A contradiction is
    dealt with when the reading is over: only then it is known whether another row of the list says otherwise.
    """

    def __init__(self, subject: Subject, book: Book, counts: Counts) -> None:
        self._subject = subject
        self._book = book
        self._counts = counts
        self._needed = needed_to_credit(subject, conf.get("CREDIT"))
        self._agreed: set[int] = set()
        self._seen: set[tuple[str, Compared]] = set()
        self._current: dict[int, Compared] = {}
        self._held: dict[int, list[Held]] = {}
        self._unknown: set[str] = set()
        self._differing: set[int] = set()
        """Rows that one page contains twice with different content: nothing of that is recorded."""

    def match(self, reports: Sequence[Any], asked_at: datetime) -> None:
        """Compare a page that was asked for at ``asked_at``."""
        subject, agreed = self._subject, self._agreed
        our_id, theirs = attrgetter(subject.our_id), subject.theirs
        known, by_their_id = self._rows(reports)

        def ours(report: Any) -> Ours | None:
            row = known.get(our_id(report))
            return by_their_id.get(theirs(report)[0]) if row is None and not our_id(report) else row

        self._find_differing(reports, ours)
        for report in reports:
            row, told = ours(report), theirs(report)
            if row is not None and row[1] == told:
                agreed.add(row[0])
            elif row is None:
                self._book_unknown(report, told)
            else:
                self._weigh(report, told, row, asked_at)
        if self._book.open:
            self._end_agreeing(reports, known)

    def finish(self) -> None:
        """Deal with what was held back, now that the whole list, or as much as there was of it, has been seen."""
        delayed = [pk for pk, held in self._held.items() if any(each.finding is Finding.BEHIND for each in held)]
        settled = self._settled(delayed) if delayed else set()
        for pk, held in self._held.items():
            doubled = pk in self._agreed or pk in self._differing or len(held) > 1
            for report, told, ours, finding, _asked_at in held:
                if finding is Finding.BEHIND and (pk not in settled or pk in self._agreed):
                    continue
                self._record(Kind.DOUBLED if doubled else Kind.DIFFERING, report, told, (pk, ours))
        self._held.clear()

    def look_for_absent(self, window: Window) -> None:
        """Book paid rows of ours that lie well within the range and were not listed."""
        subject = self._subject
        begin, end = window.since + OVERLAP, window.until - OVERLAP
        if begin >= end:
            return
        paid = self._ours().filter(
            Q(finished_at=None) | Q(finished_at__lte=end),
            status__in=subject.paid,
            **{f"{subject.dated}__gte": begin, f"{subject.dated}__lte": end},
        )
        listed = self._agreed | self._held.keys() | self._current.keys()
        absent = [pk for pk in paid.values_list("pk", flat=True) if pk not in listed]
        if len(absent) > ABSENT_ATMOST:
            words = _("%(count)s paid rows are not in the list; only the first %(kept)s are kept.")
            self._counts.notes.append(words % {"count": len(absent), "kept": ABSENT_ATMOST})
        for pk, our_id, *row in self._columns(pk__in=absent[:ABSENT_ATMOST]) if absent else ():
            ours = subject.shown(tuple(row))
            self._book_it(Difference(Kind.ABSENT, our_id, row[0] or "", ours, model=subject.model, row_id=pk))

    def _rows(self, reports: Sequence[Any]) -> tuple[dict[str, Ours], dict[str, Ours]]:
        """Our rows by our id, and, for listed rows that do not tell it, by SkinsBack's."""
        subject = self._subject
        names, links = [], []
        for our_id, their_id in map(subject.ids, reports):
            if our_id:
                names.append(our_id)
            elif their_id:
                links.append(their_id)
        wanted = Q(**{f"{subject.our_id}__in": names})
        if links:
            wanted |= Q(**{f"{subject.their_id}__in": links})
        known = {row[1]: (row[0], row[2:]) for row in self._columns(wanted)} if names or links else {}
        return known, {row[1][0]: row for row in known.values()} if links else {}

    def _columns(self, *conditions: Q, **named: Any) -> Any:
        subject = self._subject
        return self._ours().filter(*conditions, **named).values_list("pk", subject.our_id, *subject.columns)

    def _ours(self) -> Any:
        return self._subject.model._default_manager.using(database()).filter(account=self._counts.account)

    def _settled(self, pks: list[int]) -> set[int]:
        """Those that had not been changed for a while when their page was asked for."""
        changed = dict(self._ours().filter(pk__in=pks).values_list("pk", "updated_at"))
        return {
            pk
            for pk, changed_at in changed.items()
            if schedule.age_for_waiting(changed_at, self._held[pk][0].asked_at) > SETTLED_FOR
        }

    def _find_differing(self, reports: Sequence[Any], ours: Callable[[Any], Ours | None]) -> None:
        """Flag our rows that the page contains twice with different content, and make them due."""
        _none, differing = by_id(reports, lambda report: row[0] if (row := ours(report)) else None)
        for pk in differing:
            review_differing(self._subject.model, pk, Source.LIST)  # type: ignore[type-var] # one of the two
        self._differing |= differing

    def _weigh(self, report: Any, told: Compared, row: Ours, asked_at: datetime) -> None:
        """Decide about a listed row that is not simply the same as ours."""
        pk, ours = row[0], self._current.get(row[0], row[1])
        finding = compare(ours, told, needed=self._needed)
        if finding is None:
            self._agreed.add(pk)
        elif self._is_overlap(report, told):
            pass
        elif finding is Finding.MISSED and pk not in self._differing:
            self._current[pk] = ours
            self._record(Kind.MISSED, report, told, (pk, ours))
        else:
            self._held.setdefault(pk, []).append(Held(report, told, ours, finding, asked_at))

    def _book_unknown(self, report: Any, told: Compared) -> None:
        if self._is_overlap(report, told):
            return
        our_id, their_id = self._subject.ids(report)
        kind = Kind.DOUBLED if our_id in self._unknown else Kind.UNKNOWN
        self._unknown.update({our_id} - {""})
        self._book_it(Difference(kind, our_id, their_id, theirs=self._subject.shown(told)))

    def _is_overlap(self, report: Any, told: Compared) -> bool:
        """Whether just this row came before, because pages overlap."""
        row = (self._subject.ids(report)[0], told)
        seen = row in self._seen
        self._seen.add(row)
        return seen

    def _record(self, kind: Discrepancy.Kind, report: Any, told: Compared, row: Ours) -> None:
        """Have a listed row recorded like any report, and book what became of it.

        A contradiction that is in the book already was recorded then; without a status there is nothing to record.
        """
        subject, (pk, ours) = self._subject, row
        our_id, their_id = subject.ids(report)
        found = Difference(
            kind, our_id, their_id, subject.shown(ours), subject.shown(told), model=subject.model, row_id=pk
        )
        recorded_before = kind is not Kind.MISSED and self._book.is_known(found)
        if pk in self._differing or not told[1] or recorded_before:
            self._book_it(found)
            return
        try:
            recorded = subject.record_report(report, Source.LIST, account=self._counts.account)
        except Exception as error:  # a site's listener may raise anything, and the other rows must not wait for it
            logger.exception("skinsback.reconciliation_failed", extra={"row": subject.model.__name__, "row_id": pk})
            found.outcome, found.note = Outcome.FAILED, _("It could not be recorded: %s.") % type(error).__name__
            self._book_it(found)
            return
        found.outcome = recorded.outcome
        if recorded.row is not None and kind is Kind.MISSED:
            now = subject.ours(recorded.row)
            found.repaired = compare(now, told, needed=self._needed) is None
            self._current[pk] = now
        if found.repaired:
            self._agreed.add(pk)
            found.note = _("Repaired: %(before)s → %(after)s.") % {"before": ours[1], "after": now[1]}
        self._book_it(found)

    def _book_it(self, found: Difference) -> None:
        name = found.kind.value
        setattr(self._counts, name, getattr(self._counts, name) + 1)
        self._counts.repaired += found.repaired
        self._book.add(found)

    def _end_agreeing(self, reports: Sequence[Any], known: dict[str, Ours]) -> None:
        for report in reports:
            our_id, their_id = self._subject.ids(report)
            row = known.get(our_id)
            if (our_id, their_id) in self._book.open and row is not None and row[0] in self._agreed:
                self._book.agree((our_id, their_id))
