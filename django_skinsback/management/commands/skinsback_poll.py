import logging
from collections.abc import Callable
from dataclasses import asdict
from math import inf
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...flows.monitoring.stalled import note_pass
from ...flows.polling import deposits as deposit_queue
from ...flows.polling import purchases as purchase_queue
from ...flows.polling.queue import Counts
from ...flows.scheduler import JOBS, repeat
from ...flows.webhooks import replay
from ...models import WebhookEvent
from ..command import NOT_DONE, NOT_KNOWN, USAGE, SkinsBackCommand, described
from ..output import PeriodicSummary, stop_signals

logger = logging.getLogger("django_skinsback")

EVERY_SECONDS = 10.0


class Command(SkinsBackCommand):
    help = (
        "Do what is due, once: apply deliveries that were kept, ask SkinsBack about open deposits, send and ask about "
        "purchases. With --forever go on like this, and do all that Celery's worker and beat would do: compare lists, "
        "take over prices, keep the balance, forget old deliveries. Stop it with Ctrl-C or SIGTERM."
    )
    examples = (
        ("", "what is due now, of all accounts"),
        ("--forever", "in the place of Celery; start it with systemd or the like, so that it comes up again"),
        ("--forever --every 30", "look for due rows every 30 seconds only"),
        ("--account second --json", "of one account, and one line of JSON for a program"),
    )
    exit_codes = {
        NOT_DONE: "a sweep was ended early by an error; what it left is done by the next one",
        NOT_KNOWN: "a sweep raised an exception, which is logged; it is not known how much it did",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--forever", action="store_true", help="go on until stopped, without Celery")
        parser.add_argument("--every", type=float, metavar="SECONDS", help="how often --forever sweeps (default: 10)")

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
        WebhookEvent.objects.exists()  # a database without our tables is one error, not three
        done: dict[str, Any] = {"deliveries": 0}
        codes: list[int] = []
        try:
            done["deliveries"] = replay.apply_kept()
        except Exception as error:  # noqa: BLE001 - logged; the sweeps must not wait for it
            codes.append(self._failed("deliveries", error))
        else:
            self._say(f"deliveries: {done['deliveries']} applied")
        for name, flow in (("deposits", deposit_queue.poll_deposits), ("purchases", purchase_queue.poll_purchases)):
            counts = self._sweep(name, flow, account, codes)
            done[name] = asdict(counts)
            self._say(f"{name}: {counts.asked} due, {counts.changed} changed")
            if counts.stopped_by:
                self.warn(f"{name}: stopped early by {counts.stopped_by}")
        note_pass()
        if self.as_json:
            self.tell("", **done)
        return max(codes, default=None)

    def _sweep(self, name: str, flow: Callable[..., Counts], account: str | None, codes: list[int]) -> Counts:
        """One sweep, which keeps no other from being made whatever it raises."""
        taken = Counts()

        def advance(rows: int) -> None:
            taken.asked += rows
            move(rows)

        with self.progress.bar(name) as move:
            try:
                counts = flow(account, advance=advance)
            except Exception as error:  # noqa: BLE001 - logged; a site's code may raise anything
                codes.append(self._failed(name, error))
                taken.stopped_by = described(error)
                return taken
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
            self._say(f"Sweeping every {every:g} seconds. Stop with Ctrl-C.")
            repeat(
                periods,
                account,
                stopped=stopped,
                told=lambda job, result: summary.add(job.name, result),
                idle=summary.print_if_due,
            )
        summary.print()
        self._say("Stopped.")
