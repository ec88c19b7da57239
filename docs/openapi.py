"""Writes ``django_skinsback/rest/openapi.yaml`` from the code: ``python docs/openapi.py``."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django


def main() -> None:
    """Write the file. Raise ValueError if drf-spectacular warns about a view."""
    django.setup()
    from django_skinsback.rest.schema import FILE, generate

    FILE.write_text(generate(), encoding="utf-8")


if __name__ == "__main__":
    main()
