"""The page about exports names the columns of each file, in their order."""

import re
from pathlib import Path

import pytest

from django_skinsback.flows.exporting.columns import DEPOSITS, LEDGER, PURCHASES
from django_skinsback.flows.exporting.movements import COLUMNS

PAGE = (Path(__file__).parents[3] / "docs" / "exports.md").read_text()


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("Deposits", DEPOSITS.header),
        ("Purchases", PURCHASES.header),
        ("Ledger entries", LEDGER.header),
        ("Daily movements", COLUMNS),
    ],
)
def test_the_page_names_the_columns_of_a_file(heading, columns):
    section = PAGE.partition(f"### {heading}\n")[2].partition("###")[0]
    last_paragraph = section.strip().rpartition("\n\n")[2]
    assert re.findall(r"`(\w+)`", last_paragraph) == list(columns)
