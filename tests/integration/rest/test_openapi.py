"""The OpenAPI file is what the code does."""

import re

import drf_spectacular
import pytest
import yaml
from drf_spectacular.validation import validate_schema

from django_skinsback.rest import schema
from django_skinsback.rest.problems import CODES
from django_skinsback.rest.serializers import TRADE_URL_PATTERN
from django_skinsback.rest.views.deposits import DepositsView
from django_skinsback.steam import TradeURL

from .test_access import addresses

SAME_GENERATOR = pytest.mark.skipif(
    not drf_spectacular.__version__.startswith("0.30."), reason="the file is written by drf-spectacular 0.30"
)


@SAME_GENERATOR
def test_the_file_is_what_the_code_generates():
    assert schema.FILE.read_text(encoding="utf-8") == schema.generate(), "run: python docs/openapi.py"


def test_the_file_is_a_valid_description():
    described = yaml.safe_load(schema.FILE.read_text(encoding="utf-8"))
    validate_schema(described)
    assert described["openapi"].startswith("3.1")


def test_the_file_describes_every_address_and_method():
    described = yaml.safe_load(schema.FILE.read_text(encoding="utf-8"))["paths"]
    found = {(path.replace("{public_id}", "{id}"), method) for path, methods in described.items() for method in methods}
    hidden = {"schema", "not-found"}
    assert found == {
        (f"/{path}", method) for name, path, methods in addresses() if name not in hidden for method in methods
    }


@SAME_GENERATOR
@pytest.mark.parametrize("settings_of_site", [{}, {"DEFAULT_AUTHENTICATION_CLASSES": [], "DEFAULT_VERSION": "7"}])
def test_the_file_does_not_depend_on_the_settings_of_the_site(settings_of_site, settings):
    settings.REST_FRAMEWORK = settings_of_site
    settings.SPECTACULAR_SETTINGS = {"TITLE": "Shop", "COMPONENT_SPLIT_REQUEST": False, "OAS_VERSION": "3.0.3"}
    assert schema.generate() == schema.FILE.read_text(encoding="utf-8")


def test_a_warning_of_the_generator_is_an_error(monkeypatch):
    monkeypatch.delattr(DepositsView.get, "kwargs")  # what the decorator ``documented`` sets
    with pytest.raises(ValueError, match="unable to guess serializer"):
        schema.generate()


def test_every_status_of_a_problem_is_described():
    assert {status for status, _text in CODES.values()} - set(schema.PROBLEM_MEANINGS) == {405}


@pytest.mark.parametrize("partner", ["1", "90382795", "1234567890", "4294967295"])
def test_the_pattern_of_trade_urls_matches_every_trade_url(partner):
    assert re.fullmatch(TRADE_URL_PATTERN, TradeURL(partner, "i1ArBZey").url)
