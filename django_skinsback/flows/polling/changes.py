"""Whether a report says anything that its row does not say already: rules without input or output.

What is no news need not be recorded, and a batch without any costs one statement for all its rows. In doubt it is news:
``record_report`` decides, and recording what is known already does no harm.
"""

from collections.abc import Mapping

from ...models import Deposit, Purchase
from ...statuses import DEPOSIT_ENTRY, EntryKind, Verdict, is_theirs, judge
from ...wire.types import DepositReport, PurchaseReport
from ..deposits.credit import has_other_amount
from ..purchases.report import details


def is_news_of_purchase(purchase: Purchase, report: PurchaseReport) -> bool:
    """Whether recording ``report`` would change more than when the purchase is asked about next."""
    if report.buy_id not in {"", purchase.buy_id}:
        return True
    verdict = _judge(purchase.status, report.status)
    if verdict is not Verdict.REPEAT:
        return verdict is not Verdict.STALE
    if any(paid is not None and paid > purchase.max_price for paid in (report.price, report.debited_amount)):
        return True
    told = details(report)
    if purchase.steam_id:
        told.pop("steam_id", None)  # another receiver is never taken over
    return any(getattr(purchase, name) != value for name, value in told.items())


def is_news_of_deposit(deposit: Deposit, report: DepositReport, *, decisive: bool) -> bool:
    """The same for a deposit. ``decisive``: the report is ``orderstatus``'s own, see ``flows.deposit_reports``."""
    if report.transaction_id not in {"", deposit.transaction_id}:
        return True
    verdict = _judge(deposit.status, report.status)
    if verdict is not Verdict.REPEAT:
        return verdict is not Verdict.STALE
    if DEPOSIT_ENTRY.get(report.status) is EntryKind.CREDIT:
        return deposit.needs_review or has_other_amount(deposit, report)
    told = {
        "amount": report.amount,
        "user_amount": report.user_amount,
        "amount_currency": report.amount_currency,
        "payer_steam_id": report.steam_id,
        "trade_offer_id": report.trade_offer_id,
        "skins": report.skins,
    }
    if decisive or not deposit.user_risk:
        return deposit.user_risk != report.user_risk or _differs(deposit, told)
    return _differs(deposit, told)


def _judge(status: str, reported: str) -> Verdict:
    return judge(status, reported) if is_theirs(reported) else Verdict.UNKNOWN


def _differs(row: Deposit, told: Mapping[str, object]) -> bool:
    return any(value not in (None, "", []) and getattr(row, name) != value for name, value in told.items())
