"""Filters of the admin lists. Only the choices of the filter by review reason need a database query."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..flows.monitoring.queues import (
    count_by_reason,
    in_queue,
    queues_of,
    rows_with_reason,
)
from ..statuses import Queue
from ..steam import GAMES
from .queues.advice import REASON_LABELS


class QueueFilter(admin.SimpleListFilter):
    """Filter the rows that wait for an operator, by queue."""

    title = _("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(queue.value, QUEUE_LABELS[queue]) for queue in queues_of(model_admin.model)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return in_queue(Queue(chosen), queryset) if chosen in queues_of(queryset.model) else queryset


QUEUE_LABELS = {
    Queue.REVIEW: _("Needs review"),
    Queue.HOLDS: _("Hold without a decision"),
    Queue.DELIVERIES: _("Could not be applied"),
    Queue.DISCREPANCIES: _("Open"),
}


class ReasonFilter(admin.SimpleListFilter):
    """Filter the rows under review by review reason. Django shows this filter only beside the queue of these rows.

    The filter finds the rows among the newest rows under review (``queues.MAX_COUNT``).
    """

    title = _("review reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        if request.GET.get(QueueFilter.parameter_name) != Queue.REVIEW and self.parameter_name not in request.GET:
            return []
        _count, reasons = count_by_reason(model_admin.model)
        chosen = {code: 0 for code in [request.GET.get(self.parameter_name)] if code}
        return [
            (code, format_lazy("{} ({})", REASON_LABELS.get(code, code), number))
            for code, number in {**chosen, **dict(reasons.most_common())}.items()
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        code = self.value()
        return queryset.filter(pk__in=rows_with_reason(queryset.model, code)) if code else queryset


class AccountFilter(admin.SimpleListFilter):
    """Filter by account. Django hides this filter if the site has only one account."""

    title = _("account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        aliases = conf.accounts()
        return [(alias, alias) for alias in aliases] if len(aliases) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(account=self.value()) if self.value() else queryset


class GameFilter(admin.SimpleListFilter):
    title = _("game")
    parameter_name = "game"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(game, details.name) for game, details in GAMES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(game=self.value()) if self.value() else queryset
