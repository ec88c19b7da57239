import logging
from collections.abc import Callable
from dataclasses import asdict
from math import inf
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...flows.monitoring.sweeps import note_sweep
from ...flows.polling import deposits as deposit_queue
from ...flows.polling import purchases as purchase_queue
from ...flows.polling.sweep import Counts
from ...flows.scheduler import JOBS, repeat
from ...flows.webhooks import replay
from ...models import WebhookEvent
from ..command import NOT_DONE, NOT_KNOWN, USAGE, SkinsBackCommand, described
from ..output import PeriodicSummary, stop_signals

logger = logging.getLogger("django_skinsback")

EVERY_SECONDS = 10.0


class Command(SkinsBackCommand):
    help = (
        "Do all due work once: apply stored deliveries that failed before, poll deposits, send and poll purchases. "
        "With --forever, repeat this, and also run the jobs that Celery's beat would start: reconcile, import prices, "
        "store the balance, write the figures of the desk, find users who owe, delete old data. Stop the command with "
        "Ctrl-C or SIGTERM."
    )
    examples = (
        ("", "all work that is due now, for all accounts"),
        ("--forever", "instead of Celery; run it under systemd or another supervisor, which restarts it"),
        ("--forever --every 30", "poll every 30 seconds instead of every 10"),
        ("--account second --json", "one account, and one line of JSON for a program"),
    )
    exit_codes = {
        NOT_DONE: "an error ended a sweep early; the next sweep polls the remaining rows",
        NOT_KNOWN: "a sweep raised an exception, which is logged; it may have done a part of its work",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--forever", action="store_true", help="repeat until stopped, instead of Celery")
        parser.add_argument(
            "--every", type=float, metavar="SECONDS", help="period of the sweeps with --forever (default: 10)"
        )

    def work(self, account: str | None, *, forever: bool, every: float | None, **_options: Any) -> int | None:
        if every is not None and not forever:
            raise CommandError("--every needs --forever.", returncode=USAGE)
        if every is not None and not 0 < every < inf:
            raise CommandError("--every must be above zero.", returncode=USAGE)
        if not forever:
            return self._once(account)
        self._forever(account, EVERY_SECONDS if every is None else every)
        return None

    def _once(self, account: str | None) -> int | None:
        WebhookEvent.objects.exists()  # if the table is missing, this raises one error instead of one error per job
        done: dict[str, Any] = {"deliveries": 0}
        codes: list[int] = []
        try:
            done["deliveries"] = replay.apply_kept()
        except Exception as error:  # noqa: BLE001 - logged; the sweeps still run
            codes.append(self._failed("deliveries", error))
        else:
            self._say(f"deliveries: {done['deliveries']} applied")
        for name, flow in (("deposits", deposit_queue.poll_deposits), ("purchases", purchase_queue.poll_purchases)):
            counts = self._sweep(name, flow, account, codes)
            done[name] = asdict(counts)
            self._say(f"{name}: {counts.asked} due, {counts.changed} changed")
            if counts.stopped_by:
                self.warn(f"{name}: stopped early by {counts.stopped_by}")
        note_sweep()
        if self.as_json:
            self.tell("", **done)
        return max(codes, default=None)

    def _sweep(self, name: str, flow: Callable[..., Counts], account: str | None, codes: list[int]) -> Counts:
        """Run one sweep and return its counts. If the sweep failed, add its exit code to ``codes``.

        An exception is logged and not raised, so that the other sweep still runs.
        """
        polled = Counts()

        def on_progress(rows: int) -> None:
            polled.asked += rows
            move_bar(rows)

        with self.progress.bar(name) as move_bar:
            try:
                counts = flow(account, on_progress=on_progress)
            except Exception as error:  # noqa: BLE001 - logged; receivers of the site may raise anything
                codes.append(self._failed(name, error))
                polled.stopped_by = described(error)
                return polled
        if counts.stopped_by:
            codes.append(NOT_DONE)
        return counts

    def _failed(self, job: str, error: Exception) -> int:
        logger.exception("skinsback.job_failed", extra={"job": job})
        self.warn(f"{job}: failed: {described(error)}")
        return NOT_KNOWN

    def _say(self, text: str) -> None:
        if not self.as_json:
            self.tell(text)

    def _forever(self, account: str | None, every: float) -> None:
        summary = PeriodicSummary(self.tell)
        periods = {job: job.seconds or every for job in JOBS}
        with stop_signals() as stopped:
            self._say(f"Polling every {every:g} seconds. Stop with Ctrl-C.")
            repeat(
                periods,
                account,
                stopped=stopped,
                on_result=lambda job, result: summary.add(job.name, result),
                on_idle=summary.print_if_due,
            )
        summary.print()
        self._say("Stopped.")
