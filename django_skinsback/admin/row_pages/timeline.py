"""The timeline on the page of a deposit or purchase: what happened to the row, newest first, and who or what caused it.

Status changes, ledger entries, deliveries and lines of Django's admin log are read with one query each.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...models import LedgerEntry, Purchase, StatusChange, WebhookEvent
from ...models.reasons import reason_texts
from ...statuses import EntryKind
from .. import display

MAX_EVENTS = 200
"""A page shows at most this many events."""

MAX_BODIES = 20
"""A page shows the bodies of at most this many deliveries, the newest ones."""

SEARCHED_LOG = 20_000
"""Only this many lines of Django's admin log are searched, the newest ones: the log has no index of rows."""

SAME_ACTION = timedelta(minutes=10)
"""If a person caused a status change at most this long before a line of the admin log, the line is not shown."""


@dataclass
class Event:
    """One event of a timeline. ``moved`` are the amounts that it moved. ``texts`` are notes, decisions and reasons."""

    at: datetime
    kind: str
    what: SafeString | str
    cause: SafeString | str = ""
    moved: list[SafeString | str] = field(default_factory=list)
    facts: list[SafeString | str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    reviewed: list[str] = field(default_factory=list)
    body: SafeString | str = ""

    @property
    def shown_at(self) -> str:
        return date_format(timezone.localtime(self.at), "DATETIME_FORMAT")

    @property
    def machine_time(self) -> str:
        return self.at.isoformat()


class Timeline(NamedTuple):
    """The events of a row, newest first. ``is_cut`` is True if the row has more events than ``events``.

    ``failed_deliveries`` is the number of deliveries that could not be applied, among the newest deliveries.
    ``searched_log`` is the number of lines of Django's admin log that were searched, or 0 if all lines were searched.
    """

    events: list[Event]
    is_cut: bool
    failed_deliveries: int
    searched_log: int


def make_timeline(row: Any, *, show_bodies: bool) -> Timeline:
    """Return the timeline of a deposit or purchase. ``show_bodies`` adds the bodies of the newest deliveries."""
    changes = list(row.changes.select_related("by").order_by("-pk")[: MAX_EVENTS + 1])
    entries = list(row.entries.select_related("user").order_by("pk"))
    deliveries = list(row.webhook_events.defer("body").order_by("-pk")[: MAX_EVENTS + 1])
    bodies = _bodies(deliveries) if show_bodies else {}
    newest_line = LogEntry.objects.aggregate(newest=Max("pk"))["newest"] or 0
    logged = _log_entries(row, deliveries, after=newest_line - SEARCHED_LOG)
    events = [
        *_new_actions(logged, changes),
        *_change_events(changes, entries, {delivery.pk: delivery for delivery in deliveries}),
        *(_delivery_event(delivery, bodies.get(delivery.pk, "")) for delivery in deliveries),
    ]
    if all(change.from_status for change in changes) and len(changes) <= MAX_EVENTS:
        events.append(_created(row))
    # The sort is stable. So at equal times, a status change comes before the delivery that caused it.
    events.sort(key=lambda event: event.at, reverse=True)
    failed = sum(delivery.outcome == WebhookEvent.Outcome.FAILED for delivery in deliveries)
    searched_log = SEARCHED_LOG if newest_line > SEARCHED_LOG else 0
    return Timeline(events[:MAX_EVENTS], len(events) > MAX_EVENTS, failed, searched_log)


def _change_events(
    changes: list[StatusChange], entries: list[LedgerEntry], deliveries: dict[int, WebhookEvent]
) -> list[Event]:
    """Return an event for each status change, and for each ledger entry that no status change explains.

    A flow writes an entry and its status change with the same time.
    """
    events, left = [], list(entries)
    for change in changes:
        posted = [entry for entry in left if entry.created_at == change.created_at]
        left = [entry for entry in left if entry not in posted]
        events.append(_change_event(change, posted, deliveries.get(change.webhook_event_id or 0)))
    alone = [Event(entry.created_at, "entry", _("Ledger entry"), moved=[_moved(entry)]) for entry in left]
    return [*events, *alone]


def _change_event(change: StatusChange, posted: list[LedgerEntry], delivery: WebhookEvent | None) -> Event:
    facts: list[SafeString | str] = []
    if change.amount is not None:
        facts.append(_("Reported amount: %(amount)s") % {"amount": display.money(change.amount, change.currency)})
    if change.credit_amount is not None and not posted:
        amount = display.money(change.credit_amount, change.credit_currency)
        facts.append(_("Calculated credit: %(amount)s") % {"amount": amount})
    return Event(
        change.created_at,
        "change",
        display.status_step(change),
        cause=_cause(change, delivery),
        moved=[_moved(entry) for entry in posted] or [_("No money of the user was moved.")],
        facts=facts,
        texts=[text for text in (change.get_decision_display(), change.note) if text],
        reviewed=reason_texts(change.settled_reasons),
    )


def _cause(change: StatusChange, delivery: WebhookEvent | None) -> SafeString | str:
    """Return who or what caused a status change: a person, a source such as "poll", or a delivery with its link."""
    source = change.get_source_display()
    if change.by_id is not None:
        return _("%(person)s (%(source)s)") % {"person": change.by, "source": source}
    return source if delivery is None else format_html("{}, {}", source, _delivery_link(delivery))


def _delivery_link(delivery: WebhookEvent) -> SafeString | str:
    return display.link(delivery, _("delivery %(digest)s") % {"digest": delivery.digest[:10]})


def _moved(entry: LedgerEntry) -> SafeString:
    """Return what an entry moved and for whom, with a link to the entry."""
    user = entry.user or _("a user who was deleted")
    values = {"amount": display.money(entry.amount.copy_abs(), entry.currency), "user": user}
    match entry.kind:
        case EntryKind.CREDIT:
            text = _("%(amount)s credited to %(user)s") % values
        case EntryKind.REVERSAL:
            text = _("%(amount)s taken back from %(user)s") % values
        case EntryKind.CHARGE:
            text = _("%(amount)s charged to %(user)s") % values
        case _:
            text = _("%(amount)s refunded to %(user)s") % values
    return format_html("{} {} ({})", display.badge(entry.kind), text, display.link(entry, _("entry %s") % entry.pk))


def _delivery_event(delivery: WebhookEvent, body: SafeString | str) -> Event:
    facts: list[SafeString | str] = []
    if delivery.deliveries > 1:
        text = ngettext("Received %(count)s time.", "Received %(count)s times.", delivery.deliveries)
        facts.append(text % {"count": delivery.deliveries})
    if delivery.error:
        facts.append(_("Error: %(error)s") % {"error": delivery.error})
    badge = display.badge(delivery.outcome, delivery.get_outcome_display())
    what = format_html("{} {}", _delivery_link(delivery), badge)
    return Event(delivery.received_at, "delivery", what, delivery.get_kind_display(), facts=facts, body=body)


def _bodies(deliveries: list[WebhookEvent]) -> dict[int, SafeString]:
    """Return the bodies of the newest deliveries as HTML. The body of a forgotten user's delivery was removed."""
    newest = [delivery.pk for delivery in deliveries[:MAX_BODIES]]
    if not newest:
        return {}
    stored = WebhookEvent.objects.filter(pk__in=newest).values_list("pk", "body", "content_type", "digest")
    return {
        pk: display.body_text(bytes(body), content_type, _("Body of the delivery %(digest)s") % {"digest": digest[:10]})
        for pk, body, content_type, digest in stored
        if body
    }


def _created(row: Any) -> Event:
    """Return the event that the row was created. The history of a deposit does not contain it."""
    by = row.by if isinstance(row, Purchase) else None
    return Event(row.created_at, "created", _("Created"), cause=str(by) if by else _("this site"))


def _log_entries(row: Any, deliveries: list[WebhookEvent], *, after: int) -> list[LogEntry]:
    """Return the lines of Django's admin log about the row and its deliveries, oldest first.

    Only lines whose primary key is above ``after`` are searched.
    """
    about = Q(content_type=get_content_type_for_model(row), object_id=str(row.pk))
    if deliveries:
        keys = [str(delivery.pk) for delivery in deliveries]
        about |= Q(content_type=get_content_type_for_model(WebhookEvent), object_id__in=keys)
    logged = LogEntry.objects.filter(about, pk__gt=after).select_related("user", "content_type")
    return list(logged.order_by("-pk")[:MAX_EVENTS])[::-1]


def _new_actions(logged: Iterable[LogEntry], changes: list[StatusChange]) -> list[Event]:
    """Return an event for each line of the admin log that is not in the history already, newest first.

    A line is in the history if the same person caused a status change in the ``SAME_ACTION`` before the line, and after
    this person's previous line.
    """
    events = []
    left = [(change.by_id, change.created_at) for change in changes if change.by_id is not None]
    for line in logged:
        at = _aware(line.action_time)
        earlier = [each for each in left if each[0] == line.user_id and at - SAME_ACTION <= each[1] <= at]
        left = [each for each in left if each not in earlier]
        about_delivery = line.content_type is not None and line.content_type.model == "webhookevent"
        if about_delivery or not earlier:
            delivery = _("delivery %(digest)s") % {"digest": line.object_repr[:10]}
            what = delivery if about_delivery else _("Action in the admin")
            events.append(Event(at, "action", what, cause=str(line.user), texts=[line.get_change_message()]))
    return events[::-1]


def _aware(time: datetime) -> datetime:
    """Return the time of a column of Django, which is naive if ``USE_TZ`` is off, as an aware datetime."""
    return time if timezone.is_aware(time) else timezone.make_aware(time, timezone.get_default_timezone())
