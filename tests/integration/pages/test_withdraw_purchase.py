"""The page of one purchase, from the order to its end."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import player_texts, players, purchases
from django_skinsback.models import Purchase, Quote
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_purchase
from tests.integration.pages.shelf import CONFIRM, MARKET, QUOTES, put_up, quote_ids, text_of
from tests.wallet.models import Wallet

pytestmark = pytest.mark.django_db

AK = "AK-47 | Safari Mesh (Minimal Wear)"


def page_of(purchase):
    return f"{MARKET}{purchase.public_id}/"


@pytest.fixture
def make(user):
    def make(**values):
        return make_purchase(user=user, market_hash_name=AK, charge_amount=10, charge_currency="usd", **values)

    return make


@pytest.mark.parametrize("status", [choice for choice, _label in Purchase._meta.get_field("status").choices])
def test_every_status_has_a_page_with_its_title_and_its_way_out(player, make, status):
    purchase = make(status=status, trade_offer_id="77")
    texts = player_texts.for_purchase(purchase)
    page = player.read(page_of(purchase))
    shown = text_of(page)
    for text in (texts.title, texts.text, *texts.notes):
        assert text in shown
    assert f'data-skinsback-refresh="{texts.refresh_seconds or ""}"' in page
    ways = {
        "accept_trade": "https://steamcommunity.com/tradeoffer/77/",
        "enter_trade_url": "/skins/trade-url/",
        "choose_another": f"{MARKET}?game=cs2",
        "try_again": f'action="{QUOTES}"',
        "see_new_price": f'action="{QUOTES}"',
    }
    if texts.next_step in ways:
        assert ways[texts.next_step] in page


def test_a_trade_offer_is_linked_and_counted_down_from_when_it_came(player, make):
    purchase = make(status="waiting_accept", trade_offer_id="77")
    came = utc_now() - timedelta(minutes=3)
    purchase.changes.create(from_status="creating_trade", to_status="waiting_accept", source="poll", created_at=came)
    page = player.read(page_of(purchase))
    assert re.search(r"6 minutes\s+left", text_of(page))
    until = re.search(r'data-skinsback-countdown="([^"]+)"', page).group(1)
    assert until == (came + timedelta(minutes=10)).isoformat()
    assert 'rel="noopener noreferrer"' in page


def test_an_offer_whose_time_is_over_has_no_link(player, make):
    purchase = make(status="waiting_accept", trade_offer_id="77")
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        page = player.read(page_of(purchase))
    assert "tradeoffer/77" not in page
    assert "The 10 minutes to accept the trade offer are over." in text_of(page)


@pytest.mark.parametrize("offer", ["", "javascript:alert(1)", "7/../../x"])
def test_an_offer_id_that_is_no_number_makes_no_link(player, make, offer):
    page = player.read(page_of(make(status="waiting_accept", trade_offer_id=offer)))
    assert "steamcommunity.com/tradeoffer" not in page


def test_a_hold_is_told_in_days(player, make):
    purchase = make(status="accepted", in_hold=True, in_hold_until=utc_now() + timedelta(days=5, hours=2))
    assert "the trade can be taken back for about 6 more days" in text_of(player.read(page_of(purchase)))


def test_a_skin_that_became_dearer_leads_from_the_refund_to_the_new_price(world, player, user):
    Wallet.objects.create(user=user, balance=100)
    players.set_trade_url(user, "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey")
    put_up({AK: "10"})
    quote = players.make_quote(user, "cs2", AK)
    purchase = players.buy_quote(user, quote.public_id)
    world.sandbox.faults.add("error", "market_buy", value="6 skins_not_found_at_specified_price")
    purchases.submit(purchase)
    page = player.read(page_of(purchase))
    shown = text_of(page)
    assert "The price has risen since you saw it." in shown
    assert "Your money is back on your balance. +$10.00" in shown
    assert "See the new price" in shown
    assert "csrfmiddlewaretoken" in player.read(f"{page_of(purchase)}status/")
    put_up({AK: "11"})
    answer = player.post(QUOTES, {"game": "cs2", "name": AK})
    assert "Withdraw for $11.00" in text_of(player.read(answer["Location"]))
    player.post(CONFIRM, {"quote": quote_ids(answer["Location"])})
    assert Purchase.objects.latest("pk").charge_amount == 11


def test_a_game_that_is_off_offers_no_new_price(player, make, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"PURCHASE_GAMES": ("rust",)}
    purchase = make(status="refused", error_code=6, error_message="skins_not_found_at_specified_price")
    assert f'action="{QUOTES}"' not in player.read(page_of(purchase))


def test_the_trade_url_of_a_refused_purchase_leads_to_its_page(player, make):
    page = player.read(page_of(make(status="invalid_trade_token")))
    assert 'href="/skins/trade-url/"' in page


def test_nothing_that_a_player_must_not_know_is_shown(player, make):
    purchase = make(
        status="refused",
        error_code=4,
        error_message="insufficient_funds",
        price=Decimal("7.31"),
        debited_amount=Decimal("7.41"),
        max_price=Decimal("7.51"),
        needs_review=True,
        review_reasons=[{"code": "absent", "data": {}}],
    )
    page = player.read(page_of(purchase))
    for secret in ("insufficient", "7.31", "7.41", "7.51", "absent", purchase.custom_id):
        assert secret not in page


def test_purchases_of_another_user_are_not_found(stranger, make):
    purchase = make()
    assert stranger.get(page_of(purchase)).status_code == 404
    assert stranger.get(f"{page_of(purchase)}status/").status_code == 404


def test_pages_need_a_login(client, make):
    purchase = make()
    for path in (MARKET, page_of(purchase), f"{page_of(purchase)}status/", f"{MARKET}cart/", CONFIRM):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/?next=/skins/withdraw/")


def test_a_poll_without_news_is_answered_with_304_after_one_query(player, make, django_assert_num_queries):
    purchase = make()
    page = player.read(page_of(purchase))
    tag = re.search(r'data-skinsback-tag="([^"]+)"', page).group(1).replace("&quot;", '"')
    with django_assert_num_queries(2 + 1):
        answer = player.get(f"{page_of(purchase)}status/", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    Purchase.objects.update(status="creating_trade", updated_at=utc_now())
    answer = player.get(f"{page_of(purchase)}status/", headers={"If-None-Match": tag})
    assert "Preparing the trade offer" in answer.content.decode()
    assert answer["ETag"] != tag


def test_the_end_of_a_trade_offer_changes_the_tag_although_the_row_was_saved_later(player, make):
    purchase = make(status="waiting_accept", trade_offer_id="77")
    came = utc_now()
    purchase.changes.create(from_status="creating_trade", to_status="waiting_accept", source="poll", created_at=came)
    Purchase.objects.update(updated_at=came + timedelta(minutes=8))
    status_url = f"{page_of(purchase)}status/"
    with time_machine.travel(came + timedelta(minutes=9), tick=False):
        tag = player.get(status_url)["ETag"]
    with time_machine.travel(came + timedelta(minutes=10, seconds=1), tick=False):
        answer = player.get(status_url, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert "Waiting for the result of the trade" in answer.text


def test_the_text_of_a_delayed_order_changes_the_tag(player, make):
    purchase = make()
    status_url = f"{page_of(purchase)}status/"
    tag = player.get(status_url)["ETag"]
    with time_machine.travel(timezone.now() + timedelta(seconds=15)):
        answer = player.get(status_url, headers={"If-None-Match": tag})
    assert "Waiting for the market" in answer.content.decode()


def test_a_purchase_by_the_id_of_a_skin_has_a_page_too(player, user):
    purchase = make_purchase(user=user, market_hash_name="", skin_id="5", status="timeout")
    page = player.read(page_of(purchase))
    assert "Withdrawn skin" in text_of(page)
    assert f'action="{QUOTES}"' not in page
    assert not Quote.objects.exists()
