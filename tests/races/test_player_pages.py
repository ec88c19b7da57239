"""Clicks at the same moment on the pages for users make one deposit."""

from functools import partial

import pytest
from django.test import Client

from django_skinsback import players
from django_skinsback.models import Deposit
from django_skinsback.pages import keys
from django_skinsback.sandbox import Sandbox

from .test_parallel import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
STEAM_ID = "76561198050648523"


@pytest.fixture
def sandbox(settings):
    settings.ROOT_URLCONF = "tests.integration.pages.urls"
    with Sandbox(manual=True) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url, "ACCOUNTS": {}}
        yield sandbox


def browsers(user, count):
    """Return browsers in which the user is logged in."""
    clients = [Client() for _ in range(count)]
    for client in clients:
        client.force_login(user)
    return clients


def test_six_clicks_on_the_form_of_a_deposit_make_one_deposit(user, sandbox):
    form = {"game": "rust", "way": "redirect", "key": keys.form_key(user)}

    answers = at_once(*[partial(client.post, "/skins/deposit/", form) for client in browsers(user, 6)])

    deposit = Deposit.objects.get()
    assert len(sandbox.store.state.deposits) == 1
    row, back = f"/skins/deposit/{deposit.public_id}/", "/skins/deposit/back/"
    assert all(answer.status_code == 302 for answer in answers)
    assert all(
        answer["Location"] in {deposit.pay_url, row} or answer["Location"].startswith(back) for answer in answers
    )


def test_six_clicks_on_the_chosen_skins_make_one_deposit(user, sandbox):
    players.set_trade_url(user, TRADE_URL)
    skins = [asset.asset_id for asset in sandbox.inventory(STEAM_ID) if asset.game == "rust" and asset.tradable][:3]
    form = {"key": keys.form_key(user), "item": skins}
    url = "/skins/deposit/inventory/?game=rust"

    answers = at_once(*[partial(client.post, url, form) for client in browsers(user, 6)])

    deposit = Deposit.objects.get()
    assert len(sandbox.store.state.deposits) == 1
    assert {answer["Location"] for answer in answers} == {f"/skins/deposit/{deposit.public_id}/"}
