"""The shop's prices: a user who withdraws skins and deposits them again loses money, and the shop does not."""

from decimal import Decimal

import pytest
from django.core.management import call_command

from django_skinsback import deposits
from django_skinsback.models import MarketItem
from django_skinsback.statuses import EntryKind
from example_project.demo import PRICE_MULTIPLIER
from example_project.shop.prices import MARKUP, with_markup


@pytest.mark.parametrize("game", ["cs2", "dota2", "rust"])
def test_a_round_trip_costs_the_user_and_not_the_shop(bob, sandbox, game):
    sandbox.configure(multiplier=PRICE_MULTIPLIER)
    call_command("skinsback_sync_prices", game=game)
    deposit = deposits.create(bob, game=game)
    skins = sandbox.pay(deposit.order_id, held=False).skins
    deposits.refresh(deposit)
    deposit.refresh_from_db()
    credited = deposit.entries.get(kind=EntryKind.CREDIT).amount
    asked = sum(MarketItem.objects.get(game=game, market_hash_name=skin.market_hash_name).site_price for skin in skins)
    assert credited < asked
    assert credited <= deposit.amount


def test_the_markup_is_above_the_price_multiplier_of_the_demo():
    assert Decimal(PRICE_MULTIPLIER) < MARKUP


@pytest.mark.parametrize(("price", "shown"), [("10", "10.50"), ("10.01", "10.52"), ("0.000001", "0.01")])
def test_prices_are_rounded_up_to_whole_cents(price, shown):
    assert with_markup(Decimal(price)) == Decimal(shown)
