"""The one way in which a deposit or a purchase changes: lock the row, decide, write, call receivers, verify.

Everything happens in one database transaction. Locks are taken in this order: the row (several by key), the stored
delivery, the history, the ledger entries, then whatever the site's receivers lock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

from django.db import connections
from django.db.models import F, QuerySet

from ...models import StatusChange, WebhookEvent
from ...models.fields import utc_now
from .database import database, run
from .edit import Edit, Row, Source

Outcome = WebhookEvent.Outcome

DECISIVE = frozenset({Source.ANSWER, Source.POLL})
"""Sources that answer a question about this very row: they decide where two reports contradict each other."""


@dataclass(frozen=True, slots=True)
class Recorded(Generic[Row]):
    """What became of a report: an outcome of WebhookEvent, and the row; None if there is no such row."""

    outcome: WebhookEvent.Outcome
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Decision(Generic[Row]):
    """What a report means for its locked row. Nothing is written until ``save`` is called."""

    outcome: WebhookEvent.Outcome
    edit: Edit[Row] | None = None

    @property
    def row(self) -> Row | None:
        """The locked row; None if there is no such row."""
        return self.edit.row if self.edit is not None else None

    def save(self) -> None:
        """Write the row, its history and its entries, call receivers, and verify that all of it is stored."""
        if self.edit is not None:
            self.edit.save()


def record(decide: Callable[[], Decision[Row]]) -> Recorded[Row]:
    """Record a report in one database transaction: ``decide`` locks the row and decides, then the result is saved.

    A passing database error runs all of it again. Raises RolledBack if the change was not saved.
    """

    def block() -> Recorded[Row]:
        decision = decide()
        decision.save()
        return Recorded(decision.outcome, decision.row)

    return run(block)


def change(
    model: type[Row], pk: Any, source: StatusChange.Source, act: Callable[[Edit[Row]], object], *, by: Any = None
) -> Row | None:
    """Lock one row, let ``act`` edit it, and save. Returns the row; None if there is no such row."""

    def block() -> Row | None:
        edit = lock_for_edit(model, source, by=by, pk=pk)
        if edit is None:
            return None
        act(edit)
        edit.save()
        return edit.row

    return run(block)


def lock_for_edit(
    model: type[Row],
    source: StatusChange.Source | str,
    *,
    now: datetime | None = None,
    event: WebhookEvent | None = None,
    by: Any = None,
    **ids: Any,
) -> Edit[Row] | None:
    """Lock the row with these ids and return an edit of it; None if there is no such row."""
    now = now or utc_now()
    row = lock(model, **ids)
    return Edit(row, now, Source(source), event, by) if row is not None else None


def lock(model: type[Row], **ids: Any) -> Row | None:
    """Lock the row with these ids and read it; None if there is no such row.

    ``SELECT … FOR UPDATE`` reads the newest version even in a REPEATABLE READ transaction of the caller's. SQLite has
    no such statement. There a no-op UPDATE comes first, because a transaction that begins with a read may later find
    the file locked.
    """
    rows: QuerySet[Row] = model._default_manager.using(database()).filter(**ids)
    if connections[database()].features.has_select_for_update:
        rows = rows.select_for_update()
    elif not rows.update(updated_at=F("updated_at")):
        return None
    return _exact(rows, ids)


def look(model: type[Row], **ids: Any) -> Row | None:
    """Read the row with these ids without a lock; None if there is no such row."""
    return _exact(model._default_manager.using(database()).filter(**ids), ids)


def _exact(rows: QuerySet[Row], ids: dict[str, Any]) -> Row | None:
    """Compare texts again, because some collations take ``a`` for ``A``."""
    return next((row for row in rows if all(getattr(row, name) == value for name, value in ids.items())), None)
