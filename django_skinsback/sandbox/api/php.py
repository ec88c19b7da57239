"""Functions that read and write values as PHP does: forms, numbers and JSON. The real SkinsBack runs on PHP."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django_skinsback.wire.fields import Number
from django_skinsback.wire.signing import php_float

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def float_text(number: Decimal | Number) -> str:
    """Return a float as PHP converts it to a string (``precision=14``): ``0.3``, ``8``, ``1.0E+15``."""
    return php_float(str(number))


def plain_text(number: Decimal) -> str:
    """Return a decimal number without exponent and without trailing zeros: ``8.28``, ``8``."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def scalar_text(value: object) -> str:
    """Return a JSON scalar as PHP converts it to a string. True becomes ``1``. False and null become empty text."""
    match value:
        case Number():
            return float_text(value)
        case str():
            return value.encode("utf-8", "replace").decode()
        case None | False:
            return ""
        case True:
            return "1"
        case Decimal():
            return float_text(value)
        case _:
            return str(value)


def scalars(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the top-level scalars as text. Arrays and objects are left out: a signature does not cover them."""
    return {key: scalar_text(value) for key, value in values.items() if not isinstance(value, dict | list)}


def parse_form(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return form fields as PHP's ``$_POST`` contains them.

    ``items[0][id]`` becomes a nested dict. If a field is given twice, the last value is kept.
    """
    fields: dict[str, Any] = {}
    for key, value in pairs:
        name, bracket, _ = key.partition("[")
        path = _BRACKETS.findall(key[len(name) :]) if bracket else []
        _put(fields, [re.sub(r"[. ]", "_", name.lstrip(" ")), *path], value)
    return fields


def _put(fields: dict[str, Any], path: list[str], value: str) -> None:
    for position, part in enumerate(path):
        key = part or str(len(fields))
        if position == len(path) - 1:
            fields[key] = value
            return
        inner = fields.get(key)
        if not isinstance(inner, dict):
            inner = fields[key] = {}
        fields = inner


def form_pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, value) pairs as PHP's ``http_build_query`` writes them.

    The name of a nested field has brackets. Null values are left out.
    """
    for key, value in values.items():
        yield from _pairs(key, value)


def _pairs(name: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case dict():
            for key, inner in value.items():
                yield from _pairs(f"{name}[{key}]", inner)
        case list():
            for index, inner in enumerate(value):
                yield from _pairs(f"{name}[{index}]", inner)
        case bool():
            yield name, "1" if value else "0"
        case Decimal():
            yield name, float_text(value)
        case _:
            yield name, str(value)


def json_text(value: object) -> str:
    """Return JSON as PHP's ``json_encode`` writes it: only ASCII, ``\\/`` for ``/``, and ``[]`` for an empty object."""
    match value:
        case dict() if value:
            return "{" + ",".join(f"{_quoted(str(key))}:{json_text(inner)}" for key, inner in value.items()) + "}"
        case dict() | list() | tuple():
            return "[" + ",".join(map(json_text, value)) + "]"
        case Decimal():
            return plain_text(value)
        case str():
            return _quoted(value)
        case _:
            return json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text).replace("/", "\\/")
