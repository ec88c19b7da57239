from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...flows import notifications, polling
from ...flows.routine import JOBS, repeat
from ..command import COULD_NOT_RUN, FAILED, SkinsBackCommand
from ..diary import Diary, stop_signals


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
    exit_codes = {FAILED: "a sweep was ended early by an error; what it left is done by the next one"}

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--forever", action="store_true", help="go on until stopped, without Celery")
        parser.add_argument(
            "--every", type=float, default=10.0, metavar="SECONDS", help="how often --forever sweeps (default: 10)"
        )

    def work(self, account: str | None, *, forever: bool, every: float, **_options: Any) -> int | None:
        if not forever:
            return self._once(account)
        if every <= 0:
            raise CommandError("--every must be above zero.", returncode=COULD_NOT_RUN)
        self._forever(account, every)
        return None

    def _once(self, account: str | None) -> int | None:
        done: dict[str, Any] = {"deliveries": notifications.apply_kept()}
        self._say(f"deliveries: {done['deliveries']} applied")
        stopped = False
        for name, flow in (("deposits", polling.check_deposits), ("purchases", polling.poll_purchases)):
            with self.progress.bar(name) as advance:
                counts = flow(account, advance=advance)
            done[name], stopped = asdict(counts), stopped or bool(counts.stopped_by)
            self._say(f"{name}: {counts.asked} due, {counts.changed} changed")
            if counts.stopped_by:
                self.warn(f"{name}: stopped early by {counts.stopped_by}")
        if self.as_json:
            self.tell("", **done)
        return FAILED if stopped else None

    def _say(self, text: str) -> None:
        if not self.as_json:
            self.tell(text)

    def _forever(self, account: str | None, every: float) -> None:
        diary = Diary(self.tell)
        periods = {job: job.seconds or every for job in JOBS}
        with stop_signals() as stopped:
            self._say(f"Sweeping every {every:g} seconds. Stop with Ctrl-C.")
            repeat(
                periods,
                account,
                stopped=stopped,
                told=lambda job, result: diary.note(job.name, result),
                idle=diary.tell_if_due,
            )
        diary.tell()
        self._say("Stopped.")
