"""What needs an operator: the four queues with bounded counts, and notices about the balance and users who owe."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ... import conf
from ...flows.ledger.database import database
from ...flows.monitoring.health import FEW_DAYS_LEFT
from ...flows.monitoring.queues import MAX_COUNT, count_by_reason, count_rows, queue_rows
from ...models import Deposit, Discrepancy, OwingUser, Purchase, WebhookEvent
from ...statuses import Queue
from .. import display
from ..links import list_url, page_url
from ..queues.advice import REASON_LABELS

SHOWN_REASONS = 6
"""At most this many review reasons of one model are shown, the most frequent ones."""

SHOWN_OWING_USERS = 3
"""This many users who owe are always shown. The page shows the others when the operator opens the list."""

LABELS: dict[tuple[Queue, str], Promise] = {
    (Queue.REVIEW, "deposit"): gettext_lazy("deposits need review"),
    (Queue.REVIEW, "purchase"): gettext_lazy("purchases need review"),
    (Queue.HOLDS, "deposit"): gettext_lazy("holds wait for a decision"),
    (Queue.DELIVERIES, "webhookevent"): gettext_lazy("deliveries could not be applied"),
    (Queue.DISCREPANCIES, "discrepancy"): gettext_lazy("discrepancies are open"),
}
ONE: dict[tuple[Queue, str], Promise] = {
    (Queue.REVIEW, "deposit"): gettext_lazy("deposit needs review"),
    (Queue.REVIEW, "purchase"): gettext_lazy("purchase needs review"),
    (Queue.HOLDS, "deposit"): gettext_lazy("hold waits for a decision"),
    (Queue.DELIVERIES, "webhookevent"): gettext_lazy("delivery could not be applied"),
    (Queue.DISCREPANCIES, "discrepancy"): gettext_lazy("discrepancy is open"),
}
HELP: dict[tuple[Queue, str], Promise] = {
    (Queue.HOLDS, "deposit"): gettext_lazy("Approve early, or leave to run out."),
    (Queue.DELIVERIES, "webhookevent"): gettext_lazy("Apply again, or dismiss."),
    (Queue.DISCREPANCIES, "discrepancy"): gettext_lazy("Compare both sides, then close."),
}


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """One review reason and the number of rows that have it."""

    label: Any
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One line of the desk: a queue, or the deposits or purchases of the review queue."""

    queue: Queue
    model_name: str
    count: int
    url: str
    reasons: list[ReasonCount] = field(default_factory=list)

    @property
    def shown_count(self) -> str:
        """The count as text, such as "12". "1000+" if there are more rows than are counted."""
        return f"{MAX_COUNT}+" if self.is_more else number_format(self.count, use_l10n=True)

    @property
    def is_more(self) -> bool:
        return self.count > MAX_COUNT

    @property
    def label(self) -> Promise:
        return (ONE if self.count == 1 else LABELS)[self.queue, self.model_name]

    @property
    def help(self) -> Promise | str:
        return HELP.get((self.queue, self.model_name), "")


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs the operator. ``lines`` are the queues with at least one row. ``retried`` are failed deliveries that
    this site tries again automatically. ``visible`` is whether the operator may see any queue."""

    lines: list[QueueLine]
    retried: int
    visible: bool


def needs_of(request: HttpRequest, current_app: str | None) -> Needs:
    """Return the queues that the user of the request may see. This takes at most three queries."""
    may_view = {
        model: request.user.has_perm(f"skinsback.view_{model._meta.model_name}")
        for model in (Deposit, Purchase, WebhookEvent, Discrepancy)
    }
    lines = [_review_line(model, current_app) for model in (Deposit, Purchase) if may_view[model]]
    others = [
        (queue, model)
        for queue, model in (
            (Queue.HOLDS, Deposit),
            (Queue.DELIVERIES, WebhookEvent),
            (Queue.DISCREPANCIES, Discrepancy),
        )
        if may_view[model]
    ]
    queries = [queue_rows(queue, model) for queue, model in others]
    if may_view[WebhookEvent]:
        queries.append(_retried_deliveries())
    counts = count_rows(queries)
    lines += [
        QueueLine(queue, str(model._meta.model_name), count, _queue_url(queue, model, current_app))
        for (queue, model), count in zip(others, counts, strict=False)
    ]
    retried = counts[-1] if may_view[WebhookEvent] else 0
    return Needs([line for line in lines if line.count], retried, any(may_view.values()))


def _retried_deliveries() -> Any:
    deliveries = WebhookEvent.objects.using(database())
    return deliveries.filter(next_try_at__isnull=False, outcome=WebhookEvent.Outcome.FAILED, needs_review=False)


def _review_line(model: type[Deposit] | type[Purchase], current_app: str | None) -> QueueLine:
    name = str(model._meta.model_name)
    count, reasons = count_by_reason(model)
    shown = [
        ReasonCount(REASON_LABELS.get(code, code), number, list_url(name, current_app, queue=Queue.REVIEW, reason=code))
        for code, number in reasons.most_common(SHOWN_REASONS)
    ]
    return QueueLine(Queue.REVIEW, name, count, list_url(name, current_app, queue=Queue.REVIEW), shown)


def _queue_url(queue: Queue, model: Any, current_app: str | None) -> str:
    """Return the address of the page where the rows of a queue are decided: the page of holds, or the filtered list."""
    if queue == Queue.HOLDS and (url := page_url("skinsback_deposit_holds", current_app)):
        return url
    return list_url(model._meta.model_name, current_app, queue=queue)


@dataclass(frozen=True, slots=True)
class OwingLine:
    """A user whose balance on this site is below zero."""

    user: Any
    balance: str
    url: str


def owing_users(request: HttpRequest, current_app: str | None) -> list[OwingLine]:
    """Return the users who owe, as the task has stored them. Return an empty list without the permission."""
    if not request.user.has_perm("skinsback.view_owinguser"):
        return []
    found = OwingUser.objects.using(database()).select_related("user").order_by("checked_at", "pk")[:100]
    may_link = request.user.has_perm("skinsback.view_deposit")
    return [
        OwingLine(
            user=row.user,
            balance=display.money(row.balance, row.currency),
            url=page_url("skinsback_deposit_customer", current_app, row.user_id) if may_link else "",
        )
        for row in found
    ]


def balance_notices(balances: Iterable[tuple[str, Decimal, Decimal | None]]) -> list[str]:
    """Return a notice for each account whose balance is low. A balance is (account, US dollars, days left)."""
    limit, notices = conf.low_balance(), []
    prefix = len(conf.accounts()) > 1
    for account, balance, days in balances:
        values = {"balance": display.money(balance), "days": days, "limit": display.money(limit or Decimal(0))}
        if limit is not None and balance < limit:
            text = _("The balance of %(balance)s is below %(limit)s. Top it up at SkinsBack.")
        elif days is not None and days < FEW_DAYS_LEFT:
            text = _("The balance of %(balance)s lasts for about %(days)s days. Top it up at SkinsBack.")
        else:
            continue
        notices.append(f"{account}: {text % values}" if prefix else text % values)
    return notices
