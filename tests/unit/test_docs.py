"""Lists in the documentation that must agree with the code."""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from django_skinsback import checks, conf, exceptions, sandbox, signals
from django_skinsback.sandbox.simulation.faults import FAULTS
from django_skinsback.sandbox.simulation.outcomes import TOKEN_OUTCOMES, TOKEN_REFUSALS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def first_cells(page, heading=""):
    """The texts in backticks in the first column of the page's tables."""
    text = (ROOT / page).read_text().partition(heading)[2]
    return re.findall(r"`([\w.]+)`", " ".join(re.findall(r"^\| ([^|]+) \|", text, flags=re.MULTILINE)))


def test_the_settings_page_lists_every_key_in_order_and_no_other():
    assert [word for word in first_cells("docs/settings.md", "# Settings") if word.isupper()] == list(conf.DEFAULTS)


def test_the_settings_page_lists_every_check():
    source = "".join(path.read_text() for path in Path(checks.__file__).parent.glob("*.py"))

    assert set(first_cells("docs/settings.md", "## Checks")) == set(re.findall(r"skinsback\.[EW]\d+", source))


def test_the_sandbox_page_lists_every_fault():
    page = (ROOT / "docs/sandbox.md").read_text().partition("## Faults")[2]

    assert set(re.findall(r"`(\w+)`", page.partition("## What")[0])) >= set(FAULTS)


def test_the_sandbox_page_lists_every_trade_token():
    page = (ROOT / "docs/sandbox.md").read_text()

    assert set(re.findall(r"`([A-Z0-9]{8})`", page)) == {*TOKEN_OUTCOMES, *TOKEN_REFUSALS}


REFERENCE_ERRORS = """
-1 please_use_post_method, -2 invalid_shopid, -3 invalid_signature, -4 shop_not_active, -5 invalid_method
-6 market_disabled, -7 request_limit_reached, -8 invalid_ip_address, -9 under_maintenance, -10 invalid_client_secret
1 invalid_order_id, 2 invalid_steam_id, 5 order_id_already_exists, 7 invalid_max_value, 8 invalid_currency
9 invalid_result_url, 10 invalid_success_url, 11 invalid_fail_url, 12 invalid_custom_currency
13 invalid_custom_currency_rate, 14 invalid_custom_multiplier, 15 invalid_game
1 order_id_or_transaction_id_missing, 2 invalid_order_id, 3 invalid_transaction_id, 4 transaction_not_found
5 offer_already_approved_or_canceled, 7 order_id_already_exists
1 name_or_names_required, 2 name_min_length_3, 4 insufficient_funds, 5 skin_unavailable
6 skins_not_found_at_specified_price, 7 custom_id_already_exists, 8 invalid_partner_value, 9 invalid_token_value
10 too_many_failed_attempts_for_user, 1 missing_one_of_required_params, 2 offer_not_found
"""
"""Code and text of every error in SkinsBack's reference, in the order of its pages."""


