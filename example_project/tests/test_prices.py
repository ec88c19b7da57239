"""The shop's prices: a user who withdraws skins and deposits them again loses money, and the shop does not."""

import pytest
from django.core.management import call_command
from django.urls import reverse

from django_skinsback import deposits
from django_skinsback.models import Deposit, MarketItem
from django_skinsback.statuses import EntryKind


@pytest.mark.parametrize("multiplier", ["1.2", "2"])
@pytest.mark.parametrize("game", ["cs2", "dota2", "rust"])
def test_a_round_trip_costs_the_user_and_not_the_shop(shop, sandbox, game, multiplier):
    sandbox.configure(multiplier=multiplier)
    call_command("skinsback_sync_prices", game=game)
    shop.post(reverse("shop:deposit"), {"game": game, "where": "redirect"})
    deposit = Deposit.objects.get()
    skins = sandbox.pay(deposit.order_id, held=False).skins
    deposits.refresh(deposit)
    deposit.refresh_from_db()
    credited = deposit.entries.get(kind=EntryKind.CREDIT).amount
    asked = sum(MarketItem.objects.get(game=game, market_hash_name=skin.market_hash_name).site_price for skin in skins)
    assert credited < asked
    assert credited <= deposit.amount


def test_limits_are_shown_on_the_pay_page_as_the_user_typed_them(shop, sandbox):
    limits = {"game": "cs2", "where": "redirect", "min_amount": "5", "max_amount": "20"}
    shop.post(reverse("shop:deposit"), limits)
    sandbox.pay(Deposit.objects.get().order_id)
    deposit = sandbox.deposit(Deposit.objects.get().order_id)
    assert 5 <= deposit.user_amount <= 20
