"""A user's inventory: what is asked, what is cached, and how often SkinsBack is called."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.db import transaction
from django.utils import timezone

from django_skinsback import exceptions
from django_skinsback.flows.players import inventory
from django_skinsback.flows.players.inventory import get_inventory
from django_skinsback.models import SteamProfile
from django_skinsback.wire.types import Inventory, InventoryItem

pytestmark = pytest.mark.django_db

TOKEN = "i1ArBZey"


class SkinsBack:
    """Answers with the same items, and counts the calls."""

    def __init__(self):
        self.calls, self.error, self.currency = [], None, "rub"
        self.items = [
            InventoryItem(
                asset_id="30469208292",
                market_hash_name="SSG 08 | Fever Dream (Field-Tested)",
                price=Decimal("1.31"),
                price_local=Decimal("121.5"),
                user_price_local=Decimal(243),
                tradable=True,
                disabled=False,
                class_id="3770669160",
                icon_url="fWFc82js0fmoRAP-qOIPu5THSWqfSmTELLqcUywGkijVjZULUrsm1j-9xgEObwgfEh_nvjlWhNzZCveCDfIBj98xqodQ2CZknz56P7f",
            )
        ]

    def get_inventory(self, game, steam_id, trade_token):
        self.calls.append((game, steam_id, trade_token))
        if self.error:
            raise self.error
        return Inventory(items=self.items, currency_local=self.currency)


@pytest.fixture
def skinsback(monkeypatch):
    skinsback = SkinsBack()
    monkeypatch.setattr(inventory, "get_client", lambda: skinsback)
    return skinsback


@pytest.fixture(autouse=True)
def empty_cache(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "inventory"}}
    caches["default"].clear()


def make_user(django_user_model, name="anna", partner="90382795", **columns):
    user = django_user_model.objects.create_user(name)
    SteamProfile.objects.create(user=user, partner=partner, token=TOKEN, **columns)
    return user


@pytest.fixture
def user(django_user_model):
    return make_user(django_user_model)


def option(settings, **changed):
    settings.SKINSBACK = {**settings.SKINSBACK, **changed}


def test_the_account_of_the_trade_url_is_asked_for(user, skinsback):
    found = get_inventory(user, "cs2")
    assert skinsback.calls == [("cs2", "76561198050648523", TOKEN)]
    assert found.currency == "rub"
    assert abs(timezone.now() - found.loaded_at) < timedelta(seconds=10)
    (skin,) = found.items
    assert (skin.asset_id, skin.name) == ("30469208292", "SSG 08 | Fever Dream (Field-Tested)")
    assert (skin.class_id, skin.icon_url) == ("3770669160", skinsback.items[0].icon_url)


UNKNOWN = {"": Decimal(500)}
"""A multiplied price in a currency that the answer does not name."""


def credit(deposit):
    return deposit.amount, "usd"


@pytest.mark.parametrize(
    ("setting", "price"),
    [("amount", Decimal("121.5")), ("user_amount", Decimal(243)), (f"{__name__}.credit", None)],
)
def test_the_price_of_a_skin_is_what_the_user_is_credited(user, skinsback, settings, setting, price):
    option(settings, CREDIT=setting)
    assert get_inventory(user, "cs2").items[0].price == price


@pytest.mark.parametrize(
    ("setting", "currency", "price", "shown_in"),
    [
        ("amount", "", Decimal("1.31"), "usd"),
        ("amount", "usd", Decimal("1.31"), "usd"),
        ("amount", "eur", None, "eur"),
        ("user_amount", "usd", None, "usd"),
        ("user_amount", "", None, "usd"),
    ],
)
def test_a_price_that_skinsback_does_not_name_is_not_guessed(
    user, skinsback, settings, setting, currency, price, shown_in
):
    option(settings, CREDIT=setting)
    skinsback.currency = currency
    skinsback.items = [InventoryItem(asset_id="1", price=Decimal("1.31"), user_price_local=UNKNOWN.get(currency))]
    found = get_inventory(user, "cs2")
    assert (found.items[0].price, found.currency) == (price, shown_in)


@pytest.mark.parametrize(
    ("reported", "is_tradable", "is_accepted"),
    [
        ({"tradable": True, "disabled": False, "price": Decimal(1)}, True, True),
        ({"tradable": False, "disabled": False, "price": Decimal(1)}, False, True),
        ({"tradable": True, "disabled": True, "price": Decimal(1)}, True, False),
        ({"tradable": True, "disabled": False, "price": None}, True, False),
        ({"tradable": True, "disabled": False, "price": Decimal(0)}, True, False),
        ({"price": Decimal(1)}, True, True),
    ],
)
def test_a_skin_is_accepted_if_it_is_not_disabled_and_has_a_price(user, skinsback, reported, is_tradable, is_accepted):
    skinsback.items = [InventoryItem(asset_id="1", **reported)]
    (skin,) = get_inventory(user, "cs2").items
    assert (skin.is_tradable, skin.is_accepted) == (is_tradable, is_accepted)


def test_a_cached_inventory_is_shown_for_a_minute_without_a_call(user, skinsback, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    first = get_inventory(user, "cs2")
    skinsback.items = []
    time_machine.shift(59)
    assert get_inventory(user, "cs2") == first
    time_machine.shift(2)
    assert get_inventory(user, "cs2").items == []
    assert len(skinsback.calls) == 2


def test_a_user_waits_five_seconds_between_two_calls(user, skinsback, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    get_inventory(user, "cs2")
    time_machine.shift(3)
    with pytest.raises(exceptions.InventoryBusy) as caught:
        get_inventory(user, "rust")
    assert caught.value.retry_after == 2
    assert get_inventory(user, "cs2").items  # cached
    time_machine.shift(2.1)
    get_inventory(user, "rust")
    assert [game for game, *_ in skinsback.calls] == ["cs2", "rust"]


def test_all_users_share_one_budget(django_user_model, skinsback, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    users = [make_user(django_user_model, f"user{number}", str(number + 1)) for number in range(12)]
    for user in users[:10]:
        get_inventory(user, "cs2")
    with pytest.raises(exceptions.InventoryBusy):
        get_inventory(users[10], "cs2")
    time_machine.shift(1)
    get_inventory(users[11], "cs2")
    assert len(skinsback.calls) == 11


def test_users_see_their_own_inventory(user, django_user_model, skinsback):
    get_inventory(user, "cs2")
    skinsback.items = []
    assert get_inventory(make_user(django_user_model, "boris", "5"), "cs2").items == []


def test_another_steam_account_of_the_same_user_is_not_served_from_the_cache(user, skinsback, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    get_inventory(user, "cs2")
    SteamProfile.objects.update(partner="5")
    with pytest.raises(exceptions.InventoryBusy):
        get_inventory(user, "cs2")
    time_machine.shift(6)
    get_inventory(user, "cs2")
    assert [steam_id for _, steam_id, _ in skinsback.calls] == ["76561198050648523", "76561197960265733"]


def test_no_key_of_the_cache_contains_the_trade_token(user, skinsback):
    get_inventory(user, "cs2")
    entries = caches["default"]._cache
    assert len(entries) == 3
    assert not any(TOKEN in key for key in entries)
    assert not any(TOKEN.encode() in value for value in entries.values())


def test_an_error_of_skinsback_is_raised_and_nothing_is_cached(user, skinsback, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    skinsback.error = exceptions.APIError("user_inventory", 3, "invalid_trade_token")
    with pytest.raises(exceptions.APIError, match="invalid_trade_token"):
        get_inventory(user, "cs2")
    skinsback.error = None
    time_machine.shift(5.1)
    assert get_inventory(user, "cs2").items


def test_without_a_trade_url_nothing_is_asked(django_user_model, skinsback):
    with pytest.raises(exceptions.TradeURLMissing):
        get_inventory(django_user_model.objects.create_user("carla"), "cs2")
    with pytest.raises(exceptions.TradeURLMissing):
        get_inventory(None, "cs2")
    assert skinsback.calls == []


def test_a_broken_trade_url_is_not_used(django_user_model, skinsback):
    with pytest.raises(exceptions.TradeURLBroken):
        get_inventory(make_user(django_user_model, broken_at=timezone.now()), "cs2")
    assert skinsback.calls == []


def test_a_game_that_is_switched_off_is_not_asked_for(user, skinsback, settings):
    option(settings, DEPOSIT_GAMES=("rust",))
    with pytest.raises(exceptions.GameSwitchedOff):
        get_inventory(user, "cs2")
    with pytest.raises(exceptions.InvalidInput):
        get_inventory(user, "csgo")
    assert skinsback.calls == []


@pytest.mark.django_db(transaction=True)
def test_it_is_refused_inside_a_database_transaction(user, skinsback):
    with transaction.atomic(), pytest.raises(exceptions.InsideDatabaseTransaction):
        get_inventory(user, "cs2")
    assert skinsback.calls == []


class BrokenCache(BaseCache):
    """A cache whose server is down."""

    def __init__(self, *_):
        super().__init__({})

    def add(self, *_):
        raise ConnectionError

    get = set = delete = add


def test_without_the_cache_skinsback_is_not_called(user, skinsback, settings):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}
    with pytest.raises(exceptions.InventoryBusy) as caught:
        get_inventory(user, "cs2")
    assert caught.value.retry_after == 5
    assert skinsback.calls == []


def test_an_entry_of_another_release_is_loaded_again(user, skinsback, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    get_inventory(user, "cs2")
    (key,) = [key.removeprefix(":1:") for key in caches["default"]._cache if "inventory:" in key]
    caches["default"].set(key, b'{"items": 5}')
    time_machine.shift(6)
    assert get_inventory(user, "cs2").items


def test_the_inventory_of_the_sandbox(user, skinsback_sandbox):
    found = get_inventory(user, "cs2")
    assert found.items
    assert any(skin.is_tradable and skin.is_accepted and skin.price for skin in found.items)
