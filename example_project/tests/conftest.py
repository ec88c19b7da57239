from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone

from django_skinsback import players
from django_skinsback.models import MarketItem, PriceListImport
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import allow_sandbox_secret
from example_project.wallet.models import Wallet, in_millionths

allow_sandbox_secret()  # the shop's settings use it, and tests run with DEBUG off

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=70070002&token=bob-0002"


@pytest.fixture(autouse=True)
def _memory_cache(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()  # rate limit pauses of an earlier test


@pytest.fixture
def alice(db):
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db):
    """A user with 100 dollars and a trade URL."""
    bob = User.objects.create_user("bob")
    players.set_trade_url(bob, TRADE_URL)
    Wallet.objects.create(user=bob, currency="usd", millionths=in_millionths(Decimal(100)))
    return bob


@pytest.fixture
def shop(client, bob):
    """A test client in which bob is logged in."""
    client.force_login(bob)
    return client


@pytest.fixture
def item(db):
    """A skin that costs 10 dollars on the market and 10.50 in the shop."""
    PriceListImport.objects.create(game="cs2", imported_at=timezone.now())
    return MarketItem.objects.create(
        game="cs2", market_hash_name="AK-47 | Paper Lantern (Field-Tested)", price=Decimal(10), count=1
    )


@pytest.fixture
def sandbox(settings):
    with Sandbox(manual=True) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, "API_URL": sandbox.api_url}
        yield sandbox
