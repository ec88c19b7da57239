"""Lists in the documentation that must agree with the code."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from django_skinsback import checks, conf
from django_skinsback.sandbox.faults import FAULTS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def first_cells(page, heading=""):
    """Words in backticks in the first cells of the page's tables."""
    text = (ROOT / page).read_text().partition(heading)[2]
    return re.findall(r"`([\w.]+)`", " ".join(re.findall(r"^\| ([^|]+) \|", text, flags=re.MULTILINE)))


def test_the_settings_page_lists_every_key_in_order_and_no_other():
    assert [word for word in first_cells("docs/settings.md", "# Settings") if word.isupper()] == list(conf.DEFAULTS)


def test_the_settings_page_lists_every_check():
    source = Path(checks.__file__).read_text()

    assert set(first_cells("docs/settings.md", "## Checks")) == set(re.findall(r"skinsback\.[EW]\d+", source))


def test_the_sandbox_page_lists_every_fault():
    page = (ROOT / "docs/sandbox.md").read_text().partition("## Faults")[2]

    assert set(re.findall(r"`(\w+)`", page.partition("## What")[0])) >= set(FAULTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_documentation_is_python(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
        ast.parse(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def script(name):
    """A script of the documentation as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_of_commands_is_what_their_help_says():
    """Written by ``python docs/command_pages.py``."""
    pages = script("command_pages")

    assert pages.PAGE.read_text() == pages.written(pages.PAGE.read_text())


def test_the_tables_about_money_are_what_the_code_does():
    tables = script("tables")

    assert tables.PAGE.read_text() == tables.written(tables.PAGE.read_text())


def test_every_test_the_page_about_money_names_exists():
    page = (ROOT / "docs/explanation/money.md").read_text().partition("## Where it is proved")[2]

    for path in re.findall(r"`(tests/[\w/.]+)`", page):
        assert (ROOT / path).exists(), path


def faults():
    """Number of a fault -> the tests the page names for it."""
    page = (ROOT / "docs/explanation/faults.md").read_text()
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", page, flags=re.MULTILINE)
    return {int(number): re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", row) for number, row in rows}


def test_every_fault_has_a_number_and_a_test():
    assert list(faults())[:50] == list(range(1, 51))
    assert all(faults().values())


@pytest.mark.parametrize("number", faults())
def test_the_tests_of_a_fault_exist(number):
    for file, name in faults()[number]:
        assert (f"def {name}(" if name else "def test_") in (ROOT / "tests" / file).read_text(), f"{file}::{name}"
