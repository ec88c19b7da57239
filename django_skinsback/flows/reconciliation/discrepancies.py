"""Keeping for the operator what SkinsBack's lists and our rows do not agree about."""

import hashlib
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
from ..ledger.database import database, run

Kind, State = Discrepancy.Kind, Discrepancy.State

KEPT_AT_ONCE = 500
REMEMBERED_ATMOST = 10_000

Told = Callable[[Discrepancy], object]


@dataclass
class Counts:
    """What came of one list of one account: pages and rows read, rows asked about singly, and what was found.

    ``repaired`` are those of ``missed`` that were made up for. ``stopped_by`` is the error that ended it early.
    """

    account: str
    name: str
    skipped: bool = False
    pages: int = 0
    rows: int = 0
    asked: int = 0
    missed: int = 0
    repaired: int = 0
    unknown: int = 0
    differing: int = 0
    doubled: int = 0
    absent: int = 0
    notes: list[str] = field(default_factory=list)
    stopped_by: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Difference:
    """What was found about one row, before it is kept; ``ours`` and ``theirs`` hold plain text by column."""

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


class Book:
    """The discrepancies of one list of one account: what is open in it, and what is to be written into it.

    They are written many at a time: three queries for up to 500, whether they are new or seen again.
    """

    def __init__(self, account: str, name: ListName, *, told: Told | None = None) -> None:
        self._account = account
        self._name = name
        self._told = told
        self._waiting: dict[str, Difference] = {}
        self._agreeing: set[int] = set()
        self._known: dict[str, tuple[Any, Any]] = {}
        self.open: dict[tuple[str, str], list[int]] = {}
        """Rows that end by themselves once the lists agree, by our id and SkinsBack's."""
        self._remember()

    def _remember(self) -> None:
        rows = self._rows().filter(state__in=[State.OPEN, State.CLOSED]).order_by("-state", "-pk")  # open ones first
        columns = ("pk", "digest", "state", "kind", "our_id", "their_id", "ours", "theirs")
        for pk, digest, state, kind, our_id, their_id, ours, theirs in rows.values_list(*columns)[:REMEMBERED_ATMOST]:
            self._known[digest] = (ours, theirs)
            same_status = ours.get("status") == theirs.get("status")
            if state == State.OPEN and kind != Kind.DOUBLED and not (kind == Kind.DIFFERING and same_status):
                self.open.setdefault((our_id, their_id), []).append(pk)

    def is_known(self, difference: Difference) -> bool:
        """Whether just this stands in the book already, open or closed by an operator."""
        return self._known.get(self._digest(difference)) == (difference.ours, difference.theirs)

    def add(self, difference: Difference) -> None:
        """Have it written with the next ones."""
        digest = self._digest(difference)
        self._waiting[digest] = difference
        if len(self._waiting) >= KEPT_AT_ONCE:
            self.write()

    def agree(self, ids: tuple[str, str]) -> None:
        """Both sides agree about this row now."""
        self._agreeing.update(self.open.get(ids, ()))

    def close(self) -> None:
        """Write what waits, and end what agrees now."""
        self.write()
        if self._agreeing:
            ended = self._rows().filter(pk__in=self._agreeing, state=State.OPEN)
            ended.update(state=State.RESOLVED, closed_at=utc_now())
        self._agreeing.clear()

    def write(self) -> None:
        """Write what waits: new rows, and on those that are there that they were seen again."""
        if not self._waiting:
            return
        now, waiting = utc_now(), self._waiting
        self._waiting = {}
        try:
            stored, new = self._insert(waiting, now)
        except IntegrityError:  # another run was first with one of them, which is stored now
            stored, new = self._insert(waiting, now)
        changed = [row for digest, row in stored.items() if _take(row, waiting[digest], now)]
        self._rows().bulk_update(changed, _TAKEN)
        self._rows().filter(pk__in=[row.pk for row in stored.values()]).update(
            times_seen=F("times_seen") + 1, last_seen_at=now
        )
        for row in [*new, *stored.values()] if self._told else ():
            self._told(row)  # type: ignore[misc] # None has no rows, see above

    def _insert(
        self, waiting: dict[str, Difference], now: datetime
    ) -> tuple[dict[str, Discrepancy], list[Discrepancy]]:
        """Insert what is not stored yet; the rows that were stored, by digest, and the new ones."""
        stored = {row.digest: row for row in self._rows().filter(digest__in=list(waiting))}
        new = [self._new(digest, each, now) for digest, each in waiting.items() if digest not in stored]
        with transaction.atomic(using=database()):
            self._rows().bulk_create(new)
        return stored, new

    def _rows(self) -> Any:
        rows = Discrepancy.objects.using(database())
        return rows.filter(account=self._account, found_in=self._name)

    def _new(self, digest: str, found: Difference, now: datetime) -> Discrepancy:
        return Discrepancy(
            account=self._account,
            found_in=self._name,
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

    def _digest(self, found: Difference) -> str:
        """Tells one discrepancy from another exactly; some databases take the ids ``a`` and ``A`` for the same."""
        words = (self._account, self._name, found.kind, found.our_id, found.their_id)
        return hashlib.sha256("\n".join(map(str, words)).encode()).hexdigest()


_TAKEN = ["ours", "theirs", "deposit", "purchase", "outcome", "state", "closed_at", "closed_by", "note"]


def _take(row: Discrepancy, found: Difference, now: datetime) -> bool:
    """Bring a row up to what was found this time; whether that changes it.

    What an operator has closed stays closed while it says the same.
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
    """A person has looked into a discrepancy. It opens again only if one of the two sides changes.

    Raises RowChanged if it is not open any more, or says something else than ``discrepancy`` as it was passed, and
    InvalidInput without a note, because only the note says why it was closed.
    """
    if not note.strip():
        raise InvalidInput(_("A discrepancy is not closed without a note: write what you found out."))
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
