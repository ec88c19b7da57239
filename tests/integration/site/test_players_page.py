"""The tables of docs/players.md name what there is: URLs, custom properties, blocks and template tags."""

import re
from pathlib import Path

import pytest
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from django_skinsback import conf
from django_skinsback.templatetags import skinsback as tags

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/players.md").read_text()
CSS = (ROOT / "django_skinsback/static/skinsback/pages.css").read_text()


def section(title):
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text):
    """Return the code in the first column of the tables in ``text``."""
    rows = [line.replace("\\|", "|") for line in text.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


def test_every_custom_property_is_in_the_table_and_none_else():
    defined = re.findall(r"^  (--skinsback-[\w-]+):", CSS, flags=re.MULTILINE)
    assert len(defined) > 10
    assert sorted(first_cells(section("Restyle the pages"))) == sorted(set(defined))


def test_every_template_tag_and_filter_is_in_the_table_and_none_else():
    listed = first_cells(section("Use the parts in your own pages"))
    assert {re.search(r"skinsback_\w+", tag)[0] for tag in listed} == {*tags.register.tags, *tags.register.filters}


def test_every_block_of_the_page_template_is_in_the_table_and_none_else():
    source = Path(get_template("skinsback/page.html").origin.name).read_text()
    blocks = {name for name in re.findall(r"{% block (\w+) %}", source) if name.startswith("skinsback_")}
    assert {*first_cells(section("Override templates"))} == blocks


@pytest.mark.urls("tests.integration.pages.urls")
def test_every_url_name_has_the_path_of_the_table():
    rows = re.findall(r"^\| `(skinsback-pages:\w+)` \| `([\w/<>-]+)` \|", section("The pages"), flags=re.MULTILINE)
    assert len(rows) > 5
    row_id = "00000000-0000-0000-0000-000000000001"
    for name, path in rows:
        try:
            address = reverse(name)
        except NoReverseMatch:
            address = reverse(name, args=[row_id])
        assert address.endswith(f"/{path.replace('<public_id>', row_id)}"), name


def test_the_ready_functions_for_steam_logins_exist():
    names = re.findall(r'"(django_skinsback\.steam_login\.\w+)"', PAGE)
    assert len(names) == 2
    for name in names:
        assert callable(import_string(name))


def test_every_setting_that_the_page_names_exists():
    named = {*re.findall(r"`([A-Z][A-Z_]{4,})`", PAGE)}
    django = {"INSTALLED_APPS", "LOGIN_URL", "DIRS", "TEMPLATES"}
    assert named - django <= {*conf.DEFAULTS}
    assert {"LIMITS", "STEAM_ID", "QUOTE_CURRENCY", "PAGES_BASE_TEMPLATE"} <= named
