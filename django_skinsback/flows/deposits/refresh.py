"""Asks SkinsBack for the status of one deposit."""

from typing import Any

import msgspec

from ...connection import get_client
from ...exceptions import UnknownOutcome
from ...models import Deposit
from ...models.fields import utc_now
from ...wire.types import DepositReport
from ..ledger.database import refuse_inside_transaction
from ..ledger.edit import Source
from .report import record_report


def ask_status(deposit: Deposit) -> DepositReport:
    """Ask SkinsBack for the report of a deposit, and return the report (``/docs/api/v1/orderstatus``).

    Raises UnknownOutcome if the report is about another deposit. Raises the exceptions of the client.
    """
    report = get_client(deposit.account).get_deposit(order_id=deposit.order_id)
    if report.order_id not in {"", deposit.order_id}:
        raise UnknownOutcome("orderstatus: the answer is about another deposit.")
    return msgspec.structs.replace(report, order_id=deposit.order_id)


def refresh(deposit: Deposit, *, by: Any = None) -> Deposit:
    """Ask SkinsBack for the status of a deposit, record the answer, and return the row.

    SkinsBack's method is ``/docs/api/v1/orderstatus``. Raises the exceptions of the client. Raises
    InsideDatabaseTransaction inside a database transaction.
    """
    refuse_inside_transaction("refresh()")
    asked_at = utc_now()
    report = ask_status(deposit)
    recorded = record_report(report, Source.ANSWER, account=deposit.account, by=by, asked=deposit, asked_at=asked_at)
    return recorded.row or deposit
