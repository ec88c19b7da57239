"""Admin of deposits: refresh, approve a hold, settle a review."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import deposits
from ..error_texts import text_for
from ..exceptions import SkinsBackError
from ..flows.deposits.hold_limits import is_refused
from ..flows.deposits.seen import shown_credit
from ..models import Deposit, HoldDecision
from ..statuses import DepositStatus, EntryKind
from . import display
from .actions import log_each, redirect_back, run_each, selected_rows
from .base import without_transaction
from .customers.urls import customer_urls
from .exporting import ExportAdmin
from .filters import AccountFilter, GameFilter, QueueFilter, ReasonFilter
from .finding import DEPOSIT_SEARCH, CreatedFilter, Sum
from .holds.page import CREDITED, approve_rows, holds_url, holds_view, leave_rows
from .labels import (
    DEPOSIT_CREDITED_BY_OPERATOR,
    DEPOSIT_EXPLANATIONS,
    DEPOSIT_NEVER_OPENED,
    DEPOSIT_RETURNED_UNAPPROVED,
    DEPOSIT_REVERSED_BY_OPERATOR,
)
from .queues.columns import QueueListAdmin
from .row_pages.admin import RowAdmin
from .row_pages.settling import settle_rows

DECISIONS: dict[str, Promise] = {
    "keep": gettext_lazy("Keep as it is (no money is moved)"),
    "credit": gettext_lazy("Credit the user"),
    "reverse": gettext_lazy("Reverse the credit"),
}


@admin.register(Deposit)
class DepositAdmin(ExportAdmin, QueueListAdmin, RowAdmin):
    actions = ("refresh", "approve_hold", "leave_hold", "settle", "replay")
    explanations = DEPOSIT_EXPLANATIONS
    list_display = (
        "short_order_id",
        "status_badge",
        "user",
        "shown_user_amount",
        "shown_amount",
        "game",
        "account",
        "created_at",
        "finished_at",
    )
    list_display_links = ("short_order_id",)
    queue_columns = ("short_order_id", "status_badge", "user", "created_at")
    list_filter = (QueueFilter, ReasonFilter, "status", GameFilter, AccountFilter, CreatedFilter)
    sortable_by = ("created_at", "finished_at")
    time_column = "created_at"
    ordering = ("-created_at", "-pk")
    list_select_related = ("user",)
    search = DEPOSIT_SEARCH
    search_help_text = gettext_lazy(
        "Order ID, transaction ID or trade offer ID: the whole ID, or its first 6 characters or more. Enter in full: "
        "public ID, Steam ID, trade URL, user name, e-mail address (only if the database has an index of it). The "
        "names of a deposit's skins cannot be searched."
    )
    sums = (
        Sum(gettext_lazy("amount"), "amount", "amount_currency"),
        Sum(gettext_lazy("user amount"), "user_amount", "amount_currency"),
    )
    fieldsets = (
        (None, {"fields": (("order_id", "transaction_id"), ("user", "game", "account"))}),
        (
            gettext_lazy("Money"),
            {"fields": (("shown_user_amount", "shown_amount", "shown_limits"),)},
        ),
        (
            gettext_lazy("Payer and skins"),
            {
                "fields": (
                    ("steam_id", "payer_steam_id"),
                    ("trade_offer_id", "trade_offer_expires_at"),
                    "shown_skins",
                ),
                "description": gettext_lazy("SkinsBack signs the amounts, but not the list of skins."),
            },
        ),
        (
            gettext_lazy("SkinsBack's statistics about the user"),
            {"fields": ("shown_risk",), "classes": ("collapse",)},
        ),
        (
            gettext_lazy("Times"),
            {"fields": (("created_at", "updated_at", "finished_at"), ("next_poll_at", "poll_count"))},
        ),
        (
            gettext_lazy("More"),
            {"fields": ("public_id", "pay_url", "shown_metadata"), "classes": ("collapse",)},
        ),
    )

    def get_urls(self) -> list[Any]:
        """Return the URLs of the page of held deposits and of the pages of users, followed by Django's URLs.

        Django's last pattern matches every path.
        """
        holds = path("holds/", self.admin_site.admin_view(self.holds_view), name="skinsback_deposit_holds")
        return [*without_transaction([holds]), *customer_urls(self), *super().get_urls()]

    def holds_view(self, request: HttpRequest) -> HttpResponse:
        return holds_view(request, self)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "holds_url": holds_url(self)})

    def has_refresh_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.refresh_deposit")

    def has_approve_hold_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.approve_hold")

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("skinsback.settle_deposit")

    def explain(self, row: Deposit) -> Promise | str:
        kinds = {entry.kind for entry in row.entries.all()}
        if EntryKind.REVERSAL in kinds and row.status in CREDITED:
            return DEPOSIT_REVERSED_BY_OPERATOR
        if EntryKind.CREDIT in kinds and EntryKind.REVERSAL not in kinds and row.status not in CREDITED:
            return DEPOSIT_CREDITED_BY_OPERATOR
        if row.status == DepositStatus.ABANDONED and not (row.pay_url or row.transaction_id):
            return DEPOSIT_NEVER_OPENED
        if row.status == DepositStatus.FAIL and row.changes.filter(from_status=DepositStatus.IN_HOLD).exists():
            return DEPOSIT_RETURNED_UNAPPROVED
        return super().explain(row)

    def available_actions(self, request: HttpRequest, row: Deposit) -> list[str]:
        names = ["settle"] if row.needs_review else []
        if row.status == DepositStatus.IN_HOLD:
            names.append("approve_hold")
            if row.hold_decision != HoldDecision.LEAVE and row.reserved_at is None:
                names.append("leave_hold")
        return [*names, "refresh"]

    @admin.action(description=gettext_lazy("Refresh from SkinsBack"), permissions=["refresh"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[Deposit]) -> HttpResponse | None:
        rows = selected_rows(request, queryset)
        before = {row.pk: row.status for row in rows}
        results = run_each(rows, lambda row: deposits.refresh(row, by=request.user))
        log_each(self, request, results.done, _("Refreshed from SkinsBack."))
        changed = sum(before[row.pk] != row.status for row in results.done)
        text = ngettext(
            "%(count)s deposit was refreshed from SkinsBack. Status changes: %(changed)s.",
            "%(count)s deposits were refreshed from SkinsBack. Status changes: %(changed)s.",
            len(results.done),
        )
        results.show_messages(request, text % {"count": len(results.done), "changed": changed})
        return redirect_back(self, request, rows)

    @admin.action(description=gettext_lazy("Approve hold…"), permissions=["approve_hold"])
    def approve_hold(self, request: HttpRequest, queryset: QuerySet[Deposit]) -> HttpResponse | None:
        return approve_rows(self, request, queryset)

    @admin.action(description=gettext_lazy("Leave hold to run out…"), permissions=["approve_hold"])
    def leave_hold(self, request: HttpRequest, queryset: QuerySet[Deposit]) -> HttpResponse | None:
        return leave_rows(self, request, queryset)

    @admin.action(description=gettext_lazy("Settle…"), permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: QuerySet[Deposit]) -> HttpResponse | None:
        return settle_rows(
            self,
            request,
            queryset.select_related("user"),
            flow=deposits.settle,
            decisions=DECISIONS,
            allowed_decisions=_allowed_decisions,
            facts=lambda row: [*self._facts(row), *_amounts_of_decisions(row)],
            seen=deposits.seen,
            irreversible_warnings={
                "reverse": _("A reversed credit cannot be given again, even if SkinsBack reports a payment later.")
            },
        )

    def _facts(self, row: Deposit) -> list[tuple[Any, Any]]:
        return [
            (_("User"), row.user or display.NOTHING),
            (_("User amount"), self.shown_user_amount(row)),
            (_("Amount"), self.shown_amount(row)),
        ]

    @admin.display(description=gettext_lazy("order ID"))
    def short_order_id(self, row: Deposit) -> SafeString | str:
        return display.short_id(row.order_id)

    @admin.display(description=gettext_lazy("user amount"))
    def shown_user_amount(self, row: Deposit) -> str:
        return display.breakable(display.money(row.user_amount, row.amount_currency))

    @admin.display(description=gettext_lazy("amount"))
    def shown_amount(self, row: Deposit) -> str:
        return display.breakable(display.money(row.amount, row.amount_currency))

    @admin.display(description=gettext_lazy("limits"))
    def shown_limits(self, row: Deposit) -> str:
        if row.min_amount is None and row.max_amount is None:
            return display.NOTHING
        return f"{display.money(row.min_amount, row.currency)} … {display.money(row.max_amount, row.currency)}"

    @admin.display(description=gettext_lazy("skins"))
    def shown_skins(self, row: Deposit) -> SafeString | str:
        return display.skins_table(row.skins)

    @admin.display(description=gettext_lazy("user risk"))
    def shown_risk(self, row: Deposit) -> SafeString | str:
        return display.user_risk_table(row.user_risk)

    @admin.display(description=gettext_lazy("metadata"))
    def shown_metadata(self, row: Deposit) -> SafeString | str:
        return display.json_text(row.metadata)


def _allowed_decisions(row: Deposit) -> set[str]:
    """Return the decisions that are possible for a deposit.

    "keep" is always possible. "credit" is possible if the deposit was never credited, has an amount and an owner, and
    ``HOLD_APPROVE_MAX`` did not refuse its hold. "reverse" is possible if the deposit was credited and the credit was
    not reversed.
    """
    kinds = {entry.kind for entry in row.entries.all()}
    if EntryKind.CREDIT not in kinds:
        return {"keep", "credit"} if _can_be_credited(row) else {"keep"}
    return {"keep"} if EntryKind.REVERSAL in kinds else {"keep", "reverse"}


def _amounts_of_decisions(row: Deposit) -> list[tuple[Any, Any]]:
    """Return a list with one pair: the label and the amount of the credit or reversal that an operator can decide.

    Return an empty list if the deposit was credited and reversed before.
    """
    entries = {entry.kind: entry for entry in row.entries.all()}
    if EntryKind.CREDIT not in entries:
        return [(_("Amount of the credit"), _shown_credit(row))]
    if EntryKind.REVERSAL in entries:
        return []
    credit = entries[EntryKind.CREDIT]
    return [(_("Amount of the reversal"), display.money(credit.amount.copy_negate(), credit.currency))]


def _can_be_credited(row: Deposit) -> bool:
    if row.is_owner_gone or is_refused(row):
        return False
    try:
        shown_credit(row)
    except SkinsBackError:
        return False
    return True


def _shown_credit(row: Deposit) -> SafeString | str:
    try:
        return display.money(*shown_credit(row))
    except SkinsBackError as error:
        return format_html("<em>{}</em>", text_for(error))
