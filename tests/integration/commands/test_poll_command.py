"""``skinsback_poll``: once, or repeated instead of Celery's worker and beat."""

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from django_skinsback import tasks
from django_skinsback.flows import retention
from django_skinsback.flows import scheduler as routine
from django_skinsback.flows.figures import daily_figures, owing
from django_skinsback.flows.market import prices
from django_skinsback.flows.monitoring import balance, digest
from django_skinsback.flows.polling import deposits as deposit_queue
from django_skinsback.flows.polling import purchases as purchase_queue
from django_skinsback.flows.polling.sweep import Counts
from django_skinsback.flows.reconciliation import run as reconciliation
from django_skinsback.flows.webhooks import replay as replaying
from django_skinsback.management.output import PeriodicSummary
from django_skinsback.models import Purchase
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_deposit, make_purchase


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def once(*arguments):
    out = StringIO()
    try:
        call_command("skinsback_poll", *arguments, stdout=out, stderr=out, no_color=True)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


class TestOnce:
    @pytest.mark.django_db
    def test_json_output_is_one_object(self, world):
        make_deposit(status="pending")
        printed, code = once("--json")
        assert code == 0
        [line] = printed.splitlines()
        nothing = {"asked": 0, "changed": 0, "stopped_by": ""}
        assert json.loads(line) == {"deliveries": 0, "deposits": {**nothing, "asked": 1}, "purchases": nothing}

    @pytest.mark.django_db
    def test_a_sweep_stopped_by_an_error_ends_with_4_and_the_other_sweep_follows(self, world):
        make_deposit()
        world.sandbox.faults.add("maintenance", "orderstatus")
        printed, code = once()
        assert code == 4
        assert "deposits: stopped early by default: " in printed
        assert "purchases: 0 due, 0 changed" in printed

    @pytest.mark.django_db
    def test_a_sweep_that_raises_ends_with_5_and_the_other_sweep_follows(self, world, monkeypatch, caplog):
        def fail(*_args, **_options):
            raise RuntimeError("a bug")

        make_purchase(market_hash_name="", skin_id="1", max_price="0.01")
        monkeypatch.setattr(deposit_queue, "poll_deposits", fail)
        monkeypatch.setattr(replaying, "apply_kept", fail)
        printed, code = once()
        assert code == 5
        assert "deposits: failed: RuntimeError: a bug" in printed
        assert "deliveries: failed: RuntimeError: a bug" in printed
        assert "deliveries: 0 applied" not in printed
        assert "purchases: 1 due, 1 changed" in printed
        assert caplog.messages.count("skinsback.job_failed") == 2

    @pytest.mark.django_db
    def test_a_database_without_tables_ends_with_4_and_names_the_command_to_run(self, caplog):
        def fail(*_args):
            raise OperationalError("no such table: skinsback_webhookevent")

        out = StringIO()
        with connection.execute_wrapper(fail), pytest.raises(CommandError, match="Run skinsback_check") as refused:
            call_command("skinsback_poll", stdout=out)
        assert (refused.value.returncode, out.getvalue(), caplog.messages) == (4, "", [])

    @pytest.mark.parametrize("period", ["0", "-1", "nan", "inf"])
    def test_an_invalid_period_is_refused(self, period):
        with pytest.raises(CommandError, match="above zero") as refused:
            call_command("skinsback_poll", "--forever", "--every", period)
        assert refused.value.returncode == 2

    @pytest.mark.parametrize("period", ["10", "0"])
    def test_a_period_without_forever_is_refused(self, period):
        with pytest.raises(CommandError, match="--every needs --forever") as refused:
            call_command("skinsback_poll", "--every", period)
        assert refused.value.returncode == 2


class TestJobs:
    OF_ALL_ACCOUNTS = ("apply_kept", "send_digest_if_due", "write_daily_figures", "find_owing_users")

    @pytest.fixture
    def calls(self, monkeypatch):
        made = []

        def replace(module, name, result=None):
            monkeypatch.setattr(module, name, lambda *args, **options: made.append((name, args, options)) or result)

        replace(purchase_queue, "poll_purchases", Counts())
        replace(deposit_queue, "poll_deposits", Counts())
        replace(replaying, "apply_kept")
        replace(prices, "sync_prices")
        replace(balance, "snapshot_balance")
        replace(reconciliation, "reconcile")
        replace(digest, "send_digest_if_due")
        replace(retention, "prune")
        replace(daily_figures, "write_daily_figures")
        replace(owing, "find_owing_users")
        return made

    def test_the_jobs_are_those_of_the_beat_schedule(self):
        planned = {entry["task"]: entry["schedule"] for entry in tasks.beat_schedule(7).values()}
        assert {f"skinsback.{job.name}": job.seconds or 7 for job in routine.JOBS} == planned

    def test_each_job_calls_the_flow_of_its_task(self, calls):
        for job in routine.JOBS:
            job.run(None, routine.no_progress)
            by_job, calls[:] = [(name, args) for name, args, _ in calls], []
            getattr(tasks, job.name)()
            by_task, calls[:] = [(name, args) for name, args, _ in calls], []
            assert [name for name, _ in by_job] == [name for name, _ in by_task]

    def test_a_job_can_be_run_for_one_account(self, calls):
        for job in routine.JOBS:
            job.run("second", routine.no_progress)
        assert {"second"} == {
            (*args, *options.values())[0] if args else options["account"]
            for name, args, options in calls
            if name not in self.OF_ALL_ACCOUNTS
        }


