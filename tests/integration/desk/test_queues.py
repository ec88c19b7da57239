"""Which rows are in which queue, and how they are counted."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from django_skinsback.flows.ledger.database import database
from django_skinsback.flows.monitoring import queues
from django_skinsback.flows.monitoring.queues import MODELS, Queue, count_by_reason, count_queue, queue_rows
from django_skinsback.models import Deposit, Purchase
from django_skinsback.statuses import DepositStatus, PurchaseStatus
from django_skinsback.testing import make_deposit, make_purchase

from .rows import make_delivery, make_discrepancy, reason

pytestmark = [pytest.mark.django_db, pytest.mark.database]

deposit_values = st.fixed_dictionaries(
    {
        "status": st.sampled_from([*DepositStatus]),
        "needs_review": st.booleans(),
        "hold_decision": st.sampled_from(["", "approve", "leave"]),
    }
)
purchase_values = st.fixed_dictionaries(
    {"status": st.sampled_from([*PurchaseStatus]), "needs_review": st.booleans(), "in_hold": st.booleans()}
)


class DisjointQueuesTest(TestCase):
    databases = {database()}

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(deposit_values, max_size=6), st.lists(purchase_values, max_size=4))
    def test_no_row_is_in_two_queues_and_every_flagged_row_is_in_one(self, deposits, purchases):
        for values in deposits:
            make_deposit(**values)
        for values in purchases:
            make_purchase(**values)

        found = [
            (model, pk)
            for queue, models in MODELS.items()
            for model in models
            for pk in queue_rows(queue, model).values_list("pk", flat=True)
        ]

        assert len(found) == len(set(found))
        flagged = sum(row["needs_review"] for row in [*deposits, *purchases])
        assert count_queue(Queue.REVIEW) == flagged
        assert count_queue(Queue.HOLDS) == sum(
            row["status"] == "in_hold" and not row["hold_decision"] and not row["needs_review"] for row in deposits
        )


def test_each_queue_counts_its_rows():
    make_deposit(needs_review=True)
    make_purchase(needs_review=True)
    make_deposit(status="in_hold")
    make_delivery(1, outcome="failed", needs_review=True)
    make_delivery(2, outcome="failed")
    make_discrepancy(1)
    make_discrepancy(2, state="closed")

    assert {queue: count_queue(queue) for queue in Queue} == {
        Queue.REVIEW: 2,
        Queue.HOLDS: 1,
        Queue.DELIVERIES: 1,
        Queue.DISCREPANCIES: 1,
    }


def test_a_queue_of_one_account_has_no_rows_of_another():
    make_deposit(needs_review=True, account="second")
    make_delivery(1, needs_review=True)

    assert (count_queue(Queue.REVIEW, "second"), count_queue(Queue.REVIEW, "default")) == (1, 0)
    assert (count_queue(Queue.DELIVERIES, "second"), count_queue(Queue.DELIVERIES, "default")) == (0, 1)


def test_no_hold_waits_for_a_decision_where_a_function_decides(settings):
    make_deposit(status="in_hold")
    settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": "tests.wallet.receivers.approve"}

    assert count_queue(Queue.HOLDS) == 0
    assert not queue_rows(Queue.HOLDS, Deposit).exists()


def test_counts_end_one_above_the_limit(monkeypatch):
    monkeypatch.setattr(queues, "MAX_COUNT", 3)
    for _ in range(4):
        make_deposit(needs_review=True, review_reasons=[reason("stuck", status="pending")])
        make_purchase(needs_review=True)

    assert count_queue(Queue.REVIEW) == 4
    count, reasons = count_by_reason(Deposit)
    assert count == 4
    assert reasons == {"stuck": 3}


def test_a_count_reads_a_limited_number_of_rows_in_one_statement():
    with CaptureQueriesContext(connection) as captured:
        count_queue(Queue.REVIEW)

    assert len(captured) == 1
    assert captured[0]["sql"].count("LIMIT 1001") == 2


def test_a_row_with_two_reasons_is_counted_under_both():
    make_purchase(needs_review=True, review_reasons=[reason("stuck", status="unknown"), reason("other_name", name="x")])
    make_purchase(needs_review=True, review_reasons=[reason("stuck", status="unknown")])

    assert count_by_reason(Purchase) == (2, {"stuck": 2, "other_name": 1})


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases search an index for a bare boolean")
@pytest.mark.parametrize("queue", [Queue.REVIEW, Queue.DELIVERIES])
def test_sqlite_searches_an_index_for_flagged_rows(queue):
    for model in MODELS[queue]:
        assert "SEARCH" in queue_rows(queue, model).explain()
