"""The text of an exported file, in two formats."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from .cells import csv_cell, json_value

BYTE_ORDER_MARK = "\ufeff"
"""The first character of a CSV file. Without it, Excel reads the file in another encoding than UTF-8."""


class FileFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


def header_text(file_format: FileFormat, names: Sequence[str]) -> str:
    """Return the beginning of a file: for CSV the byte order mark and the names of the columns, otherwise nothing."""
    return BYTE_ORDER_MARK + _csv_text([names]) if file_format == FileFormat.CSV else ""


def rows_text(file_format: FileFormat, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return the lines of these rows. In JSON Lines, each line is an object with the names of the columns."""
    if file_format == FileFormat.CSV:
        return _csv_text([csv_cell(value) for value in row] for row in rows)
    lines = (dict(zip(names, map(json_value, row), strict=True)) for row in rows)
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def _csv_text(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
