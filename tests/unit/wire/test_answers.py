import gzip
import json
import tracemalloc
import zlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import (
    APIError,
    MarketDisabled,
    OrderIdExists,
    RateLimited,
    SkinsBackError,
    UnknownOutcome,
)
from django_skinsback.wire.answers import bounded, read_answer
from django_skinsback.wire.fields import Number
from django_skinsback.wire.pricelist import PriceListReader
from django_skinsback.wire.types import DepositReport, PriceListItem
from tests.samples import load

METHODS = ["create", "orderstatus", "market_buy", "balance"]


def read(method, body, http_status=200):
    return read_answer(method, http_status, body, dict)


def test_a_good_answer_gives_its_fields():
    answer = read("create", load("create").body)
    assert answer["transaction_id"] == 13


@pytest.mark.parametrize("http_status", [200, 400, 403, 404, 429, 500, 502, 503])
def test_the_http_status_is_ignored(http_status):
    assert read("create", load("create").body, http_status)["status"] == "success"
    with pytest.raises(RateLimited):
        read("create", load("rate_limited").body, http_status)


@pytest.mark.parametrize("method", METHODS)
def test_an_error_is_raised_with_method_code_and_message(method):
    with pytest.raises(APIError) as raised:
        read(method, load("create_error").body)
    error = raised.value
    assert (error.method, error.code, error.message) == (method, 1, "invalid_order_id")


def test_the_same_error_has_another_code_in_another_method():
    with pytest.raises(OrderIdExists):
        read("create", load("create_order_id_exists").body)
    with pytest.raises(OrderIdExists):
        read("create_from_user_inventory", load("create_from_user_inventory_error").body)


@pytest.mark.parametrize("code", ["-7", '"-7"'])
def test_a_code_may_be_a_number_or_digits(code):
    with pytest.raises(RateLimited) as raised:
        read("orders", b'{"status":"error","error_code":%s,"error_message":"x"}' % code.encode())
    assert raised.value.code == -7


def test_an_error_may_be_known_by_its_message_alone():
    with pytest.raises(MarketDisabled):
        read("market_buy", b'{"status":"error","error_message":"market_disabled"}')


@pytest.mark.parametrize(
    "rest", ["", ',"error_code":null', ',"error_code":"x","error_message":[]', ',"error_message":"oops"']
)
def test_an_error_without_code_and_message_is_an_unknown_outcome(rest):
    with pytest.raises(UnknownOutcome):
        read("market_buy", b'{"status":"error"%s}' % rest.encode())


@pytest.mark.parametrize(
    "status", ["pending", "success", "fail", "in_hold", "hold_approved", "hold_returned", "new_word"]
)
def test_the_status_in_orderstatus_is_the_status_of_the_deposit(status):
    report = read_answer("orderstatus", 200, json.dumps({"status": status}).encode(), DepositReport.from_wire)
    assert report.status == status


@pytest.mark.parametrize("status", ["fail", "pending", "", None, True, 1, [], {"status": "success"}])
def test_any_other_status_is_an_unknown_outcome(status):
    with pytest.raises(UnknownOutcome):
        read("create", json.dumps({"status": status}).encode())


NO_ANSWERS = [
    b"",
    b" ",
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"status":"success"',
    b'{"status":"success"} trailing',
    b'{"status":"succ',
    b'\xef\xbb\xbf{"status":"success"}',
    '{"status":"success"}'.encode("utf-16"),
    b'{"status":"success","name":"\xff"}',
    b'{"status":"success","name":"\\ud800"}',
    b'{"status":"success","amount":NaN}',
    b'{"status":"success","amount":' + b"1" * 5000 + b"}",
    b'{"status":"success","x":' + b"[" * 100_000,
    b'["status","success"]',
    b'"success"',
    b"null",
    b"{}",
    b'{"message":"Bad Gateway"}',
    b'{"data":{"status":"success"}}',
]


@pytest.mark.parametrize("body", NO_ANSWERS, ids=lambda body: repr(body[:30]))
@pytest.mark.parametrize("method", METHODS)
def test_anything_that_is_not_an_answer_of_skinsbacks_is_an_unknown_outcome(method, body):
    with pytest.raises(UnknownOutcome) as raised:
        read(method, body, 502)
    assert raised.value.__context__ is None


