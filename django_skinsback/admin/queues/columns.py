"""Lists that are filtered by a queue: fewer columns, and one column that says what to do about each row."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ... import conf, schedule
from ...flows.monitoring.queues import queues_of
from ...models import Deposit, Discrepancy, Purchase, WebhookEvent
from ...models.reasons import reason_text
from .. import display
from ..base import ReadOnlyAdmin
from ..desk.texts import about_date
from .advice import (
    DELIVERY_ADVICE,
    DEPOSIT_ADVICE,
    DISCREPANCY_COSTS,
    DISCREPANCY_EXPLANATIONS,
    HOLD_ADVICE,
    HOLD_HAPPENED,
    HOLD_HAPPENED_UNDATED,
    OTHER_ADVICE,
    PURCHASE_ADVICE,
    Advice,
)
from .buttons import choose_row_of_button, desk_after_last_row, row_buttons

Lines = tuple[Any, Any, Any]
"""Three texts: what happened, what it may cost, what can be done."""


class QueueListAdmin(ReadOnlyAdmin):
    """A ModelAdmin whose list has the column "what to do" while it is filtered by a queue.

    ``queue_columns`` are the other columns that are shown then.
    """

    queue_columns: tuple[str, ...] = ()

    class Media:
        css = {"all": ["skinsback/desk.css"]}

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)
        if request.GET.get("queue") not in queues_of(self.model):
            return columns

        @admin.display(description=gettext_lazy("what to do"))
        def what_to_do(row: Any) -> SafeString:
            parts = ((part,) for part in advice_parts(row))
            advice = format_html_join("", '<div class="skinsback-advice">{}</div>', parts)
            return format_html("{}{}", advice, row_buttons(self, request, row))

        kept = {*self.queue_columns, "account"}
        return [*(each for each in columns if getattr(each, "__name__", each) in kept), what_to_do]

    def available_actions(self, request: HttpRequest, row: Any) -> list[str]:
        """Return the names of the actions that are possible for this row. This method does not check permissions."""
        return [name for name in self.actions or () if isinstance(name, str)]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, or begin an action. If the action was the last one of a queue, go to the desk."""
        choose_row_of_button(request)
        response = super().changelist_view(request, extra_context)
        if isinstance(response, HttpResponseRedirect) and request.method == "POST":
            desk = desk_after_last_row(self, request, request.GET.get("queue"), self.model)
            return HttpResponseRedirect(desk) if desk else response
        return response


def advice_parts(row: Any) -> list[SafeString]:
    """Return one part of HTML for each reason why the row waits for an operator."""
    texts: list[Lines]
    match row:
        case Deposit() if row.needs_review:
            texts = _review_texts(row.review_reasons, DEPOSIT_ADVICE, _deposit_amounts(row))
        case Deposit():
            texts = [_hold_text(row)]
        case Purchase():
            texts = _review_texts(row.review_reasons, PURCHASE_ADVICE, _purchase_amounts(row))
        case WebhookEvent():
            texts = [(row.error or row.get_outcome_display(), DELIVERY_ADVICE.cost, DELIVERY_ADVICE.action)]
        case Discrepancy():
            texts = [(row.get_kind_display(), DISCREPANCY_COSTS[row.kind], DISCREPANCY_EXPLANATIONS[row.kind])]
        case _:
            raise TypeError(row)
    return [
        format_html(
            '<p class="skinsback-happened">{}</p><p>{}</p><p class="skinsback-todo">{}</p>', happened, cost, action
        )
        for happened, cost, action in texts
    ]


def _review_texts(
    reasons: Iterable[Mapping[str, Any]], advice: Mapping[str, Advice], amounts: Mapping[str, str]
) -> list[Lines]:
    found = []
    for reason in reasons:
        each = advice.get(str(reason.get("code")), OTHER_ADVICE)
        found.append((reason_text(dict(reason)), _filled(each.cost, amounts), each.action))
    return found or [("", _filled(OTHER_ADVICE.cost, amounts), OTHER_ADVICE.action)]


def _hold_text(row: Deposit) -> Lines:
    happened: Promise | str = HOLD_HAPPENED_UNDATED
    if row.held_since is not None:
        happened = HOLD_HAPPENED % {"date": about_date(row.held_since + schedule.HOLD)}
    return happened, _filled(HOLD_ADVICE.cost, _deposit_amounts(row)), HOLD_ADVICE.action


def _filled(text: Promise, amounts: Mapping[str, str]) -> str:
    return str(text) % amounts


def _deposit_amounts(row: Deposit) -> dict[str, str]:
    amount = getattr(row, conf.credit_column())
    return {"amount": _("an unknown amount") if amount is None else display.money(amount, row.amount_currency)}


def _purchase_amounts(row: Purchase) -> dict[str, str]:
    if row.debited_amount is not None:
        price = display.money(row.debited_amount)
    else:
        price = _("up to %(price)s") % {"price": display.money(row.max_price)}
    charge = _("nothing") if row.charge_amount is None else display.money(row.charge_amount, row.charge_currency)
    return {"price": price, "charge": charge}
