"""Asks SkinsBack about purchases: many in one call, and in smaller calls if that call fails."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec

from ... import conf
from ...client import SkinsBackClient
from ...connection import get_client, require_answer
from ...exceptions import ACCOUNT_WIDE, APIError, ContradictoryAnswer, InvalidInput, PurchaseNotFound, UnknownOutcome
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
    """What SkinsBack says about purchases: reports by ``custom_id``, and errors of single purchases by primary key.

    ``unasked`` are the primary keys of purchases that were not asked about, because no time was left.
    """

    reports: dict[str, PurchaseReport] = field(default_factory=dict)
    failures: dict[int, Exception] = field(default_factory=dict)
    unasked: set[int] = field(default_factory=set)


def always() -> bool:
    """Return True. This is the default of ``may_call``."""
    return True


def get_answers(account: str, rows: list[Purchase], may_call: Callable[[], bool] = always) -> Answers:
    """Ask SkinsBack about all rows in one call and return the answers (``/docs/api/v1/market_getinfo``).

    If the call fails, it is repeated for each half of the rows. A row without an answer is asked about once more by its
    ``buy_id``, if that is known. ``may_call`` is called before each further call. When it returns False, the remaining
    rows are put into ``unasked``. Raises account-wide errors, and UnknownOutcome if a call gets no readable
    answer and ``balance`` gets none either.
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
    """Ask about a list of rows. If one ID in it makes the call fail, halve the list until that ID is alone.

    If ``may_call`` returns False before that, the smallest part that failed is put into ``failures``, and parts that
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
    if not may_call():  # not ``unasked``: due at once, the same rows would fail in every pass
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
    """Ask ``market_getinfo`` about rows, record the answers, and return the rows that SkinsBack does not know.

    Rows that fail are postponed. Raises what the client raises. The error of the first row that failed is
    raised after all others are recorded.
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
    """Ask about a purchase later, and flag it if the answer contained it twice with different values."""
    if isinstance(error, ContradictoryAnswer):
        change(Purchase, row.pk, Source.POLL, flag_differing)
    postpone(row, error, chance)


def refresh(purchases: Iterable[Purchase], *, by: Any = None) -> list[Purchase]:
    """Ask SkinsBack about purchases, record its answers, and return the rows (``/docs/api/v1/market_getinfo``).

    Rows that were never sent are returned as they are. Raises what the client raises, and InsideDatabaseTransaction
    inside a database transaction.
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
    return [fresh[row.pk] for row in rows]
