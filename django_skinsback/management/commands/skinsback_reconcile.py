from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...flows.reconciliation.discrepancies import Counts
from ...flows.reconciliation.run import LISTS, reconcile
from ...models import Discrepancy
from ..command import NEEDS_PERSON, NOT_DONE, USAGE, SkinsBackCommand
from ..dates import date_or_time

FOUND = ("missed", "repaired", "unknown", "differing", "doubled", "absent")


class Command(SkinsBackCommand):
    help = (
        "Compare SkinsBack's lists of deposits, purchases and failed notifications with the rows here. A report that "
        "never arrived is recorded now; what cannot be right is kept as a discrepancy for an operator, in the admin. "
        "Each run begins where the last one ended, so that it can run as often as you like; once an hour is enough. A "
        "list that was not read to its end is named, and the command ends with 4; the next run goes on there."
    )
    examples = (
        ("", "everything since the last run, of all accounts"),
        ("--list orders --since 2026-05-01", "the deposits from one day until now"),
        ("--json", "one line for each discrepancy that was found, and at the end one for the whole"),
    )
    exit_codes = {
        NEEDS_PERSON: "discrepancies are open: look at them in the admin",
        NOT_DONE: "it could not run, or a list was not read to its end; the message says why",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--list", dest="lists", action="append", choices=[str(name) for name in LISTS], help="only this list"
        )
        parser.add_argument("--since", type=date_or_time, help="read from here on: 2026-05-01, or 2026-05-01T12:00")
        parser.add_argument("--until", type=date_or_time, help="read up to here (default: now); only with --since")

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
        with self.progress.bar("reconcile") as advance:
            results = reconcile(account, lists=names, since=since, until=until, told=self._found, report=advance)
        for counts in results:
            self._sum_up(counts)
        begun = {(counts.account, counts.name) for counts in results}
        if unread := [f"{alias}, {name}" for alias in self.accounts for name in names if (alias, name) not in begun]:
            self.warn(f"not read, after that: {'; '.join(unread)}")
        waiting = Discrepancy.objects.open().filter(account__in=self.accounts, found_in__in=names).count()
        stopped = [counts for counts in results if counts.stopped_by]
        if self.as_json:
            self.tell("", open=waiting, complete=not stopped, lists=[counts.as_dict() for counts in results])
        elif waiting:
            self.tell(self.style.ERROR(f"{waiting} discrepancies are open: look at them in the admin."))
        if stopped:
            return NOT_DONE
        return NEEDS_PERSON if waiting else None

    def _found(self, row: Discrepancy) -> None:
        subject = row.our_id or row.their_id
        text = f"{row.found_in} {subject}: {row.get_kind_display()} ({row.get_state_display()}); {_sides(row)}"
        names = ("account", "found_in", "kind", "state", "our_id", "their_id", "ours", "theirs", "outcome")
        self.tell(text, **{name: getattr(row, name) for name in (*names, "times_seen", "note")})

    def _sum_up(self, counts: Counts) -> None:
        where = f"{counts.account}, {counts.name}"
        if not self.as_json:
            found = ", ".join(f"{getattr(counts, name)} {name}" for name in FOUND if getattr(counts, name))
            found = found or ("no difference so far" if counts.stopped_by else "all agree")
            self.tell(f"{where}: rows {counts.rows}, pages {counts.pages}; {found}")
        for note in counts.notes:
            self.warn(f"{where}: {note}")
        if counts.stopped_by:
            self.warn(f"{where}: stopped early: {counts.stopped_by}")


def _sides(row: Discrepancy) -> str:
    """What SkinsBack told, and beside it what is here, of the columns in which they differ or else of all."""
    differing = [name for name, told in row.theirs.items() if row.ours.get(name, told) != told]
    told = [f"{name} {row.theirs[name]} (here {row.ours[name]})" for name in differing]
    told = told or [f"{name} {value}" for name, value in row.theirs.items()]
    return f"SkinsBack: {', '.join(told) or 'not listed'}"
