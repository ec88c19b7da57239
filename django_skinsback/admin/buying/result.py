"""The page that shows the result of an order. It reloads itself until all purchases are finished."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...flows.ledger.database import database
from ...models import Purchase
from ...money import add_to, exact_sum
from ...statuses import PURCHASE_FAILURES, EntryKind
from .. import display
from ..actions import change_url, changelist_url
from .cart import SKINS_AT_ONCE
from .orders import NAMES_KEY
from .urls import buy_url


def result_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the purchases of one order: ``batch`` is their batch ID, or ``purchase`` is the public ID of the only one.

    An operator who may buy, but may not view purchases, sees only orders that this operator made. Raise Http404 if
    there are no such purchases.
    """
    may_view = model_admin.has_view_permission(request)
    if not may_view and not request.user.has_perm("skinsback.buy_skins"):
        raise PermissionDenied
    request.current_app = model_admin.admin_site.name
    found = _find(request)
    if not may_view:
        found = found.filter(by_id=request.user.pk)
    rows = list(found.defer("token").select_related("user").prefetch_related("entries").order_by("pk")[:SKINS_AT_ONCE])
    if not rows:
        raise Http404
    names = request.session.get(NAMES_KEY, {})
    waiting = [row for row in rows if row.status in model_admin.auto_reload_statuses]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Result of the order"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "list_url": changelist_url(model_admin),
        "may_view": may_view,
        "buy_url": buy_url(model_admin, request),
        "rows": [_shown(row, model_admin, names, may_view=may_view) for row in rows],
        "first": rows[0],
        "auto_reload": bool(waiting),
        "progress": _progress(len(rows), len(waiting)),
        "totals": _totals(rows),
    }
    return TemplateResponse(request, "admin/skinsback/buy/result.html", context)


def _find(request: HttpRequest) -> "QuerySet[Purchase]":
    rows = Purchase.objects.using(database())
    if batch := request.GET.get("batch"):
        return rows.filter(batch_id=batch.replace("\0", ""))
    try:
        return rows.filter(public_id=UUID(request.GET.get("purchase", "")))
    except ValueError:
        raise Http404 from None


def _progress(count: int, waiting: int) -> str:
    if not waiting:
        return _("All purchases are finished. This page does not reload itself any more.")
    text = ngettext(
        "%(waiting)s of %(count)s purchase is still open.", "%(waiting)s of %(count)s purchases are still open.", count
    )
    return text % {"waiting": waiting, "count": count}


def _shown(row: Purchase, model_admin: Any, names: dict[str, str], *, may_view: bool) -> dict[str, Any]:
    kinds = {entry.kind for entry in row.entries.all()}
    charge = display.money(row.charge_amount, row.charge_currency)
    if EntryKind.REFUND in kinds:
        charge = _("%(charge)s, refunded") % {"charge": charge}
    return {
        "row": row,
        "name": row.market_hash_name or names.get(row.skin_id) or _("skin %(skin_id)s") % {"skin_id": row.skin_id},
        "url": change_url(model_admin, row) if may_view else "",
        "badge": model_admin.badge(row),
        "explanation": model_admin.explain(row),
        "error": row.error_message,
        "cap": display.money(row.max_price),
        "debited": display.money(row.debited_amount),
        "charge": charge,
    }


def _totals(rows: list[Purchase]) -> list[tuple[str, str]]:
    """Return pairs of label and amount: what was debited in all, and what the user was charged and refunded."""
    debited = [row for row in rows if row.debited_amount is not None]
    totals = [(_("Total debited from the balance"), display.money(_sum(debited)))]
    if failed := [row for row in debited if row.status in PURCHASE_FAILURES]:
        totals.append(
            (_("included: failed purchases, for which SkinsBack returns the debit"), display.money(_sum(failed)))
        )
    moved: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        for entry in row.entries.all():
            add_to(moved, (entry.kind, entry.currency), entry.amount.copy_abs())
    for (kind, currency), amount in sorted(moved.items()):
        label = _("Total charged to the user") if kind == EntryKind.CHARGE else _("Total refunded to the user")
        totals.append((label, display.money(amount, currency)))
    if not moved:
        totals.append((_("Total charged to the user"), _("nothing")))
    return totals


def _sum(rows: list[Purchase]) -> Decimal:
    return exact_sum(row.debited_amount for row in rows if row.debited_amount is not None)
