"""The money on the desk: balance, reserved and free per account, and the sums of held deposits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from ... import conf
from ...flows.monitoring.balance import days_left_text, newest_balance
from ...flows.monitoring.exposure import HoldsSummary, holds_by_account, reserved_by_account
from ...money import EXACT
from .. import display
from .texts import about_date, ago


@dataclass(frozen=True, slots=True)
class AccountMoney:
    """What the desk shows about one account. An amount is text, or None if the user may not see it."""

    account: str
    balance: str | None
    age: str
    lasts: str
    reserved: str | None
    free: str | None
    is_low: bool
    is_overdrawn: bool
    usd: Decimal | None
    days: Decimal | None


def accounts_money(request: HttpRequest, accounts: Sequence[str], now: datetime) -> list[AccountMoney]:
    """Return the money of each account, as far as the user may see it.

    This takes one query, and one more for each account. Without both permissions, return an empty list.
    """
    sees_balance = request.user.has_perm("skinsback.view_balancesnapshot")
    sees_reserved = request.user.has_perm("skinsback.view_purchase")
    if not (sees_balance or sees_reserved):
        return []
    reserved = reserved_by_account(accounts) if sees_reserved else {}
    limit, lines = conf.low_balance(), []
    for account in accounts:
        found = newest_balance(account, now=now) if sees_balance else None
        taken_at, usd, days = found or (None, None, None)
        held = reserved.get(account)
        free = EXACT.subtract(usd, held.amount) if usd is not None and held is not None else None
        lines.append(
            AccountMoney(
                account=account,
                balance=None if usd is None else display.money(usd),
                age=_("reported %(ago)s") % {"ago": ago(taken_at, now)} if taken_at else "",
                lasts=days_left_text(days),
                reserved=None if held is None else display.money(held.amount),
                free=None if free is None or held is None else _free_text(free, is_minimum=held.is_minimum),
                is_low=usd is not None and limit is not None and usd < limit,
                is_overdrawn=free is not None and free < 0,
                usd=usd,
                days=days,
            )
        )
    return lines


def _free_text(free: Decimal, *, is_minimum: bool) -> str:
    text = display.money(free)
    return _("at least %(amount)s") % {"amount": text} if is_minimum else text


@dataclass(frozen=True, slots=True)
class HoldLine:
    """The held deposits of one account: sums per currency as text, and counts."""

    account: str
    waiting: list[str]
    waiting_count: int
    next_release: str
    exposure: list[str]
    exposure_count: int


def hold_lines(request: HttpRequest, accounts: Sequence[str], now: datetime) -> list[HoldLine]:
    """Return the sums of held deposits of each account. Without the permission, return an empty list."""
    if not request.user.has_perm("skinsback.view_deposit"):
        return []
    return [_hold_line(alias, found, now) for alias, found in holds_by_account(accounts).items()]


def may_see_exposure(request: HttpRequest) -> bool:
    """Return whether the user may see the exposure. It is a sum of ledger entries."""
    return bool(request.user.has_perm("skinsback.view_ledgerentry"))


def _hold_line(account: str, found: HoldsSummary, now: datetime) -> HoldLine:
    at = found.next_release_at
    if at is None:
        release = ""
    elif at <= now:
        release = _("The oldest hold should be over. SkinsBack has not reported its end yet.")
    else:
        release = _("The next hold ends about %(date)s.") % {"date": about_date(at)}
    return HoldLine(
        account=account,
        waiting=_sums(found.waiting),
        waiting_count=found.waiting_count,
        next_release=release,
        exposure=_sums(found.exposure),
        exposure_count=found.exposure_count,
    )


def _sums(amounts: Mapping[str, Any]) -> list[str]:
    """Return amounts as text, in the order of their currencies."""
    return [display.money(amount, currency) for currency, amount in sorted(amounts.items())]
