"""Code of a site. mypy and pyright must reject the lines marked ``# error`` and accept all others."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, assert_type

from django.contrib.auth.base_user import AbstractBaseUser
from django.dispatch import receiver
from django.http import HttpRequest

from django_skinsback import deposits
from django_skinsback.flows.purchases.buy import buy, buy_batch
from django_skinsback.models import BalanceSnapshot, Deposit, LedgerEntry, MarketItem, Purchase, StatusChange
from django_skinsback.money import parse_amount
from django_skinsback.signals import entry_posted

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@receiver(entry_posted)
def move_money(entry: LedgerEntry, **kwargs: Any) -> Decimal:
    assert_type(entry.amount, Decimal)
    assert_type(entry.created_at, datetime)
    entry.amount + 1.5  # error
    entry.amount * 0.1  # error
    rate: float = entry.amount  # error
    return entry.amount * 2 + Decimal("0.01") * rate  # error


def balance_of(user: AbstractBaseUser) -> Decimal:
    for entry, balance in LedgerEntry.objects.statement(user, "usd"):
        assert_type(entry.amount, Decimal)
        assert_type(balance, Decimal)
    return LedgerEntry.objects.balance(user, "usd")


def columns(
    deposit: Deposit, purchase: Purchase, change: StatusChange, item: MarketItem, snapshot: BalanceSnapshot
) -> Decimal:
    assert_type(deposit.amount, Decimal | None)
    assert_type(deposit.user_amount, Decimal | None)
    assert_type(deposit.min_amount, Decimal | None)
    assert_type(deposit.created_at, datetime)
    assert_type(deposit.finished_at, datetime | None)
    assert_type(purchase.max_price, Decimal)
    assert_type(purchase.price, Decimal | None)
    assert_type(purchase.charge_amount, Decimal | None)
    assert_type(purchase.submitted_at, datetime | None)
    assert_type(change.credit_amount, Decimal | None)
    assert_type(item.price, Decimal)
    assert_type(item.site_price, Decimal)
    assert_type(snapshot.balance, Decimal)
    assert_type(snapshot.taken_at, datetime)
    purchase.max_price = 12.5  # error
    purchase.max_price = None  # error
    deposit.created_at = "2026-01-01"  # error
    late = deposit.created_at + timedelta(hours=1) > purchase.updated_at
    if late and deposit.amount is not None:
        return deposit.amount
    return deposit.amount  # error


def pay(user: AbstractBaseUser, request: HttpRequest) -> Deposit:
    deposit = deposits.create(user, request=request, currency="usd", min_amount="5.00", max_amount=Decimal(20))
    deposits.create(request.user, request=request, currency="usd", min_amount=5)
    deposits.create()
    deposits.create(42)  # error
    deposits.create("alice")  # error
    deposits.create(user, currency="usd", max_amount=0.1)  # error
    deposits.create(user, currency="usd", min_amount=5.0)  # error
    deposits.create(user, custom_currency="coins", custom_currency_rate=0.5)  # error
    deposits.create_from_inventory(user, trade_url=TRADE_URL, item_asset_ids=["1"])
    deposits.create_from_inventory(42, trade_url=TRADE_URL, item_asset_ids=["1"])  # error
    return deposits.refresh(deposit)


def withdraw(user: AbstractBaseUser, count: int) -> list[Purchase]:
    buy(user=user, trade_url=TRADE_URL, skin_id="1", max_price="12.50", charge=Decimal(13), charge_currency="usd")
    buy(user=user, trade_url=TRADE_URL, skin_id="1", max_price=count)
    buy(user=user, trade_url=TRADE_URL, skin_id="1", max_price=12.5)  # error
    buy(user=user, trade_url=TRADE_URL, skin_id="1", charge=0.1, charge_currency="usd")  # error
    buy(user=42, trade_url=TRADE_URL, skin_id="1")  # error
    buy_batch(user=user, trade_url=TRADE_URL, items=[{"skin_id": "1", "max_price": 12.5}])  # error
    buy_batch(user=user, trade_url=TRADE_URL, items=[{"max_price": "12.50"}])  # error
    parse_amount(12.5)  # error
    return buy_batch(
        user=user,
        trade_url=TRADE_URL,
        items=[{"skin_id": "1", "max_price": "12.50", "charge": 13, "charge_currency": "usd"}, {"skin_id": "2"}],
    )