def reports_success(body):
    """Whether the body is a valid answer. Hypothesis also tries texts that it finds in the code."""
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("status") == "success"


@given(st.binary().filter(lambda body: not reports_success(body)))
def test_any_bytes_are_an_unknown_outcome(body):
    with pytest.raises(UnknownOutcome):
        read("market_buy", body)


def test_an_exception_contains_neither_the_body_nor_a_long_message():
    body = json.dumps({"status": "error", "error_code": 3, "error_message": "x" * 200, "token": "i1ArBZey"}).encode()
    with pytest.raises(APIError) as raised:
        read("market_buy", body)
    assert len(str(raised.value)) < 150
    assert "i1ArBZey" not in repr(vars(raised.value))


def test_fractions_stay_text():
    answer = read("create", b'{"status":"success","a":0.1,"b":1e400,"c":0.30000000000000004,"d":1}')
    assert (answer["a"], answer["b"], answer["c"]) == ("0.1", "1e400", "0.30000000000000004")
    assert all(type(answer[name]) is Number for name in "abc")
    assert answer["d"] == 1


# Size and packing


def unpack(chunks, encoding="", limit=1000):
    return b"".join(bounded(chunks, encoding, limit))


def test_a_body_within_the_limit_is_returned_complete():
    assert unpack([b"x" * 500, b"y" * 500]) == b"x" * 500 + b"y" * 500


def test_reading_stops_at_the_limit():
    def endless():
        while True:
            yield b"x" * 400

    with pytest.raises(UnknownOutcome, match="1000"):
        unpack(endless())


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_gzipped_body_is_unpacked_in_chunks_of_any_size(size):
    text = bytes(range(256)) * 100
    packed = gzip.compress(text)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert unpack(pieces, "gzip", len(text)) == text
    assert unpack(pieces, " GZIP ", len(text)) == text
    with pytest.raises(UnknownOutcome):
        unpack(pieces, "gzip", len(text) - 1)


def test_a_zip_bomb_is_stopped_at_the_limit_and_uses_little_memory():
    bomb = gzip.compress(b"\0" * (200 << 20), compresslevel=9)
    tracemalloc.start()
    with pytest.raises(UnknownOutcome, match="larger"):
        for _ in bounded([bomb], "gzip", 1 << 20):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize(
    ("chunks", "encoding"),
    [
        ([gzip.compress(b"x" * 900)[:-1]], "gzip"),
        ([gzip.compress(b"x" * 900)[:20]], "gzip"),
        ([], "gzip"),
        ([b"not packed"], "gzip"),
        ([zlib.compress(b"x")], "deflate"),
        ([b"x"], "br"),
        ([gzip.compress(gzip.compress(b"x"))], "gzip, gzip"),
    ],
)
def test_another_encoding_or_an_incomplete_body_is_an_unknown_outcome(chunks, encoding):
    with pytest.raises(UnknownOutcome):
        unpack(chunks, encoding)


# Price lists


def pieces_of(body, size):
    return [body[at : at + size] for at in range(0, len(body), size)]


def listed(body, size=50):
    return list(PriceListReader(pieces_of(body, size)))


def test_a_price_list_is_read():
    reader = PriceListReader([load("market_pricelist").body])
    assert list(reader) == [
        PriceListItem(
            market_hash_name="SSG 08 | Fever Dream (Field-Tested)",
            price=Decimal("77.02"),
            class_id="3770669160",
            count=2,
        )
    ]
    assert reader.last_update == datetime(2025, 6, 2, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 10_000])
def test_a_full_price_list_is_read_in_chunks_of_any_size(size):
    items = listed(load("market_pricelist_full").body, size)
    assert [item.skin_id for item in items] == ["62696971", "62696971"]
    assert [item.price for item in items] == [Decimal("312.5")] * 2
    assert items[0].market_hash_name.startswith("★ Bayonet")


def test_the_whole_list_has_the_time_of_its_last_update():
    late = b'{"items":[{"name":"x","price":"1.50"}],"status":"success","last_update":"1748862060"}'
    price_list = PriceListReader([late]).read()
    assert price_list.last_update == datetime(2025, 6, 2, 11, 1, tzinfo=UTC)
    assert [item.price for item in price_list.items] == [Decimal("1.50")]


