"""The wheel contains the whole package, including files that are not Python."""

import os
from pathlib import Path

import pytest

import django_skinsback

PACKAGE = Path(django_skinsback.__file__).parent
SOURCE_TREE = os.environ.get("SOURCE_TREE")


def files(package):
    return {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "pattern",
    ["py.typed", "templates/**/*.html", "static/**/*.css", "sandbox/web/templates/*.html", "rest/openapi.yaml"],
)
def test_files_that_are_not_python_are_installed(pattern):
    assert list(PACKAGE.glob(pattern))


@pytest.mark.skipif(not SOURCE_TREE, reason="for the wheel, which tox builds")
def test_the_wheel_is_what_is_imported_and_holds_every_file_of_the_source():
    source = Path(SOURCE_TREE, "django_skinsback")
    compiled = {name for name in files(source) | files(PACKAGE) if "__pycache__" in name}

    assert "site-packages" in PACKAGE.parts
    assert files(PACKAGE) - compiled == files(source) - compiled
