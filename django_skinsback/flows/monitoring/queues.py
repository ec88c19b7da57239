"""The queues of rows that wait for an operator. Each row is in at most one queue, and counts are bounded."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Model, Q, QuerySet

from ... import conf
from ...models import Deposit, Discrepancy, Purchase, WebhookEvent
from ...statuses import DepositStatus, Queue
from ..ledger.database import database
from .one_statement import read_together

MAX_COUNT = 1000
"""Rows of a queue are counted up to this number. A count of ``MAX_COUNT + 1`` means that there are more."""


MODELS: dict[Queue, tuple[type[Model], ...]] = {
    Queue.REVIEW: (Deposit, Purchase),
    Queue.HOLDS: (Deposit,),
    Queue.DELIVERIES: (WebhookEvent,),
    Queue.DISCREPANCIES: (Discrepancy,),
}
"""Queue -> the models of its rows."""

# "IN (1)": SQLite searches no index for a bare boolean, as Django writes "needs_review=True".
_FLAGGED = Q(needs_review__in=[True])
_CONDITIONS = {
    Queue.REVIEW: _FLAGGED,
    Queue.HOLDS: Q(status=DepositStatus.IN_HOLD, hold_decision="", needs_review=False),
    Queue.DELIVERIES: _FLAGGED,
    Queue.DISCREPANCIES: Q(state=Discrepancy.State.OPEN),
}


def holds_are_decided_by_hand() -> bool:
    """Return whether operators decide about holds: ``HOLD_POLICY`` is not a function."""
    value = conf.get("HOLD_POLICY")
    return not (isinstance(value, str) and "." in value)


def queues_of(model: type[Model]) -> list[Queue]:
    """Return the queues that can contain rows of ``model``."""
    queues = [queue for queue, models in MODELS.items() if model in models]
    return [queue for queue in queues if queue != Queue.HOLDS or holds_are_decided_by_hand()]


def in_queue(queue: Queue, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of ``rows`` that are in the queue. The model of ``rows`` must be one of ``MODELS[queue]``."""
    if queue == Queue.HOLDS and not holds_are_decided_by_hand():
        return rows.none()
    return rows.filter(_CONDITIONS[queue])


def queue_rows(queue: Queue, model: type[Model], account: str | None = None) -> QuerySet[Any]:
    """Return the rows of ``model`` that are in the queue, of one account or of all accounts."""
    only = {} if account is None else {"account": account}
    return in_queue(queue, model._default_manager.using(database()).filter(**only))


def count_queue(queue: Queue, account: str | None = None) -> int:
    """Return the number of rows in the queue, at most ``MAX_COUNT + 1``. This takes one query."""
    counts = count_rows([queue_rows(queue, model, account) for model in MODELS[queue]])
    return min(sum(counts), MAX_COUNT + 1)


def count_rows(queries: Sequence[QuerySet[Any]]) -> list[int]:
    """Return the number of rows of each query, at most ``MAX_COUNT + 1``. All queries are counted in one statement."""
    counts = [0] * len(queries)
    bounded = [rows.order_by().values("pk")[: MAX_COUNT + 1] for rows in queries]
    for number, found in read_together(bounded, database(), "COUNT(*)"):
        counts[number] = found
    return counts


def rows_with_reason(model: type[Model], code: str) -> list[Any]:
    """Return the primary keys of the rows under review with this review reason, from the newest ``MAX_COUNT`` rows."""
    newest = queue_rows(Queue.REVIEW, model).order_by("-created_at").values_list("pk", "review_reasons")[:MAX_COUNT]
    return [pk for pk, reasons in newest if code in reason_codes(reasons)]


def count_by_reason(model: type[Model]) -> tuple[int, Counter[str]]:
    """Return the number of rows under review, at most ``MAX_COUNT + 1``, and the number of rows with each reason.

    The reasons are those of the newest ``MAX_COUNT`` rows. A row with two reasons is counted under both. This takes one
    query.
    """
    newest = queue_rows(Queue.REVIEW, model).order_by("-created_at")
    reasons = list(newest.values_list("review_reasons", flat=True)[: MAX_COUNT + 1])
    return len(reasons), Counter(code for each in reasons[:MAX_COUNT] for code in reason_codes(each))


def reason_codes(reasons: Any) -> set[str]:
    """Return the codes of stored review reasons."""
    return {str(reason.get("code", "")) for reason in reasons or () if isinstance(reason, dict)}
