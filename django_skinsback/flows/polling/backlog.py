"""When so much is due that SkinsBack's lists, a thousand rows to a page, tell of it in fewer calls than asking does."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

from django.core.cache import caches
from django.db.models import Max, Min

from ... import conf, schedule
from ...exceptions import ACCOUNT_WIDE, APIError, InvalidInput, UnknownOutcome
from ...wire.types import Page
from ..ledger.duplicate_rows import by_id, review_differing
from ..ledger.edit import Source
from ..pages import PageReader
from .queue import Moment, Row, Sweep, is_due

logger = logging.getLogger("django_skinsback")

Report = TypeVar("Report")

MARGIN = schedule.HOUR
"""Whether SkinsBack's ranges include their ends, and by whose clock, is not published."""

ROWS_AT_ONCE = 400
"""How many ids one statement names; some builds of SQLite take 999 values."""

READER_SECONDS = 15
"""How long the process that reads a list is taken to be alive after its last page."""


@dataclass(frozen=True)
class Listed(Generic[Row, Report]):
    """One of SkinsBack's lists, and what is made of its rows.

    ``fetch`` (account, starting, ending, start_from) gives a page. ``take`` records what a row of it says, if that is
    news, and else returns when the row is asked about next, or None to have it asked about singly. Reading begins at
    ``from_rows`` due rows, and ends with a page that names fewer of them than ``a_call`` would settle otherwise.
    """

    fetch: Callable[[str, datetime, datetime, str | None], Page[Report]]
    take: Callable[[Sweep[Row], Row, Report, Moment], datetime | None]
    from_rows: int
    a_call: int


def read(sweep: Sweep[Row], listed: Listed[Row, Report]) -> bool:
    """Look for the due rows in the list, page by page, while that pays; False if another process is doing just that.

    What the list does not tell stays due.
    """
    due, since = sweep.queue.due_rows(sweep.account, sweep.now), sweep.queue.since
    first, last = due.aggregate(first=Min(since), last=Max(since)).values()
    if first is None:
        return True
    with _only_reader(f"skinsback:{sweep.queue.model.__name__}:{sweep.account}") as keep:
        if keep is None:
            return False
        pages = PageReader(
            lambda start_from: listed.fetch(sweep.account, first - MARGIN, last + MARGIN, start_from),
            attrgetter(sweep.queue.our_id),
        )
        try:
            for page in pages:
                if _take_page(sweep, listed, page) < listed.a_call:
                    break
                keep()
        except ACCOUNT_WIDE:
            raise
        except (APIError, InvalidInput, UnknownOutcome) as error:  # a cursor that cannot be sent back is invalid
            extra = {"rows": sweep.queue.model.__name__, "account": sweep.account, "error": str(error)}
            logger.warning("skinsback.list_not_read", extra=extra)
    return True


def _take_page(sweep: Sweep[Row], listed: Listed[Row, Report], page: Sequence[Report]) -> int:
    """How many due rows the page names. Two statements for every 400 rows of it, and what each change takes."""
    our_id, named, moment = sweep.queue.our_id, 0, sweep.moment()
    differing: set[str]
    reports: dict[str, Report]
    reports, differing = by_id(page, attrgetter(our_id))
    ids = [*reports, *differing]
    for some in (ids[start : start + ROWS_AT_ONCE] for start in range(0, len(ids), ROWS_AT_ONCE)):
        due = sweep.queue.due_rows(sweep.account, sweep.now)
        times, changed = {}, sweep.counts.changed
        for row in due.filter(**{f"{our_id}__in": some}):
            key = getattr(row, our_id)  # compared exactly; some collations take "a" for "A"
            report = reports.get(key)
            if key in differing:
                review_differing(sweep.queue.model, row.pk, sweep.queue.due, Source.LIST)
            if report is None:
                continue
            named += 1
            time = listed.take(sweep, row, report, moment)
            if time is not None:
                times[row.pk] = time
        sweep.queue.reschedule(times, is_due(sweep.queue.due, sweep.now))
        sweep.took(len(times) + sweep.counts.changed - changed)
    return named


@contextmanager
def _only_reader(name: str) -> Iterator[Callable[[], object] | None]:
    """Whether nobody else reads the same list: then what says that we still do. A cache that fails keeps nobody out.

    Some that fail do not say so: they add nothing, and nothing is there.
    """
    cache: Any = None
    mine = True
    with suppress(Exception):
        cache = caches[conf.get("CACHE")]
        mine = cache.add(name, True, READER_SECONDS) or cache.get(name) is None
    if not mine:
        yield None
        return

    def keep() -> None:
        with suppress(Exception):
            cache.touch(name, READER_SECONDS)

    try:
        yield keep
    finally:
        with suppress(Exception):
            cache.delete(name)
