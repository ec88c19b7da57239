from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...flows.reconciliation.discrepancies import ListResult
from ...flows.reconciliation.run import LISTS, reconcile
from ...models import Discrepancy
from ..command import NEEDS_PERSON, NOT_DONE, USAGE, SkinsBackCommand
from ..dates import date_or_time

COUNTED = ("missed", "repaired", "unknown", "differing", "duplicate", "absent")


class Command(SkinsBackCommand):
    help = (
        "Compare SkinsBack's lists of deposits, purchases and failed webhooks with the rows here. Reports that "
        "never arrived are recorded. Contradictions are stored as discrepancies, which an operator closes in the "
        "admin. Run this command once an hour. Each run begins where the last run ended. The list of failed webhooks "
        "is read once a day. With --list or --since it is read now. If a list was not read to its end, the exit code "
        "is 4, and the next run continues there."
    )
    examples = (
        ("", "everything since the last run, of all accounts"),
        ("--list orders --since 2026-05-01", "the deposits from one day until now"),
        ("--json", "one line for each discrepancy, and a last line with the totals"),
    )
    exit_codes = {
        NEEDS_PERSON: "discrepancies are open: look at them in the admin",
        NOT_DONE: "the command could not run, or a list was not read to its end; the message says why",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--list",
            dest="lists",
            action="append",
            choices=[str(name) for name in LISTS],
            help="read only this list, now; may be given several times",
        )
        parser.add_argument("--since", type=date_or_time, help="read from this time: 2026-05-01, or 2026-05-01T12:00")
        parser.add_argument("--until", type=date_or_time, help="read up to this time (default: now); only with --since")

    def work(
        self,
        *_args: Any,
        account: str | None,
        lists: list[str] | None,
        since: datetime | None,
        until: datetime | None,
        **_options: Any,
    ) -> int | None:
        if until and not since:
            raise CommandError("--until needs --since.", returncode=USAGE)
        names = lists or LISTS
        with self.progress.bar("reconcile") as on_progress:
            results = reconcile(
                account,
                lists=lists,
                since=since,
                until=until,
                on_discrepancy=self._print_discrepancy,
                on_progress=on_progress,
            )
        for result in results:
            self._print_result(result)
        begun = {(result.account, result.name) for result in results}
        if unread := [f"{alias}, {name}" for alias in self.accounts for name in names if (alias, name) not in begun]:
            self.warn(f"not read because of the error above: {'; '.join(unread)}")
        unresolved = Discrepancy.objects.open().filter(account__in=self.accounts, found_in__in=names).count()
        complete = not any(result.stopped_by for result in results)
        if self.as_json:
            self.tell("", open=unresolved, complete=complete, lists=[result.as_dict() for result in results])
        elif unresolved:
            self.tell(self.style.ERROR(f"{unresolved} discrepancies are open: look at them in the admin."))
        if not complete:
            return NOT_DONE
        return NEEDS_PERSON if unresolved else None

    def _print_discrepancy(self, row: Discrepancy) -> None:
        text = f"{row.found_in} {row.our_id or row.their_id}: {row.get_kind_display()} ({row.get_state_display()}); "
        names = ("account", "found_in", "kind", "state", "our_id", "their_id", "ours", "theirs", "outcome")
        self.tell(text + _both_sides(row), **{name: getattr(row, name) for name in (*names, "times_seen", "note")})

    def _print_result(self, result: ListResult) -> None:
        where = f"{result.account}, {result.name}"
        if not self.as_json:
            self.tell(f"{where}: {_summary(result)}")
        for note in result.notes:
            self.warn(f"{where}: {note}")
        if result.stopped_by:
            self.warn(f"{where}: stopped early: {result.stopped_by}")


def _summary(result: ListResult) -> str:
    if result.skipped:
        return "skipped, because the list was read within the last day"
    found = ", ".join(f"{getattr(result, name)} {name}" for name in COUNTED if getattr(result, name))
    nothing = "no difference so far" if result.stopped_by else "all agree"
    return f"rows {result.rows}, pages {result.pages}; {found or nothing}"


def _both_sides(row: Discrepancy) -> str:
    """Return the columns that differ as text: SkinsBack's value, and the value here in parentheses.

    If no column differs, return all of SkinsBack's values.
    """
    differing = [name for name, value in row.theirs.items() if row.ours.get(name, value) != value]
    values = [f"{name} {row.theirs[name]} (here {row.ours[name]})" for name in differing]
    values = values or [f"{name} {value}" for name, value in row.theirs.items()]
    return f"SkinsBack: {', '.join(values) or 'not listed'}"
