"""Functions that read the body of a notification, which is a form or JSON.

A JSON number is returned as the text that was sent. Anyone can send a body, so a large body must be refused quickly.
``parse_scalars`` reads only the scalars. The signature covers only the scalars, so they are enough to verify it.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from ..exceptions import UnreadableNotification

MAX_FIELDS = 5000
MAX_SCALARS = 200
"""The largest number of scalars in a body. SkinsBack documents about twelve."""
MAX_SCALAR_LENGTH = 4096
MAX_DEPTH = 32

_SCALARS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SCALAR = msgspec.json.Decoder(str | bool | None)
_BEGIN_OF_NUMBERS = frozenset({bytes([digit]) for digit in b"-0123456789"})
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Finds NUL and surrogates (halves of a character). Some databases cannot store them."""


class Number(str):
    """A JSON number as the text that was sent, such as ``10.50``."""

    __slots__ = ()


def parse_fields(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the top-level fields of a body as a dict. Nested fields are dicts and lists.

    SkinsBack does not document the content type of its notifications. A body is read as JSON if it begins with ``{`` or
    ``[``, or if its content type is JSON and the body contains no ``=``. Every other body is read as a form.

    Raises UnreadableNotification for multipart, a field that is given twice, a charset other than UTF-8, NUL, NaN, more
    than 5000 fields and more than 32 levels: such a body can be read in two ways, or cannot be stored.
    """
    text, is_json = _body_text(body, content_type)
    fields = _parse_json(text) if is_json else _parse_form(text)
    if len({_php_name(name) for name in fields}) != len(fields):
        raise UnreadableNotification("A field is given twice.")
    return fields


def parse_scalars(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the top-level scalars of a body as a dict, without reading its objects and lists.

    This function is much faster than ``parse_fields``. If both accept a body, they return the same scalars. Raises
    UnreadableNotification, but accepts some bodies that ``parse_fields`` refuses.
    """
    text, is_json = _body_text(body, content_type)
    return _json_scalars(body) if is_json else _form_scalars(text)


def _json_scalars(body: bytes) -> dict[str, Any]:
    if body.count(b":") > 2 * MAX_FIELDS:
        raise UnreadableNotification("The notification has too many fields.")
    # The error is raised below, so that its context does not contain the body.
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raw = ((name, bytes(value)) for name, value in _SCALARS.decode(body).items())
        written = {name: value for name, value in raw if value[:1] not in {b"{", b"["}}
        _check_sizes(written)
        return {name: _json_scalar(value) for name, value in written.items()}
    raise UnreadableNotification("The body is not a JSON object.")


def _json_scalar(value: bytes) -> Any:
    return Number(value.decode()) if value[:1] in _BEGIN_OF_NUMBERS else _SCALAR.decode(value)


def _form_scalars(text: str) -> dict[str, Any]:
    if text.count("&") >= MAX_FIELDS:
        raise UnreadableNotification("The body is not a form in UTF-8, or has too many fields.")
    pairs = [piece.partition("=")[::2] for piece in text.split("&") if piece]
    written = {name: value for name, value in pairs if "[" not in name and "%5b" not in name.lower()}
    _check_sizes(written)
    return {unquote_plus(name): unquote_plus(value) for name, value in written.items()}


def _check_sizes(written: Mapping[str, bytes | str]) -> None:
    longest = max((len(name) + len(value) for name, value in written.items() if name != "sign"), default=0)
    if len(written) > MAX_SCALARS or longest > MAX_SCALAR_LENGTH:
        raise UnreadableNotification("The notification has too many fields, or one that is too long.")


def _body_text(body: bytes, content_type: str) -> tuple[str, bool]:
    """Return the body as text, and whether it is JSON. Raise UnreadableNotification if it is not UTF-8."""
    kind, _, parameters = content_type.lower().partition(";")
    kind = kind.strip()
    if kind.startswith("multipart/"):
        raise UnreadableNotification("Multipart notifications are not supported.")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters)
    if charset and charset[1] not in {"utf-8", "utf8"}:
        raise UnreadableNotification("Only UTF-8 is supported.")
    text = None
    with suppress(UnicodeDecodeError):
        text = body.decode()
    if text is None:
        raise UnreadableNotification("The body is not UTF-8.")
    if text.startswith("\ufeff"):
        raise UnreadableNotification("The body begins with a byte order mark.")
    return text, text.lstrip()[:1] in {"{", "["} or (kind.endswith("json") and "=" not in text)


def _parse_json(text: str) -> dict[str, Any]:
    count = 0

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal count
        count += len(items)
        fields = dict(items)
        if len(fields) != len(items):
            raise UnreadableNotification("A field is given twice.")
        if count > MAX_FIELDS:
            raise UnreadableNotification("The notification has too many fields.")
        return fields

    def constant(name: str) -> None:
        raise UnreadableNotification(f"{name} is not a number.")

    value = None
    # The error is raised below, so that its context does not contain the body.
    with suppress(json.JSONDecodeError, RecursionError):
        value = json.loads(text, object_pairs_hook=pairs, parse_float=Number, parse_int=Number, parse_constant=constant)
    if not isinstance(value, dict):
        raise UnreadableNotification("The body is not a JSON object.")
    # A body with few brackets is not nested too deeply. Only an escape sequence can contain a character that cannot be
    # stored.
    if "\\u" in text or text.count("[") + text.count("{") >= MAX_DEPTH:
        _check_nested(value)
    return value


def _check_nested(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[object] = []
        for item in level:
            if isinstance(item, dict):
                deeper += [*item, *item.values()]
            elif isinstance(item, list):
                deeper += item
            elif isinstance(item, str) and UNSTORABLE.search(item):
                raise UnreadableNotification("The notification contains a character that cannot be stored.")
        if not deeper:
            return
        level = deeper
    raise UnreadableNotification("The notification is nested too deeply.")


def _parse_form(text: str) -> dict[str, Any]:
    pairs = None
    with suppress(ValueError):
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    if pairs is None:
        raise UnreadableNotification("The body is not a form in UTF-8, or has too many fields.")
    if "\0" in text or "%00" in text:  # UTF-8 cannot contain the other characters that cannot be stored
        raise UnreadableNotification("The notification contains a character that cannot be stored.")
    scalars: dict[str, Any] = {}
    nested: dict[str, Any] = {}
    for name, value in pairs:
        if "[" in name:
            _insert_nested(nested, name, value)
        elif name in scalars:
            raise UnreadableNotification("A field is given twice.")
        else:
            scalars[name] = value
    if scalars.keys() & nested.keys():
        raise UnreadableNotification("A field is given twice.")
    return {**nested, **scalars}


def _insert_nested(nested: dict[str, Any], name: str, value: str) -> None:
    """Insert a field such as ``skins[0][name]`` into nested dicts. Skip the field if its place is already used."""
    top, _, rest = name.partition("[")
    path = [top, *_BRACKETS.findall("[" + rest)]
    if len(path) > MAX_DEPTH:
        raise UnreadableNotification("The notification is nested too deeply.")
    if len(path) == 1:
        return
    for part in path[:-1]:
        inner = nested.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        nested = inner
    nested.setdefault(path[-1] or str(len(nested)), value)


def _php_name(name: str) -> str:
    """Return the name as PHP stores it: without blanks at the start, and with ``_`` for each other blank and point."""
    return name.lstrip(" ").replace(" ", "_").replace(".", "_")
