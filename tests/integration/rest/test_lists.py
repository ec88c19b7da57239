"""Lists: the newest first, by cursor, with the same number of queries however many rows there are."""

import base64
from decimal import ROUND_DOWN, Decimal
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_skinsback.models import LedgerEntry, MarketItem, PriceListImport
from django_skinsback.rest import formats
from django_skinsback.testing import make_deposit, make_purchase

from .conftest import problem

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def make_rows(user, name, count):
    rows = []
    for _ in range(count):
        if name == "deposits":
            rows.append(make_deposit(user=user, status="in_hold"))
            rows[-1].changes.create(from_status="pending", to_status="in_hold", source="webhook")
        elif name == "purchases":
            rows.append(make_purchase(user=user, status="waiting_accept"))
        else:
            purchase = make_purchase(user=user)
            rows.append(
                LedgerEntry.objects.create(user=user, purchase=purchase, kind="refund", amount=1, currency="usd")
            )
    return rows


LISTS = ["deposits", "purchases", "ledger"]


@pytest.mark.parametrize("name", LISTS)
def test_the_pages_of_a_list_hold_every_row_once(name, user, caller):
    made = make_rows(user, name, 60)
    pages, address = [], f"/api/v1/{name}/"
    while address:
        page = caller.http.get(address).json()
        pages.append(page["results"])
        address = page["next"]
    assert [len(page) for page in pages] == [25, 25, 10]
    shown = [row.get("id") or row["purchase"] for page in pages for row in page]
    assert shown == [str(getattr(row, "public_id", None) or row.purchase.public_id) for row in reversed(made)]
    back = caller.http.get(page["previous"]).json()
    assert back["results"] == pages[1]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_one(name, user, caller):
    counts = []
    for _ in range(2):
        make_rows(user, name, 10)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            caller.get(f"{name}/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 5


@pytest.mark.parametrize("position", ["x", "-1", "1" * 30, "٣", "", "9223372036854775808", "\x00"])
@pytest.mark.parametrize("name", LISTS)
def test_a_damaged_cursor_is_not_found(name, position, user, caller):
    make_rows(user, name, 1)
    cursor = base64.b64encode(urlencode({"p": position}).encode()).decode()
    answer = caller.get(f"{name}/?{urlencode({'cursor': cursor})}")
    problem(answer, 404, "not_found")


@pytest.mark.parametrize("cursor", ["x", "%00", "🎲"])
@pytest.mark.parametrize("name", [*LISTS, "market"])
def test_a_cursor_that_is_none_is_not_found(name, cursor, caller):
    problem(caller.get(f"{name}/?{urlencode({'cursor': cursor})}"), 404, "not_found")


@pytest.fixture
def market():
    PriceListImport.objects.create(game="cs2")
    MarketItem.objects.bulk_create(
        MarketItem(
            game="cs2",
            market_hash_name=f"Skin {number:03}",
            price=Decimal(number) + 1,
            count=1,
            wear="factory_new" if number % 2 else "well_worn",
            class_id="123",
        )
        for number in range(60)
    )


def test_the_pages_of_the_market_hold_every_skin_once(market, caller):
    shown, address = [], "/api/v1/market/?game=cs2&sort=-price"
    while address:
        page = caller.http.get(address).json()
        shown += page["results"]
        address = page["next"]
    assert [skin["market_hash_name"] for skin in shown] == [f"Skin {number:03}" for number in reversed(range(60))]


def test_the_market_takes_the_queries_of_one_page(market, caller, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):  # two of them are the session and the user
        assert len(caller.get("market/").json()["results"]) == 24


def test_the_market_is_filtered(market, caller, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "PRICE_MARKUP": "tests.integration.rest.test_lists.double"}
    found = caller.get("market/?search=skin&min=20&max=30.00&wear=factory_new&wear=minimal_wear&quality=normal").json()
    assert [skin["price"] for skin in found["results"]] == ["20.00", "24.00", "28.00"]
    assert {skin["wear"] for skin in found["results"]} == {"factory_new"}
    assert found["results"][0]["picture_url"].startswith("https://community.cloudflare.steamstatic.com/")


def rounded_down(price):
    return price.quantize(Decimal("0.01"), rounding=ROUND_DOWN)


def test_a_skin_that_the_site_does_not_offer_is_left_out(market, caller, settings):
    MarketItem.objects.filter(market_hash_name="Skin 000").update(price=Decimal("0.004"))
    settings.SKINSBACK = {
        **settings.SKINSBACK,
        "PRICE_MARKUP": f"{__name__}.rounded_down",
        "BUY_MAX_PRICE": Decimal(3),
    }
    page = caller.get("market/").json()
    assert [skin["price"] for skin in page["results"]] == ["2.00", "3.00"]
    assert page["next"]


def double(price):
    return price * 2


def test_empty_parameters_of_a_form_are_ignored(market, caller):
    assert len(caller.get("market/?search=&min=&max=&cursor=").json()["results"]) == 24


@pytest.mark.parametrize(
    "query", ["game=chess", "min=a", "max=-1", "min=1e5", "sort=luck", "wear=new", "min=" + "9" * 20]
)
def test_a_wrong_parameter_is_named(query, caller):
    members = problem(caller.get(f"market/?{query}"), 400, "invalid_input")
    assert list(members["fields"]) == [query.partition("=")[0]]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("8.3", "8.30"),
        ("0", "0.00"),
        ("1000000", "1000000.00"),
        ("0.000001", "0.000001"),
        ("-5", "-5.00"),
        ("1E+3", "1000.00"),
    ],
)
def test_an_amount_is_decimal_text(amount, text):
    assert formats.amount_text(Decimal(amount)) == text
