"""Stored deliveries: replay, retries and retention; and refused messages, which are not stored."""

import json
import logging
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_skinsback.exceptions import BadSignature, NoSecret
from django_skinsback.flows.retention import prune
from django_skinsback.flows.webhooks.rejections import Rejections, rejections
from django_skinsback.flows.webhooks.replay import apply_again, apply_kept
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, post_notification, signed_notification

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def deposit(user):
    return make_deposit(user=user)


def credit_of(deposit):
    return deposit.user_amount, deposit.amount_currency


def refuse(**_kwargs):
    raise RuntimeError("the wallet is closed")


@pytest.fixture
def failed(client, deposit):
    """A stored delivery that failed because a receiver of the site raised."""
    entry_posted.connect(refuse)
    try:
        post_notification(client, signed_notification(deposit))
    finally:
        entry_posted.disconnect(refuse)
    return WebhookEvent.objects.get()


def replay(*arguments, **options):
    call_command("skinsback_replay", *map(str, arguments), **options)


class TestReplay:
    def test_replay_applies_a_failed_delivery(self, failed, capsys):
        replay(failed.pk)

        failed.refresh_from_db()
        assert (failed.outcome, failed.error, LedgerEntry.objects.count()) == ("applied", "", 1)
        assert "1 applied" in capsys.readouterr().out

    def test_replay_counts_a_processed_delivery_as_skipped(self, client, deposit, capsys):
        post_notification(client, signed_notification(deposit))

        replay("--since", "2000-01-01")
        assert capsys.readouterr().out == "deliveries replayed: none; skipped because they were processed before: 1\n"

        replay("--since", "2000-01-01", "--json")
        assert json.loads(capsys.readouterr().out) == {"replayed": 0, "outcomes": {}, "skipped": 1}

    def test_replaying_all_deliveries_changes_nothing(self, client, deposit):
        for status in ("in_hold", "hold_approved", "success", "fail", "blessed"):
            post_notification(client, signed_notification(deposit, status))
        deposit.refresh_from_db()
        rows = WebhookEvent.objects.order_by("pk").values_list("outcome", "deliveries", "error", "deposit")
        before = list(rows), list(LedgerEntry.objects.values())

        replay("--since", "2000-01-01")

        assert (list(rows.all()), list(LedgerEntry.objects.values())) == before
        status = deposit.status
        deposit.refresh_from_db()
        assert deposit.status == status

    def test_replay_applies_a_status_that_an_older_version_did_not_know(self, client, deposit, monkeypatch):
        from django_skinsback.flows.deposits import report as deposit_reports

        judge = deposit_reports.judge
        monkeypatch.setattr(deposit_reports, "is_theirs", lambda status: status != "success")
        post_notification(client, signed_notification(deposit))
        assert WebhookEvent.objects.get().outcome == "unknown_status"
        monkeypatch.undo()
        assert deposit_reports.judge is judge

        replay("--outcome", "unknown_status")

        assert WebhookEvent.objects.get().outcome == "applied"
        assert LedgerEntry.objects.count() == 1

    @pytest.mark.parametrize("credit", ["user_amount", "tests.integration.webhooks.test_deliveries.credit_of"])
    def test_a_redelivery_applies_a_status_that_an_older_version_did_not_know(
        self, client, deposit, monkeypatch, settings, credit
    ):
        from django_skinsback.flows.deposits import report as deposit_reports

        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": credit}
        message = signed_notification(deposit)
        with monkeypatch.context() as older_version:
            older_version.setattr(deposit_reports, "is_theirs", lambda status: status != "success")
            for _ in range(2):
                assert post_notification(client, message).status_code == 200
        assert WebhookEvent.objects.get().outcome == "unknown_status"

        for _ in range(2):
            assert post_notification(client, message).status_code == 200

        event = WebhookEvent.objects.get()
        assert (event.outcome, event.deliveries, event.deposit) == ("applied", 4, deposit)
        assert LedgerEntry.objects.count() == 1

    def test_a_redelivery_is_applied_after_its_transaction_id_was_corrected(self, client, deposit):
        message = signed_notification(deposit, transaction_id="31337")
        post_notification(client, message)
        assert WebhookEvent.objects.get().outcome == "mismatched"

        Deposit.objects.update(transaction_id="31337")
        post_notification(client, message)

        assert WebhookEvent.objects.get().outcome == "applied"
        assert LedgerEntry.objects.count() == 1

    def test_replaying_a_balance_event_stores_no_new_snapshot(self, client):
        from django_skinsback.models import BalanceSnapshot
        from tests.contracts.test_events import post

        post(client, "balance_change", {"balance_value": "5"})

        replay("--account", "default")

        assert BalanceSnapshot.objects.count() == 1

    def test_replay_prints_the_error_of_a_delivery_that_fails_again_and_exits_with_4(self, failed, capsys):
        entry_posted.connect(refuse)
        try:
            with pytest.raises(SystemExit) as exit_info:
                replay(failed.pk)
        finally:
            entry_posted.disconnect(refuse)

        assert exit_info.value.code == 4
        assert "RuntimeError" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "count"),
        [(["--since", "2026-01-02"], 1), (["--until", "2026-01-02"], 1), (["--until", "2026-01-01T00:00"], 0)],
    )
    def test_replay_selects_deliveries_by_time_range(self, client, user, capsys, arguments, count):
        for day in (1, 3):
            with time_machine.travel(f"2026-01-0{day}T12:00Z", tick=False):
                post_notification(client, signed_notification(make_deposit(user=user)))

        replay(*arguments)

        assert capsys.readouterr().out.count("processed before: 1") == count

    def test_replay_without_a_selection_is_refused(self):
        with pytest.raises(CommandError, match="Select deliveries"):
            replay()

    def test_replay_refuses_a_text_that_is_not_a_date(self):
        with pytest.raises(CommandError, match="not a date"):
            replay("--since", "yesterday")


