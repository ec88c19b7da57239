"""Who may call each address. The addresses are those of the URL configuration, so a new one is tested at once."""

import re
import uuid
from decimal import Decimal

import pytest
from django.urls import get_resolver

from django_skinsback.models import LedgerEntry, Quote
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit, make_purchase

from .conftest import TRADE_URL, Caller, problem

pytestmark = pytest.mark.django_db

PUBLIC = {"schema", "not-found"}
SECRET_WORDS = [
    "max_price",
    "market_price",
    "debited",
    "review",
    "risk",
    "token",
    "attempts",
    "order_id",
    "custom_id",
    "transaction_id",
]
METHODS = ("get", "post", "put", "patch", "delete")


def addresses():
    """Yield each address of the API: its name, its path with a place for the ID, and its methods."""
    resolver = next(
        each for each in get_resolver("tests.integration.rest.urls").url_patterns if "api" in str(each.pattern)
    )
    for entry in resolver.url_patterns:
        methods = [name for name in METHODS if hasattr(entry.callback.cls, name)]
        yield entry.name, re.sub(r"<.*?>", "{id}", str(entry.pattern)), methods


PRIVATE = [address for address in addresses() if address[0] not in PUBLIC]
OF_ONE_ROW = [address for address in PRIVATE if "{id}" in address[1]]
ROWS_BY_NAME = {"deposit": "deposit", "purchase": "purchase", "quote": "quote"}


def send(http, method, path):
    body = "" if method == "get" else "{}"
    return http.generic(method.upper(), f"/api/{path}", body, content_type="application/json")


@pytest.fixture
def rows(user):
    """One row of each kind, which the first player owns."""
    deposit = make_deposit(user=user, status="success", trade_offer_id="123456789", bot_name="Secret bot")
    purchase = make_purchase(user=user, charge_amount=Decimal(5), charge_currency="usd")
    LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=Decimal("77.77"), currency="xyz")
    quote = Quote.objects.create(
        user=user,
        game="cs2",
        market_hash_name="Secret skin",
        market_price=4,
        max_price=5,
        charge=5,
        currency="usd",
        expires_at=utc_now(),
    )
    return {"deposit": deposit, "purchase": purchase, "quote": quote}


def test_the_addresses_of_the_issue_are_served():
    found = {path for _name, path, _methods in addresses()}
    assert {
        "v1/deposits/",
        "v1/deposits/{id}/",
        "v1/deposits/from-inventory/",
        "v1/inventory/",
        "v1/market/",
        "v1/quotes/",
        "v1/quotes/{id}/",
        "v1/purchases/",
        "v1/purchases/{id}/",
        "v1/ledger/",
        "v1/balances/",
        "v1/steam-profile/",
        "v1/config/",
        "v1/schema/",
    } <= found


@pytest.mark.parametrize(
    ("path", "method"), [(path, method) for _name, path, methods in PRIVATE for method in methods], ids=str
)
def test_a_request_without_a_login_is_refused(path, method):
    answer = send(Caller().http, method, path.replace("{id}", str(uuid.uuid4())))
    problem(answer, 403, "not_authenticated")


@pytest.mark.parametrize(("name", "path", "methods"), OF_ONE_ROW, ids=str)
def test_the_row_of_another_user_is_not_found(name, path, methods, rows, caller, other):
    address = path.replace("{id}", str(rows[ROWS_BY_NAME[name]].public_id))
    assert send(caller.http, "get", address).status_code == 200
    for method in methods:
        problem(send(other.http, method, address), 404, "not_found")


LISTS = [
    path for _name, path, methods in PRIVATE if "{id}" not in path and "get" in methods and "inventory" not in path
]


@pytest.mark.parametrize("path", LISTS)
def test_no_list_and_no_setting_shows_anything_of_another_user(path, rows, rich_profile, other):
    shown = send(other.http, "get", path).content.decode()
    for secret in (
        "Secret",
        "77.77",
        "xyz",
        "i1ArBZey",
        "76561198050648523",
        *(str(row.public_id) for row in rows.values()),
    ):
        assert secret not in shown


@pytest.fixture
def rich_profile(caller):
    assert caller.put("steam-profile/", {"trade_url": TRADE_URL}).status_code == 200


def test_a_quote_of_another_user_cannot_be_bought(rows, other):
    problem(other.post("purchases/", {"quote": str(rows["quote"].public_id)}), 404, "not_found")


@pytest.mark.parametrize("path", LISTS + [path for _name, path, _methods in OF_ONE_ROW])
def test_no_answer_has_a_word_that_a_player_must_not_read(path, rows, caller):
    row = rows.get(path.split("/")[1].rstrip("s"))
    shown = send(caller.http, "get", path.replace("{id}", str(getattr(row, "public_id", "")))).content.decode().lower()
    for secret in (
        "max_price",
        "market_price",
        "debited",
        "review",
        "risk",
        "token",
        "attempts",
        "order_id",
        "custom_id",
    ):
        assert secret not in shown


@pytest.mark.parametrize(
    ("path", "method"),
    [(path, method) for _name, path, methods in PRIVATE for method in methods if method != "get"],
    ids=str,
)
def test_a_session_needs_a_csrf_token_to_write(path, method, user):
    answer = send(Caller(user, enforce_csrf_checks=True).http, method, path)
    problem(answer, 403, "csrf_failed")


@pytest.mark.parametrize(("name", "path", "methods"), [*PRIVATE, ("not-found", "v1/nothing/", [])], ids=str)
def test_every_answer_is_private(name, path, methods, rows, caller):
    row = rows.get(ROWS_BY_NAME.get(name))
    answer = send(caller.http, "get", path.replace("{id}", str(getattr(row, "public_id", ""))))
    assert "private" in answer.headers["Cache-Control"]
    assert {"Cookie", "Authorization", "Accept-Language"} <= set(answer.headers["Vary"].split(", "))


@pytest.mark.parametrize("path", ["v1/nothing/", "v1/deposits/7/", "v1/deposits/x/y/", "v1/"])
def test_an_address_that_does_not_exist_is_a_problem(path, caller):
    for method in METHODS:
        problem(send(caller.http, method, path), 404, "not_found")


def test_a_missing_slash_is_added(caller):
    assert caller.http.get("/api/v1/deposits").headers["Location"] == "/api/v1/deposits/"


def test_the_schema_is_public_and_has_the_address_of_the_site():
    answer = Caller().http.get("/api/v1/schema/")
    assert answer.status_code == 200
    assert "- url: http://testserver/api\n" in answer.content.decode()
    assert "your.site" not in answer.content.decode()


def test_every_view_runs_outside_of_a_transaction_of_the_request():
    resolver = next(
        each for each in get_resolver("tests.integration.rest.urls").url_patterns if "api" in str(each.pattern)
    )
    for entry in resolver.url_patterns:
        assert "default" in entry.callback._non_atomic_requests
