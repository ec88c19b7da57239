"""The fields of a notification's body, form-encoded or JSON; every number stays the text it came as."""

import json
import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from ..exceptions import UnreadableNotification

MAX_FIELDS = 5000
MAX_DEPTH = 32

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MANGLED_BY_PHP = str.maketrans(" .", "__")


class Number(str):
    """A JSON number, as it was written."""

    __slots__ = ()


def parse_fields(body: bytes, content_type: str) -> dict[str, Any]:
    """The top-level fields of a body; nested ones are dicts and lists.

    SkinsBack does not document the content type of its notifications, so the first character decides and the
    header only refuses what can be neither. Raises UnreadableNotification for everything that two readers
    could understand in two ways, or that a database could not keep: doubled fields, other charsets, bad
    UTF-8, NUL, NaN, thousands of fields, deep nesting.
    """
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
    is_json = text.lstrip()[:1] in {"{", "["} or (kind.endswith("json") and "=" not in text)
    fields = _parse_json(text) if is_json else _parse_form(text)
    if len({_mangled(name) for name in fields}) != len(fields):
        raise UnreadableNotification("A field is given twice.")
    return fields


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
    # The error is raised below, so that it does not drag the body along as its context.
    with suppress(json.JSONDecodeError, RecursionError):
        value = json.loads(text, object_pairs_hook=pairs, parse_float=Number, parse_int=Number, parse_constant=constant)
    if not isinstance(value, dict):
        raise UnreadableNotification("The body is not a JSON object.")
    _check(value)
    return value


def _check(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[object] = []
        for item in level:
            if isinstance(item, dict):
                deeper += [*item, *item.values()]
            elif isinstance(item, list):
                deeper += item
            elif isinstance(item, str) and _UNSTORABLE.search(item):
                raise UnreadableNotification("The notification holds a character that cannot be stored.")
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
    scalars: dict[str, Any] = {}
    nested: dict[str, Any] = {}
    for name, value in pairs:
        if _UNSTORABLE.search(name) or _UNSTORABLE.search(value):
            raise UnreadableNotification("The notification holds a character that cannot be stored.")
        if "[" in name:
            _place(nested, name, value)
        elif name in scalars:
            raise UnreadableNotification("A field is given twice.")
        else:
            scalars[name] = value
    if {_mangled(name) for name in scalars} & {_mangled(name) for name in nested}:
        raise UnreadableNotification("A field is given twice.")
    return {**nested, **scalars}


def _place(nested: dict[str, Any], name: str, value: str) -> None:
    """Put ``skins[0][name]`` where it belongs; what contradicts an earlier field is left out."""
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


def _mangled(name: str) -> str:
    return name.lstrip(" ").translate(_MANGLED_BY_PHP)
