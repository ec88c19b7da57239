"""Rules that write a value into a cell of a CSV file, or as a value of JSON. No rule reads the database."""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from ...money import amount_text

_SIGNS = "=+-@|\N{MINUS SIGN}"
"""Characters with which a formula can begin. Other forms of them, such as full-width forms, are also recognised."""

_INVISIBLE = "\\s\"'\x00-\x20\x7f-\xa0\xad\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ufeff"
_FIRST = re.compile(rf"(^|[;\t\r\n])(?=[{_INVISIBLE}]*([^{_INVISIBLE}]))")
_CONTROL = ("\t", "\r", "\n", "\x00")


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula. Most texts are returned unchanged.

    An apostrophe is put before a text that begins with ``=``, ``+``, ``-``, ``@``, ``|``, a tab or a line break, also
    in full-width form, and also after blanks, quotes and invisible characters. The same is done inside a text after a
    semicolon, a tab or a line break: where the semicolon separates cells, spreadsheets begin a new cell there.
    """
    safe = _FIRST.sub(_guarded, text)
    return f"'{safe}" if safe.startswith(_CONTROL) else safe


def _guarded(match: re.Match[str]) -> str:
    return f"{match[1]}'" if unicodedata.normalize("NFKC", match[2])[:1] in _SIGNS else match[1]


def csv_cell(value: Any) -> str:
    """Return the text of a cell. None is an empty cell. An amount is a decimal number with a point, such as -3.5.

    A time is in UTC and ends with Z. A number is never changed by ``safe_text``, even if it is below zero.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    found = json_value(value)
    return safe_text(found) if not isinstance(value, int | Decimal | datetime | date) else str(found)


def json_value(value: Any) -> Any:
    """Return a value for JSON. An amount is text, so that no program reads it as a float. A time is in UTC."""
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return amount_text(value)
        case datetime():
            return utc_text(value)
        case _:
            return str(value)


def utc_text(instant: datetime) -> str:
    """Return an aware datetime as ISO 8601 in UTC with microseconds, such as 2026-05-01T12:00:00.000000Z."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
