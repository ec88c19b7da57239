"""Deposits change their status on the sandbox's clock."""

from decimal import Decimal

import pytest

from django_skinsback.sandbox import Impossible, Options, Sandbox
from tests.unit.sandbox import DAY, START, call, statuses


@pytest.fixture
def deposit(sandbox):
    call(sandbox, "create", order_id="1")
    return sandbox.deposit("1")


def test_an_unprotected_deposit_succeeds_at_once(sandbox, deposit):
    before = sandbox.balance()
    sandbox.pay("1")
    assert statuses(deposit) == ["pending", "success"]
    assert deposit.user_amount == (deposit.amount * Decimal("1.2")).quantize(Decimal("0.01"))
    assert sandbox.balance() == before + deposit.amount_usd


def test_a_held_deposit_succeeds_after_eight_days(sandbox, deposit):
    before = sandbox.balance()
    sandbox.pay("1", held=True)
    sandbox.clock.advance(seconds=8 * DAY - 1)
    assert (deposit.status, sandbox.balance()) == ("in_hold", before)
    sandbox.clock.advance(seconds=1)
    assert statuses(deposit) == ["pending", "in_hold", "success"]
    assert deposit.history[-1] == ("success", START + 8 * DAY)
    assert sandbox.balance() == before + deposit.amount_usd


def test_an_approved_deposit_is_added_to_the_balance_once(sandbox, deposit):
    before = sandbox.balance()
    sandbox.pay("1", held=True)
    call(sandbox, "offer_approve", order_id="1")
    assert sandbox.balance() == before + deposit.amount_usd
    sandbox.clock.advance(days=8)
    assert statuses(deposit) == ["pending", "in_hold", "hold_approved", "success"]
    assert sandbox.balance() == before + deposit.amount_usd


def test_an_approved_deposit_that_is_returned_is_taken_from_the_balance(sandbox, deposit):
    before, owned = sandbox.balance(), len(sandbox.inventory("76561198999000001"))
    sandbox.pay("1", held=True)
    call(sandbox, "offer_approve", order_id="1")
    sandbox.give_back("1")
    assert statuses(deposit) == ["pending", "in_hold", "hold_approved", "hold_returned"]
    assert sandbox.balance() == before
    assert len(sandbox.inventory("76561198999000001")) == owned
    sandbox.clock.advance(days=9)
    assert deposit.status == "hold_returned"


def test_a_held_deposit_that_is_returned_fails(sandbox, deposit):
    sandbox.pay("1", held=True)
    sandbox.give_back("1")
    assert statuses(deposit) == ["pending", "in_hold", "fail"]


def test_a_declined_trade_fails(sandbox, deposit):
    sandbox.choose("1")
    sandbox.decline("1")
    assert statuses(deposit) == ["pending", "fail"]


def test_a_trade_offer_expires_after_ten_minutes(sandbox, deposit):
    sandbox.choose("1")
    sandbox.clock.advance(minutes=10)
    assert (deposit.status, deposit.reason) == ("fail", "timeout")
    with pytest.raises(Impossible):
        sandbox.pay("1")


@pytest.mark.parametrize(("holds", "status"), [("marked", "in_hold"), ("always", "in_hold"), ("never", "success")])
def test_protected_skins_are_held_unless_holds_are_off(holds, status):
    sandbox = Sandbox(manual=True, options=Options(holds=holds))
    call(sandbox, "create", order_id="1", steam_id="76561198999000002")
    inventory = sandbox.inventory("76561198999000002")
    protected = next(asset for asset in inventory if asset.trade_protected and asset.tradable and asset.price > 1)
    assert sandbox.pay("1", [protected.asset_id]).status == status


def test_a_skin_can_pay_one_deposit(sandbox, deposit):
    skins = sandbox.pay("1").skins
    call(sandbox, "create", order_id="2")
    with pytest.raises(Impossible):
        sandbox.pay("2", [skins[0].asset_id])


def test_a_payment_outside_the_limits_is_refused(sandbox):
    call(sandbox, "create", order_id="1", currency="usd", min_amount="5", max_amount="20")
    inventory = [asset for asset in sandbox.inventory("76561198999000001") if asset.tradable]
    for asset in (min(inventory, key=lambda asset: asset.price), max(inventory, key=lambda asset: asset.price)):
        with pytest.raises(Impossible):
            sandbox.pay("1", [asset.asset_id])
    assert 5 <= sandbox.pay("1").amount <= 20


def test_a_custom_currency_multiplies_what_the_user_sees(sandbox):
    call(sandbox, "create", order_id="1", currency="eur", custom_currency="coin", custom_currency_rate="100")
    deposit = sandbox.pay("1")
    assert deposit.user_amount == deposit.amount * Decimal("120")
