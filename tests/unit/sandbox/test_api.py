"""Who may call the API: keys, signatures, request bodies and the rate limit."""

import hashlib
import hmac
import json
from decimal import Decimal

import pytest
from werkzeug.test import Client

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Options, Sandbox
from tests.support.documented_signatures import signed_by_javascript, signed_by_php
from tests.unit.sandbox import KEYS, PARTNER, TOKEN, refused


def php_sign(params, secret):
    text = "".join(f"{key}:{params[key]};" for key in sorted(params) if "[" not in key)
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest()


def test_a_get_is_refused(sandbox):
    answer = Client(sandbox.app).get("/api.php")
    assert (answer.status_code, answer.get_json()) == (200, refused(-1, "please_use_post_method"))


def test_an_unknown_client_id_is_refused(call):
    assert call("status", headers={"X-CLIENT-ID": "nobody"}) == refused(-2, "invalid_shopid")


def test_a_wrong_client_secret_is_refused(call):
    headers = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": "wrong"}
    assert call("status", headers=headers) == refused(-10, "invalid_client_secret")


def test_an_unknown_method_is_refused(call):
    assert call("market_sell") == refused(-5, "invalid_method")


def test_a_signature_over_the_scalars_is_accepted(call):
    params = {"method": "market_batch_buy", "shopid": CLIENT_ID, "partner": PARTNER, "token": TOKEN}
    params |= {"sign": php_sign(params, CLIENT_SECRET), "items[0][id]": "1"}
    del params["method"]
    answer = call("market_batch_buy", headers={}, **params)
    assert answer["unavailable"]["1"]["error_message"] == "skin_unavailable"


def test_a_signature_over_other_text_is_refused(call):
    sign = php_sign({"method": "balance", "shopid": CLIENT_ID}, CLIENT_SECRET)
    assert call("status", headers={}, shopid=CLIENT_ID, sign=sign) == refused(-3, "invalid_signature")


def test_a_json_body_is_read_like_a_form(sandbox):
    body = {"method": "create", "shopid": CLIENT_ID, "order_id": "1", "widget": True, "items": ["unsigned"]}
    signed = {"method": "create", "shopid": CLIENT_ID, "order_id": "1", "widget": "1"}
    answer = Client(sandbox.app).post("/api.php", json={**body, "sign": php_sign(signed, CLIENT_SECRET)}).get_json()
    assert answer["status"] == "success"
    assert sandbox.deposit("1").widget


JSON_VALUES = {
    "words": '"widget": "1", "order_id": "1"',
    "true": '"widget": true',
    "false": '"full": false',
    "null": '"start_from": null',
    "a short float": '"min_amount": 8.28',
    "a long float": '"min_amount": 0.30000000000000004',
    "a float as PHP may write it": '"min_amount": 40.759999999999998',
    "a small float": '"min_amount": 1e-7',
    "a large float": '"min_amount": 1e+25',
    "a whole float": '"min_amount": 5',
    "whole numbers": '"starting": 1750000000, "steam_id": 76561198827262000',
    "nested": '"items": [{"id": 1}], "more": {"id": 1}, "none": []',
    "all": '"widget": true, "full": false, "min_amount": 0.30000000000000004, "max_amount": 870.5, "game": null',
}


@pytest.mark.parametrize("sign", [signed_by_php, signed_by_javascript])
@pytest.mark.parametrize("values", JSON_VALUES.values(), ids=JSON_VALUES)
def test_a_json_call_signed_by_either_documented_sample_is_accepted(sandbox, sign, values):
    body = f'{{"method": "status", "shopid": "{CLIENT_ID}", {values}'
    signature = sign(json.loads(body + "}"), CLIENT_SECRET)

    body += f', "sign": "{signature}"}}'
    answer = Client(sandbox.app).post("/api.php", data=body, content_type="application/json")

    assert answer.get_json() == {"status": "success", "available": True}


@pytest.mark.parametrize("sign", [signed_by_php, signed_by_javascript])
def test_a_json_call_whose_value_was_changed_after_signing_is_refused(sandbox, sign):
    body = {"method": "status", "shopid": CLIENT_ID, "widget": True, "min_amount": 0.1 + 0.2, "game": None}
    signature = sign(body, CLIENT_SECRET)
    for changed in ({"widget": False}, {"min_amount": 0.31}, {"game": "cs2"}, {"more": ""}, {"method": "balance"}):
        answer = Client(sandbox.app).post("/api.php", json={**body, **changed, "sign": signature})
        assert answer.get_json() == refused(-3, "invalid_signature")


def test_a_json_call_is_read_as_php_reads_it(sandbox):
    body = {"method": "create", "order_id": "1", "currency": "usd", "widget": True, "game": None}
    body |= {"min_amount": 40.76 - 7e-15, "max_amount": 869.9999999999999}
    assert json.dumps(body["min_amount"]) == "40.75999999999999"

    answer = Client(sandbox.app).post("/api.php", json=body, headers=KEYS).get_json()

    assert answer["status"] == "success"
    deposit = sandbox.deposit("1")
    assert (deposit.widget, deposit.min_amount, deposit.max_amount) == (True, Decimal("40.76"), Decimal(870))


def test_a_form_is_signed_over_its_unchanged_text(call):
    params = {"method": "status", "shopid": CLIENT_ID, "min_amount": "10.50", "widget": "true", "game": ""}
    signature = signed_by_javascript(params, CLIENT_SECRET)
    assert call(headers={}, sign=signature, **params)["status"] == "success"
    assert call(headers={}, sign=signature, **{**params, "min_amount": "10.5"}) == refused(-3, "invalid_signature")


@pytest.mark.parametrize("body", [b"[1]", b"{", b"[" * 100_000, b'"\xff"', b"1e999999"])
def test_an_unreadable_json_body_is_refused_as_an_unknown_client(sandbox, body):
    answer = Client(sandbox.app).post("/api.php", data=body, content_type="application/json")
    assert answer.get_json() == refused(-2, "invalid_shopid")


def test_the_second_project_sees_nothing_of_the_first(call, sandbox):
    call("create", order_id="1")
    second = {"X-CLIENT-ID": "sandbox-2", "X-CLIENT-SECRET": "sandbox-2-secret-never-real"}
    assert call("orderstatus", headers=second, order_id="1") == refused(4, "transaction_not_found")
    assert call("create", headers=second, order_id="1")["status"] == "success"


def test_more_calls_than_allowed_are_refused_until_a_minute_has_passed():
    sandbox = Sandbox(manual=True, options=Options(rate_limit=2))
    client = Client(sandbox.app)

    def code():
        return client.post("/api.php", data={"method": "status"}, headers=KEYS).get_json().get("error_code")

    assert [code(), code(), code()] == [None, None, -7]
    sandbox.clock.advance(seconds=59)
    assert code() == -7
    sandbox.clock.advance(seconds=1)
    assert code() is None
