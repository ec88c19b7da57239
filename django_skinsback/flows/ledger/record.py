"""The only way to change a deposit or a purchase: lock the row, decide, write, call receivers, verify.

Everything happens in one database transaction. Locks are taken in this order: the deposit or purchase, the stored
delivery, the history, the ledger entries, the rows that the site's receivers lock. Several deposits or purchases are
locked in the order of their primary keys. An approval of a hold locks the HoldGuard of its limit before all of these.

The decision may read history and entries with a lock before the delivery is written. No other process waits for these
locks, because every process locks the deposit or purchase before it writes history or entries.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple

from ...models import StatusChange, WebhookEvent
from .database import run
from .edit import Edit, Row, Source, lock_for_edit

Outcome = WebhookEvent.Outcome

DECISIVE = frozenset({Source.ANSWER, Source.POLL})
"""The sources that are answers to our own call about the row.

If two reports contradict each other, the report from one of these sources decides.
"""


class Recorded(NamedTuple, Generic[Row]):
    """The result of recording a report. ``row`` is None if no deposit or purchase belongs to the report."""

    outcome: WebhookEvent.Outcome
    row: Row | None = None


class PendingChange(NamedTuple, Generic[Row]):
    """The decision about a report, before it is saved. ``edit`` contains the changes of the locked row.

    ``edit`` is None if no deposit or purchase belongs to the report.
    """

    outcome: WebhookEvent.Outcome
    edit: Edit[Row] | None = None


def record(decide: Callable[[], PendingChange[Row]]) -> Recorded[Row]:
    """Record a report in one database transaction: call ``decide``, then save the edit that it returns.

    ``decide`` locks the row and decides. After a temporary database error, deciding and saving are repeated. Raises
    RolledBack if the change was not saved.
    """

    def block() -> Recorded[Row]:
        outcome, edit = decide()
        if edit is None:
            return Recorded(outcome)
        edit.save()
        return Recorded(outcome, edit.row)

    return run(block)


def change(model: type[Row], pk: Any, source: StatusChange.Source, act: Callable[[Edit[Row]], object]) -> Row | None:
    """Lock one row, call ``act`` with an Edit of the row, and save. Return the row, or None if there is no such row."""

    def block() -> Row | None:
        edit = lock_for_edit(model, source, pk=pk)
        if edit is None:
            return None
        act(edit)
        edit.save()
        return edit.row

    return run(block)
