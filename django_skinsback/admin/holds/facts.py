"""What the page of held deposits shows: skins, the user's history, open credits, and the days that are left.

Each function reads the facts of all rows of a page with few queries. Every query has a limit.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import conf, schedule
from ...error_texts import text_for
from ...exceptions import SkinsBackError
from ...flows.deposits.hold_limits import OpenCredit, open_credits
from ...flows.deposits.seen import shown_credit
from ...flows.ledger.database import database
from ...models import Deposit, LedgerEntry, MarketItem, Purchase
from ...models.fields import utc_now
from ...money import add_to, exact_sum
from ...statuses import DepositStatus, EntryKind
from .. import display

ROWS_READ = 5000
"""The page reads at most this many rows of each table about the history of its users."""

SKINS_SHOWN = 12
"""The page shows at most this many skins of a deposit."""


@dataclass
class History:
    """What a user did on this site. The sums map a currency to an amount. Charges and reversals are above zero."""

    deposits: Counter[str] = field(default_factory=Counter)
    purchases: int = 0
    sums: dict[str, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(dict))

    def facts(self, *, purchases: bool, entries: bool) -> list[tuple[str, str]]:
        """Return labels and texts. ``purchases`` and ``entries`` say whether the operator may view these tables."""
        paid = self.deposits[DepositStatus.SUCCESS] + self.deposits[DepositStatus.HOLD_APPROVED]
        deposits = _("%(all)s, paid: %(paid)s, in hold: %(held)s, returned from hold: %(returned)s") % {
            "all": self.deposits.total(),
            "paid": paid,
            "held": self.deposits[DepositStatus.IN_HOLD],
            "returned": self.deposits[DepositStatus.HOLD_RETURNED],
        }
        facts = [(_("Deposits"), deposits)]
        if purchases:
            facts.append((_("Purchases"), str(self.purchases)))
        if entries:
            facts += [
                (_("Credited"), sums_text(self.sums[EntryKind.CREDIT])),
                (_("Reversed"), sums_text(self.sums[EntryKind.REVERSAL])),
                (_("Charged"), sums_text(self.sums[EntryKind.CHARGE])),
                (_("Refunded"), sums_text(self.sums[EntryKind.REFUND])),
            ]
        return facts


def sums_text(sums: Mapping[str, Decimal]) -> str:
    """Return the sums of several currencies as text: ``12.60 USD, 5.00 EUR``. Return a dash if there are none."""
    return ", ".join(display.money(amount, currency) for currency, amount in sorted(sums.items())) or display.NOTHING


def histories(user_ids: Collection[Any]) -> tuple[dict[Any, History], bool]:
    """Return the history of each of these users, and whether all of it was read. This takes three queries."""
    found: dict[Any, History] = defaultdict(History)
    tables: list[QuerySet[Any]] = [
        Deposit.objects.using(database()).filter(user_id__in=user_ids).values_list("user_id", "status"),
        Purchase.objects.using(database()).filter(user_id__in=user_ids).values_list("user_id", "status"),
        LedgerEntry.objects.using(database())
        .filter(user_id__in=user_ids)
        .values_list("user_id", "kind", "amount", "currency"),
    ]
    deposits, purchases, entries = (list(table.order_by()[:ROWS_READ]) for table in tables)
    for user_id, status in deposits:
        found[user_id].deposits[status] += 1
    for user_id, _status in purchases:
        found[user_id].purchases += 1
    for user_id, kind, amount, currency in entries:
        add_to(found[user_id].sums[kind], currency, amount.copy_abs())
    return found, all(len(rows) < ROWS_READ for rows in (deposits, purchases, entries))


class OpenCredits:
    """The open credits of the users of some deposits, and of all users if ``HOLD_APPROVE_MAX`` is set."""

    def __init__(self, rows: Iterable[Deposit]) -> None:
        self._limits = conf.hold_approve_max()
        users: dict[str, set[Any]] = defaultdict(set)
        for row in rows:
            users[row.account].add(row.user_id)
        self._by_account: dict[str, list[OpenCredit]] = {}
        for account, keys in users.items():
            filters: dict[str, Any] = {"user_id__in": keys} if self._limits is None else {}
            self._by_account[account] = list(open_credits(account, **filters).values())

    def facts(self, row: Deposit, currency: str) -> list[tuple[str, str]]:
        """Return labels and texts: the open credits of the row's user, and of all users, beside the limits."""
        credits_ = [each for each in self._by_account.get(row.account, []) if each.currency == currency]
        of_user = exact_sum(each.amount for each in credits_ if each.user_id == row.user_id)
        label = _("Open credits of this user's approved holds")
        if self._limits is None:
            return [(label, display.money(of_user, currency))]
        if currency not in self._limits:
            text = _("HOLD_APPROVE_MAX does not contain %(currency)s, so this hold cannot be approved.")
            return [(_("Limit"), text % {"currency": currency.upper() or display.NOTHING})]
        of_all = exact_sum(each.amount for each in credits_)
        per_user, in_all = self._limits[currency]
        return [
            (label, _of_limit(of_user, per_user, currency)),
            (_("Open credits of all approved holds"), _of_limit(of_all, in_all, currency)),
        ]


def _of_limit(amount: Decimal, limit: Decimal, currency: str) -> str:
    values = {"amount": display.money(amount, currency), "limit": display.money(limit, currency)}
    return _("%(amount)s of at most %(limit)s") % values


def credit_of_row(row: Deposit) -> tuple[Decimal, str] | str:
    """Return the amount and currency that the deposit would credit now, or the text of the error."""
    try:
        return shown_credit(row)
    except SkinsBackError as error:
        return text_for(error)


def credit_text(credit: tuple[Decimal, str] | str) -> SafeString | str:
    """Return the result of ``credit_of_row`` as text for the page."""
    return format_html("<em>{}</em>", credit) if isinstance(credit, str) else display.money(*credit)


def time_left(row: Deposit, now: datetime | None = None) -> str:
    """Return about how long the hold still lasts, as text. SkinsBack does not report the end of a hold."""
    if row.held_since is None:
        return _("not known")
    left = row.held_since + schedule.HOLD - (now or utc_now())
    if left <= timedelta(0):
        return _("about to end")
    if left < schedule.DAY:
        return _("less than a day")
    days = round(left / schedule.DAY)
    return ngettext("about %(count)s day", "about %(count)s days", days) % {"count": days}


def skins_of(rows: Iterable[Deposit]) -> dict[int, list[dict[str, Any]]]:
    """Return the skins of the deposits: primary key -> dicts with name, price, game and class ID.

    A notification contains no class ID. So it is read from the imported price list, with one query.
    """
    found = {row.pk: list(_skins(row)) for row in rows}
    names = {skin["name"] for skins in found.values() for skin in skins[:SKINS_SHOWN]}
    items = MarketItem.objects.filter(market_hash_name__in=names, game__in={row.game for row in rows})
    class_ids = {
        (game, name): class_id for game, name, class_id in items.values_list("game", "market_hash_name", "class_id")
    }
    for skins in found.values():
        for skin in skins:
            skin["class_id"] = class_ids.get((skin["game"], skin["name"]), "")
    return found


def _skins(row: Deposit) -> Iterator[dict[str, Any]]:
    for skin in row.skins if isinstance(row.skins, list) else []:
        if isinstance(skin, Mapping):
            name = str(skin.get("name") or skin.get("market_hash_name") or display.NOTHING)
            yield {"name": name, "price": skin.get("price", display.NOTHING), "game": row.game}