def test_the_sandbox_page_lists_every_error_that_is_not_in_the_reference_as_guessed():
    sources = "".join(path.read_text() for path in Path(sandbox.__file__).parent.rglob("*.py"))
    errors = {f"{code} {text}" for code, text in re.findall(r'\((-?\d+), "([a-z_0-9]+)"\)', sources)}
    assert {"1 items_required", "5 skin_unavailable"} <= errors

    guessed = (ROOT / "docs/sandbox.md").read_text().partition("## What is guessed")[2]
    assert errors - set(re.split(r", |\n", REFERENCE_ERRORS)) - set(re.findall(r"`(\d+ \w+)`", guessed)) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_documentation_is_python(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
        ast.parse(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def fragments(page):
    """The fragments of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_fragments_of_links_are_headings(page):
    for target, fragment in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text()):
        assert fragment in fragments(page.parent / target if target else page), f"{target}#{fragment}"


def script(name):
    """A script of the documentation as a module. Scripts import each other, so their folder is on the path."""
    folder = str(ROOT / "docs")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


REWRITE = {
    "command_pages": "docs/commands.md",
    "tables": "docs/explanation/money.md",
    "openapi": "docs/rest.md",
    "reference_page": "docs/reference.md",
}
"""Script -> the page whose marked parts it writes from the code."""


@pytest.mark.parametrize("name", REWRITE)
def test_generated_parts_are_what_the_code_says(name):
    """If this fails, run the script: ``python docs/<name>.py``."""
    page = ROOT / REWRITE[name]

    assert page.read_text() == script(name).written(page.read_text())


def test_the_table_of_tasks_names_every_command():
    table = (ROOT / "docs/commands.md").read_text().partition("\n## ")[0]

    names = {name for name in get_commands() if name.startswith("skinsback_")}
    assert set(re.findall(r"`(skinsback_\w+)`", table)) >= names


def test_the_picture_of_the_folders_shows_the_import_contracts():
    """If this fails, run ``python docs/map.py``."""
    assert (ROOT / "docs/architecture.svg").read_text() == script("map").draw()


EXAMPLES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "example_project/shop").rglob("*.py")]


def public_modules():
    return script("reference_page").MODULES


@pytest.mark.parametrize("name", public_modules())
def test_the_reference_has_exactly_the_public_names_of(name):
    module = importlib.import_module(f"django_skinsback.{name}")
    page = (ROOT / "docs/reference.md").read_text()
    section = re.search(rf"^## `{name}`\n(.*?)^(?:## |<!--)", page, flags=re.DOTALL | re.MULTILINE)[1]
    headings = re.findall(rf"^### `{name}\.(\w+)`$", section, flags=re.MULTILINE)
    first_cells = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)

    names = set(script("reference_parts").public_names(module))
    assert set(headings) <= names
    assert names <= {*headings, *first_cells}


@pytest.mark.parametrize("page", sorted(page.relative_to(ROOT).as_posix() for page in EXAMPLES))
def test_examples_import_only_names_of_the_reference(page):
    imports = re.compile(r"^\s*from django_skinsback(?:\.([\w.]+))? import ([\w, ]+)", re.MULTILINE)
    for module, names in imports.findall((ROOT / page).read_text()):
        assert not module or module in public_modules()
        public = (
            script("reference_parts").public_names(importlib.import_module(f"django_skinsback.{module}"))
            if module
            else public_modules()
        )
        assert set(re.findall(r"\w+", names)) <= set(public)


def test_every_exception_is_public():
    classes = {
        name for name, value in vars(exceptions).items() if getattr(value, "__module__", "") == exceptions.__name__
    }

    assert classes <= set(script("reference_parts").public_names(exceptions))


def test_the_reference_says_of_every_signal_when_it_is_sent():
    parts = script("reference_parts")

    assert set(parts.SIGNALS) == set(signals.__all__)


@pytest.mark.parametrize("path", ["docs/explanation/architecture.md", "CONTRIBUTING.md"])
def test_files_and_functions_that_a_page_names_exist(path):
    page = (ROOT / path).read_text()
    for file, function in re.findall(r"`([\w/-]+\.(?:py|md|cfg))(?::(\w+))?`", page):
        found = [folder / file for folder in (ROOT, ROOT / "django_skinsback") if (folder / file).is_file()]
        assert found, file
        assert not function or f"def {function}(" in found[0].read_text(), f"{file}:{function}"


def test_a_path_has_at_most_ten_stations():
    page = (ROOT / "docs/explanation/architecture.md").read_text()

    assert max(map(int, re.findall(r"^(\d+)\. ", page, flags=re.MULTILINE))) <= 10


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
    assert list(faults()) == list(range(1, 93))
    assert all(faults().values())


@pytest.mark.parametrize("number", faults())
def test_the_tests_of_a_fault_exist(number):
    for file, name in faults()[number]:
        assert (f"def {name}(" if name else "def test_") in (ROOT / "tests" / file).read_text(), f"{file}::{name}"


def test_the_counted_figures_of_the_architecture_page_are_within_the_limits_of_the_tests():
    page = (ROOT / "docs/explanation/architecture.md").read_text()
    counted = page.partition("<!-- counted -->")[2].partition("<!-- /counted -->")[0]
    delivery, purchase = re.findall(r"^\| from .*", counted, flags=re.MULTILINE)

    figures = [int(figure) for figure in re.findall(r"\d+", delivery + purchase)]
    assert len(figures) == 4
    assert all(figure <= limit for figure, limit in zip(figures, [36, 10, 20, 100], strict=True))


def test_every_picture_of_the_documentation_is_shown_and_small():
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"!\[[^\]]+\]\((?!https?:)([^)]+\.png)\)", page.read_text())
    }
    stored = {path.resolve() for path in (ROOT / "docs/pictures").iterdir()}

    assert shown == stored
    assert all(path.stat().st_size < 100_000 for path in stored)
    assert {int.from_bytes(path.read_bytes()[16:20], "big") for path in stored} == {1280, 390}  # the width of a PNG
