"""Admin of purchases: buy skins, refresh from SkinsBack, cancel, settle a review."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import purchases
from ..error_texts import text_for
from ..exceptions import SkinsBackError
from ..flows.purchases.settle import refund_obstacle
from ..models import Purchase
from ..models.fields import utc_now
from ..statuses import PURCHASE_FINAL, EntryKind, PurchaseStatus
from . import display
from .actions import (
    Results,
    confirmation_page,
    is_confirmed,
    log_each,
    redirect_back,
    run_each,
    seen_tokens,
    selected_rows,
)
from .base import without_transaction
from .buying import buy_url, buy_view, result_view
from .exporting import ExportAdmin
from .filters import AccountFilter, GameFilter, QueueFilter, ReasonFilter
from .finding import PURCHASE_SEARCH, CreatedFilter, Sum
from .labels import PURCHASE_ACCEPTED_FINALLY, PURCHASE_CANCELLED, PURCHASE_EXPLANATIONS
from .purchase_columns import PurchaseColumns, hold_until, shown_refund
from .queues.columns import QueueListAdmin
from .row_pages.admin import RowAdmin
from .row_pages.debits import read_debit
from .row_pages.settling import settle_rows

DECISIONS: dict[str, Promise] = {
    "keep": gettext_lazy("Keep as it is (no money is moved)"),
    "refund": gettext_lazy("Refund the charge"),
}


@admin.register(Purchase)
class PurchaseAdmin(PurchaseColumns, ExportAdmin, QueueListAdmin, RowAdmin):
    actions = ("refresh", "cancel", "settle", "replay")
    explanations = PURCHASE_EXPLANATIONS
    auto_reload_statuses = frozenset(PurchaseStatus) - PURCHASE_FINAL - {PurchaseStatus.ACCEPTED}
    list_display = (
        "skin",
        "status_badge",
        "user",
        "price_or_cap",
        "charge",
        "game",
        "account",
        "created_at",
        "finished_at",
    )
    list_display_links = ("skin",)
    queue_columns = ("skin", "status_badge", "user", "created_at")
    list_filter = (QueueFilter, ReasonFilter, "status", GameFilter, AccountFilter, CreatedFilter)
    sortable_by = ("created_at", "finished_at")
    time_column = "created_at"
    ordering = ("-created_at", "-pk")
    list_select_related = ("user",)
    search = PURCHASE_SEARCH
    search_help_text = gettext_lazy(
        "Custom ID, buy ID, batch ID or trade offer ID: the whole ID, or its first 6 characters or more. Words of a "
        "skin's name. Enter in full: public ID, Steam ID, trade URL, user name, e-mail address (only if the database "
        "has an index of it)."
    )
    sums = (
        Sum(gettext_lazy("price"), "price"),
        Sum(gettext_lazy("debited amount"), "debited_amount"),
        Sum(gettext_lazy("charge"), "charge_amount", "charge_currency"),
    )
    fieldsets = (
        (
            None,
            {"fields": (("market_hash_name", "game"), ("user", "steam_id"), ("by", "account"))},
        ),
        (gettext_lazy("Money"), {"fields": (("shown_cap", "shown_price"), ("shown_debited", "shown_charge"))}),
        (gettext_lazy("IDs"), {"fields": (("custom_id", "buy_id"), ("batch_id",), ("skin_id", "class_id"))}),
        (gettext_lazy("Trade"), {"fields": (("trade_offer_id", "shown_hold"),)}),
        (
            gettext_lazy("Error"),
            {"fields": (("error_code", "error_message", "error_reason"),)},
        ),
        (
            gettext_lazy("Times"),
            {
                "fields": (
                    ("created_at", "updated_at"),
                    ("submitted_at", "attempts"),
                    ("accepted_at", "finished_at"),
                    ("next_poll_at", "poll_count"),
                )
            },
        ),
        (gettext_lazy("More"), {"fields": ("public_id", "shown_metadata"), "classes": ("collapse",)}),
    )

    def get_urls(self) -> list[Any]:
        """Return the URLs of the pages that buy skins, followed by Django's URLs.

        The order matters: Django's last pattern matches every path and reads the path as a primary key.
        """
        view = self.admin_site.admin_view
        buying = [
            path("buy/", view(self.buy_view), name="skinsback_purchase_buy"),
            path("buy/result/", view(self.result_view), name="skinsback_purchase_buy_result"),
        ]
        return [*without_transaction(buying), *super().get_urls()]

    def buy_view(self, request: HttpRequest) -> HttpResponse:
        return buy_view(request, self)

    def result_view(self, request: HttpRequest) -> HttpResponse:
        return result_view(request, self)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "buy_url": buy_url(self, request)})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Purchase]:
        return super().get_queryset(request).defer("token")

    def has_refresh_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.refresh_purchase")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.cancel_purchase")

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.settle_purchase")

    def explain(self, row: Purchase) -> Promise | str:
        if display.is_cancelled(row):
            return PURCHASE_CANCELLED
        if row.status == PurchaseStatus.ACCEPTED:
            until = hold_until(row)
            if until is None or until <= utc_now():
                return PURCHASE_ACCEPTED_FINALLY
        return super().explain(row)

    def badge(self, row: Purchase) -> SafeString:
        return display.purchase_badge(row)

    def available_actions(self, request: HttpRequest, row: Purchase) -> list[str]:
        names = ["settle"] if row.needs_review else []
        if _is_unsent(row):
            names.append("cancel")
        if _is_sent(row):
            names.append("refresh")
        return names

    @admin.action(description=gettext_lazy("Refresh from SkinsBack"), permissions=["refresh"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> HttpResponse | None:
        rows = selected_rows(request, queryset)
        sent = [row for row in rows if _is_sent(row)]
        before = {row.pk: row.status for row in sent}
        results = Results()
        try:
            results.done = purchases.refresh(sent, by=request.user)
        except SkinsBackError as error:
            results.failed[text_for(error)] = sent
        log_each(self, request, results.done, _("Refreshed from SkinsBack."))
        count, changed = len(results.done), sum(before[row.pk] != row.status for row in results.done)
        text = ngettext(
            "%(count)s purchase was refreshed from SkinsBack. Status changes: %(changed)s.",
            "%(count)s purchases were refreshed from SkinsBack. Status changes: %(changed)s.",
            count,
        )
        results.show_messages(request, text % {"count": count, "changed": changed})
        if len(sent) < len(rows):
            messages.warning(request, _("Purchases that were not sent to SkinsBack yet were skipped."))
        return redirect_back(self, request, rows)

    @admin.action(description=gettext_lazy("Cancel…"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> HttpResponse | None:
        rows = selected_rows(request, queryset.select_related("user"))
        if not is_confirmed(request):
            unsent = [row for row in rows if _is_unsent(row)]
            if not unsent:
                if rows:
                    messages.warning(request, _("Only a purchase that was not sent yet can be cancelled."))
                return redirect_back(self, request, rows)
            shown = [{"row": row, "facts": self.facts(row), "seen": purchases.seen(row)} for row in unsent]
            return confirmation_page(self, request, shown, action="cancel", title=_("Cancel purchases"))
        tokens = seen_tokens(request)
        results = run_each(rows, lambda row: purchases.cancel(row, by=request.user, seen=tokens[row.pk]))
        log_each(self, request, results.done, _("Cancelled."))
        count = len(results.done)
        text = ngettext("%(count)s purchase was cancelled.", "%(count)s purchases were cancelled.", count)
        results.show_messages(request, text % {"count": count})
        return redirect_back(self, request, rows)

    @admin.action(description=gettext_lazy("Settle…"), permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> HttpResponse | None:
        return settle_rows(
            self,
            request,
            queryset.select_related("user"),
            flow=purchases.settle,
            decisions=DECISIONS,
            allowed_decisions=_allowed_decisions,
            facts=lambda row: [*self.facts(row), (_("Amount of the refund"), shown_refund(row))],
            seen=purchases.seen,
            debit=lambda row: read_debit(row, may_see_balances=request.user.has_perm("skinsback.view_balancesnapshot")),
            irreversible_warnings={
                "refund": _("A refund cannot be reversed, even if SkinsBack reports later that the user has the skin.")
            },
        )


def _is_unsent(row: Purchase) -> bool:
    return row.status == PurchaseStatus.REQUESTED and not row.attempts


def _is_sent(row: Purchase) -> bool:
    return bool(row.attempts or row.buy_id)


def _allowed_decisions(row: Purchase) -> set[str]:
    """Return the decisions that are possible for a purchase.

    "keep" is always possible. "refund" is possible if the purchase has a charge, the charge was not refunded, and
    ``refund_obstacle`` finds no obstacle.
    """
    kinds = {entry.kind for entry in row.entries.all()}
    refundable = EntryKind.CHARGE in kinds and EntryKind.REFUND not in kinds
    return {"keep", "refund"} if refundable and not refund_obstacle(row, utc_now()) else {"keep"}
