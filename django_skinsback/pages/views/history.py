"""The view of a user's history: deposits, purchases, or the changes of the balance."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from ... import player_texts
from ...models import Deposit, LedgerEntry, Purchase
from ...player_texts import expected_credit
from ...statuses import EntryKind
from ..access import player_page
from ..rendering import render_page

PER_PAGE = 20

DEPOSITS, PURCHASES, ENTRIES = "deposits", "purchases", "entries"


@player_page("GET")
def history(request: HttpRequest) -> HttpResponse:
    """Show one page of a list, newest first. ``?show=`` is ``deposits`` (the default), ``purchases`` or ``entries``."""
    shown = request.GET.get("show")
    if shown not in {PURCHASES, ENTRIES}:
        shown = DEPOSITS
    page = Paginator(_rows(shown, request.user), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "shown": shown,
        "page": page,
        "rows": [*page.object_list] if shown == ENTRIES else [_line(row) for row in page.object_list],
    }
    return render_page(request, "history.html", context, section="history")


def _rows(shown: str, user: Any) -> "QuerySet[Any]":
    if shown == ENTRIES:
        return LedgerEntry.objects.filter(user=user).select_related("deposit", "purchase").order_by("-pk")
    model: type[Deposit | Purchase] = Purchase if shown == PURCHASES else Deposit
    return model._default_manager.filter(user=user).prefetch_related("entries", "changes").order_by("-pk")


def _line(row: Deposit | Purchase) -> dict[str, Any]:
    """Return the values of one line: the row, the texts, the amount, and whether the amount was taken back."""
    entries = {entry.kind: entry for entry in row.entries.all()}
    if isinstance(row, Purchase):
        return {
            "row": row,
            "status": player_texts.for_purchase(row),
            "amount": row.charge_amount,
            "currency": row.charge_currency,
            "is_undone": EntryKind.REFUND in entries,
        }
    credit = entries.get(EntryKind.CREDIT)
    amount, currency = (credit.amount, credit.currency) if credit else expected_credit(row) or (None, "")
    return {
        "row": row,
        "status": player_texts.for_deposit(row),
        "amount": amount,
        "currency": currency,
        "is_expected": credit is None,
        "is_undone": EntryKind.REVERSAL in entries,
    }
