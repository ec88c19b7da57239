"""Answers come after the commit, even with ``ATOMIC_REQUESTS``; run by ``test_hosts``."""

import pytest
from django.conf import settings
from django.db import connections

from django_skinsback.flows.webhooks import receive as receiving
from django_skinsback.pages import urls as pages
from django_skinsback.testing import make_deposit, post_notification, signed_notification

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_database_transaction_is_open_when_a_delivery_is_received(client, user, monkeypatch):
    assert all(database["ATOMIC_REQUESTS"] for database in settings.DATABASES.values())
    receive, open_then = receiving.receive, []

    def watched(*arguments):
        open_then.extend(alias for alias in connections if connections[alias].in_atomic_block)
        return receive(*arguments)

    monkeypatch.setattr(receiving, "receive", watched)

    assert post_notification(client, signed_notification(make_deposit(user=user))).status_code == 200
    assert open_then == []


def test_no_view_for_players_runs_in_a_database_transaction():
    rest = pytest.importorskip("django_skinsback.rest.urls", reason="Django REST framework is not installed")
    public = {"deposit_done", "schema", "not-found"}
    views = [pattern.callback for pattern in (*pages.urlpatterns, *rest.urlpatterns) if pattern.name not in public]
    assert views
    assert {frozenset(view._non_atomic_requests) for view in views} == {frozenset(connections)}
