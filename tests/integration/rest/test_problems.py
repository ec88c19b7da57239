"""Every refusal is a problem (RFC 9457) with a stable code and a text for the player."""

import json
import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from rest_framework import exceptions as drf

from django_skinsback import exceptions, players
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.rest import problems
from django_skinsback.rest.problems import CODES, exception_handler
from django_skinsback.signals import entry_posted
from tests.wallet.models import Wallet

from .conftest import problem

pytestmark = pytest.mark.django_db


def test_a_refusal_names_the_fields_that_are_wrong(caller):
    members = problem(
        caller.post("deposits/", {"game": "chess", "min_amount": 5, "fail_url": "//evil"}), 400, "invalid_input"
    )
    assert set(members["fields"]) == {"game", "min_amount", "fail_url"}
    assert "chess" in members["fields"]["game"][0]


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("deposits/", "game", "cs2\n"),
        ("deposits/", "min_amount", "5\n"),
        ("deposits/", "currency", "usd\n"),
        ("deposits/", "success_url", "/x\n"),
        ("deposits/", "success_url", "//evil.example/"),
        ("deposits/", "success_url", "/\\evil.example/"),
        ("deposits/", "success_url", "https://evil.example/"),
        ("deposits/", "fail_url", "/" + "a" * 400 + "!"),  # a pattern that backtracks would take for ever
        ("deposits/", "widget", "true"),
        ("deposits/from-inventory/", "asset_ids", ["1\n"]),
        ("deposits/from-inventory/", "asset_ids", [1]),
        ("deposits/from-inventory/", "asset_ids", []),
        ("deposits/from-inventory/", "asset_ids", ["1"] * 201),
        ("quotes/", "market_hash_name", "AK\n"),
        ("quotes/", "market_hash_name", "\x00"),
        ("quotes/", "market_hash_name", 7),
        ("purchases/", "quote", "7"),
    ],
)
def test_a_value_of_another_shape_is_refused(path, name, value, caller):
    members = problem(caller.post(path, {name: value}), 400, "invalid_input")
    assert name in members["fields"]


@pytest.mark.parametrize("path", ["/", "/wallet", "/wallet/", "/a/b/c.html", "/~alice/.x"])
def test_a_deposit_may_return_to_a_path_of_the_site(path, caller, sandbox):
    assert caller.post("deposits/", {"success_url": path, "fail_url": path}).status_code == 201


def test_errors_in_a_list_belong_to_its_field(caller):
    body = {"game": "cs2", "asset_ids": ["1", "a b", "c d"]}
    members = problem(caller.post("deposits/from-inventory/", body), 400, "invalid_input")
    assert len(members["fields"]["asset_ids"]) == 2


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b'{"game": NaN}', b"\xff", b"[" * 10_000, b'{"a":' * 20_000 + b"1"], ids=len
)
def test_a_body_that_is_not_a_json_object_is_refused(body, caller):
    answer = caller.http.post("/api/v1/quotes/", body, content_type="application/json")
    code = "malformed_request" if len(body) < 65_536 else "too_large"
    if body:
        problem(answer, 413 if code == "too_large" else 400, code)
    else:
        problem(answer, 400, "invalid_input")


def test_a_large_body_is_not_read_whole(caller):
    answer = caller.http.post("/api/v1/quotes/", b" " * 70_000, content_type="application/json")
    problem(answer, 413, "too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_is_refused(content_type, caller):
    answer = caller.http.post("/api/v1/quotes/", b"a=1", content_type=content_type)
    problem(answer, 415, "unsupported_media_type")


def test_an_answer_that_the_caller_does_not_accept_is_a_problem(caller):
    problem(caller.get("config/", Accept="text/html"), 406, "not_acceptable")
    assert caller.get("config/", Accept="application/problem+json").status_code == 200


def test_a_wrong_method_is_a_problem_with_the_right_ones(caller):
    answer = caller.http.delete("/api/v1/deposits/")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_an_address_has_no_parameter_for_a_format(caller):
    assert caller.get("config/?format=xml").status_code == 200


def test_too_many_requests_are_a_problem_with_a_time(caller, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"skinsback_read": "2/min"}}
    caller.get("config/"), caller.get("config/")
    answer = caller.get("config/")
    problem(answer, 429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_the_rates_are_counted_for_each_kind_and_user(caller, other, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"skinsback_read": "1/min"}}
    assert caller.get("config/").status_code == other.get("config/").status_code == 200
    problem(caller.get("config/"), 429, "throttled")
    problem(caller.post("quotes/", {"game": "cs2", "market_hash_name": "x"}), 409, "no_price")


def test_a_rate_can_be_switched_off(caller, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"skinsback_read": None}}
    assert {caller.get("config/").status_code for _ in range(300)} == {200}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("maintenance", 503, "under_maintenance"),
        ("rate_limited", 503, "temporary_failure"),
        ("drop_request", 202, None),
        ("shop_not_active", 503, "not_available"),
        ("invalid_ip", 503, "not_available"),
    ],
)
def test_skinsback_away_is_told_without_the_faults_of_the_site(fault, status, code, caller, sandbox):
    sandbox.faults.add(fault, "create", times=2)
    answer = caller.post("deposits/")
    if code is None:
        assert answer.status_code == status
        return
    members = problem(answer, status, code)
    assert answer.headers["Retry-After"] == "60"
    assert not [word for word in ("shop", "ip", "key", "limit") if f" {word} " in members["detail"]]


