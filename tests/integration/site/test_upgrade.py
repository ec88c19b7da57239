"""Rows of a version before migration 0004: its owners and its reviews are taken over."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

BEFORE, AFTER = [("skinsback", "0003_market_order")], [("skinsback", "0006_no_review_reason")]


@pytest.fixture
def old_apps():
    """The database as it was before the migration; afterwards as it was found."""
    MigrationExecutor(connection).migrate(BEFORE)
    yield MigrationExecutor(connection).loader.project_state(BEFORE).apps
    MigrationExecutor(connection).migrate(AFTER)


def test_rows_of_an_earlier_version_know_their_owner_and_keep_their_review(user, old_apps):
    rows = old_apps.get_model("skinsback", "Deposit").objects
    rows.create(order_id="1", user_id=user.pk, needs_review=True, review_reason="Look at it.\nAnd at this: 5 %.")
    rows.create(order_id="2")

    MigrationExecutor(connection).migrate(AFTER)

    from django_skinsback.models import Deposit

    with_owner, without = Deposit.objects.order_by("order_id")
    assert (with_owner.owner_id, without.owner_id) == (str(user.pk), "")
    assert with_owner.review_reason == "Look at it.\nAnd at this: 5 %."
    assert (without.review_reasons, without.needs_review) == ([], False)
