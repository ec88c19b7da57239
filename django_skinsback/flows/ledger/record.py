"""The only way to change a deposit or a purchase: lock the row, decide, write, call receivers, verify.

Everything happens in one database transaction. Locks are taken in this order: the row (several in the order of
their primary keys), the stored delivery, the history, the ledger entries, then whatever the site's receivers lock.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple

from ...models import StatusChange, WebhookEvent
from .database import run
from .edit import Edit, Row, Source, lock_for_edit

Outcome = WebhookEvent.Outcome

DECISIVE = frozenset({Source.ANSWER, Source.POLL})
"""Sources that are the answer to a call about this row. They decide if two reports contradict each other."""


class Recorded(NamedTuple, Generic[Row]):
    """The result of recording a report: an outcome of WebhookEvent, and the row; None if there is no such row."""

    outcome: WebhookEvent.Outcome
    row: Row | None = None


class PendingChange(NamedTuple, Generic[Row]):
    """What a report means for its locked row. ``edit`` is not saved yet; it is None if there is no such row."""

    outcome: WebhookEvent.Outcome
    edit: Edit[Row] | None = None


def record(decide: Callable[[], PendingChange[Row]]) -> Recorded[Row]:
    """Record a report in one database transaction: ``decide`` locks the row and decides, then its edit is saved.

    After a temporary database error, both are done again. Raises RolledBack if the change was not saved.
    """

    def block() -> Recorded[Row]:
        outcome, edit = decide()
        if edit is None:
            return Recorded(outcome)
        edit.save()
        return Recorded(outcome, edit.row)

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