@pytest.mark.django_db  # it closes old connections
class TestForever:
    def repeat(self, periods, until, *, clock=None):
        """Run jobs until the clock shows ``until``. Returns when each was run, and the results."""
        clock = clock or Clock()
        done, results = [], []
        jobs = {
            routine.Job(name, seconds, self.job(name, run, done, clock)): seconds
            for name, (seconds, run) in periods.items()
        }
        routine.repeat(
            jobs,
            None,
            stopped=lambda: clock.now >= until,
            on_result=lambda job, result: results.append((job.name, result)),
            on_idle=lambda: None,
            clock=clock,
            sleep=clock.sleep,
        )
        return done, results

    def job(self, name, run, done, clock):
        def do(_account, on_progress):
            done.append((name, clock.now))
            return run(clock, on_progress)

        return do

    def test_every_job_runs_at_once_and_then_at_its_period(self):
        def quick(*_):
            return None

        done, _ = self.repeat({"sweep": (10, quick), "prune": (25, quick)}, until=40)
        assert [moment for name, moment in done if name == "sweep"] == [0, 10, 20, 30]
        assert [moment for name, moment in done if name == "prune"] == [0, 25]

    def test_a_job_longer_than_its_period_skips_the_missed_runs(self):
        done, _ = self.repeat({"slow": (10, lambda clock, _: clock.sleep(35))}, until=100)
        assert [moment for _, moment in done] == [0, 35, 70]

    def test_an_exception_is_logged_and_the_jobs_go_on(self, caplog):
        def fail(*_):
            raise RuntimeError("a bug")

        done, results = self.repeat({"bad": (10, fail), "good": (10, lambda *_: 1)}, until=20)
        assert [name for name, _ in done] == ["bad", "good"] * 2
        assert [str(result) for name, result in results if name == "bad"] == ["a bug"] * 2
        assert caplog.messages == ["skinsback.job_failed"] * 2

    def test_a_stop_ends_a_sweep_between_two_batches(self):
        clock, batches = Clock(), []

        def sweep(clock, on_progress):
            while True:
                batches.append(clock.now)
                clock.sleep(5)
                on_progress(100)

        self.repeat({"sweep": (10, sweep)}, until=12, clock=clock)
        assert batches == [0, 5, 10]

    def test_a_summary_is_printed_every_minute_and_rarely_while_nothing_is_due(self):
        clock, summaries = Clock(), []
        summary = PeriodicSummary(lambda text, **values: summaries.append((clock.now, text, values)), clock)
        for second in range(0, 1500, 10):
            clock.now = second
            summary.add("poll_purchases", Counts(asked=5, changed=1) if second < 100 else Counts())
        summary.add("prune", RuntimeError("a bug"))

        assert [moment for moment, _, _ in summaries] == [60, 120, 720, 1320, 1490]
        assert summaries[0][2]["asked"] == 35
        assert summaries[0][2]["runs"] == {"poll_purchases": 7}
        assert summaries[-1][2]["failed"] == {"prune": "a bug"}
        assert "a bug" in summaries[-1][1]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
    def test_a_process_runs_until_a_signal_and_ends_with_0(self, settings, number):
        with Sandbox(manual=True, send=lambda *_message: 200) as sandbox:
            settings.SKINSBACK = {
                **settings.SKINSBACK,
                **sandbox.credentials(),
                "API_URL": sandbox.api_url,
                "ACCOUNTS": {},
            }
            make_purchase(market_hash_name="", skin_id="1", max_price="0.01")
            command = [sys.executable, "-m", "django", "skinsback_poll", "--forever", "--every", "1", "--json"]
            environment = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "TEST_DATABASE_NAME": str(django_settings.DATABASES["default"]["NAME"]),
                "TEST_API_URL": sandbox.api_url,
            }
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            try:
                deadline = time.monotonic() + 60
                while not Purchase.objects.filter(status="refused").exists():
                    assert process.poll() is None, process.communicate()
                    assert time.monotonic() < deadline, "the purchase was never sent"
                    time.sleep(0.02)
                process.send_signal(number)
                printed, complaints = process.communicate(timeout=60)
            finally:
                process.kill()

        assert process.returncode == 0, complaints
        [summary] = map(json.loads, printed.splitlines())
        assert summary["asked"] >= 1
        assert summary["runs"]["poll_purchases"] >= 1
        assert Purchase.objects.get().updated_at <= timezone.now()
