"""The same POST sent twice at the same moment: a double click, or a front end that repeats after a lost connection."""

import json
from functools import partial

import pytest
from django.test import Client

from django_skinsback import players
from django_skinsback.flows.market.prices import sync_prices
from django_skinsback.models import Deposit, LedgerEntry, MarketItem, Purchase
from django_skinsback.sandbox import Sandbox
from tests.wallet.models import Wallet

from .test_parallel import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def sandbox(settings):
    settings.ROOT_URLCONF = "tests.integration.rest.urls"
    with Sandbox(manual=True) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url, "ACCOUNTS": {}}
        yield sandbox


@pytest.fixture
def rich(user):
    Wallet.objects.create(user=user, balance=1000)
    players.set_trade_url(user, TRADE_URL)
    return user


def post(session, path, body, key):
    """Send one request as the user of ``session`` on this thread's connection. Return its status and its members."""
    http = Client(raise_request_exception=False)
    http.cookies.update(session)
    headers = {"Idempotency-Key": key}
    answer = http.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)
    return answer.status_code, json.loads(answer.content)


def session_of(user):
    http = Client()
    http.force_login(user)
    return http.cookies


def test_six_posts_with_one_key_make_one_deposit(rich, sandbox):
    send = partial(post, session_of(rich), "deposits/", {"game": "cs2"}, "k")

    answers = at_once(*[send] * 6)

    assert {members["id"] for _status, members in answers} == {str(Deposit.objects.get().public_id)}
    assert len(sandbox.store.state.deposits) == 1
    assert sum(status == 201 for status, _members in answers) == 1
    assert {status for status, _members in answers} <= {200, 201, 202}


def test_six_posts_of_chosen_skins_with_one_key_make_one_deposit(rich, sandbox):
    skins = players.get_inventory(rich, "cs2").items
    chosen = next(skin.asset_id for skin in skins if skin.is_tradable and skin.is_accepted)
    body = {"game": "cs2", "asset_ids": [chosen]}

    answers = at_once(*[partial(post, session_of(rich), "deposits/from-inventory/", body, "k")] * 6)

    assert {members["id"] for _status, members in answers} == {str(Deposit.objects.get().public_id)}
    assert len(sandbox.store.state.deposits) == 1


@pytest.mark.parametrize("keys", [["k"] * 6, list("abcdef")], ids=["one key", "six keys"])
def test_six_posts_of_one_quote_make_one_purchase_and_one_charge(rich, sandbox, keys):
    sync_prices(game="cs2")
    item = MarketItem.objects.filter(price__lt=100).order_by("pk")[0]
    quote = players.make_quote(rich, "cs2", item.market_hash_name)
    body = {"quote": str(quote.public_id)}

    answers = at_once(*[partial(post, session_of(rich), "purchases/", body, key) for key in keys])

    assert sorted(status for status, _members in answers) == [200] * 5 + [201], answers
    assert {members["id"] for _status, members in answers} == {str(Purchase.objects.get().public_id)}
    assert LedgerEntry.objects.get().amount == -quote.charge
    assert Wallet.objects.get().balance == 1000 - quote.charge


def test_two_quotes_with_one_key_buy_once(rich, sandbox):
    sync_prices(game="cs2")
    item = MarketItem.objects.filter(price__lt=100).order_by("pk")[0]
    quotes = [players.make_quote(rich, "cs2", item.market_hash_name) for _ in range(2)]

    answers = at_once(
        *[partial(post, session_of(rich), "purchases/", {"quote": str(quote.public_id)}, "k") for quote in quotes]
    )

    assert sorted(status for status, _members in answers) == [201, 409]
    assert Purchase.objects.count() == LedgerEntry.objects.count() == 1
