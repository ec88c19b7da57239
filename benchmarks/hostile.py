"""Unsigned bodies just under the size limit that are made to be slow to read."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

from benchmarks.deliveries import FORM, JSON, OURS, Delivery

LIMIT = 262_144
_SIGN = "0" * 40


def hostile() -> Iterator[tuple[str, Delivery]]:
    """Yield each delivery with its name."""
    for name, body in _json():
        yield f"JSON, {name}", Delivery(OURS, body.encode(), JSON)
    for name, body in _form():
        yield f"form, {name}", Delivery(OURS, body.encode(), FORM)


def _json() -> Iterator[tuple[str, str]]:
    yield "deep lists", "[" * (LIMIT - 1)
    yield "deep objects", '{"a":' * (LIMIT // 5 - 1)
    yield "deep and closed", '{"sign":"' + _SIGN + '","a":' + "[" * 900 + "]" * 900 + "," + _filled('"b', '":1', "}")
    yield "4,900 fields", _object((f"key{number:04}", "v" * 30) for number in range(4900))
    yield "thousands more fields than allowed", _object((f"k{number}", 1) for number in range(17_000))
    yield "4,900 numbers", _object((f"k{number}", 1.2345678901234567e-300) for number in range(4900))
    yield "4,900 numbers of 40 digits", _object((f"k{number}", int("9" * 38)) for number in range(4900))
    yield "one huge number", '{"sign":"' + _SIGN + '","amount":' + "9" * (LIMIT - 80) + "}"
    yield "a fraction without end", '{"sign":"' + _SIGN + '","amount":0.' + "1" * (LIMIT - 80) + "}"
    yield "a huge exponent", '{"sign":"' + _SIGN + '","amount":1e' + "9" * (LIMIT - 80) + "}"
    yield "one long text", _object([("status", "s" * (LIMIT - 100))])
    yield "one long text of escapes", '{"sign":"' + _SIGN + '","status":"' + "\\u00e9" * (LIMIT // 6 - 20) + '"}'
    yield "one long text of semicolons", _object([("status", ";" * (LIMIT - 100))])
    yield "one long text of pairs", _object([("status", "a:b;" * (LIMIT // 4 - 30))])
    yield "a list of ten thousands", '{"sign":"' + _SIGN + '","skins":[' + "1," * (LIMIT // 2 - 50) + "1]}"
    yield "nested objects, many", '{"sign":"' + _SIGN + '","skins":[' + "{}," * (LIMIT // 3 - 30) + "{}]}"
    yield "a long name", _object([("n" * (LIMIT - 100), "1")])


def _form() -> Iterator[tuple[str, str]]:
    signed = f"sign={_SIGN}&"
    yield "4,900 fields", signed + urlencode([(f"key{number:04}", "v" * 42) for number in range(4900)])
    yield "more fields than allowed", signed + "a=1&" * (LIMIT // 4 - 20)
    yield "ampersands", signed + "&" * (LIMIT - 60)
    yield "4,900 nested fields", signed + urlencode([(f"a[{number}][b][c]", "v" * 18) for number in range(4900)])
    yield "brackets", signed + "a" + "[" * (LIMIT - 70) + "=1"
    yield "deep brackets", signed + "a" + "[b]" * (LIMIT // 3 - 40) + "=1"
    yield "30 levels, many", signed + "&".join(f"a{number}{'[b]' * 30}=1" for number in range(2500))
    yield "percent signs", signed + "a=" + "%" * (LIMIT - 70)
    yield "escapes", signed + "a=" + "%C3%A9" * (LIMIT // 6 - 20)
    yield "semicolons", signed + "a=" + ";" * (LIMIT - 70)
    yield "colons and semicolons", signed + "a=" + "b:c;" * (LIMIT // 4 - 20)
    yield "one long text", signed + "status=" + "s" * (LIMIT - 70)


def _object(pairs: object) -> str:
    return json.dumps({"sign": _SIGN, **dict(pairs)})  # type: ignore[call-overload] # pairs of names and values


def _filled(before: str, after: str, end: str) -> str:
    number = LIMIT - 2000
    return before + "x" * number + after + end
