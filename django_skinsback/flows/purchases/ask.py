"""Asks SkinsBack about many purchases in one call. If this call fails, several smaller calls are made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec

from ... import conf
from ...client import SkinsBackClient
from ...connection import get_client, require_answer
from ...exceptions import (
    ACCOUNT_WIDE,
    APIError,
    ContradictoryAnswer,
    InvalidInput,
    PurchaseNotFound,
    RowDeleted,
    UnknownOutcome,
)
from ...models import Purchase
from ...wire.types import PurchaseReport
from ..ledger.database import database, refuse_inside_transaction
from ..ledger.duplicate_rows import by_id, flag_differing
from ..ledger.edit import Source
from ..ledger.record import change
from ..ledger.stuck import postpone
from .report import record_report


@dataclass
class Answers:
    """The answers of SkinsBack about purchases.

    ``reports`` contains reports by ``custom_id``. ``failures`` contains the errors of single purchases by primary key.
    ``unasked`` contains the primary keys of the purchases for which no call was made, because no time was left.
    """

    reports: dict[str, PurchaseReport] = field(default_factory=dict)
    failures: dict[int, Exception] = field(default_factory=dict)
    unasked: set[int] = field(default_factory=set)


def always() -> bool:
    """Return True. This is the default of ``may_call``."""
    return True


def get_answers(account: str, rows: list[Purchase], may_call: Callable[[], bool] = always) -> Answers:
    """Ask SkinsBack about all rows in one call and return the answers (``/docs/api/v1/market_getinfo``).

    If the call fails, each half of the rows is asked about in a separate call. For each row that still has no answer
    but has a ``buy_id``, one call with the ``buy_id`` is made.

    The function ``may_call`` is called before each further call to SkinsBack. If ``may_call`` returns False, no further
    call is made, and the remaining rows are put into ``unasked``.

    Raises account-wide errors. If a call has no readable answer, ``balance`` is called. If ``balance`` has no readable
    answer either, UnknownOutcome is raised.
    """
    client, answers = get_client(account), Answers()
    _ask_in_halves(account, client, rows, answers, may_call)
    for row in rows:
        contradicted = isinstance(answers.failures.get(row.pk), ContradictoryAnswer)
        asked = row.custom_id in answers.reports or contradicted or row.pk in answers.unasked
        if row.buy_id and not asked:
            if not may_call():
                if row.pk not in answers.failures:
                    answers.unasked.add(row.pk)
                continue
            try:
                report = _get_by_buy_id(client, row)
            except ACCOUNT_WIDE:
                raise
            except (APIError, InvalidInput, UnknownOutcome) as error:
                answers.failures[row.pk] = error
                if isinstance(error, UnknownOutcome) and not isinstance(error, ContradictoryAnswer):
                    require_answer(account)
                continue
            if report is not None:
                answers.reports[row.custom_id] = report
                answers.failures.pop(row.pk, None)
    return answers


def _ask_in_halves(
    account: str, client: SkinsBackClient, rows: list[Purchase], answers: Answers, may_call: Callable[[], bool]
) -> None:
    """Ask about a list of rows, and put the answers into ``answers``.

    If the call fails, each half of the list is asked about separately, until the row that causes the failure is alone.
    If ``may_call`` returns False before that, the rows of the last failed call are put into ``failures``. The rows that
    were not asked about are put into ``unasked``.
    """
    odd: Exception
    try:
        found = client.get_purchases(custom_ids=[row.custom_id for row in rows])
        reports, differing = by_id(found, attrgetter("custom_id"))
        answers.reports |= reports
        answers.failures |= {row.pk: ContradictoryAnswer() for row in rows if row.custom_id in differing}
        return
    except ACCOUNT_WIDE:
        raise
    except PurchaseNotFound as error:
        if len(rows) == 1:
            return
        odd = error
    except (APIError, InvalidInput, UnknownOutcome) as error:
        if isinstance(error, UnknownOutcome):
            require_answer(account)
        if len(rows) == 1:
            answers.failures[rows[0].pk] = error
            return
        odd = error
    middle = len(rows) // 2
    if not may_call():  # not put into ``unasked``: such rows are due at once, so they would fail in every sweep
        answers.failures |= dict.fromkeys((row.pk for row in rows), odd)
        return
    _ask_in_halves(account, client, rows[:middle], answers, may_call)
    if may_call():
        _ask_in_halves(account, client, rows[middle:], answers, may_call)
    else:
        answers.unasked.update(row.pk for row in rows[middle:])


def _get_by_buy_id(client: SkinsBackClient, row: Purchase) -> PurchaseReport | None:
    try:
        report = client.get_purchase(buy_id=row.buy_id or "")
    except PurchaseNotFound:
        return None
    ours = report.custom_id in {"", row.custom_id}
    return msgspec.structs.replace(report, custom_id=row.custom_id) if ours else None


def ask(account: str, rows: list[Purchase], source: Source, *, by: Any = None) -> list[Purchase]:
    """Ask SkinsBack about rows, record the answers, and return the rows that SkinsBack does not know.

    SkinsBack's method is ``market_getinfo``. If a row fails, the next poll of this row is postponed, and the answers
    about the other rows are recorded. Then the error of the first failed row is raised. Raises also the exceptions of
    the client.
    """
    absent: list[Purchase] = []
    failures: dict[int, Exception] = {}
    size = int(conf.get("POLL_BATCH_SIZE"))
    for batch in (rows[start : start + size] for start in range(0, len(rows), size)):
        answers = get_answers(account, batch)
        failures |= answers.failures
        for row in batch:
            if row.custom_id in answers.reports:
                try:
                    record_report(answers.reports[row.custom_id], source, account=account, by=by)
                except Exception as error:  # noqa: BLE001 - a receiver of the site may raise anything
                    failures[row.pk] = error
            elif row.pk not in failures:
                absent.append(row)
    for row in rows:
        if row.pk in failures:
            postpone_purchase(row, failures[row.pk])
    if failures:
        raise next(iter(failures.values()))
    return absent


def postpone_purchase(row: Purchase, error: Exception, chance: float = 0.5) -> None:
    """Postpone the next poll of a purchase after an error.

    If the answer contained the purchase twice with different values, flag the purchase.
    """
    if isinstance(error, ContradictoryAnswer):
        change(Purchase, row.pk, Source.POLL, flag_differing)
    postpone(row, error, chance)


def refresh(purchases: Iterable[Purchase], *, by: Any = None) -> list[Purchase]:
    """Ask SkinsBack about purchases, record the answers, and return the rows (``/docs/api/v1/market_getinfo``).

    A purchase that was never sent is returned without a call. If an answer cannot be recorded, the answers about the
    other purchases are recorded first, and then the error is raised.

    Raises the exceptions of the client, and any exception of the site's receivers. Raises RowDeleted if a row was
    deleted. Raises InsideDatabaseTransaction inside a database transaction.
    """
    refuse_inside_transaction("refresh()")
    rows = list(purchases)
    by_account: dict[str, list[Purchase]] = {}
    for row in rows:
        if row.attempts or row.buy_id:
            by_account.setdefault(row.account, []).append(row)
    for account, asked in by_account.items():
        ask(account, asked, Source.ANSWER, by=by)
    fresh = Purchase.objects.using(database()).in_bulk([row.pk for row in rows])
    if not fresh.keys() >= {row.pk for row in rows}:
        raise RowDeleted
    return [fresh[row.pk] for row in rows]
