"""Asking SkinsBack about many purchases at once, and singly where that fails."""

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
    """What SkinsBack says about purchases, by custom id, and the errors that concern one of them alone, by key.

    ``unasked`` are keys of those that the pass had no time to ask about.
    """

    reports: dict[str, PurchaseReport] = field(default_factory=dict)
    failures: dict[int, Exception] = field(default_factory=dict)
    unasked: set[int] = field(default_factory=set)


def always() -> bool:
    """A ``may_call`` without a limit."""
    return True


def get_answers(account: str, rows: list[Purchase], may_call: Callable[[], bool] = always) -> Answers:
    """Ask about rows all at once. Ask about a row that the answer leaves out by SkinsBack's own id, if that is known.

    ``may_call`` is called before each call but the first. Once it says no, the remaining rows are ``unasked``.
    """
    client, answers = get_client(account), Answers()
    _halve(account, client, rows, answers, may_call)
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


def _halve(
    account: str, client: SkinsBackClient, rows: list[Purchase], answers: Answers, may_call: Callable[[], bool]
) -> None:
    """Ask about a list. If one id in it makes that fail, halve the list until that id is alone, or the pass is over.

    If it is over, the smallest part that had an odd answer has failed, and the parts not asked about are ``unasked``.
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
    if not may_call():  # if they were due at once, the same rows would fail in every pass
        answers.failures |= dict.fromkeys((row.pk for row in rows), odd)
        return
    _halve(account, client, rows[:middle], answers, may_call)
    if may_call():
        _halve(account, client, rows[middle:], answers, may_call)
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
    """Ask ``market_getinfo`` about rows, record what it says, and return those it does not know.

    Rows of which that failed are postponed. Raises what the client raises, and what made the first of them fail after
    all others are recorded.
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
                except Exception as error:  # noqa: BLE001 - a site's listener may raise anything
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
    """``postpone``, and flag a row that the answer contained twice."""
    if isinstance(error, ContradictoryAnswer):
        change(Purchase, row.pk, Source.POLL, flag_differing)
    postpone(row, error, chance)


def refresh(purchases: Iterable[Purchase], *, by: Any = None) -> list[Purchase]:
    """Ask SkinsBack about purchases and record its answers (``/docs/api/v1/market_getinfo``).

    Rows never sent are left alone. Returns the rows as they are afterwards; raises what the client raises. Not to
    be called inside a database transaction.
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
