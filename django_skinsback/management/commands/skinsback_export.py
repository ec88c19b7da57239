from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.management.base import CommandError, CommandParser
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ...flows.exporting import movements
from ...flows.exporting.columns import LEDGER, TABLES, Table
from ...flows.exporting.lines import FileFormat, header_text, rows_text
from ...flows.exporting.listed import filters_of, rows_of_list
from ...flows.exporting.walk import pages
from ...flows.figures.queries import DAY, day_start
from ...flows.ledger.database import database
from ..command import NOT_DONE, USAGE, SkinsBackCommand
from ..complete_file import complete_file
from ..dates import day
from ..output import stop_signals
from ..printing import Stream

MOVEMENTS = "movements"
GRACE_SECONDS = 5.0
"""A query that still runs this long after Ctrl-C or SIGTERM is interrupted."""

Write = Callable[[str], bool]
Page = list[list[Any]]


class Command(SkinsBackCommand):
    help = (
        "Export deposits, purchases or ledger entries, or the daily movements through SkinsBack, which are not your "
        "liabilities. Rows that are added during the export are left out. Secrets are never exported. The file gets "
        "its name only when it is complete."
    )
    examples = (
        ("deposits --output deposits.csv", "all deposits as a CSV file that only you may read"),
        ("ledger --from 2026-05-01 --to 2026-05-31 --output may.csv", "the ledger entries of one month"),
        (
            'purchases --filters "status__exact=accepted&game=cs2" --output accepted.csv',
            "the rows of a filtered list of the admin: copy what follows the question mark in its address",
        ),
        ("deposits --format jsonl", "one JSON object per line on standard output"),
        ("movements --from 2026-05-01 --to 2026-05-31", "the sums of each day, account and currency"),
    )
    exit_codes = {NOT_DONE: "the export is not complete: the file was not written, or standard output was closed"}

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=[*TABLES, MOVEMENTS], help="what is exported")
        parser.add_argument(
            "--filters", default="", metavar="QUERY", help="only rows of the admin's list with this query string"
        )
        parser.add_argument(
            "--from", dest="first", type=day, metavar="DAY", help="only rows created on or after this day: 2026-05-01"
        )
        parser.add_argument(
            "--to", dest="last", type=day, metavar="DAY", help="only rows created on or before this day"
        )
        parser.add_argument(
            "--format",
            dest="file_format",
            choices=[*FileFormat],
            help="csv (default), or jsonl: one JSON object per line (default with --json)",
        )
        parser.add_argument("--output", metavar="FILE", help="write this file (default: standard output)")

    def work(
        self,
        *_args: Any,
        what: str,
        account: str | None,
        filters: str,
        file_format: str | None,
        output: str | None,
        stdout: Stream,
        **options: Any,
    ) -> None:
        chosen = FileFormat(file_format or (FileFormat.JSONL if self.as_json else FileFormat.CSV))
        first, last = options["first"], options["last"]
        if first and last and first > last:
            raise CommandError("--from is after --to.", returncode=USAGE)
        if what == MOVEMENTS:
            if filters:
                raise CommandError("--filters cannot be used with movements.", returncode=USAGE)
            names, found = movements.COLUMNS, _movement_pages(first, last, account)
        else:
            names, found = TABLES[what].header, _pages(TABLES[what], filters, account, first, last)
        rows = 0
        texts = _texts(chosen, names, found)
        with (
            stop_signals(GRACE_SECONDS) as stopped,
            _output(output, stdout) as write,
            self.progress.bar(what) as advance,
        ):
            for text, number in texts:
                if not write(text):
                    raise CommandError(f"Standard output was closed after {rows} rows.", returncode=NOT_DONE)
                if stopped():
                    raise KeyboardInterrupt
                rows += number
                advance(number)
        if output:
            self.tell(f"{rows} {'rows' if rows != 1 else 'row'} written to {output}", rows=rows, output=output)


def _texts(chosen: FileFormat, names: Sequence[str], found: Iterator[Page]) -> Iterator[tuple[str, int]]:
    """Yield the parts of the file, each with its number of rows."""
    yield header_text(chosen, names), 0
    for page in found:
        yield rows_text(chosen, names, page), len(page)


@contextmanager
def _output(name: str | None, stdout: Stream) -> Iterator[Write]:
    if name is None:
        yield stdout.write_data
        return
    with complete_file(name) as write:
        yield write


def _movement_pages(first: date | None, last: date | None, account: str | None) -> Iterator[Page]:
    oldest, newest = movements.first_day(), movements.today()
    days = movements.days_between(max(first or oldest, oldest), last or newest)
    for found in movements.read_movements(days, account):
        yield [movement.values() for movement in found]


def _pages(table: Table, filters: str, account: str | None, first: date | None, last: date | None) -> Iterator[Page]:
    rows = _listed(table, filters) if filters else table.model._default_manager.using(database()).all()
    if account is not None:
        of_account = Q(account=account)
        if table is LEDGER:
            of_account = Q(deposit__account=account) | Q(purchase__account=account)
        rows = rows.filter(of_account)
    if first is not None:
        rows = rows.filter(created_at__gte=day_start(first))
    if last is not None:
        rows = rows.filter(created_at__lt=day_start(last + DAY))
    return pages(table, rows)


def _listed(table: Table, filters: str) -> QuerySet[Any]:
    """Return the rows that the list of the admin shows with these filters."""
    model_admin = _model_admin(table) if apps.is_installed("django.contrib.admin") else None
    if model_admin is None:
        raise CommandError("--filters needs Django's admin with the lists of this package.", returncode=USAGE)
    request = HttpRequest()
    request.method = "GET"
    request.user = AnonymousUser()
    return rows_of_list(model_admin, request, filters_of(filters))


def _model_admin(table: Table) -> Any:
    """Return the ModelAdmin of a table. Return None if no admin site has one."""
    from django.contrib.admin.sites import all_sites, site

    for each in (site, *all_sites):
        if each.is_registered(table.model):
            return each.get_model_admin(table.model)
    return None
