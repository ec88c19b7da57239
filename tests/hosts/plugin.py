"""A plugin of pytest for runs under another site's settings."""

import django.db
import pytest
from django.conf import settings
from django.db.utils import DEFAULT_DB_ALIAS
from django.utils.connection import ConnectionProxy

ALIASES = {"tests.hosts.sites.second_database": "money", "tests.hosts.sites.replica": DEFAULT_DB_ALIAS}
"""Where queries are allowed; one on any other alias fails the test."""


def pytest_configure() -> None:
    # What the tests themselves call the connection, such as to count queries, is the one that money is on.
    alias = ALIASES.get(settings.SETTINGS_MODULE, DEFAULT_DB_ALIAS)
    django.db.connection = ConnectionProxy(django.db.connections, alias)  # type: ignore[assignment] # as Django does


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    alias = ALIASES.get(settings.SETTINGS_MODULE)
    for item in items:
        mark = item.get_closest_marker("django_db")
        if alias and mark:
            item.add_marker(pytest.mark.django_db(**{**mark.kwargs, "databases": [alias]}), append=False)
