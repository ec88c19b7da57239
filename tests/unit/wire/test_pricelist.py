"""The price list is decoded in batches of rows. The result is the same as row by row, for chunks of any size."""

import json
import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import UnknownOutcome
from django_skinsback.wire import pricelist
from django_skinsback.wire.pricelist import PriceListReader

ODD_NAMES = [
    'AK-47 "Redline"',
    "a},{b",
    "}]}",
    '{"name":"inner","price":1}',
    "back\\slash\\",
    "Sticker | \U0001f600",
    "龍王",
    "★ StatTrak™",
    "two\nlines",
    "\x7f",
]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
rows = st.fixed_dictionaries(
    {"name": st.sampled_from(ODD_NAMES) | st.text(max_size=8), "price": st.sampled_from(["1.5", 2, 0.1, None, "x"])},
    optional={"classid": values, "count": values, "id": values, "stickers": values, "extra": values},
)


def body_of(items, **options):
    return json.dumps({"status": "success", "items": items, "last_update": "1748862060"}, **options).encode()


def listed(body, size=1 << 16):
    return list(PriceListReader(body[at : at + size] for at in range(0, len(body), size)))


def read_slowly(body):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pricelist.PriceListReader, "_decode_batch", lambda _: [])
        return listed(body)


@given(st.lists(rows | values, max_size=12), st.integers(1, 300), st.booleans(), st.sampled_from([None, 1]))
def test_batches_give_the_same_rows_as_reading_one_by_one(items, size, as_ascii, indent):
    body = body_of(items, ensure_ascii=as_ascii, indent=indent).decode().encode("utf-8", "replace")
    assert listed(body, size) == listed(body) == read_slowly(body)


@pytest.mark.parametrize("number", ["0.0", "1.5e+10", "-1E-5", "12", "true"])
def test_a_number_split_between_two_chunks_is_one_number(number):
    body = f'{{"before":{number},"items":[{number},{{"name":"x","price":1}},{number}],"status":"success"}}'
    assert [item.market_hash_name for item in listed(body.encode(), 1)] == ["x"]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_with_special_characters_are_read_completely(name, size):
    items = [{"name": f"{name} {number}", "price": 1, "extra": [{"a": name}, {}]} for number in range(3)]
    for body in (body_of(items, ensure_ascii=False), body_of(items, indent=2)):
        assert [item.market_hash_name for item in listed(body, size)] == [row["name"] for row in items]


def test_rows_are_read_in_batches(monkeypatch):
    def never(self):
        raise AssertionError("read on its own")

    body = b'{"items":[' + b",".join(b'{"name":"%d","price":1.50}' % number for number in range(1000)) + b"]}"
    reader = PriceListReader([body[:-2], b'],"status":"success"}'])
    read = iter(reader)
    first = next(read)
    monkeypatch.setattr(json.JSONDecoder, "raw_decode", never)
    assert [first.market_hash_name, *(next(read).market_hash_name for _ in range(999))] == list(map(str, range(1000)))


@pytest.mark.parametrize(
    "items",
    [b'{"name":"x","price":1}{}', b'{"name":"x","price":1},', b'{"name":"x","price":1},,{}', b'{"name":"x}', b"}"],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_rows_that_are_not_a_list_are_refused(items, size):
    """Row 55: a list that cannot be read to its end is refused."""
    with pytest.raises(UnknownOutcome):
        listed(b'{"status":"success","items":[' + items + b"]}", size)


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ("0.30", Decimal("0.30")),
        ('"0.30"', Decimal("0.30")),
        ("7", Decimal(7)),
        ('"1234567.123456"', Decimal("1234567.123456")),
        ("1.1234567", Decimal("1.123456")),
        ("1e2", Decimal(100)),
        ("true", None),
        ("null", None),
        ("[1]", None),
        ('" 1"', None),
        ('"1_0"', None),
        ('"\u0661"', None),
        ("-1", None),
        ("99999999999999999999", None),
    ],
)
def test_a_price_is_exact_or_refused(written, price):
    items = listed(f'{{"status":"success","items":[{{"name":"x","price":{written}}}]}}'.encode())
    assert [item.price for item in items] == ([] if price is None else [price])


def test_values_that_a_database_cannot_store_are_not_read():
    row = {"name": "x", "price": 1, "classid": "c" * 65, "id": "i" * 65, "count": 1 << 31}
    (item,) = listed(body_of([row, {**row, "name": "n" * 256}, {**row, "name": "a\0b"}, {**row, "name": "\ud800"}]))
    assert (item.class_id, item.skin_id, item.count) == ("", "", None)


def long_list(number_of_rows):
    row = b'{"id":"%d","name":"AK-47 | Safari Mesh %d","price":%d.%02d,"classid":"1","instanceid":"0"},'

    def pieces():
        yield b'{"status":"success","items":['
        for start in range(0, number_of_rows, 500):
            yield b"".join(row % (n, n, n % 977, n % 100) for n in range(start, start + 500))
        yield b"{}]}"

    return pieces()


def peak_of(number_of_rows):
    tracemalloc.start()
    try:
        assert sum(1 for _ in PriceListReader(long_list(number_of_rows))) == number_of_rows
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_list():
    peak_of(5_000)  # fills the memory of prices
    assert peak_of(40_000) < 1.2 * peak_of(10_000)