def test_a_lost_answer_about_the_inventory_is_not_told_as_a_deposit_that_may_exist(caller, rich, sandbox):
    sandbox.faults.add("drop_request", "user_inventory", times=5)
    members = problem(caller.get("inventory/?game=cs2"), 503, "temporary_failure")
    assert members["next_step"] == "try_again"
    assert "history" not in members["detail"]


def test_a_faulty_setting_is_logged_and_not_told(caller, sandbox, settings, caplog):
    settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": ""}
    with caplog.at_level(logging.ERROR, "django_skinsback"):
        members = problem(caller.post("deposits/"), 503, "not_available")
    assert members["detail"] == "This is not available at the moment. Try again in a few minutes."
    assert "CLIENT_SECRET" in caplog.text
    assert "skinsback.rest_request_failed" in caplog.text


def test_a_frozen_user_can_start_nothing(caller, rich, sandbox, item):
    quote = caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}).json()
    players.freeze(rich, None, "fraud")
    for path, body in [
        ("deposits/", {}),
        ("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}),
        ("purchases/", {"quote": quote["id"]}),
    ]:
        members = problem(caller.post(path, body), 403, "user_frozen")
        assert "fraud" not in json.dumps(members)
        assert members["next_step"] == "contact_support"
    assert caller.get("config/").json()["is_frozen"]
    assert not Deposit.objects.exists()
    assert not Purchase.objects.exists()


def test_a_limit_is_told(caller, sandbox, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LIMITS": {"deposits": {"count": 1}}}
    caller.post("deposits/")
    members = problem(caller.post("deposits/"), 429, "limit_reached")
    assert "1 deposit a day" in members["detail"]


def test_a_game_that_is_switched_off_is_told(caller, sandbox, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "DEPOSIT_GAMES": ("rust",)}
    problem(caller.post("deposits/", {"game": "cs2"}), 409, "game_switched_off")
    problem(caller.get("inventory/?game=cs2"), 409, "game_switched_off")


def test_a_busy_inventory_says_when_to_come_back(caller, rich, sandbox):
    assert caller.get("inventory/?game=cs2").status_code == 200
    answer = caller.get("inventory/?game=rust")
    problem(answer, 429, "inventory_busy")
    assert 1 <= int(answer.headers["Retry-After"]) <= 5


@pytest.fixture
def receiver():
    """Connects a receiver of ``entry_posted`` that raises what the test sets."""

    class Receiver:
        error = None

        def __call__(self, **_arguments):
            if self.error:
                raise self.error

    found = Receiver()
    entry_posted.connect(found, weak=False)
    yield found
    entry_posted.disconnect(found)


def test_a_veto_of_the_site_has_its_own_code_and_message(caller, rich, sandbox, item, receiver):
    quote = caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}).json()
    receiver.error = exceptions.PurchaseVetoed("age_limit", "You must be 18.")
    members = problem(caller.post("purchases/", {"quote": quote["id"]}), 409, "age_limit")
    assert members["detail"] == "You must be 18."
    assert not Purchase.objects.exists()
    assert not LedgerEntry.objects.exists()
    receiver.error = None
    assert caller.post("purchases/", {"quote": quote["id"]}).status_code == 201


def test_any_other_error_of_the_site_is_an_error_of_the_server(caller, rich, sandbox, item, receiver):
    quote = caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}).json()
    receiver.error = ImproperlyConfigured("bug")
    with pytest.raises(ImproperlyConfigured):
        caller.post("purchases/", {"quote": quote["id"]})
    assert not Purchase.objects.exists()
    assert Wallet.objects.get(user=rich).balance == 1000


def test_limits_that_exclude_each_other_are_told(caller, sandbox):
    problem(caller.post("deposits/", {"min_amount": "50", "max_amount": "5"}), 409, "limits_impossible")
    assert not Deposit.objects.exists()


@pytest.mark.parametrize("kind", [getattr(exceptions, name) for name in exceptions.__all__ if name != "ACCOUNT_WIDE"])
def test_every_exception_of_the_package_becomes_a_problem(kind):
    error = kind("create", 1, "x") if issubclass(kind, exceptions.APIError) else kind()
    answer = exception_handler(error, {})
    members = problem(answer, answer.status_code, json.loads(answer.content)["code"])
    assert set(members) >= {"type", "title", "status", "detail", "code", "next_step", "next_text"}


def test_the_exceptions_of_the_site_keep_their_code():
    class Teapot(drf.APIException):
        status_code = 418
        default_code = "teapot"
        default_detail = "Short and stout."

    members = problem(exception_handler(Teapot(), {}), 418, "teapot")
    assert members["detail"] == "Short and stout."


def test_an_unexpected_exception_is_left_to_django():
    assert exception_handler(KeyError("x"), {}) is None


def test_texts_are_in_the_language_of_the_request(monkeypatch):
    monkeypatch.setitem(problems.CODES, "not_found", (404, translation.gettext_lazy("Yes")))
    with translation.override("de"):
        members = problem(exception_handler(drf.NotFound(), {}), 404, "not_found")
    assert members["detail"] == "Ja"


def test_every_code_of_the_framework_has_a_text():
    assert {kind.default_code for kind in drf.APIException.__subclasses__()} - set(CODES) <= {
        "error",
        "invalid",
        "parse_error",
        "teapot",
    }
