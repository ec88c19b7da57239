"""How much a deposit is worth to its user, and what about it an operator should see."""

from decimal import Decimal

from django.utils.translation import gettext as _

from .. import conf
from ..exceptions import InvalidInput
from ..models import Deposit
from ..money import parse_amount, parse_currency
from ..wire.types import DepositReport
from .edits import Edit


def credit_of(deposit: Deposit) -> tuple[Decimal, str]:
    """What the site's ``CREDIT`` setting makes of a deposit's signed amounts."""
    site_credit = conf.callable_setting("CREDIT")
    if site_credit is not None:
        amount, currency = site_credit(deposit)
        return _above_zero(parse_amount(amount)), parse_currency(currency)
    value = deposit.amount if conf.get("CREDIT") == "amount" else deposit.user_amount
    if not value or not deposit.amount_currency:
        raise InvalidInput(_("The deposit has no amount that could be credited."))
    return value, deposit.amount_currency


def _above_zero(amount: Decimal) -> Decimal:
    if not amount:
        raise InvalidInput(_("The CREDIT setting made nothing of a deposit; it must return an amount above zero."))
    return amount


def usable_amount(report: DepositReport) -> Decimal | None:
    """The amount a credit would be made from; None if it is missing, unreadable or zero. Never the other one."""
    return (report.user_amount if conf.get("CREDIT") == "user_amount" else report.amount) or None


def flag_oddities(edit: Edit[Deposit], report: DepositReport) -> None:
    deposit = edit.row
    if deposit.steam_id and report.steam_id and report.steam_id != deposit.steam_id:
        edit.flag(_("Paid from another Steam account than expected."))
    paid = report.amount if report.amount is not None else report.user_amount
    if paid is None:
        return
    too_little = deposit.min_amount is not None and paid < deposit.min_amount
    too_much = deposit.max_amount is not None and paid > deposit.max_amount
    if too_little or too_much:
        edit.flag(_("The amount is outside the limits asked for."))


def compare_amounts(edit: Edit[Deposit], report: DepositReport) -> None:
    """Flag a report that names another amount or currency than the one that was credited."""
    if names_other_amount(edit.row, report):
        edit.flag(_("“%(status)s” came again with another amount; the first one stays.") % {"status": report.status})


def names_other_amount(deposit: Deposit, report: DepositReport) -> bool:
    """Whether a report names another amount or currency than the one that is kept."""
    kept = deposit.user_amount if conf.get("CREDIT") == "user_amount" else deposit.amount
    told = usable_amount(report)
    other_amount = None not in {told, kept} and told != kept
    return other_amount or report.amount_currency not in {"", deposit.amount_currency}
