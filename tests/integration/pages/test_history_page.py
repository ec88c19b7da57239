"""The history: deposits, withdrawn skins and entries of the ledger."""

import re
from decimal import Decimal

import pytest

from django_skinsback.models import LedgerEntry
from django_skinsback.testing import make_deposit, make_purchase

pytestmark = pytest.mark.django_db

HISTORY = "/skins/history/"


def post(user, kind, amount, **row):
    LedgerEntry.objects.create(user=user, kind=kind, amount=Decimal(amount), currency="usd", **row)


@pytest.fixture
def rows(user):
    """A credited deposit, a deposit that was taken back, a purchase, and a refunded purchase."""
    credited, reversed_ = (make_deposit(user=user, status=status) for status in ("success", "hold_returned"))
    bought, refunded = (
        make_purchase(user=user, status=status, charge_amount=Decimal("4.32"), charge_currency="usd", price="3.99")
        for status in ("accepted", "timeout")
    )
    post(user, "credit", "12.60", deposit=credited)
    post(user, "credit", "8.10", deposit=reversed_)
    post(user, "reversal", "-8.10", deposit=reversed_)
    post(user, "charge", "-4.32", purchase=bought)
    post(user, "charge", "-4.32", purchase=refunded)
    post(user, "refund", "4.32", purchase=refunded)
    return credited, reversed_, bought, refunded


def test_deposits_are_listed_with_status_and_amount(player, rows):
    text = player.read(HISTORY)
    assert f'href="/skins/deposit/{rows[0].public_id}/"' in text
    assert "Deposit complete" in text
    assert "$12.60" in text


def test_an_amount_that_was_taken_back_is_struck_out(player, rows):
    text = player.read(HISTORY)
    assert re.search(r"<s>.*\$8\.10.*</s>.*taken back", text)
    assert not re.search(r"<s>.*\$12\.60.*</s>", text)


def test_withdrawn_skins_show_what_the_player_paid_and_a_refund_is_struck_out(player, rows):
    text = player.read(f"{HISTORY}?show=purchases")
    assert text.count("$4.32") == 2
    assert len(re.findall(r"<s>.*\$4\.32.*</s>.*refunded", text)) == 1
    assert f'href="/skins/withdraw/{rows[2].public_id}/"' in text
    assert "3.99" not in text


def test_the_ledger_lists_every_entry_with_its_sign(player, rows):
    text = player.read(f"{HISTORY}?show=entries")
    for amount in ("+$12.60", "+$8.10", "\N{MINUS SIGN}$8.10", "\N{MINUS SIGN}$4.32", "+$4.32"):
        assert amount in text
    assert text.count("skinsback-row") >= 6


@pytest.mark.parametrize(
    ("shown", "text", "link"),
    [
        ("deposits", "not deposited anything", "/skins/deposit/"),
        ("purchases", "not withdrawn a skin", "/skins/withdraw/"),
        ("entries", "has not changed", "/skins/deposit/"),
    ],
)
def test_an_empty_list_says_so_and_leads_on(stranger, rows, shown, text, link):
    page = stranger.read(f"{HISTORY}?show={shown}")
    assert text in page
    assert page.split("skinsback-empty")[1].count(f'href="{link}"') == 1
    assert "12.60" not in page


@pytest.mark.parametrize("shown", ["deposits", "purchases", "entries"])
def test_long_lists_have_pages_with_a_fixed_number_of_queries(player, user, shown, django_assert_max_num_queries):
    for _ in range(45):
        if shown == "purchases":
            make_purchase(user=user, status="timeout")
        else:
            post(user, "credit", 1, deposit=make_deposit(user=user, status="success"))
    with django_assert_max_num_queries(6):
        first = player.read(f"{HISTORY}?show={shown}")
    assert first.count('class="skinsback-row"') == 20
    assert f"?show={shown}&amp;page=2" in first
    last = player.read(f"{HISTORY}?show={shown}&page=3")
    assert last.count('class="skinsback-row"') == 5
    assert "Page 3 of 3" in last


@pytest.mark.parametrize("query", ["?show=x", "?page=x", "?page=99", "?page=-1", "?show=entries&page=0"])
def test_odd_addresses_show_a_page(player, rows, query):
    player.read(f"{HISTORY}{query}")
