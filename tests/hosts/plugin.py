"""Pytest plugin for runs under the settings of another site."""

import django.db
import pytest
from django.conf import settings
from django.db.utils import DEFAULT_DB_ALIAS
from django.utils.connection import ConnectionProxy

ALIASES = {"tests.hosts.sites.second_database": "money", "tests.hosts.sites.replica": DEFAULT_DB_ALIAS}
"""The only alias on which queries are allowed, by site."""


def pytest_configure() -> None:
    # The tests' own ``connection``, with which they count queries, must be that of the package's database.
    alias = ALIASES.get(settings.SETTINGS_MODULE, DEFAULT_DB_ALIAS)
    django.db.connection = ConnectionProxy(django.db.connections, alias)  # type: ignore[assignment] # as Django does


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    alias = ALIASES.get(settings.SETTINGS_MODULE)
    for item in items:
        mark = item.get_closest_marker("django_db")
        if alias and mark:
            item.add_marker(pytest.mark.django_db(**{**mark.kwargs, "databases": [alias]}), append=False)
