"""An idempotency key: a repeated call returns the deposit made before and calls SkinsBack once."""

import pytest

from django_skinsback import deposits
from django_skinsback.connection import get_client
from django_skinsback.exceptions import APIError, IdempotencyConflict, RequestNotSent, UnknownOutcome
from django_skinsback.flows.ledger.idempotency import key_digest
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.models import Deposit

from ...support.meanwhile import after_first_search_by

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def calls(world, monkeypatch):
    """Names of the methods that were called."""
    made, client = [], type(get_client())
    for name in ("create_deposit", "create_deposit_from_inventory"):
        original = getattr(client, name)

        def counted(*arguments, _name=name, _original=original, **options):
            made.append(_name)
            return _original(*arguments, **options)

        monkeypatch.setattr(client, name, counted)
    return made


def test_the_same_key_returns_the_same_deposit_without_another_call(user, calls):
    first = deposits.create(user, trade_url=TRADE_URL, currency="usd", min_amount="5", idempotency_key="cart-7")

    again = deposits.create(user, trade_url=TRADE_URL, currency="usd", min_amount=5, idempotency_key="cart-7")

    assert (again.pk, again.pay_url, calls) == (first.pk, first.pay_url, ["create_deposit"])


def test_the_same_key_returns_the_deposit_with_its_current_status(user, world, calls):
    first = deposits.create(user, idempotency_key="cart-7")
    world.sandbox.pay(first.order_id, held=False)
    world.deliver()

    assert deposits.create(user, idempotency_key="cart-7").status == "success"
    assert calls == ["create_deposit"]


@pytest.mark.parametrize(
    "other", [{"game": "rust"}, {"metadata": {"cart": 8}}, {"currency": "eur"}, {"success_url": "/elsewhere/"}], ids=str
)
def test_the_same_key_with_other_parameters_is_a_conflict(user, calls, other):
    deposits.create(user, metadata={"cart": 7}, idempotency_key="cart-7")

    with pytest.raises(IdempotencyConflict):
        deposits.create(user, **{"metadata": {"cart": 7}, "idempotency_key": "cart-7", **other})

    assert (Deposit.objects.count(), calls) == (1, ["create_deposit"])


def test_another_user_and_another_account_may_use_the_same_key(user, operator, calls):
    rows = [
        deposits.create(user, idempotency_key="1"),
        deposits.create(operator, idempotency_key="1"),
        deposits.create(user, account="second", idempotency_key="1"),
        deposits.create(None, idempotency_key="1"),
    ]

    assert len({row.pk for row in rows}) == len(calls) == 4


@pytest.mark.parametrize("limits", [{}, {"deposits": {"count": 1}}], ids=["unique key", "limit"])
def test_if_another_process_uses_the_key_meanwhile_its_deposit_is_returned(user, calls, settings, limits):
    settings.SKINSBACK = {**settings.SKINSBACK, "LIMITS": limits}

    with after_first_search_by("idempotency_digest", lambda: deposits.create(user, idempotency_key="cart-7")):
        row = deposits.create(user, idempotency_key="cart-7")

    assert (row, row.status, calls) == (Deposit.objects.get(), "pending", ["create_deposit"])


def test_if_another_process_uses_the_key_for_another_deposit_meanwhile_it_is_a_conflict(user, calls):
    with (
        after_first_search_by("idempotency_digest", lambda: deposits.create(user, game="rust", idempotency_key="1")),
        pytest.raises(IdempotencyConflict),
    ):
        deposits.create(user, game="cs2", idempotency_key="1")

    assert (Deposit.objects.get().game, calls) == ("rust", ["create_deposit"])


def test_a_stored_digest_of_a_key_is_found_by_every_later_version(django_user_model):
    of_user, of_site = key_digest("default", django_user_model(pk=7), "cart-7"), key_digest("default", None, "cart-7")

    assert of_user == "4486fadf7a5dcd937ac2aef29908812775b041dcc68e64909b45517cdbb68ff0"
    assert of_site == "e189cd6c4225cdab90bfdbb8fe319da45dcf97d76e63fd0840740d8da94ad9b9"


def test_without_a_key_each_call_opens_a_deposit(user, calls):
    assert deposits.create(user).pk != deposits.create(user).pk
    assert set(Deposit.objects.values_list("idempotency_digest", flat=True)) == {None}


def test_create_from_inventory_has_idempotency_keys_too(user, world, calls):
    items = [asset for asset in world.sandbox.inventory("76561198050648523") if asset.tradable and asset.game == "cs2"]
    items.sort(key=lambda asset: asset.price, reverse=True)
    options = {"trade_url": TRADE_URL, "item_asset_ids": [items[0].asset_id], "idempotency_key": "cart-7"}

    first = deposits.create_from_inventory(user, **options)

    assert deposits.create_from_inventory(user, **options).pk == first.pk
    with pytest.raises(IdempotencyConflict):
        deposits.create_from_inventory(user, **{**options, "item_asset_ids": [items[1].asset_id]})
    with pytest.raises(IdempotencyConflict):
        deposits.create(user, trade_url=TRADE_URL, idempotency_key="cart-7")
    assert calls == ["create_deposit_from_inventory"]


@pytest.mark.parametrize("error", [RequestNotSent(), APIError("create", 3, "no")], ids=["not sent", "refused"])
def test_a_refused_deposit_releases_its_key(user, calls, monkeypatch, error):
    with monkeypatch.context() as patch:
        patch.setattr(type(get_client()), "create_deposit", raising(error))
        with pytest.raises(type(error)):
            deposits.create(user, idempotency_key="cart-7")

    row = deposits.create(user, game="rust", idempotency_key="cart-7")

    assert (row.status, Deposit.objects.count()) == ("pending", 2)


def test_a_deposit_of_unknown_outcome_holds_its_key_until_it_is_abandoned(user, world, calls, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(get_client()), "create_deposit", raising(UnknownOutcome()))
        with pytest.raises(UnknownOutcome):
            deposits.create(user, idempotency_key="cart-7")

    same = deposits.create(user, idempotency_key="cart-7")
    assert (same.status, same.pay_url, calls) == ("created", "", [])

    world.advance(minutes=11)
    poll_deposits()
    same.refresh_from_db()
    assert same.status == "abandoned"
    assert deposits.create(user, idempotency_key="cart-7").pk != same.pk


def raising(error):
    def fail(*_arguments, **_options):
        raise error

    return fail
