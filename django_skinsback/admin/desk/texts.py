"""Texts of the desk about times, the worker, webhooks, the limit of requests and the price lists."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...flows.monitoring.health import FAILING_AFTER, OVERDUE_AFTER
from ...flows.monitoring.sweeps import FailingSweeps
from ...steam import GAMES
from ..labels import ALERT, GOOD, QUIET, WAIT

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class StateLine:
    """One line about the state of the site: what it is about, a text, and the class of its colour."""

    subject: str
    text: str
    level: str = GOOD

    @property
    def level_text(self) -> str:
        """The level as a word, because a colour alone is not readable for everyone."""
        return {GOOD: _("fine"), WAIT: _("repeating"), ALERT: _("needs attention")}.get(self.level, _("not known"))


def ago(moment: datetime, now: datetime) -> str:
    """Return the time since ``moment`` as text, such as "3 minutes ago". A time in the future counts as now."""
    if now - moment < MINUTE:
        return _("less than a minute ago")
    return _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}


def about_date(moment: datetime) -> str:
    """Return the day of a time that is only known roughly, in the format of the active language."""
    return date_format(localtime(moment), "DATE_FORMAT")


def worker_line(last_sweep: datetime | None, overdue: timedelta, now: datetime, *, is_shared: bool) -> StateLine:
    """Return the line about the worker.

    ``last_sweep`` is the time of the last sweep, or None if it is not known. ``overdue`` is the longest time that a row
    has been due. ``is_shared`` is whether all processes of the site share the cache that stores ``last_sweep``.
    """
    subject = _("Worker")
    start = _("Start a Celery worker with beat, or skinsback_poll --forever.")
    if last_sweep is not None and now - last_sweep <= FAILING_AFTER:
        if overdue <= OVERDUE_AFTER:
            return StateLine(subject, _("A worker ran %(ago)s.") % {"ago": ago(last_sweep, now)})
        values = {"time": timesince(now - overdue, now, depth=1)}
        text = _("A worker runs, but the oldest row has been due for %(time)s. Look at the worker's log.")
        return StateLine(subject, text % values, ALERT)
    if last_sweep is not None or overdue > OVERDUE_AFTER:
        since = now - last_sweep if last_sweep is not None else overdue
        values = {"time": timesince(now - since, now, depth=1), "start": start}
        return StateLine(subject, _("No worker has run for %(time)s. %(start)s") % values, ALERT)
    if is_shared:
        return StateLine(subject, _("No worker has run yet. %(start)s") % {"start": start}, ALERT)
    return StateLine(subject, _("Nothing is overdue. The time of the last run is not known here."), QUIET)


def webhooks_line(last_delivery: datetime | None, retried: int, now: datetime) -> StateLine:
    """Return the line about webhooks. ``retried`` is the number of failed deliveries that are tried again."""
    subject = _("Webhooks")
    if last_delivery is None:
        return StateLine(subject, _("No webhook has arrived yet."), QUIET)
    text = _("The last webhook arrived %(ago)s.") % {"ago": ago(last_delivery, now)}
    if not retried:
        return StateLine(subject, text)
    more = ngettext(
        "%(count)s delivery could not be applied and is tried again automatically.",
        "%(count)s deliveries could not be applied and are tried again automatically.",
        retried,
    )
    return StateLine(subject, f"{text} {more % {'count': retried}}", WAIT)


def limit_line(account: str, paused_until: datetime | None, per_minute: int | None, now: datetime) -> StateLine:
    """Return the line about the limit of requests of one account, or of the only account if ``account`` is empty."""
    subject = _("Calls to SkinsBack")
    if account:
        subject = f"{subject}, {account}"
    if paused_until is not None and paused_until > now:
        at = date_format(localtime(paused_until), "TIME_FORMAT")
        text = _("Calls are paused until %(time)s, because SkinsBack refused a call.")
        return StateLine(subject, text % {"time": at}, ALERT)
    if per_minute is None:
        return StateLine(subject, _("Calls are not paused. No limit is set."))
    return StateLine(subject, _("Calls are not paused. The limit is %(limit)s a minute.") % {"limit": per_minute})


def failing_line(account: str, failing: FailingSweeps | None, now: datetime) -> StateLine | None:
    """Return the line about sweeps that fail. Return None if sweeps do not fail."""
    if failing is None or now - failing.since <= OVERDUE_AFTER:
        return None
    values = {"time": timesince(failing.since, now, depth=1), "error": failing.error}
    subject = f"{_('Updates')}, {account}" if account else _("Updates")
    text = _("Every update from SkinsBack has failed for %(time)s. Newest error: %(error)s")
    return StateLine(subject, text % values, ALERT)


def prices_line(imports: Iterable[tuple[str, datetime]], max_age: timedelta, now: datetime) -> StateLine:
    """Return the line about the price lists. ``imports`` are pairs of a game and the time of its newest import."""
    subject = _("Price lists")
    ages = [(GAMES[game].name if game in GAMES else game, moment) for game, moment in imports]
    if not ages:
        return StateLine(subject, _("No price list was imported yet. Run skinsback_sync_prices."), QUIET)
    text = ", ".join(_("%(game)s %(ago)s") % {"game": game, "ago": ago(moment, now)} for game, moment in ages)
    text = _("Imported: %(games)s.") % {"games": text}
    if all(now - moment <= max_age for _game, moment in ages):
        return StateLine(subject, text)
    return StateLine(subject, f"{text} {_('No quotes are made from an old list.')}", ALERT)
