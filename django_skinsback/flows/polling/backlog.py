"""Reads SkinsBack's list of deposits or purchases if many rows are due.

A page of a list contains up to a thousand rows. So reading the list takes fewer calls than polling each row or batch.
"""

import logging
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.db.models import Max, Min

from ... import schedule
from ...exceptions import ACCOUNT_WIDE, APIError, InvalidInput, UnknownOutcome
from ...models.fields import utc_now
from ..ledger.duplicate_rows import by_id, review_differing
from ..ledger.edit import Source
from ..pages import PageReader
from .queue import reschedule

if TYPE_CHECKING:
    from .sweep import Sweep

logger = logging.getLogger("django_skinsback")

MARGIN = schedule.HOUR
"""The time that is added at both ends of the time range.

SkinsBack does not document whose clock the range uses, and whether the range includes its ends.
"""

IDS_PER_STATEMENT = 400
"""The maximum number of IDs in one statement. Some builds of SQLite accept at most 999 values."""


def read_list(sweep: "Sweep[Any, Any]") -> None:
    """Read the list page by page, and record the reports of rows that are due.

    Reading ends after a page that contains fewer than ``sweep.rows_per_call`` due rows, because then polling the rows
    takes fewer calls. Rows that the list does not contain stay due. If two processes read the same list at once, only
    some calls are wasted.
    """
    first, last = sweep.due_rows().aggregate(first=Min(sweep.list_time), last=Max(sweep.list_time)).values()
    if first is None:
        return
    pages = PageReader(
        lambda start_from: sweep.fetch_page(first - MARGIN, last + MARGIN, start_from), attrgetter(sweep.our_id)
    )
    try:
        for page in pages:
            if _record_page(sweep, page) < sweep.rows_per_call:
                break
    except ACCOUNT_WIDE:
        raise
    except (APIError, InvalidInput, UnknownOutcome) as error:  # InvalidInput: start_from cannot be sent back
        extra = {"rows": sweep.model.__name__, "account": sweep.account, "error": str(error)}
        logger.warning("skinsback.list_not_read", extra=extra)


def _record_page(sweep: "Sweep[Any, Any]", page: Sequence[Any]) -> int:
    """Record the reports of a page that are about due rows. Return how many due rows the page contains.

    This takes two statements per 400 rows of the page, and the statements of each changed row.
    """
    our_id, named, now, chance = sweep.our_id, 0, utc_now(), sweep.chance()
    reports, differing = by_id(page, attrgetter(our_id))
    ids = [*reports, *differing]
    for some in (ids[start : start + IDS_PER_STATEMENT] for start in range(0, len(ids), IDS_PER_STATEMENT)):
        times, changed = {}, sweep.counts.changed
        for row in sweep.due_rows().filter(**{f"{our_id}__in": some}):
            key = getattr(row, our_id)  # compared exactly: some collations treat "a" and "A" as equal
            if key in differing:
                review_differing(sweep.model, row.pk, Source.LIST)
            if key not in reports:
                continue
            named += 1
            time = sweep.record_listed(row, reports[key], now, chance)
            if time is not None:
                times[row.pk] = time
        reschedule(sweep.due_rows(), times)
        sweep.add_progress(len(times) + sweep.counts.changed - changed)
    return named
