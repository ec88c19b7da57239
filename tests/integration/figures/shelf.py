"""Rows with ledger entries at given times, and hooks of a site."""

from datetime import datetime
from decimal import Decimal

from django_skinsback.models import LedgerEntry
from django_skinsback.testing import make_deposit, make_purchase


def at(text):
    """Return an aware datetime from text such as ``2026-03-29T00:30+02:00``."""
    return datetime.fromisoformat(text)


def entry(user, row, kind, amount, created_at, currency="usd"):
    """Post an entry of a deposit or purchase."""
    field = "deposit" if kind in {"credit", "reversal"} else "purchase"
    return LedgerEntry.objects.create(
        user=user, kind=kind, amount=Decimal(amount), currency=currency, created_at=created_at, **{field: row}
    )


def paid_deposit(user, created_at, credit="9", amount="10", currency="usd", amount_currency="usd", **values):
    """Save a deposit that was credited when it was created."""
    row = make_deposit(
        user=user,
        status="success",
        created_at=created_at,
        amount=None if amount is None else Decimal(amount),
        amount_currency=amount_currency,
        **values,
    )
    entry(user, row, "credit", credit, created_at, currency)
    return row


def charged_purchase(user, created_at, charge="5", debited="4", currency="usd", status="accepted", **values):
    """Save a purchase that was charged when it was created."""
    row = make_purchase(
        user=user,
        status=status,
        created_at=created_at,
        accepted_at=values.pop("accepted_at", created_at if status == "accepted" else None),
        debited_amount=Decimal(debited),
        charge_amount=Decimal(charge),
        charge_currency=currency,
        **values,
    )
    entry(user, row, "charge", f"-{charge}", created_at, currency)
    return row


def half(amount, _currency):
    """A ``TO_USD``."""
    return amount / 2


def broken(*_arguments):
    """A function of a site that fails."""
    raise RuntimeError("the wallet is down")


def rubbish(*_arguments):
    """A function of a site that returns no amount."""
    return "12"


def not_a_number(*_arguments):
    """A function of a site that returns an amount that is no number."""
    return Decimal("NaN")


def owed(_currency):
    """A ``LIABILITIES``."""
    return Decimal("12.34")


def owes(_user, _currency):
    """A ``BALANCE`` of a user who owes."""
    return Decimal("-2.5")


def too_much(*_arguments):
    """A function of a site that returns more than any column stores."""
    return Decimal(10) ** 14


def almost_too_much(*_arguments):
    """A function of a site that returns an amount that a column stores only before it is rounded."""
    return -(Decimal(10) ** 14) + Decimal("0.0000001")


def many_digits(*_arguments):
    """A function of a site that returns the largest amount that a column stores, which SQLite rounds up."""
    return Decimal(10) ** 14 - Decimal("0.000001")


def a_float(*_arguments):
    """A function of a site that returns a float."""
    return 1.5


def truth(*_arguments):
    """A function of a site that returns no amount."""
    return True