@pytest.mark.parametrize(
    "items",
    [
        b"[]",
        b"{}",
        b"null",
        b'""',
        b"0",
        b" [ ] ",
        b"[null, 1, [], {}]",
        b'[{"name":"x"}]',
        b'[{"name":"x","price":-1}]',
    ],
)
def test_a_price_list_may_contain_no_usable_row(items):
    assert listed(b'{"status":"success","items":' + items + b"}") == []


def test_a_price_list_may_be_an_object():
    items = listed(b'{"status":"success","items":{"1":{"name":"x","price":1},"5":{"name":"y","price":2}},"z":[{}]}', 1)
    assert [item.market_hash_name for item in items] == ["x", "y"]


@pytest.mark.parametrize("price", ["1.10", "0.30000000000000004", "8", '"8.28"', "1e2"])
def test_prices_are_exact(price):
    (item,) = listed(b'{"status":"success","items":[{"name":"x","price":%s}]}' % price.encode(), 3)
    assert abs(item.price - Decimal(price.strip('"'))) < Decimal("0.000001")
    assert item.price <= Decimal(price.strip('"'))


def test_an_error_instead_of_a_price_list_is_raised():
    with pytest.raises(MarketDisabled):
        listed(b'{"status":"error","error_code":-6,"error_message":"market_disabled"}')


@pytest.mark.parametrize(
    "body",
    [body for body in NO_ANSWERS if b"amount" not in body and b"ud800" not in body],
    ids=lambda body: repr(body[:30]),
)
def test_anything_that_is_not_a_price_list_is_an_unknown_outcome(body):
    with pytest.raises(UnknownOutcome):
        listed(body, 1000)


WHOLE = load("market_pricelist_full").body


@pytest.mark.parametrize("length", range(0, len(WHOLE) - 1, 7))
def test_an_incomplete_price_list_is_an_unknown_outcome(length):
    with pytest.raises(UnknownOutcome):
        listed(WHOLE[:length])


@pytest.mark.parametrize("rest", [b"x", b"{}", b"\xff", b"\xe2\x98"])
def test_anything_after_a_price_list_is_an_unknown_outcome(rest):
    with pytest.raises(UnknownOutcome):
        listed(WHOLE + rest)


def test_reading_a_row_without_end_is_stopped():
    def endless():
        yield b'{"status":"success","items":[{"name":"'
        while True:
            yield b"x" * 65536

    with pytest.raises(UnknownOutcome):
        list(PriceListReader(endless()))


def test_a_long_price_list_uses_little_memory():
    row = b'{"id":"%d","name":"AK-47 | Safari Mesh","price":12.34,"classid":"1"},'

    def long():
        yield b'{"status":"success","items":['
        for number in range(20_000):
            yield row % number
        yield b"{}]}"

    tracemalloc.start()
    count = sum(1 for _ in PriceListReader(long()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 1 << 20


def test_an_answer_without_a_list_is_not_an_empty_price_list():
    assert listed(b'{"status":"success","items":[]}') == []
    with pytest.raises(UnknownOutcome):
        listed(b'{"status":"success"}')


any_body = st.binary() | st.text(alphabet='{}[]":,items0.').map(str.encode)


@given(any_body.filter(lambda body: not (reports_success(body) and b"items" in body)), st.integers(1, 8))
def test_any_bytes_are_no_price_list(body, size):
    with pytest.raises(SkinsBackError):
        listed(body, size)


prices = st.integers(0, 10**9).map(lambda cents: f"{cents // 100}.{cents % 100:02}")


@given(st.lists(st.tuples(st.text(min_size=1).filter(lambda name: "\0" not in name), prices)), st.integers(1, 200))
def test_every_row_of_a_price_list_is_read_in_chunks_of_any_size(rows, size):
    items = [{"name": name, "price": price} for name, price in rows]
    body = json.dumps({"status": "success", "items": items}, ensure_ascii=False).encode("utf-8", "replace")
    expected = json.loads(body)["items"]
    found = listed(body, size)
    assert [(item.market_hash_name, item.price) for item in found] == [
        (row["name"], Decimal(row["price"])) for row in expected
    ]
