"""A failed delivery arrives again and fails again before the stored one is found."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from django_skinsback.models import WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit, post_notification, signed_notification

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def fail(_deposit):
    raise DatabaseError("no such table")


def test_a_copy_of_a_delivery_that_needs_review_does_not_end_the_review(client, settings, user):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.fail"}
    client.raise_request_exception = False
    message = signed_notification(make_deposit(user=user))
    assert post_notification(client, message).status_code == 500
    retries_ended = {"received_at": utc_now() - timedelta(days=8), "needs_review": True, "next_try_at": None}
    WebhookEvent.objects.update(**retries_ended)

    assert post_notification(client, message).status_code == 500

    event = WebhookEvent.objects.get()
    assert (event.outcome, event.needs_review, event.next_try_at) == ("failed", True, None)


def test_storing_a_failed_delivery_begins_with_a_write(client, settings, user):
    """On SQLite a database transaction that begins with a read fails with a locked file while others write."""
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.fail"}
    client.raise_request_exception = False

    with CaptureQueriesContext(connection) as queries:
        assert post_notification(client, signed_notification(make_deposit(user=user))).status_code == 500

    statements = [query["sql"] for query in queries]
    last = max(number for number, statement in enumerate(statements) if statement.startswith(("BEGIN", "ROLLBACK")))
    assert statements[last + 1].startswith("UPDATE")