class TestRetention:
    def test_pruning_deletes_old_applied_deliveries_and_keeps_failed_ones(self, client, user, failed):
        post_notification(client, signed_notification(make_deposit(user=user)))
        WebhookEvent.objects.update(received_at=timezone.now() - timedelta(days=91))
        post_notification(client, signed_notification(make_deposit(user=user)))

        assert prune().deliveries == 1

        assert set(WebhookEvent.objects.values_list("outcome", flat=True)) == {"failed", "applied"}
        assert LedgerEntry.objects.count() == 2

    def test_pruning_keeps_a_delivery_that_is_still_retried(self, client, user):
        unmatched = signed_notification(Deposit(order_id="not-yet", transaction_id="9"))
        with time_machine.travel(timezone.now(), tick=False) as time_travel:
            post_notification(client, unmatched)
            post_notification(client, signed_notification(make_deposit(user=user), "blessed"))
            time_travel.shift(timedelta(days=2))
            apply_kept()

            assert prune(1).deliveries == 1

            event = WebhookEvent.objects.get()
            assert (event.outcome, event.next_try_at is not None) == ("unmatched", True)
            time_travel.shift(timedelta(days=6))
            apply_kept()
            assert prune(1).deliveries == 1

    def test_an_old_success_redelivered_a_year_after_it_was_deleted_credits_nothing(self, client, deposit):
        message = signed_notification(deposit)
        post_notification(client, message)
        assert prune(now=timezone.now() + timedelta(days=365)).deliveries == 1

        assert post_notification(client, message).status_code == 200

        assert LedgerEntry.objects.count() == 1

    def test_pruning_deletes_in_batches_and_reports_progress(self, monkeypatch):
        from django_skinsback.flows import retention

        monkeypatch.setattr(retention, "BATCH", 3)
        old = timezone.now() - timedelta(days=100)
        for number in range(7):
            WebhookEvent.objects.create(
                account="default", kind="deposit", digest=str(number), body=b"", received_at=old, outcome="applied"
            )
        progress = []

        assert prune(on_progress=progress.append).deliveries == 7
        assert progress == [3, 3, 1]

    def test_pruning_deletes_old_resolved_discrepancies_of_the_account_and_no_others(self):
        ended = timezone.now() - timedelta(days=91)
        for state in Discrepancy.State.values:
            closed_at = None if state == "open" else ended
            times = {"first_seen_at": ended, "last_seen_at": ended, "closed_at": closed_at}
            Discrepancy.objects.create(account="default", digest=state, state=state, **times)
        Discrepancy.objects.create(account="default", digest="new", state="resolved", closed_at=timezone.now())
        Discrepancy.objects.create(account="second", digest="other", state="resolved", closed_at=ended)

        assert prune(account="default") == (0, 0, 2, 0)

        assert set(Discrepancy.objects.values_list("digest", flat=True)) == {"open", "closed", "new", "other"}

    def test_pruning_keeps_a_discrepancy_that_is_reopened_meanwhile(self, monkeypatch):
        from django_skinsback.flows import retention

        ended = timezone.now() - timedelta(days=91)
        for digest in "ab":
            Discrepancy.objects.create(account="default", digest=digest, state="resolved", closed_at=ended)
        original_run = retention.run

        def run(block):
            Discrepancy.objects.filter(digest="a").update(state="open", closed_at=None)
            return original_run(block)

        monkeypatch.setattr(retention, "run", run)

        assert prune().discrepancies == 1
        assert Discrepancy.objects.get().digest == "a"

    def test_the_prune_command_prints_the_counts(self, capsys):
        call_command("skinsback_prune", "--days", "1")

        assert "0 deliveries, 0 balances, 0 discrepancies and 0 quotes deleted" in capsys.readouterr().out


