"""Confirmations of one user that arrive at the same moment: one purchase and one charge for each quote."""

from decimal import Decimal
from functools import partial

import pytest
from django.test import Client

from django_skinsback import players
from django_skinsback.exceptions import LimitReached
from django_skinsback.models import LedgerEntry, Purchase, Quote
from tests.integration.pages.shelf import AK, CONFIRM, GLOCK, QUOTES, put_up
from tests.wallet.models import Wallet

from .test_parallel import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture(autouse=True)
def shelf(settings, user):
    settings.ROOT_URLCONF = "tests.integration.pages.urls"
    put_up({AK: "10", GLOCK: "2"})
    players.set_trade_url(user, TRADE_URL)
    Wallet.objects.create(user=user, balance=100)


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def confirm(client, quotes):
    return client.post(CONFIRM, {"quote": [quote.public_id.hex for quote in quotes]})


def test_eight_clicks_on_one_confirmation_buy_each_skin_once(user):
    quotes = [players.make_quote(user, "cs2", name) for name in (AK, GLOCK)]
    clicks = [partial(confirm, browser(user), quotes) for _ in range(8)]

    answers = at_once(*clicks)

    assert [answer.status_code for answer in answers] == [302] * 8
    assert sorted(Purchase.objects.values_list("market_hash_name", flat=True)) == [AK, GLOCK]
    assert LedgerEntry.objects.count() == 2
    assert Wallet.objects.get().balance == 88
    assert Quote.objects.exclude(purchase=None).count() == 2


def test_clicks_in_one_session_buy_once_and_lead_to_the_same_purchase(user):
    quote = players.make_quote(user, "cs2", AK)
    client = browser(user)
    session = client.cookies["sessionid"].value

    def click():
        tab = Client()
        tab.cookies["sessionid"] = session
        return confirm(tab, [quote])["Location"]

    locations = at_once(*[click] * 6)

    purchase = Purchase.objects.get()
    assert set(locations) == {f"/skins/withdraw/{purchase.public_id}/"}
    assert Wallet.objects.get().balance == 90


def test_confirmations_of_two_quotes_at_once_do_not_pass_a_limit_for_one(user, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"LIMITS": {"purchases": {"count": 1}}}
    quotes = [players.make_quote(user, "cs2", AK) for _ in range(4)]

    answers = at_once(*[partial(confirm, browser(user), [quote]) for quote in quotes])

    assert [answer.status_code for answer in answers] == [302] * 4
    assert Purchase.objects.count() == 1
    assert Wallet.objects.get().balance == 90
    with pytest.raises(LimitReached):
        players.make_quote(user, "cs2", AK)


def test_quotes_made_at_once_are_separate_and_buy_nothing(user):
    answers = at_once(*[partial(browser(user).post, QUOTES, {"game": "cs2", "name": AK}) for _ in range(4)])

    assert len({answer["Location"] for answer in answers}) == 4
    assert Quote.objects.count() == 4
    assert not Purchase.objects.exists()


def test_two_confirmations_with_one_skin_in_common_charge_it_once(user):
    common, first, second = (players.make_quote(user, "cs2", name) for name in (AK, GLOCK, GLOCK))

    at_once(
        partial(confirm, browser(user), [common, first]),
        partial(confirm, browser(user), [second, common]),
    )

    assert Purchase.objects.count() == 3
    assert Wallet.objects.get().balance == Decimal(86)
