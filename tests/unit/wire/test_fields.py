"""``parse_scalars``: the scalars of a body, read without its nested fields."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import UnreadableNotification
from django_skinsback.wire.fields import MAX_SCALARS, Number, parse_fields, parse_scalars

JSON, FORM = "application/json", "application/x-www-form-urlencoded"

words = st.text(max_size=20)
scalars = words | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(words, inner), max_leaves=20)


def the_same(body, content_type):
    """Assert that ``parse_scalars`` returns the scalars of ``parse_fields`` if that accepts the body."""
    try:
        fields = parse_fields(body, content_type)
    except UnreadableNotification:
        return
    expected = {name: value for name, value in fields.items() if not isinstance(value, dict | list)}
    given = parse_scalars(body, content_type)
    assert given == expected
    assert {name: type(value) for name, value in given.items()} == {
        name: type(value) for name, value in expected.items()
    }


@given(st.dictionaries(words, values, max_size=20), st.booleans())
def test_scalars_of_json_are_those_of_parse_fields(fields, ascii_only):
    the_same(json.dumps(fields, ensure_ascii=ascii_only, indent=1).encode("utf-8", "surrogatepass"), JSON)


@given(st.lists(st.tuples(words | st.sampled_from(["a[b]", "a[b][]", "[", "a b", "+"]), words), max_size=20))
def test_scalars_of_a_form_are_those_of_parse_fields(pairs):
    the_same(urlencode(pairs).encode(), FORM)
    the_same("&".join("=".join(pair) for pair in pairs).encode("utf-8", "surrogatepass"), FORM)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    for content_type in (JSON, FORM):
        the_same(body, content_type)
        try:
            parse_scalars(body, content_type)
        except UnreadableNotification:
            continue


def test_numbers_keep_the_text_they_were_sent_as():
    read = parse_scalars(b'{"a": 10.50, "b": -1e400, "c": "10.50", "d": [1], "e": {"f": 2}}', JSON)

    assert read == {"a": Number("10.50"), "b": Number("-1e400"), "c": "10.50"}
    assert isinstance(read["a"], Number)
    assert not isinstance(read["c"], Number)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b"[" * 100_000,
        b"{" + b",".join(b'"%d":""' % number for number in range(MAX_SCALARS + 1)) + b"}",
        b"&".join(b"%d=" % number for number in range(MAX_SCALARS + 1)),
        b'{"a":"' + b"x" * 5000 + b'"}',
        b"a=" + b"%41" * 5000,
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1',
        b'{"a":"\\ud800"}',
        b"a=\xff",
    ],
    ids=["deep", "many", "many in a form", "long", "long in a form", "long number", "cut", "surrogate", "not UTF-8"],
)
def test_too_many_or_too_long_scalars_are_refused(body):
    with pytest.raises(UnreadableNotification):
        parse_scalars(body, JSON if body.startswith(b"{") else FORM)


def test_many_nested_fields_are_accepted():
    skins = [(f"skins[{number}][name]", "AK-47 | Redline") for number in range(1000)]

    assert parse_scalars(urlencode([*skins, ("status", "success")]).encode(), FORM) == {"status": "success"}


def test_a_signature_of_any_length_is_returned():
    assert len(parse_scalars(b"sign=" + b"x" * 100_000, FORM)["sign"]) == 100_000


@pytest.mark.parametrize(("lists", "is_read"), [(30, True), (31, False), (32, False)])
def test_a_value_in_more_than_31_nested_containers_is_refused(lists, is_read):
    body = b'{"a":' + b"[" * lists + b"1" + b"]" * lists + b"}"

    if is_read:
        assert set(parse_fields(body, JSON)) == {"a"}
    else:
        with pytest.raises(UnreadableNotification, match="nested too deeply"):
            parse_fields(body, JSON)


@pytest.mark.parametrize(
    "body",
    [
        b"a=%00",
        b"a=\x00",
        b"%00=1",
        b"\x00=1",
        b"a[%00]=1",
        b"a[b]=x%00y",
        b"a=%%00",
        b'{"a": "\\u0000"}',
        b'{"a": {"b": "\\u0000"}}',
        b'{"a": ["\\ud800"]}',
        b'{"\\ud800": 1}',
    ],
)
def test_a_field_that_cannot_be_stored_is_refused(body):
    with pytest.raises(UnreadableNotification, match="cannot be stored"):
        parse_fields(body, JSON if body.startswith(b"{") else FORM)


@pytest.mark.parametrize(
    "body",
    [
        b"a.b=1&a_b=2",
        b"a b=1&a.b=2",
        b"%20a=1&a=2",
        b"a=1&a[b]=2",
        b"a[b]=1&a=2",
        b"a.b[c]=1&a_b=2",
        b'{"a.b": 1, "a_b": 2}',
        b'{" a": 1, "a": {}}',
    ],
)
def test_two_names_that_php_stores_as_one_are_refused(body):
    with pytest.raises(UnreadableNotification, match="given twice"):
        parse_fields(body, JSON if body.startswith(b"{") else FORM)


def test_an_escaped_percent_sign_before_two_zeros_is_not_a_nul():
    assert parse_fields(b"a=%2500", FORM) == {"a": "%00"}
