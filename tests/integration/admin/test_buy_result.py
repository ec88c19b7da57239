"""The result page follows the purchases of an order to their ends, and says what was debited and charged in all."""

import uuid
from decimal import Decimal

import pytest
from django.test import Client

from django_skinsback.models import Purchase
from django_skinsback.testing import make_purchase
from tests.wallet.models import Wallet

from ...support.admin_staff import VIEW_ALL, browser_of, page_url
from ...support.buy_pages import TOKEN, buyer, confirm, result_url, review, wanted_skins

pytestmark = pytest.mark.django_db
RELOADS = "data-skinsback-auto-reload"


@pytest.fixture
def client():
    return buyer()


def bought(client, count=1, **fields):
    """Buy the cheapest names and return the URL of the result page."""
    wanted_skins(client, count=count)
    return confirm(client, review(client, **fields)).url


def test_each_purchase_is_followed_to_its_end(world, client):
    world.sandbox.next_outcome("canceled")
    url = bought(client, 2)
    page = client.get(url)
    text = page.content.decode()
    assert page.context["progress"] == "2 of 2 purchases are still open."
    assert RELOADS in text
    assert "auto_reload.js" in text
    assert TOKEN not in text
    for row in Purchase.objects.all():
        assert f'<a href="{page_url(row)}">{row.market_hash_name}</a>' in text

    for _ in range(6):
        world.advance(minutes=10)
    assert {row.status for row in Purchase.objects.all()} == {"canceled", "accepted"}
    page = client.get(url)
    text = page.content.decode()
    assert "All purchases are finished" in page.context["progress"]
    assert RELOADS not in text
    assert "auto_reload.js" not in text
    assert "The user declined the trade offer" in text


def test_the_sums_say_what_was_debited_charged_and_refunded(world, client, user):
    Wallet.objects.create(user=user, balance=1000)
    world.sandbox.next_outcome("canceled")
    url = bought(client, 2, username="alice", charge="10", charge_currency="eur")
    for _ in range(6):
        world.advance(minutes=10)
    failed = Purchase.objects.get(status="canceled")
    totals = dict(client.get(url).context["totals"])
    in_all = sum(row.debited_amount for row in Purchase.objects.all())
    assert totals["Total debited from the balance"] == f"{in_all:.2f}\N{NO-BREAK SPACE}USD"
    returned = totals["included: failed purchases, for which SkinsBack returns the debit"]
    assert returned == f"{failed.debited_amount:.2f}\N{NO-BREAK SPACE}USD"
    assert totals["Total charged to the user"] == "10.00\N{NO-BREAK SPACE}EUR"
    assert totals["Total refunded to the user"] == f"{failed.charge_amount:.2f}\N{NO-BREAK SPACE}EUR"


def test_an_order_without_a_charge_says_that_nothing_was_charged(world, client):
    assert dict(client.get(bought(client)).context["totals"])["Total charged to the user"] == "nothing"


def test_a_refused_purchase_is_shown_with_the_name_from_the_cart(world, client):
    (found,) = wanted_skins(client)
    asked = review(client)
    world.sandbox.state.stock.clear()
    page = client.get(confirm(client, asked).url)
    assert page.context["rows"][0]["name"] == found.market_hash_name
    assert "SkinsBack refused the purchase" in page.content.decode()


def test_an_operator_without_the_permission_to_view_sees_only_the_own_orders_and_no_links(world, client):
    other_url = bought(client)
    limited = browser_of("buy_skins")
    url = bought(limited)
    page = limited.get(url)
    assert page.status_code == 200
    assert page.context["rows"][0]["url"] == ""
    assert limited.get(other_url).status_code == 404
    assert client.get(url).status_code == 200


def test_an_operator_who_may_only_view_sees_the_result_and_no_link_to_buy(world, client):
    viewer = browser_of(*VIEW_ALL)
    page = viewer.get(bought(client))
    assert page.status_code == 200
    assert page.context["buy_url"] == ""


def test_nobody_else_sees_it(world, client):
    url = bought(client)
    assert browser_of("view_deposit").get(url).status_code == 403
    assert Client().get(url).status_code == 302


@pytest.mark.parametrize("query", [{}, {"batch": "x"}, {"batch": "\0"}, {"purchase": "x"}, {"purchase": uuid.uuid4()}])
def test_an_order_that_does_not_exist_is_not_found(query, client):
    assert client.get(result_url(**query)).status_code == 404


def test_a_purchase_of_a_user_is_shown_too(client, user):
    row = make_purchase(user=user, status="accepted", debited_amount=Decimal(3))
    page = client.get(result_url(purchase=row.public_id))
    assert page.context["totals"][0][1] == "3.00\N{NO-BREAK SPACE}USD"