class TestRejections:
    def test_many_refused_messages_cause_no_row_no_query_and_one_log_record(
        self, client, deposit, caplog, django_assert_num_queries
    ):
        rejections._logged.clear()
        counted = rejections.counts["default", "deposit", "BadSignature"]
        message = {**signed_notification(deposit), "sign": "0" * 40}

        with caplog.at_level(logging.WARNING, "django_skinsback"), django_assert_num_queries(0):
            for _ in range(500):
                post_notification(client, message)

        assert caplog.messages.count("skinsback.notification_refused") == 1
        assert rejections.counts["default", "deposit", "BadSignature"] == counted + 500
        assert not WebhookEvent.objects.exists()

    def test_the_next_log_record_a_minute_later_has_the_count_of_refused_messages(self, caplog):
        now = 0.0
        counter = Rejections(clock=lambda: now)
        for _ in range(5):
            counter.add("default", "deposit", BadSignature(), "192.0.2.1")
        now = 60.0
        counter.add("default", "deposit", BadSignature(), "192.0.2.1")

        assert [record.refused for record in caplog.records] == [1, 5]

    def test_unknown_account_names_share_one_counter(self):
        counter = Rejections()
        for number in range(100):
            counter.add(f"guess-{number}", "deposit", NoSecret(), "")

        assert len(counter.counts) == 1


class TestInsideATransactionOfTheSite:
    """A middleware of the site wraps every view in a database transaction, and commits before the answer is sent."""

    def test_the_first_statement_locks_the_row(self, client, deposit):
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            assert post_notification(client, signed_notification(deposit)).status_code == 200

        first, *_ = (query["sql"] for query in queries if "skinsback_" in query["sql"])
        assert first.startswith("UPDATE") or first.endswith("UPDATE")  # SQLite has no SELECT … FOR UPDATE
        assert LedgerEntry.objects.count() == 1

    def test_a_failed_delivery_is_stored_inside_a_transaction_of_the_site(self, client, deposit):
        def refuse(**_arguments):
            raise RuntimeError("not now")

        entry_posted.connect(refuse)
        try:
            with transaction.atomic():
                assert post_notification(client, signed_notification(deposit)).status_code == 500
        finally:
            entry_posted.disconnect(refuse)

        assert WebhookEvent.objects.get().error == "RuntimeError"
        assert apply_again(WebhookEvent.objects.get()) == "applied"
        assert LedgerEntry.objects.count() == 1


def test_a_stored_delivery_without_a_change_is_not_counted_as_applied(failed, deposit):
    from django_skinsback import deposits
    from django_skinsback.wire.types import DepositReport

    paid = {"amount": Decimal("10.5"), "user_amount": Decimal("12.6"), "amount_currency": "usd"}
    deposits.record_report(DepositReport(status="success", order_id=deposit.order_id, **paid), "poll")

    assert apply_kept(now=failed.next_try_at) == 0

    assert WebhookEvent.objects.get().outcome == "repeat"


def test_a_stored_delivery_is_retried_with_growing_pauses_for_a_week(client, user):
    attempts = []

    def count(**_kwargs):
        attempts.append(timezone.now())
        raise RuntimeError

    entry_posted.connect(count)
    try:
        with time_machine.travel(timezone.now(), tick=False) as time_travel:
            post_notification(client, signed_notification(make_deposit(user=user)))
            while (event := WebhookEvent.objects.get()).next_try_at is not None:
                time_travel.move_to(event.next_try_at)
                assert apply_kept() == 0
    finally:
        entry_posted.disconnect(count)

    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert pauses == sorted(pauses)
    assert len(attempts) < 60
    assert attempts[-1] - attempts[0] > timedelta(days=7)
