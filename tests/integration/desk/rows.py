"""Rows of every part of the desk."""

from datetime import timedelta
from decimal import Decimal

from django_skinsback.models import BalanceSnapshot, Discrepancy, LedgerEntry, OwingUser, PriceListImport, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit, make_purchase


def reason(code, **data):
    return {"code": code, "data": data}


def make_delivery(number=0, **values):
    defaults = {"account": "default", "kind": "deposit", "digest": f"{number:064}", "body": b"{}", "outcome": "applied"}
    return WebhookEvent.objects.create(**{**defaults, **values})


def make_discrepancy(number=0, **values):
    defaults = {"account": "default", "found_in": "orders", "kind": "differing", "digest": f"{number:064}"}
    return Discrepancy.objects.create(**{**defaults, **values})


def make_credit(deposit, amount, currency="usd", kind="credit"):
    sign = 1 if kind == "credit" else -1
    return LedgerEntry.objects.create(
        user=deposit.user, deposit=deposit, kind=kind, amount=sign * Decimal(amount), currency=currency
    )


def make_everything(user):
    """Make at least one row for every part of the desk, with amounts that no other part has."""
    now = utc_now()
    stuck = make_deposit(
        user=user,
        needs_review=True,
        review_reasons=[reason("stuck", status="pending")],
        user_amount=Decimal("11.01"),
        amount_currency="usd",
    )
    held = make_deposit(
        user=user,
        status="in_hold",
        user_amount=Decimal("22.02"),
        amount=Decimal(20),
        amount_currency="eur",
        held_since=now - timedelta(days=3),
    )
    approved = make_deposit(user=user, status="hold_approved", user_amount=Decimal(30), amount_currency="usd")
    make_credit(approved, "33.03")
    unknown = make_purchase(
        user=user,
        status="unknown",
        max_price=Decimal("44.04"),
        needs_review=True,
        review_reasons=[reason("refused_after_unknown", error="x")],
    )
    make_delivery(1, outcome="failed", error="locked", needs_review=True)
    make_discrepancy(1)
    BalanceSnapshot.objects.create(account="default", balance=Decimal("155.55"), taken_at=now - timedelta(minutes=5))
    PriceListImport.objects.create(game="cs2", imported_at=now - timedelta(minutes=7))
    OwingUser.objects.create(user=user, currency="usd", balance=Decimal("-66.06"))
    return {"stuck": stuck, "held": held, "approved": approved, "unknown": unknown}
