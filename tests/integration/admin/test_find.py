"""The search box of each list: what it finds, and what it does not find."""

import uuid
from decimal import Decimal

import pytest

from django_skinsback.admin.finding import search
from django_skinsback.models import (
    Discrepancy,
    Freeze,
    LedgerEntry,
    MarketItem,
    StatusChange,
    SteamProfile,
    WebhookEvent,
)
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import browser_of, list_url

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ORDER_ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
PUBLIC_ID = uuid.UUID("0190b3c5-7b1e-7d3a-8f10-1a2b3c4d5e6f")
STEAM_ID, TRADE_URL = (
    "76561198050648523",
    "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
)
PAYER = "76561198000000001"


@pytest.fixture
def browser():
    return browser_of(superuser=True)


@pytest.fixture
def find(browser):
    def found(model, text, **filters):
        """Return the rows on the first page of the list."""
        return list(browser.get(list_url(model), {"q": text, **filters}).context["cl"].result_list)

    return found


@pytest.fixture
def deposit(user):
    make_deposit(order_id="1" + ORDER_ID[1:], transaction_id="48000001", trade_offer_id="7100000001")
    return make_deposit(
        account="second",
        order_id=ORDER_ID,
        transaction_id="99123456",
        trade_offer_id="7200000000",
        public_id=PUBLIC_ID,
        steam_id=STEAM_ID,
        payer_steam_id=PAYER,
        user=user,
    )


@pytest.fixture
def purchase(user):
    make_purchase(custom_id="1" + ORDER_ID[1:], buy_id="48000001", trade_offer_id="7100000001", steam_id=PAYER)
    return make_purchase(
        account="second",
        custom_id=ORDER_ID,
        batch_id="b1c2d3e4f5a6",
        buy_id="99123456",
        trade_offer_id="7200000000",
        public_id=PUBLIC_ID,
        steam_id=STEAM_ID,
        user=user,
        market_hash_name="AK-47 | Redline (Field-Tested)",
    )


IDS_OF_BOTH = [
    ORDER_ID,
    ORDER_ID[:6],
    f"  {ORDER_ID}  ",
    "99123456",
    "991234",
    "7200000000",
    "720000",
    str(PUBLIC_ID),
    PUBLIC_ID.hex,
    STEAM_ID,
    TRADE_URL,
    "alice",
]


@pytest.mark.parametrize("text", [*IDS_OF_BOTH, PAYER])
def test_a_deposit_is_found(find, deposit, text):
    assert find("deposit", text) == [deposit]


@pytest.mark.parametrize("text", [*IDS_OF_BOTH, "b1c2d3e4f5a6", "b1c2d3", "redline", "Redline ak-47"])
def test_a_purchase_is_found(find, purchase, text):
    MarketItem.objects.create(game="cs2", market_hash_name="AK-47 | Redline (Field-Tested)", price=Decimal(8))
    assert find("purchase", text) == [purchase]


@pytest.mark.parametrize(
    "text", [ORDER_ID[:5], ORDER_ID[1:], "%", "______", ORDER_ID[:6] + "%", "Alice-2", "alic", "99123457", STEAM_ID[:5]]
)
def test_a_part_of_an_id_or_another_text_finds_nothing(find, deposit, purchase, text):
    assert find("deposit", text) == find("purchase", text) == []


def test_ids_that_differ_in_case_are_different(find):
    wanted, _other = make_deposit(order_id="ABCDEF-1"), make_deposit(order_id="abcdef-1", account="second")
    assert find("deposit", "ABCDEF") == [wanted]
    assert find("deposit", "ABCDEF-1") == [wanted]


def test_hyphens_count(find):
    wanted, _other = make_deposit(order_id="abc12-345"), make_deposit(order_id="abc-12345", account="second")
    assert find("deposit", "abc12-3") == [wanted]


def test_the_same_id_is_found_in_every_account(find):
    rows = [make_deposit(order_id="order 1", account=account) for account in ("default", "second", "no longer there")]
    assert find("deposit", "order 1") == rows[::-1]


def test_a_search_and_filters_are_combined(find, user):
    make_deposit(user=user, status="success")
    failed = make_deposit(user=user, status="fail")
    assert find("deposit", "alice", status__exact="fail") == [failed]


