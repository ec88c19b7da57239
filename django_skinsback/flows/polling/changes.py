"""Rules that check whether a report would change its row. They do no I/O.

If a report would change nothing, it is not recorded. One UPDATE statement sets the next poll of all such rows of a
batch. If a rule cannot be sure, it returns True. Then ``record_report`` decides. Recording a report twice is safe.
"""

from ...models import Deposit, Purchase
from ...statuses import DEPOSIT_ENTRY, EntryKind, Verdict, is_theirs, judge
from ...wire.types import DepositReport, PurchaseReport
from ..deposits.credit import has_other_amount
from ..deposits.report import DETAILS
from ..purchases.report import details


def changes_purchase(purchase: Purchase, report: PurchaseReport) -> bool:
    """Return whether recording ``report`` would change any field of the purchase other than its next poll."""
    if report.buy_id not in {"", purchase.buy_id}:
        return True
    verdict = _judge(purchase.status, report.status)
    if verdict is not Verdict.REPEAT:
        return verdict is not Verdict.STALE
    if any(paid is not None and paid > purchase.max_price for paid in (report.price, report.debited_amount)):
        return True
    reported = details(report)
    if purchase.steam_id:
        reported.pop("steam_id", None)  # the receiver of a purchase is never replaced
    return any(getattr(purchase, name) != value for name, value in reported.items())


def changes_deposit(deposit: Deposit, report: DepositReport, *, decisive: bool) -> bool:
    """Return whether recording ``report`` would change any field of the deposit other than its next poll.

    ``decisive`` is True if the report is the answer of ``orderstatus``. See ``flows.deposits.report``.
    """
    if report.transaction_id not in {"", deposit.transaction_id}:
        return True
    verdict = _judge(deposit.status, report.status)
    if verdict is not Verdict.REPEAT:
        return verdict is not Verdict.STALE
    if DEPOSIT_ENTRY.get(report.status) is EntryKind.CREDIT:
        return deposit.needs_review or has_other_amount(deposit, report)
    reported = {column: getattr(report, name) for column, name in DETAILS.items()}
    differs = any(
        value not in (None, "", []) and getattr(deposit, column) != value for column, value in reported.items()
    )
    if decisive or not deposit.user_risk:  # a report of a list or webhook does not replace user_risk
        return differs or deposit.user_risk != report.user_risk
    return differs


def _judge(status: str, reported: str) -> Verdict:
    return judge(status, reported) if is_theirs(reported) else Verdict.UNKNOWN
