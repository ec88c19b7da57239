"""Parse dates and times of the command line."""

from argparse import ArgumentTypeError
from datetime import date, datetime

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import get_default_timezone


def date_or_time(text: str) -> datetime:
    """Parse ``2026-05-01`` or ``2026-05-01T12:00`` and return an aware datetime. A date without a time is midnight.

    A text without a UTC offset is a time in ``TIME_ZONE``. Raise ArgumentTypeError for any other text.
    """
    try:
        found = parse_date(text)
        parsed = datetime(found.year, found.month, found.day) if found else parse_datetime(text)  # noqa: DTZ001 - below
    except ValueError:
        parsed = None
    if parsed is None:
        raise ArgumentTypeError(f"{text!r} is not a date such as 2026-05-01 or a time such as 2026-05-01T12:00")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=get_default_timezone())


def day(text: str) -> date:
    """Parse a day such as ``2026-05-01``. Raise ArgumentTypeError for any other text."""
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None or not 1000 <= found.year <= 9000:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-05-01")
    return found