@pytest.mark.parametrize("text", [ORDER_ID, ORDER_ID[:8], "99123456", STEAM_ID, TRADE_URL, str(PUBLIC_ID), "alice"])
@pytest.mark.parametrize("kind", ["deposit", "purchase"])
def test_rows_about_a_deposit_or_purchase_are_found_by_it(find, user, kind, text, request):
    row = request.getfixturevalue(kind)
    entry_kind, amount = ("credit", 5) if kind == "deposit" else ("charge", -5)
    entry = LedgerEntry.objects.create(
        user=user, **{kind: row}, kind=entry_kind, amount=Decimal(amount), currency="usd"
    )
    event = WebhookEvent.objects.create(account="second", kind="event", digest="5" * 64, body=b"{}", **{kind: row})
    change = StatusChange.objects.create(**{kind: row}, from_status="a", to_status="b", source="poll")
    discrepancy = Discrepancy.objects.create(
        account="second", found_in="orders", kind="missed", digest="6" * 64, **{kind: row}
    )
    for name, expected in (
        ("ledgerentry", entry),
        ("webhookevent", event),
        ("statuschange", change),
        ("discrepancy", discrepancy),
    ):
        assert find(name, text) == [expected]
        assert find(name, "nothing") == []


def test_a_delivery_is_found_by_the_beginning_of_its_digest(find):
    event = WebhookEvent.objects.create(account="second", kind="event", digest="0123456789abcdef" * 4, body=b"{}")
    assert find("webhookevent", "01234567") == find("webhookevent", event.digest) == [event]


@pytest.mark.parametrize("text", ["4711-a", "880012"])
def test_a_discrepancy_without_a_row_is_found_by_both_ids(find, text):
    found = Discrepancy.objects.create(
        account="second", found_in="orders", kind="unknown", digest="6" * 64, our_id="4711-a", their_id="88001234"
    )
    assert find("discrepancy", text) == [found]


@pytest.mark.parametrize("text", ["alice", STEAM_ID, TRADE_URL])
def test_a_profile_and_a_freeze_are_found_by_user_and_steam_account(find, user, django_user_model, text):
    SteamProfile.objects.create(user=django_user_model.objects.create_user("bob"), steam_id=PAYER)
    profile = SteamProfile.objects.create(user=user, steam_id=STEAM_ID, partner="90382795", token="i1ArBZey")
    freeze = Freeze.objects.create(user=user, reason="asked for")
    assert find("steamprofile", text) == [profile]
    assert find("freeze", text) == [freeze]


def test_an_email_address_is_searched_only_if_it_is_indexed(find, user, django_user_model, monkeypatch):
    deposit = make_deposit(user=user)
    django_user_model.objects.filter(pk=user.pk).update(email="alice@shop.example")
    assert search.indexed_email_field() == ""
    assert find("deposit", "alice@shop.example") == []
    monkeypatch.setattr(django_user_model._meta.get_field("email"), "db_index", True)
    assert search.indexed_email_field() == "email"
    assert find("deposit", "alice@shop.example") == [deposit]
    assert find("deposit", "alice@shop") == []


def test_each_kind_contributes_a_limited_number_of_rows_and_the_page_says_so(browser, user, monkeypatch):
    monkeypatch.setattr(search, "KEYS_OF_EACH_KIND", 2)
    rows = [make_deposit(user=user) for _number in range(3)]
    page = browser.get(list_url("deposit"), {"q": "alice"})
    assert list(page.context["cl"].result_list) == rows[:0:-1]
    assert "found more rows" in page.content.decode()
    page = browser.get(list_url("deposit"), {"q": rows[0].order_id})
    assert "found more rows" not in page.content.decode()


def test_the_page_says_what_can_be_searched(browser):
    for model in ("deposit", "purchase", "ledgerentry", "webhookevent", "statuschange", "discrepancy", "freeze"):
        page = browser.get(list_url(model))
        assert page.context["cl"].search_help_text
        assert 'id="searchbar"' in page.content.decode()
    assert "names of a deposit" in browser.get(list_url("deposit")).content.decode()


@pytest.mark.parametrize("text", ["a" * 5000, "'; --", "\\", "😀😀😀", "1" * 400])
def test_any_text_can_be_searched(find, deposit, purchase, text):
    assert find("deposit", text) == find("purchase", text) == find("ledgerentry", text) == []


@pytest.mark.parametrize("lookup", ["token__startswith", "token", "request_digest", "metadata__icontains", "partner"])
def test_a_list_cannot_be_filtered_by_a_column_that_it_does_not_offer(lookup):
    make_purchase(token="i1ArBZey")
    page = browser_of("view_purchase").get(list_url("purchase"), {lookup: "i"})
    assert page.status_code == 400


def test_a_list_can_be_filtered_by_the_columns_that_pages_link_to(user):
    purchase = make_purchase(user=user, batch_id="b1")
    make_purchase(batch_id="b2")
    for filters in (
        {"user__exact": user.pk},
        {"batch_id": "b1"},
        {"user__exact": user.pk, "status__exact": "requested"},
    ):
        page = browser_of("view_purchase").get(list_url("purchase"), filters)
        assert list(page.context["cl"].result_list) == [purchase]
