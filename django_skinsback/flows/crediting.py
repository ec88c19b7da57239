"""How much a deposit is worth to its user, and what about it an operator should see."""

import logging
from decimal import Decimal

from django.db import DatabaseError
from django.utils.translation import gettext as _

from .. import conf
from ..exceptions import InvalidInput
from ..models import Deposit
from ..money import parse_amount, parse_currency
from ..wire.types import DepositReport
from .edits import Edit

logger = logging.getLogger("django_skinsback")


def credit_of(deposit: Deposit) -> tuple[Decimal, str]:
    """What the site's ``CREDIT`` setting makes of a deposit's signed amounts; InvalidInput if it makes nothing.

    The currency is the one that was asked for, should SkinsBack have told none: an operator may credit by that.
    """
    site_credit = conf.callable_setting("CREDIT")
    if site_credit is not None:
        try:
            amount, currency = site_credit(deposit)
            return _above_zero(parse_amount(amount)), parse_currency(currency)
        except (InvalidInput, DatabaseError):
            raise
        except Exception as error:
            logger.exception("skinsback.credit_setting_failed", extra={"order_id": deposit.order_id})
            raise InvalidInput(_("The CREDIT setting failed: %s.") % type(error).__name__) from error
    value = deposit.amount if conf.get("CREDIT") == "amount" else deposit.user_amount
    currency = deposit.amount_currency or deposit.currency
    if not value or not currency:
        raise InvalidInput(_("The deposit has no amount that could be credited: refresh it from SkinsBack first."))
    return value, currency


def _above_zero(amount: Decimal) -> Decimal:
    if not amount:
        raise InvalidInput(_("The CREDIT setting made nothing of a deposit; it must return an amount above zero."))
    return amount


def credit_due(edit: Edit[Deposit], report: DepositReport) -> tuple[Decimal, str] | None:
    """What the user is credited, amount and currency; None where an operator must decide.

    InvalidInput if the site's ``CREDIT`` makes nothing of it.
    """
    deposit = edit.row
    if not report.amount_currency:
        edit.flag(_("“%(status)s” came without a currency; nothing was credited.") % {"status": report.status})
        return None
    if deposit.currency and report.amount_currency != deposit.currency:
        words = {"status": report.status, "told": report.amount_currency, "asked": deposit.currency}
        edit.flag(_("“%(status)s” in “%(told)s”, asked for in “%(asked)s”; nothing was credited.") % words)
        return None
    _flag_oddities(edit, report)
    return credit_of(deposit)


def amounts_used() -> set[str]:
    """Which of a report's amounts a credit is made from: a function of the site's may look at both."""
    return {"amount", "user_amount"} if conf.callable_setting("CREDIT") else {conf.get("CREDIT")}


def tells_all(report: DepositReport) -> bool:
    """Whether a report tells whatever a credit is made from."""
    return bool(report.amount_currency) and all(getattr(report, name) for name in amounts_used())


def usable_amount(report: DepositReport) -> Decimal | None:
    """The amount a credit would be made from; None if it is missing, unreadable or zero. Never the other one."""
    return (report.user_amount if conf.get("CREDIT") == "user_amount" else report.amount) or None


def _flag_oddities(edit: Edit[Deposit], report: DepositReport) -> None:
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
    return report.amount_currency not in {"", deposit.amount_currency} or any(
        (told := getattr(report, name)) and (kept := getattr(deposit, name)) is not None and told != kept
        for name in amounts_used()
    )
