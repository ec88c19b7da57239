"""The ledger of one user: sums per kind and currency, and the newest entries with the balance after each of them.

All sums are exact Decimals. Python calculates them, because SQLite adds decimals as floats.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from ...flows.ledger.database import database
from ...models import LedgerEntry
from ...money import EXACT, exact_sum

SHOWN_ENTRIES = 100
"""Maximum number of entries that are shown of one currency."""

SHOWN_CURRENCIES = 10

SUMMED_ENTRIES = 10_000
"""Maximum number of entries that are added up. If the user has more, no balance is shown, because it would be wrong."""

SUMMED_ON_REQUEST = 200_000
"""The same maximum if the operator asks for all entries."""

_CHUNK = 5_000


class Sum(NamedTuple):
    """The number of entries of one kind and currency, and the sum of their amounts."""

    number: int
    amount: Decimal


@dataclass
class Statement:
    """The newest entries of one currency, newest first, each with the balance after it.

    The balances are None if the user has too many entries to add up. ``is_cut`` is True if there are older entries.
    """

    currency: str
    lines: list[tuple[LedgerEntry, Decimal | None]]
    balance: Decimal | None
    is_cut: bool


@dataclass
class Ledger:
    """The ledger of a user. If ``is_complete`` is False, ``sums`` contain the newest ``summed`` entries only."""

    statements: list[Statement] = field(default_factory=list)
    sums: dict[str, dict[str, Sum]] = field(default_factory=dict)
    summed: int = 0
    is_complete: bool = True
    hidden_currencies: int = 0


class _Line(NamedTuple):
    pk: int
    kind: str
    amount: Decimal
    currency: str


def read_ledger(user: Any, *, limit: int = SUMMED_ENTRIES) -> Ledger:
    """Return the ledger of a user. At most ``limit`` entries are added up, the newest ones.

    Entries are read in chunks by their primary keys, newest first, and only the columns that are added up. The sums and
    the shown entries come from the same read. So the shown balances are correct even if an entry is posted meanwhile.
    """
    ledger = Ledger()
    sums: dict[str, dict[str, Sum]] = defaultdict(dict)
    newest: dict[str, list[_Line]] = defaultdict(list)
    lines = _walk(user)
    for line in islice(lines, limit):
        before = sums[line.currency].get(line.kind, Sum(0, Decimal(0)))
        sums[line.currency][line.kind] = Sum(before.number + 1, EXACT.add(before.amount, line.amount))
        ledger.summed += 1
        if len(newest[line.currency]) < SHOWN_ENTRIES:
            newest[line.currency].append(line)
    ledger.sums = dict(sums)
    ledger.is_complete = next(lines, None) is None
    shown = list(newest.items())[:SHOWN_CURRENCIES]
    ledger.hidden_currencies = len(newest) - len(shown)
    rows = LedgerEntry.objects.using(database()).select_related("deposit", "purchase")
    entries = rows.in_bulk([line.pk for _currency, chosen in shown for line in chosen])
    for currency, chosen in shown:
        balance = total_of(sums[currency]) if ledger.is_complete else None
        count = sum(each.number for each in sums[currency].values())
        statement = Statement(currency, [], balance, count > len(chosen) or not ledger.is_complete)
        for line in chosen:
            statement.lines.append((entries[line.pk], balance))
            balance = None if balance is None else EXACT.subtract(balance, line.amount)
        ledger.statements.append(statement)
    return ledger


def total_of(sums: dict[str, Sum]) -> Decimal:
    """Return the sum of all kinds of one currency."""
    return exact_sum(each.amount for each in sums.values())


def _walk(user: Any) -> Iterator[_Line]:
    """Yield the entries of a user, newest first, in chunks of ``_CHUNK``. No cursor stays open between two chunks."""
    entries = LedgerEntry.objects.using(database()).filter(user_id=user.pk).order_by("-pk")
    chunk = [_Line(*row) for row in entries.values_list("pk", "kind", "amount", "currency")[:_CHUNK]]
    while chunk:
        yield from chunk
        if len(chunk) < _CHUNK:
            return
        older = entries.filter(pk__lt=chunk[-1].pk)
        chunk = [_Line(*row) for row in older.values_list("pk", "kind", "amount", "currency")[:_CHUNK]]
