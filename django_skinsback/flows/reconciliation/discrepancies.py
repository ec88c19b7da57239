"""Functions that store the differences between SkinsBack's lists and the rows here."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from ...exceptions import InvalidInput, RowChanged
from ...models import Deposit, Discrepancy, ListName, Purchase
from ...models.fields import utc_now
from ...statuses import Queue
from ..ledger.database import database, run
from ..ledger.queues import announce_queue_entered
from ..ledger.record import Outcome, Recorded

logger = logging.getLogger("django_skinsback")

Kind, State = Discrepancy.Kind, Discrepancy.State

BATCH_SIZE = 500
MAX_LOADED = 10_000

OnDiscrepancy = Callable[[Discrepancy], object]


@dataclass
class ListResult:
    """The result of one run for one list of one account.

    * ``skipped``: True if the list was not due.
    * ``pages``, ``rows``: the numbers of pages and rows that were read.
    * ``asked``: the number of rows that SkinsBack was asked about one by one.
    * ``missed``, ``unknown``, ``differing``, ``duplicate``, ``absent``: the numbers of discrepancies of each kind.
    * ``repaired``: the number of missed reports that were recorded. They are also counted in ``missed``.
    * ``stopped_by``: the reason why reading ended early, or "".
    """

    account: str
    name: ListName
    skipped: bool = False
    pages: int = 0
    rows: int = 0
    asked: int = 0
    missed: int = 0
    repaired: int = 0
    unknown: int = 0
    differing: int = 0
    duplicate: int = 0
    absent: int = 0
    notes: list[str] = field(default_factory=list)
    stopped_by: str = ""

    def count(self, found: "FoundDiscrepancy") -> None:
        name = found.kind.value
        setattr(self, name, getattr(self, name) + 1)
        self.repaired += found.repaired

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class FoundDiscrepancy:
    """A discrepancy that is not stored yet.

    ``ours`` are the values here, and ``theirs`` are SkinsBack's values: column -> text.
    """

    kind: Discrepancy.Kind
    our_id: str
    their_id: str
    ours: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)
    model: type[Deposit | Purchase] | None = None
    row_id: int | None = None
    outcome: str = ""
    note: str = ""
    repaired: bool = False

    def record(self, record_report: Callable[[], Recorded[Any]]) -> Recorded[Any] | None:
        """Call ``record_report``, store its outcome in this object, and return its result.

        If ``record_report`` raises an exception, log it, write a note and return None. A receiver of the site may raise
        any exception. The other rows of the list must still be recorded.
        """
        try:
            recorded = record_report()
        except Exception as error:  # see above
            extra = {"row": self.model.__name__ if self.model else "", "row_id": self.row_id}
            logger.exception("skinsback.listed_row_failed", extra=extra)
            self.outcome, self.note = Outcome.FAILED, _("The report could not be recorded: %s.") % type(error).__name__
            return None
        self.outcome = recorded.outcome
        return recorded

    def mark_repaired(self, from_status: str, to_status: str) -> None:
        self.repaired = True
        self.note = _("Repaired: %(before)s → %(after)s.") % {"before": from_status, "after": to_status}


class DiscrepancyStore:
    """Stores the discrepancies of one list of one account, and counts them in ``result``.

    Discrepancies are written in batches of up to 500. A batch takes a constant number of queries.
    """

    def __init__(self, result: ListResult, *, on_discrepancy: OnDiscrepancy | None = None) -> None:
        self._result = result
        self._on_discrepancy = on_discrepancy
        self._unsaved: dict[str, FoundDiscrepancy] = {}
        self._to_resolve: set[int] = set()
        self._stored: dict[str, tuple[Any, Any]] = {}
        self.resolvable: dict[tuple[str, str], list[int]] = {}
        """(this site's ID, SkinsBack's ID) -> primary keys of the open discrepancies that an agreement resolves."""
        self._load()

    def _load(self) -> None:
        rows = self._rows().filter(state__in=[State.OPEN, State.CLOSED]).order_by("-state", "-pk")  # open ones first
        columns = ("pk", "digest", "state", "kind", "our_id", "their_id", "ours", "theirs")
        for pk, digest, state, kind, our_id, their_id, ours, theirs in rows.values_list(*columns)[:MAX_LOADED]:
            self._stored[digest] = (ours, theirs)
            same_status = ours.get("status") == theirs.get("status")
            if state == State.OPEN and kind != Kind.DUPLICATE and not (kind == Kind.DIFFERING and same_status):
                self.resolvable.setdefault((our_id, their_id), []).append(pk)

    def is_stored(self, found: FoundDiscrepancy) -> bool:
        """Return whether this discrepancy, with the same values, is stored as open or as closed by an operator."""
        return self._stored.get(self._digest(found)) == (found.ours, found.theirs)

    def add(self, found: FoundDiscrepancy) -> None:
        """Count a discrepancy in ``result``, and store it with the next batch."""
        self._result.count(found)
        self._unsaved[self._digest(found)] = found
        if len(self._unsaved) >= BATCH_SIZE:
            self._save_batch()

    def resolve(self, ids: tuple[str, str]) -> None:
        """Call this if both sides of a row agree. ``finish`` then resolves the open discrepancies of the row.

        ``ids`` are this site's ID and SkinsBack's ID.
        """
        self._to_resolve.update(self.resolvable.get(ids, ()))

    def finish(self) -> None:
        """Store the last batch, and mark the resolved discrepancies as resolved."""
        self._save_batch()
        if self._to_resolve:
            resolved = self._rows().filter(pk__in=self._to_resolve, state=State.OPEN)
            resolved.update(state=State.RESOLVED, closed_at=utc_now())
        self._to_resolve.clear()

    def _save_batch(self) -> None:
        """Insert new discrepancies, update changed ones, and increase ``times_seen`` of those stored before."""
        if not self._unsaved:
            return
        now, batch = utc_now(), self._unsaved
        self._unsaved = {}
        try:
            stored, new = self._insert(batch, now)
        except IntegrityError:  # another run has inserted one of them
            stored, new = self._insert(batch, now)
        open_before = {row.pk for row in stored.values() if row.state == State.OPEN}
        changed = [row for digest, row in stored.items() if _update(row, batch[digest], now)]
        self._rows().bulk_update(changed, _UPDATED_COLUMNS)
        self._rows().filter(pk__in=[row.pk for row in stored.values()]).update(
            times_seen=F("times_seen") + 1, last_seen_at=now
        )
        for row in [*new, *changed]:
            if row.state == State.OPEN and row.pk not in open_before:
                announce_queue_entered(row, Queue.DISCREPANCIES)
        if self._on_discrepancy is not None:
            for row in [*new, *stored.values()]:
                self._on_discrepancy(row)

    def _insert(
        self, batch: dict[str, FoundDiscrepancy], now: datetime
    ) -> tuple[dict[str, Discrepancy], list[Discrepancy]]:
        """Insert the discrepancies that are not stored yet.

        Return a dict of the discrepancies that were stored before, by digest, and a list of the new ones.
        """
        stored = {row.digest: row for row in self._rows().filter(digest__in=list(batch))}
        new = [self._make_row(digest, found, now) for digest, found in batch.items() if digest not in stored]
        with transaction.atomic(using=database()):
            self._rows().bulk_create(new)
        return stored, new

    def _rows(self) -> Any:
        rows = Discrepancy.objects.using(database())
        return rows.filter(account=self._result.account, found_in=self._result.name)

    def _make_row(self, digest: str, found: FoundDiscrepancy, now: datetime) -> Discrepancy:
        return Discrepancy(
            account=self._result.account,
            found_in=self._result.name,
            kind=found.kind,
            digest=digest,
            deposit_id=found.row_id if found.model is Deposit else None,
            purchase_id=found.row_id if found.model is Purchase else None,
            our_id=found.our_id,
            their_id=found.their_id,
            ours=found.ours,
            theirs=found.theirs,
            outcome=found.outcome,
            state=State.REPAIRED if found.repaired else State.OPEN,
            closed_at=now if found.repaired else None,
            first_seen_at=now,
            last_seen_at=now,
            note=found.note,
        )

    def _digest(self, found: FoundDiscrepancy) -> str:
        """Return a digest of account, list, kind and IDs. A collation may ignore case in IDs, but not in a digest."""
        parts = (self._result.account, self._result.name, found.kind, found.our_id, found.their_id)
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


_UPDATED_COLUMNS = ["ours", "theirs", "deposit", "purchase", "outcome", "state", "closed_at", "closed_by", "note"]


def _update(row: Discrepancy, found: FoundDiscrepancy, now: datetime) -> bool:
    """Copy the values of ``found`` to the stored discrepancy ``row``. Return whether ``row`` has changed.

    ``row`` is not saved here. A discrepancy that an operator has closed stays closed while its values are the same.
    """
    same = (row.ours, row.theirs) == (found.ours, found.theirs)
    if same and not found.repaired and row.state in {State.OPEN, State.CLOSED}:
        return False
    row.ours, row.theirs = found.ours, found.theirs
    row.outcome = found.outcome or row.outcome
    if found.row_id is not None:
        row.deposit_id = found.row_id if found.model is Deposit else None
        row.purchase_id = found.row_id if found.model is Purchase else None
    row.state = State.REPAIRED if found.repaired else State.OPEN
    row.closed_at, row.closed_by = now if found.repaired else None, None
    if found.note and found.note not in row.note.splitlines():
        row.note = "\n".join(filter(None, [row.note, found.note]))
    return True


def close(discrepancy: Discrepancy, *, by: Any, note: str) -> Discrepancy:
    """Close a discrepancy that an operator has checked, and return it.

    The discrepancy opens again if a value of one side changes. Raises RowChanged if the stored discrepancy is not open,
    or if its values differ from the values of ``discrepancy``. Raises InvalidInput if ``note`` is empty, because only
    the note contains the reason.
    """
    if not note.strip():
        raise InvalidInput(_("Write what you found out. A discrepancy cannot be closed without a note."))
    return run(partial(_close, discrepancy, by, note.strip()))


def _close(seen: Discrepancy, by: Any, note: str) -> Discrepancy:
    rows = Discrepancy.objects.using(database()).filter(pk=seen.pk, state=State.OPEN)
    if not rows.update(state=State.CLOSED, closed_at=utc_now(), closed_by=by):
        raise RowChanged
    row: Discrepancy = Discrepancy.objects.using(database()).get(pk=seen.pk)
    if (row.ours, row.theirs) != (seen.ours, seen.theirs):
        raise RowChanged
    row.note = "\n".join(filter(None, [row.note, note]))
    row.save(using=database(), update_fields=["note"])
    return row
