"""Cells of exported files: no text becomes a formula, and no value is changed in JSON."""

import csv
import io
import json
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.flows.exporting.cells import csv_cell, safe_text
from django_skinsback.flows.exporting.lines import BYTE_ORDER_MARK, FileFormat, header_text, rows_text

SIGNS = "=+-@|"
BLANKS = " \t\r\n\v\f\xa0\u200b\u3000\ufeff\"'"

texts = st.text(
    st.one_of(
        st.sampled_from(SIGNS + BLANKS + ";,\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH COMMERCIAL AT}x1"),
        st.characters(codec="utf-8"),
    )
)


def cells_of(text, delimiter):
    """Return the cells that a spreadsheet finds in one line, if it splits at ``delimiter`` and knows no quotes."""
    for line in text.replace("\r", "\n").split("\n"):
        yield from line.split(delimiter)


def is_formula(cell):
    """Whether a spreadsheet may run the cell: it begins with a sign after blanks, quotes and invisible characters."""
    shown = unicodedata.normalize("NFKC", cell).replace("\u200b", "").replace("\ufeff", "").lstrip()
    return shown.startswith(tuple(SIGNS))


@given(texts)
def test_no_text_begins_a_cell_with_a_formula(text):
    safe = safe_text(text)
    for delimiter in (";", "\t"):
        assert not any(is_formula(cell) for cell in cells_of(safe, delimiter))
    assert not safe.startswith(("\t", "\r", "\n"))


@given(texts)
def test_apostrophes_are_all_that_is_added_to_a_text(text):
    assert safe_text(text).replace("'", "") == text.replace("'", "")


@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=4))
def test_a_csv_file_has_the_same_cells_after_it_was_read(rows):
    text = rows_text(FileFormat.CSV, ["a", "b", "c"], rows)
    assert [*csv.reader(io.StringIO(text, newline=""))] == [[csv_cell(value) for value in row] for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(1)",
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        "\N{FULLWIDTH PLUS SIGN}1",
        "\N{IDEOGRAPHIC SPACE}=1",
        "\N{ZERO WIDTH SPACE}=1",
        '"=1',
        "\N{MINUS SIGN}1",
    ],
)
def test_a_formula_gets_an_apostrophe(text):
    assert safe_text(text).startswith("'")


def test_a_formula_after_a_semicolon_gets_an_apostrophe_too():
    assert safe_text("a; =1") == "a;' =1"


@pytest.mark.parametrize(
    "text", ["", "AK-47 | Redline (Field-Tested)", "\N{BLACK STAR} Karambit", "a=b", "a, -1", "1+1"]
)
def test_other_texts_are_unchanged(text):
    assert safe_text(text) == text


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-3, "-3"),
        (Decimal("-5.500000"), "-5.5"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("99999999999999.123456"), "99999999999999.123456"),
        (datetime(2026, 5, 1, 12, tzinfo=UTC), "2026-05-01T12:00:00.000000Z"),
        (datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2026-05-01T10:00:00.000000Z"),
    ],
)
def test_numbers_and_times_are_plain(value, cell):
    assert csv_cell(value) == cell


@given(texts, st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**14), max_value=10**14))
def test_json_lines_parse_back_to_the_same_values(text, amount):
    line = rows_text(FileFormat.JSONL, ["text", "amount"], [[text, amount]])
    assert line.count("\n") == 1
    found = json.loads(line)
    assert (found["text"], Decimal(found["amount"])) == (text, amount)


def test_only_csv_begins_with_a_byte_order_mark_and_the_names():
    assert header_text(FileFormat.CSV, ["a", "b"]) == f"{BYTE_ORDER_MARK}a,b\r\n"
    assert not header_text(FileFormat.JSONL, ["a", "b"])
