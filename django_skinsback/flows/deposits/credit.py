"""Computes how much a user is credited for a deposit, and flags unexpected amounts for manual review."""

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

Credit = tuple[Decimal, str]
"""The amount and the currency of a credit."""


class NothingToCredit(InvalidInput):
    """Raised when no amount can be credited. ``code`` and ``data`` are the reason for the manual review."""

    slug = "nothing_to_credit"

    def __init__(self, code: str, **data: object) -> None:
        super().__init__(reason_text(make_reason(code, data)))
        self.code, self.data = code, data


def credit_of(deposit: Deposit) -> Credit:
    """Return the credit of a deposit as amount and currency, according to the ``CREDIT`` setting.

    If ``CREDIT`` is a function, the result of the function is used. Otherwise the amount is the column ``amount`` or
    ``user_amount``. If SkinsBack reported no currency for this column, the requested currency is used, so that an
    operator can credit the deposit.

    Raises NothingToCredit if no amount can be credited. Raises RolledBack if the CREDIT function has swallowed a
    database error.
    """
    site_credit = conf.callable_setting("CREDIT")
    if site_credit is None:
        value = getattr(deposit, conf.credit_column())
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


def credit_due(edit: Edit[Deposit], report: DepositReport) -> Credit | None:
    """Return the amount and currency of the credit for a report. Return None if a person must decide about the credit.

    None is returned if the user was deleted, if the report has no currency, or if the currency is not the requested
    currency. The row is then flagged for review. If the payer or the amount is not as requested, the row is flagged
    too, but the credit is returned. Raises NothingToCredit if ``CREDIT`` gives no amount.
    """
    deposit = edit.row
    if deposit.user_id is None and deposit.is_owner_gone:
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
    _flag_payer_and_limits(edit, report)
    return credit_of(deposit)


def is_complete(report: DepositReport) -> bool:
    """Return whether a report contains the currency and every amount that a credit is calculated from."""
    return bool(report.amount_currency) and all(getattr(report, name) for name in conf.credit_columns())


def _flag_payer_and_limits(edit: Edit[Deposit], report: DepositReport) -> None:
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
    """Flag the credited row if the report contains another amount or currency than the row."""
    if has_other_amount(edit.row, report):
        edit.flag("other_amount", status=report.status, amount=_amounts(report), currency=report.amount_currency)


def reported_amounts(report: DepositReport) -> str:
    """Return the amounts that a credit is calculated from, with the currency of the report: ``8.28 USD``."""
    return f"{_amounts(report)} {report.amount_currency.upper()}"


def has_other_amount(deposit: Deposit, report: DepositReport) -> bool:
    """Return whether a report contains another amount or currency than the row. Missing values are not compared."""
    return report.amount_currency not in {"", deposit.amount_currency} or any(
        (reported := getattr(report, name)) and (stored := getattr(deposit, name)) is not None and reported != stored
        for name in conf.credit_columns()
    )


def _amounts(report: DepositReport) -> str:
    amounts = [getattr(report, name) for name in sorted(conf.credit_columns())]
    return " / ".join(amount_text(amount) for amount in amounts if amount is not None)
