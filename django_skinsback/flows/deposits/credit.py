"""How much a deposit is worth to its user, and what about it an operator should see."""

import logging
from decimal import Decimal

from django.db import DatabaseError

from ... import conf
from ...exceptions import InvalidInput, RolledBack
from ...models import Deposit
from ...models.reasons import make_reason, reason_text
from ...money import amount_text, parse_amount, parse_currency
from ...wire.types import DepositReport
from ..ledger.database import raise_if_rolled_back
from ..ledger.edit import Edit

logger = logging.getLogger("django_skinsback")


class NothingToCredit(InvalidInput):
    """No amount can be credited. ``code`` and ``data`` are the reason for a manual review."""

    def __init__(self, code: str, **data: object) -> None:
        super().__init__(reason_text(make_reason(code, data)))
        self.code, self.data = code, data


def credit_of(deposit: Deposit) -> tuple[Decimal, str]:
    """The amount and currency that the ``CREDIT`` setting gives for a deposit's signed amounts.

    The currency is the one that was asked for, should SkinsBack have sent none: an operator may credit by that.
    Raises NothingToCredit, or RolledBack if the site's CREDIT function swallowed a database error.
    """
    site_credit = conf.callable_setting("CREDIT")
    if site_credit is None:
        value = deposit.amount if conf.get("CREDIT") == "amount" else deposit.user_amount
        currency = deposit.amount_currency or deposit.currency
        if not value or not currency:
            raise NothingToCredit("no_amount")
        return value, currency
    try:
        with raise_if_rolled_back():
            value, currency = site_credit(deposit)
        amount, currency = parse_amount(value), parse_currency(currency)
    except (DatabaseError, RolledBack):
        raise
    except InvalidInput as error:
        raise NothingToCredit("credit_not_positive") from error
    except Exception as error:
        logger.exception("skinsback.credit_setting_failed", extra={"order_id": deposit.order_id})
        raise NothingToCredit("credit_failed", error=type(error).__name__) from error
    if not amount:
        raise NothingToCredit("credit_not_positive")
    return amount, currency


def credit_due(edit: Edit[Deposit], report: DepositReport) -> tuple[Decimal, str] | None:
    """What the user is credited, amount and currency; None where an operator must decide.

    Raises NothingToCredit if the site's ``CREDIT`` makes nothing of it.
    """
    deposit = edit.row
    if deposit.is_owner_gone:
        edit.flag("owner_gone")
        return None
    if not report.amount_currency:
        edit.flag("currency_missing", status=report.status)
        return None
    if deposit.currency and report.amount_currency != deposit.currency:
        edit.flag(
            "currency_mismatch", status=report.status, reported=report.amount_currency, requested=deposit.currency
        )
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
    return basis_of_credit(report) or None


def basis_of_credit(said: DepositReport | Deposit) -> Decimal | None:
    """The amount of a report or row that a credit is made from; of the two, ``amount`` for a function of the site's."""
    return said.user_amount if conf.get("CREDIT") == "user_amount" else said.amount


def _flag_oddities(edit: Edit[Deposit], report: DepositReport) -> None:
    deposit = edit.row
    if deposit.steam_id and report.steam_id and report.steam_id != deposit.steam_id:
        edit.flag("other_payer", steam_id=report.steam_id)
    paid = report.amount if report.amount is not None else report.user_amount
    if paid is None:
        return
    too_little = deposit.min_amount is not None and paid < deposit.min_amount
    too_much = deposit.max_amount is not None and paid > deposit.max_amount
    if too_little or too_much:
        edit.flag("amount_outside_limits", amount=amount_text(paid))


def compare_amounts(edit: Edit[Deposit], report: DepositReport) -> None:
    """Flag a report that names another amount or currency than the one that was credited."""
    if names_other_amount(edit.row, report):
        edit.flag("other_amount", status=report.status, amount=_amounts(report), currency=report.amount_currency)


def _amounts(report: DepositReport) -> str:
    """The amounts of a report that a credit is made from, as one text."""
    amounts = [getattr(report, name) for name in sorted(amounts_used())]
    return " / ".join(amount_text(amount) for amount in amounts if amount is not None)


def reported_amounts(report: DepositReport) -> str:
    """The same with the currency."""
    return f"{_amounts(report)} {report.amount_currency.upper()}"


def names_other_amount(deposit: Deposit, report: DepositReport) -> bool:
    """Whether a report names another amount or currency than the one that is kept."""
    return report.amount_currency not in {"", deposit.amount_currency} or any(
        (told := getattr(report, name)) and (kept := getattr(deposit, name)) is not None and told != kept
        for name in amounts_used()
    )
