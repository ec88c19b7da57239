"""SkinsBack writes floats with 17 digits: every amount is still exact and matches the lists."""

import dataclasses
import json
from decimal import Decimal

import pytest

from django_skinsback import deposits, purchases
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.models import Discrepancy, LedgerEntry, WebhookEvent
from django_skinsback.sandbox.api import php

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAYER = "76561198827262007"
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"

ROUNDED_DOWN = [Decimal("40.76"), Decimal("9.03"), Decimal("7.43"), Decimal("4.35")]
"""Prices whose nearest float is smaller."""
PRICES = [*ROUNDED_DOWN, Decimal("1.10"), Decimal("2.20"), Decimal("10.50")]


@pytest.fixture
def sandbox(skinsback_sandbox):
    store = skinsback_sandbox.store
    store.options = dataclasses.replace(store.options, notification_format="json-numbers")
    skinsback_sandbox.configure(multiplier="1.01")
    return skinsback_sandbox


def pay(sandbox, user, price):
    """Pay a deposit with one skin of that price and return its row."""
    deposit = deposits.create(user, currency="usd", min_amount="1")
    asset = next(asset for asset in sandbox.inventory(PAYER) if asset.tradable)
    asset.price, asset.trade_protected = price, False
    sandbox.pay(deposit.order_id, [asset.asset_id], steam_id=PAYER, held=False)
    sandbox.deliver_pending()
    deposit.refresh_from_db()
    return deposit


def write_full_floats(monkeypatch):
    """Make the sandbox write every answer with ``serialize_precision=17``."""
    original = php.json_text

    def full_float(value):
        match value:
            case dict():
                return {key: full_float(inner) for key, inner in value.items()}
            case list():
                return [full_float(inner) for inner in value]
            case Decimal():
                return Decimal(f"{float(value):.17g}")
            case _:
                return value

    monkeypatch.setattr(php, "json_text", lambda value: original(full_float(value)))


def test_deposits_reported_with_float_noise_are_credited_exactly_and_match_the_list(sandbox, user):
    sandbox.faults.add("notify_float_noise", "deposit", times=None)

    for price in PRICES:
        deposit = pay(sandbox, user, price)
        at_skinsback = sandbox.deposit(deposit.order_id)
        assert (deposit.amount, deposit.user_amount) == (at_skinsback.amount, at_skinsback.user_amount)
        assert deposit.amount == price
        assert LedgerEntry.objects.get(deposit=deposit).amount == at_skinsback.user_amount

    sent = [json.loads(event.body, parse_float=Decimal).get("amount") for event in WebhookEvent.objects.order_by("pk")]
    sent = [Decimal(amount) for amount in sent if amount is not None]
    assert [price for amount, price in zip(sent, PRICES, strict=True) if amount < price] == ROUNDED_DOWN
    reconcile("default", lists=("orders",))
    assert not Discrepancy.objects.exists()


def test_a_list_with_float_noise_matches_the_credited_amounts(sandbox, user, monkeypatch):
    deposits = [pay(sandbox, user, price) for price in PRICES]
    assert [deposit.amount for deposit in deposits] == PRICES
    write_full_floats(monkeypatch)

    [counts] = reconcile("default", lists=("orders",))

    assert counts.rows == len(PRICES)
    assert not Discrepancy.objects.exists()
    assert not any(deposit.needs_review for deposit in deposits)


def test_a_purchase_answered_with_float_noise_has_its_exact_price(sandbox, user, monkeypatch):
    write_full_floats(monkeypatch)
    skin = next(iter(sandbox.state.stock.values()))
    with sandbox.store.locked():
        skin.price = Decimal("40.76")

    purchase = purchases.submit(
        purchases.buy(user=user, skin_id=str(skin.skin_id), max_price="40.76", trade_url=TRADE_URL)
    )

    assert (purchase.price, purchase.debited_amount) == (Decimal("40.76"), Decimal("40.76"))
    [counts] = reconcile("default", lists=("market_history",))
    assert counts.rows == 1
    assert not Discrepancy.objects.exists()
