"""What deposits and purchases have in common when a report about them is recorded.

A report is weighed first against the row as it is read, without a lock. Then one database transaction writes what it
changes, and begins with a write that holds only while the row is still what was read. If somebody was faster, all is
undone and weighed once more with the row locked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from ... import conf
from ...models import StatusChange, WebhookEvent
from ...models.fields import utc_now
from .database import database, is_passing, money_transaction, run
from .edit import Edit, Overtaken, Row, Source

Outcome = WebhookEvent.Outcome

DECISIVE = frozenset({Source.ANSWER, Source.POLL})
"""Sources that asked about this very row: they decide where two reports contradict each other."""


@dataclass(frozen=True, slots=True)
class Recorded(Generic[Row]):
    """What became of a report: one of WebhookEvent's outcomes, and the row it is about, if there is one."""

    outcome: WebhookEvent.Outcome
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Weighed(Generic[Row]):
    """What a report means: its outcome, and what it changes, if the row it is about is here."""

    outcome: WebhookEvent.Outcome
    edit: Edit[Row] | None = None

    @property
    def row(self) -> Row | None:
        """The row it is about."""
        return self.edit.row if self.edit is not None else None

    def write(self) -> None:
        """Write what it changes."""
        if self.edit is not None:
            self.edit.save()


def change(
    model: type[Row], pk: Any, source: StatusChange.Source, act: Callable[[Edit[Row]], object], *, actor: Any = None
) -> Row | None:
    """Lock one row, let ``act`` edit it, and write what it did; None if there is no such row."""

    def block() -> Row | None:
        now = utc_now()
        row = claim(model, pk=pk)
        if row is not None:
            edit = Edit(row, now, source, actor=actor)
            act(edit)
            edit.save()
        return row

    return run(block)


class Weigh(Protocol[Row]):
    """Decides what a report means for its row, locked or only read."""

    def __call__(self, *, lock: bool) -> Weighed[Row]: ...


def record(
    weigh: Weigh[Row],
    write: Callable[[Weighed[Row]], object] = Weighed.write,
    *,
    weighed: Weighed[Row] | None = None,
) -> Recorded[Row]:
    """Weigh a report and write what it changes; a second time, with the row locked, if somebody came in between.

    ``weighed`` is what the report came to without a lock, if the caller has weighed it already.
    """
    if weighed is not None or not must_lock():
        committed: list[bool] = []
        try:
            weighed = weighed or weigh(lock=False)
            with money_transaction(committed):
                write(weighed)
            return Recorded(weighed.outcome, weighed.row)
        except (Overtaken, IntegrityError, OperationalError) as error:
            if committed or (isinstance(error, OperationalError) and not is_passing(error)):
                raise

    def block() -> Recorded[Row]:
        locked = weigh(lock=True)
        write(locked)
        return Recorded(locked.outcome, locked.row)

    return run(block, repeat_after_integrity_error=False)


def must_lock() -> bool:
    """Whether a row has to be locked before a report is weighed.

    In a database transaction of the caller's, which must not begin with a read and which only he can repeat; and where
    the site's own ``CREDIT`` has a say, which may lock and write.
    """
    in_transaction = transaction.get_connection(database()).in_atomic_block
    return in_transaction or conf.callable_setting("CREDIT") is not None


def claim(model: type[Row], **ids: Any) -> Row | None:
    """Lock the row with these ids by writing it, then read it; None if there is none.

    The write comes first: it is the lock on every database, and on SQLite the only way that never finds the file
    locked. It moves nothing.
    """
    locked = model._default_manager.using(database()).filter(**ids).update(updated_at=F("updated_at"))
    return look(model, **ids) if locked else None


def look(model: type[Row], **ids: Any) -> Row | None:
    """Read the row with these ids; None if there is none.

    Texts are compared again here, because some collations take ``a`` for ``A``.
    """
    rows = model._default_manager.using(database()).filter(**ids)
    found: list[Row] = [row for row in rows if all(getattr(row, name) == value for name, value in ids.items())]
    return found[0] if found else None


def edit_of(
    model: type[Row],
    source: StatusChange.Source | str,
    *,
    lock: bool,
    now: datetime | None,
    event: WebhookEvent | None,
    actor: Any,
    **ids: Any,
) -> Edit[Row] | None:
    """An edit of the row with these ids, locked or only read; None if there is none."""
    now = now or utc_now()
    row = claim(model, **ids) if lock else look(model, **ids)
    if row is None:
        return None
    return Edit(row, now, Source(source), event, actor, locked=lock)
