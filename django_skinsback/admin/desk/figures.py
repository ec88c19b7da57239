"""The figures of the desk: solvency, tables of today, 7 and 30 days, charts, and users with reversals."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...flows.figures.hooks import is_set
from ...flows.figures.owing import Reversals, users_with_reversals
from ...flows.figures.periods import Periods, read_periods, solvency_currencies
from ...flows.figures.queries import Part
from ...flows.figures.solvency import BALANCE, LIABILITIES, RESERVED, Solvency, read_solvency
from ...money import EXACT
from .. import display
from .charts import Chart, Plot, Series, Value, bar_chart, line_chart
from .figure_tables import Table, figure_tables

PERMISSIONS = {
    Part.DEPOSITS: "skinsback.view_deposit",
    Part.PURCHASES: "skinsback.view_purchase",
    Part.MONEY: "skinsback.view_ledgerentry",
}
"""The part of the figures -> the permission to see it."""

SOLVENCY_PERMISSION = "skinsback.view_balancesnapshot"
SHOWN_USERS = 20


def figures_context(request: HttpRequest, accounts: Sequence[str]) -> dict[str, Any]:
    """Return the context of ``admin/skinsback/desk/figures.html``. Its keys begin with ``figures_``.

    The figures are those of ``accounts``. The solvency is that of all accounts. A part that the user may not see is
    missing. This takes at most eight queries: one for the stored figures, three for the open day, three for the
    solvency if ``LIABILITIES`` is set, and one for users with reversals if ``BALANCE`` is not set.
    """
    parts = [part for part, permission in PERMISSIONS.items() if request.user.has_perm(permission)]
    sees_solvency = request.user.has_perm(SOLVENCY_PERMISSION)
    if not parts and not sees_solvency:
        return {}
    periods = read_periods(accounts, parts)
    context: dict[str, Any] = {
        "figures_tables": _tables_with_charts(periods, parts),
        "figures_uncounted": _uncounted_text(periods.uncounted) if parts else "",
    }
    if sees_solvency and (solvency := read_solvency(solvency_currencies(periods))) is not None:
        context["figures_solvency"] = solvency_lines(solvency)
        context["figures_solvency_charts"] = _solvency_charts(periods)
    if Part.MONEY in parts and not is_set("BALANCE"):
        users = users_with_reversals()
        context["figures_reversals"] = users[:SHOWN_USERS]
        context["figures_reversals_text"] = _reversals_text(users)
    return context


def solvency_lines(solvency: Solvency) -> dict[str, Any]:
    """Return the texts of the solvency: ``state`` and ``is_short``, and ``lines``, which are labels with values."""
    unreadable = _("could not be read")
    lines: list[tuple[str, str, bool]] = []
    for each in solvency.liabilities:
        label = _("Liabilities, %(currency)s") % {"currency": each.currency.upper()}
        text = unreadable if each.amount is None else display.money(each.amount, each.currency)
        if each.usd is not None and each.currency != "usd":
            text = _("%(amount)s, about %(usd)s") % {"amount": text, "usd": display.money(each.usd)}
        lines.append((label, text, each.amount is None))
    at_least = _("at least %(amount)s")
    balance, free = display.money(solvency.balance), display.money(solvency.free)
    if solvency.unknown_balances:
        balance = _("unknown for %(accounts)s") % {"accounts": ", ".join(solvency.unknown_balances)}
        free = _("unknown")
    elif solvency.reserved_is_minimum:
        free = at_least % {"amount": free}
    lines.append((_("Balance at SkinsBack"), balance, bool(solvency.unknown_balances)))
    lines.append((_("Reserved for purchases"), display.money(solvency.reserved), False))
    lines.append((_("Balance minus reserved"), free, False))
    for currency, amount in sorted(solvency.exposure.items()):
        label = _("Exposure: credited for approved holds, %(currency)s") % {"currency": currency.upper()}
        lines.append((label, display.money(amount, currency), False))
    return {"is_short": solvency.is_short, "state": _solvency_state(solvency), "lines": lines}


def _solvency_state(solvency: Solvency) -> list[str]:
    """Return sentences: whether the free balance covers the liabilities, and what is not known."""
    sentences = []
    if solvency.missing:
        text = _(
            "Short by %(amount)s: the balance minus what is reserved is smaller than what the site owes its users."
        )
        if not solvency.is_complete:
            text = _(
                "Short by at least %(amount)s: the balance minus what is reserved is smaller than the known part of "
                "what the site owes its users."
            )
        sentences.append(text % {"amount": display.money(solvency.missing)})
    elif solvency.is_complete:
        sentences.append(_("Covered: the balance minus what is reserved is enough for what the site owes its users."))
    else:
        sentences.append(_("It is not known whether the balance covers what the site owes its users."))
    if solvency.unreadable:
        text = _("LIABILITIES could not be read for %(currencies)s. The log says why (skinsback.amount_unreadable).")
        sentences.append(text % {"currencies": _listed(solvency.unreadable)})
    if solvency.not_comparable:
        text = _("%(currencies)s cannot be compared with the balance in USD: TO_USD is not set or could not be read.")
        sentences.append(text % {"currencies": _listed(solvency.not_comparable)})
    return sentences


def _listed(currencies: Sequence[str]) -> str:
    return ", ".join(currency.upper() for currency in currencies)


def _tables_with_charts(periods: Periods, parts: Sequence[Part]) -> list[Table]:
    charts = _charts(periods)
    return [replace(table, charts=charts.get(table.name, [])) for table in figure_tables(periods, parts)]


def _charts(periods: Periods) -> dict[str, list[Chart]]:
    """Return the charts: the name of a table -> its charts."""
    labels, days = [_short(day) for day in periods.days], list(periods.days.values())
    total = periods.periods["month"].total
    deposits = Plot(
        "deposits",
        _("Deposits per day"),
        _("Bars for each of the last 30 days: deposits created, and how many of them are paid now."),
        labels,
        [
            Series(_("Created"), [each.deposits for each in days]),
            Series(_("Paid"), [each.deposits_paid for each in days]),
        ],
    )
    purchases = Plot(
        "purchases",
        _("Purchases per day"),
        _("Bars for each of the last 30 days: purchases started, and how many of them are accepted now."),
        labels,
        [
            Series(_("Started"), [each.purchases for each in days]),
            Series(_("Accepted"), [each.purchases_accepted for each in days]),
        ],
    )
    return {
        "deposits": [bar_chart(deposits)],
        "purchases": [bar_chart(purchases)],
        "money": [_money_chart(periods, labels, currency) for currency in sorted({*total.credits, *total.charges})],
    }


def _money_chart(periods: Periods, labels: Sequence[str], currency: str) -> Chart:
    days, nothing = periods.days.values(), Decimal(0)
    title = _("Credits and charges per day, %(currency)s") % {"currency": currency.upper()}
    description = _("Bars for each of the last 30 days: what users were credited, and what they were charged.")
    credits_ = Series(_("Credits"), [each.credits.get(currency, nothing) for each in days])
    charges = Series(_("Charges"), [each.charges.get(currency, nothing).copy_abs() for each in days])
    series = [credits_, charges]
    return bar_chart(
        Plot(f"money-{currency}", title, description, labels, series, lambda value: _amount(value, currency))
    )


def _solvency_charts(periods: Periods) -> list[Chart]:
    """Return one chart: the stored balance minus reserved, and the stored liabilities in US dollars, for each day."""
    measured = {each.day: each.amounts for each in periods.measured}
    if not measured:
        return []

    def free(day: date) -> Decimal | None:
        balance = measured.get(day, {}).get((BALANCE, "usd"))
        return None if balance is None else EXACT.subtract(balance, measured[day].get((RESERVED, "usd"), Decimal(0)))

    days = list(periods.days)
    series = [
        Series(_("Balance minus reserved"), [free(day) for day in days]),
        Series(_("Liabilities"), [measured.get(day, {}).get((LIABILITIES, "usd")) for day in days]),
    ]
    description = _("Lines over the last 30 days: the balance minus what is reserved, and the liabilities in USD.")
    labels = [_short(day) for day in days]
    return [line_chart(Plot("solvency", _("Solvency per day, USD"), description, labels, series, _amount))]


def _amount(value: Value, currency: str = "usd") -> str:
    return display.money(None if value is None else Decimal(value), currency)


def _short(day: date) -> str:
    return formats.date_format(day, "MONTH_DAY_FORMAT")


def _uncounted_text(days: Sequence[date]) -> str:
    if not days:
        return ""
    text = ngettext(
        "%(count)d day (%(first)s) is not counted yet. A worker with beat, or skinsback_poll --forever, counts it.",
        "%(count)d days (%(first)s to %(last)s) are not counted yet. A worker with beat, or skinsback_poll --forever, "
        "counts them.",
        len(days),
    )
    return text % {"count": len(days), "first": _short(days[0]), "last": _short(days[-1])}


def _reversals_text(users: Sequence[Reversals]) -> str:
    return ngettext(
        "%(count)d user had a credit reversed in the last 90 days.",
        "%(count)d users had a credit reversed in the last 90 days.",
        len(users),
    ) % {"count": len(users)}
