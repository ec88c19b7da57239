"""Hypothesis strategies: mutated samples and odd field values."""

import json
import re

from hypothesis import strategies as st

from tests.fuzz.delivery import EVENTS, FORM, JSON, RESULT
from tests.samples import cases, load

NOTIFICATIONS = [load(case) for case in cases() if case.startswith("notification_")]
EVENT_SAMPLES = [load(case) for case in cases() if case.startswith("event_")]
OTHERS = [load(case) for case in cases() if not case.startswith(("notification_", "event_"))]

CHUNKS = [
    b"\x00",
    b"\\u0000",
    b"%00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"%ED%A0%80",
    b"%",
    b"%ff",
    b"%u1234",
    b"&&",
    b"=",
    b";",
    b":",
    b"[]",
    b"[",
    b"]",
    b"[0][",
    b"a[b]=c&",
    b"&order_id=2",
    b"&status=fail",
    b'"',
    b"\\",
    b",",
    b"{",
    b"}",
    b"null",
    b"true",
    b"NaN",
    b"-Infinity",
    b"-0",
    b"1e400",
    b"1E-400",
    b"1e4000000",
    b"9" * 400,
    b"9" * 5000,
    b"0." + b"0" * 300 + b"1",
    b"+1",
    b"0x1f",
    b" 1",
    b"1_000",
    b"1,5",
    "\uff11".encode(),
    "\u0663".encode(),
    b"1.0E+15",
    b'"amount":1,"amount":2,',
    b'"sign":"",',
    b'{"a":' * 40,
    b'{"a":' * 3000,
    b"[" * 40,
    b"[" * 100_000,
    b"[[]," * 2000,
    b"a=1&" * 6000,
    b"a[" * 3000,
    b"a" + b"[a]" * 40,
    b'"x":"' + b"a" * 300_000 + b'",',
    b'"method":"create",',
    b"&method=create",
    "ы".encode("cp1251"),
    "ы".encode("utf-16"),
    "\u202e\ufffe\U0001f4b0".encode(),
    b"\r\n\r\n",
    b"\x1b[2J",
    b"${jndi:x}",
]
"""Byte sequences that are known to break parsers, databases and number formats."""

CONTENT_TYPES = [
    JSON,
    FORM,
    "",
    "text/plain",
    "application/json; charset=utf-8",
    "application/json; charset=cp1251",
    "application/x-www-form-urlencoded; charset=utf-16",
    'application/json; charset="utf-8',
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/json;" + "a" * 5000,
    "APPLICATION/JSON",
    "application/problem+json",
    "\xff\xfe",
    ";;;=",
]
METHODS = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "post", "P\xd6ST"]
PATHS = [
    RESULT,
    EVENTS,
    "/skinsback/result",
    "/skinsback/events",
    "/skinsback/result/second/",
    "/skinsback/events/second",
    "/skinsback/result/?sign=1&status=success",
]

content_types = st.sampled_from(CONTENT_TYPES) | st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=60)
header_values = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=80) | st.sampled_from(
    ["", "0", "null", "a" * 40, "f" * 64, "1" * 10_000, "Basic eDp5", "é" * 64]
)
header_names = st.sampled_from(
    [
        "Signature",
        "Authorization",
        "X-SIGN",
        "Content-Encoding",
        "Transfer-Encoding",
        "X-HTTP-Method-Override",
        "X-Forwarded-For",
        "User-Agent",
        "Expect",
        "Cookie",
        "Host-Override",
        "Accept",
        "Range",
    ]
)
headers = st.dictionaries(header_names, header_values, max_size=4).map(lambda given: tuple(given.items()))


@st.composite
def mutated(draw: st.DrawFn, seeds: st.SearchStrategy[bytes], most: int = 6) -> bytes:
    """Return a seed after some bit flips, cuts, insertions and repetitions."""
    body = draw(seeds)
    for _ in range(draw(st.integers(1, most))):
        first, second = sorted(draw(st.integers(0, len(body))) for _ in range(2))
        match draw(st.sampled_from(["flip", "cut", "insert", "insert", "replace", "repeat", "swap"])):
            case "flip" if first < len(body):
                body = body[:first] + bytes([body[first] ^ 1 << draw(st.integers(0, 7))]) + body[first + 1 :]
            case "cut":
                body = body[:first] + body[second:]
            case "insert":
                body = body[:first] + draw(st.sampled_from(CHUNKS) | st.binary(max_size=8)) + body[first:]
            case "replace":
                body = body[:first] + draw(st.sampled_from(CHUNKS)) + body[second:]
            case "repeat":
                body = body[:second] + body[first:second] * draw(st.integers(1, 3)) + body[second:]
            case "swap":
                body = body[second:] + body[first:second] + body[:first]
    return body


def unsigned(bodies: list[bytes]) -> list[bytes]:
    """Remove ``sign`` from bodies in either encoding."""
    return [re.sub(rb',?\s*"sign":\s*"\w*"|&sign=\w*', b"", body) for body in bodies]


numbers = st.sampled_from(
    [
        "0",
        "-0",
        "-5",
        "1e999",
        "1e-400",
        "1E+2",
        "0.30000000000000004",
        "869.9999999999999",
        "99999999999999",
        "100000000000000",
        "999999999999999",
        "0.0000001",
        "0.000001",
        "1e14",
        "1e13",
        "12.6",
        "9" * 30,
        "9" * 31,
        "9" * 400,
        "1.0E+15",
        "1e15",
    ]
) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
lexemes = (
    numbers
    | st.sampled_from(
        ["null", "true", "false", "[]", "{}", '{"a":[{"b":1.5}]}', '[1,{"name":"\\u00e9"}]', '[null,[],{"1":{}}]']
    )
    | numbers.map(json.dumps)
    | st.text(max_size=12).map(json.dumps)
    | st.text(min_size=60, max_size=400).map(json.dumps)
    | st.sampled_from(
        [
            "success",
            "in_hold",
            "hold_approved",
            "hold_returned",
            "fail",
            "pending",
            "usd",
            "USD",
            "rub",
            "1",
            "13",
            "65",
            " 1",
            "1 ",
            "x" * 64,
            "x" * 65,
            "x" * 255,
            "x" * 256,
            "a;b:c",
            "\u0130",
            "\u017fuccess",
            "accepted",
            "waiting_accept",
            "canceled",
            "2024-99-99",
            "9999-12-31T23:59:59",
            "0001-01-01T00:00:00+14:00",
            "99999999999",
        ]
    ).map(json.dumps)
)


@st.composite
def message(draw: st.DrawFn, seed: dict[str, object], more: list[str]) -> bytes:
    """Return a sample as JSON with some values replaced, some fields removed and some added."""
    fields = {name: json.dumps(value) for name, value in seed.items() if name != "sign"}
    fields |= draw(st.dictionaries(st.sampled_from([*fields, *more]), lexemes, max_size=4))
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
        fields.pop(name, None)
    return ("{" + ",".join(f"{json.dumps(name)}:{lexeme}" for name, lexeme in fields.items()) + "}").encode()
