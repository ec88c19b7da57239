"""The page of held deposits, and the actions that approve holds or leave them to run out."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ... import conf, deposits
from ...models import Deposit, HoldDecision
from ...models.reasons import reason_texts
from ...money import add_to
from ...statuses import DepositStatus, Queue
from .. import display
from ..actions import (
    change_url,
    changelist_url,
    confirmation_page,
    is_confirmed,
    log_each,
    note_field,
    redirect_back,
    run_each,
    seen_tokens,
    selected_rows,
)
from ..customers.links import customer_url
from ..queues.buttons import BUTTON_NAME, choose_row_of_button, desk_after_last_row, is_row_key
from .facts import SKINS_SHOWN, OpenCredits, credit_of_row, credit_text, histories, skins_of, sums_text, time_left

ROWS_SHOWN = 20
ORDER = ("", HoldDecision.APPROVE, HoldDecision.LEAVE)
"""The decisions in the order of the page. Undecided holds come first."""

CREDITED = {DepositStatus.HOLD_APPROVED, DepositStatus.SUCCESS}


class NoteForm(forms.Form):
    note = note_field(
        gettext_lazy("The reason for your decision. The history shows this note with your name."), required=False
    )


def holds_url(model_admin: Any) -> str:
    """Return the URL of the page of held deposits in the admin site of ``model_admin``."""
    return reverse("admin:skinsback_deposit_holds", current_app=model_admin.admin_site.name)


def holds_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show one page of held deposits, or handle a decision about selected deposits.

    Raise PermissionDenied if the operator may not see deposits, or sends a decision and may not approve holds.
    """
    may_act = model_admin.has_approve_hold_permission(request)
    if not model_admin.has_view_permission(request) or (request.method == "POST" and not may_act):
        raise PermissionDenied
    request.current_app = model_admin.admin_site.name
    if request.method == "POST":
        return _decide(request, model_admin)
    account = request.GET.get("account", "")
    account = account if account in conf.accounts() else ""
    rows, following = _page(model_admin.get_queryset(request), account, request.GET.get("after", ""))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Held deposits"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "list_url": changelist_url(model_admin),
        "may_act": may_act,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "button_name": BUTTON_NAME,
        "accounts": _account_links(model_admin, account),
        "next_url": _url(model_admin, account=account, after=following) if following else "",
        "first_url": _url(model_admin, account=account) if request.GET.get("after") else "",
        "has_policy": conf.callable_setting("HOLD_POLICY") is not None,
        **_described(request, model_admin, rows),
    }
    return TemplateResponse(request, "admin/skinsback/holds/page.html", context)


def _page(queryset: QuerySet[Deposit], account: str, after: str) -> tuple[list[Deposit], str]:
    """Return the held deposits after the position ``after``, and the position of the next page or "".

    A position is the decision and the primary key of the last deposit of the page before: ``leave-17``.
    """
    decision, _separator, last = after.rpartition("-")
    begin, highest = (ORDER.index(decision), int(last)) if decision in ORDER and is_row_key(last) else (0, 0)
    held = queryset.filter(status=DepositStatus.IN_HOLD).select_related("user").order_by("pk")
    if account:
        held = held.filter(account=account)
    rows: list[Deposit] = []
    for each in ORDER[begin:]:
        rows += held.filter(hold_decision=each, pk__gt=highest)[: ROWS_SHOWN + 1 - len(rows)]
        highest = 0
        if len(rows) > ROWS_SHOWN:
            last_row = rows[ROWS_SHOWN - 1]
            return rows[:ROWS_SHOWN], f"{last_row.hold_decision}-{last_row.pk}"
    return rows, ""


def _url(model_admin: Any, **query: str) -> str:
    given = {name: value for name, value in query.items() if value}
    return holds_url(model_admin) + (f"?{urlencode(given)}" if given else "")


def _account_links(model_admin: Any, chosen: str) -> list[dict[str, Any]]:
    """Return a link for each account and for all accounts. Return an empty list if the site has one account."""
    accounts = conf.accounts()
    if len(accounts) < 2:
        return []
    return [
        {"label": alias or _("All accounts"), "url": _url(model_admin, account=alias), "is_chosen": alias == chosen}
        for alias in ("", *accounts)
    ]


def _described(request: HttpRequest, model_admin: Any, rows: list[Deposit]) -> dict[str, Any]:
    """Return the template values that describe these rows."""
    known, is_complete = histories({row.user_id for row in rows if row.user_id is not None})
    visible = {
        "purchases": request.user.has_perm("skinsback.view_purchase"),
        "entries": request.user.has_perm("skinsback.view_ledgerentry"),
    }
    open_credits, skins = OpenCredits(rows), skins_of(rows)
    shown = []
    for row in rows:
        credit = credit_of_row(row)
        currency = row.amount_currency if isinstance(credit, str) else credit[1]
        shown.append(
            {
                "row": row,
                "url": change_url(model_admin, row),
                "customer_url": customer_url(model_admin, row.user_id),
                "decision": row.get_hold_decision_display(),
                "is_under_way": row.reserved_at is not None,
                "reasons": reason_texts(row.review_reasons) if row.needs_review else [],
                "left": time_left(row),
                "facts": [
                    (_("Amount"), display.money(row.amount, row.amount_currency)),
                    (_("Credit of the user"), credit_text(credit)),
                    *open_credits.facts(row, currency),
                ],
                "skins": skins[row.pk][:SKINS_SHOWN],
                "more_skins": max(0, len(skins[row.pk]) - SKINS_SHOWN),
                "history": known[row.user_id].facts(**visible) if row.user_id is not None else [],
                "risk": display.user_risk_table(row.user_risk),
            }
        )
    return {"rows": shown, "history_is_complete": is_complete, "has_several_accounts": len(conf.accounts()) > 1}


def _decide(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the confirmation page of the selected deposits, or apply the confirmed decision and go back to the page."""
    choose_row_of_button(request)
    decide: Callable[..., HttpResponse | None] | None = {"approve_hold": approve_rows, "leave_hold": leave_rows}.get(
        request.POST.get("action", "")
    )
    keys = [key for key in request.POST.getlist(ACTION_CHECKBOX_NAME) if is_row_key(key)]
    if decide is None or not keys:
        messages.warning(request, _("Select at least one deposit. Nothing was done."))
        return HttpResponseRedirect(request.get_full_path())
    response = decide(model_admin, request, model_admin.get_queryset(request).filter(pk__in=keys))
    if response is not None:
        return response
    desk = desk_after_last_row(model_admin, request, Queue.HOLDS, Deposit)
    return HttpResponseRedirect(desk or request.get_full_path())


def approve_rows(model_admin: Any, request: HttpRequest, queryset: QuerySet[Deposit]) -> HttpResponse | None:
    """Ask whether the holds of these deposits are to be approved. When the form is sent, approve each of them.

    Return None if the page on which the operator started the action is to be shown again.
    """
    rows = selected_rows(request, queryset.select_related("user"))
    form = NoteForm(request.POST if is_confirmed(request) else None)
    if is_confirmed(request) and form.is_valid():
        return _approve(model_admin, request, rows, form.cleaned_data["note"].strip())
    held = _held_rows(request, rows)
    if not held:
        return redirect_back(model_admin, request, rows)
    open_credits, totals = OpenCredits(held), dict[str, Decimal]()
    shown = []
    for row in held:
        credit = credit_of_row(row)
        currency = row.amount_currency if isinstance(credit, str) else credit[1]
        if not isinstance(credit, str):
            add_to(totals, currency, credit[0])
        facts = [*_facts(row), (_("Amount of the credit"), credit_text(credit)), *open_credits.facts(row, currency)]
        risk = display.user_risk_table(row.user_risk)
        shown.append({"row": row, "facts": facts, "risk": risk, "seen": deposits.seen(row)})
    context: dict[str, Any] = {"title": _("Approve holds"), "form": form, "total": sums_text(totals)}
    return confirmation_page(model_admin, request, shown, action="approve_hold", **context)


def _approve(model_admin: Any, request: HttpRequest, rows: list[Deposit], note: str) -> HttpResponse | None:
    tokens = seen_tokens(request)
    results = run_each(rows, lambda row: deposits.approve_hold(row, by=request.user, seen=tokens[row.pk], note=note))
    other = [row for row in results.done if row.status not in CREDITED]
    results.done = [row for row in results.done if row.status in CREDITED]
    log_each(model_admin, request, results.done, _("Hold approved."))
    count = len(results.done)
    text = ngettext("%(count)s hold was approved.", "%(count)s holds were approved.", count)
    results.show_messages(request, text % {"count": count})
    for row in other:
        values = {"row": row, "status": row.get_status_display()}
        text = _("Deposit %(row)s was not approved. Its status at SkinsBack is “%(status)s”.")
        if row.reserved_at is not None:
            text = _(
                "The approval of deposit %(row)s is under way. Its status at SkinsBack is still “%(status)s”. This "
                "site asks SkinsBack again automatically."
            )
        messages.warning(request, text % values)
    return redirect_back(model_admin, request, rows)


def leave_rows(model_admin: Any, request: HttpRequest, queryset: QuerySet[Deposit]) -> HttpResponse | None:
    """Ask whether the holds of these deposits are to run out. When the form is sent, store the decision for each.

    Return None if the page on which the operator started the action is to be shown again.
    """
    rows = selected_rows(request, queryset.select_related("user"))
    form = NoteForm(request.POST if is_confirmed(request) else None)
    if is_confirmed(request) and form.is_valid():
        tokens, note = seen_tokens(request), form.cleaned_data["note"].strip()
        results = run_each(rows, lambda row: deposits.leave_hold(row, by=request.user, seen=tokens[row.pk], note=note))
        log_each(model_admin, request, results.done, _("Hold left to run out."))
        count = len(results.done)
        text = ngettext("%(count)s hold is left to run out.", "%(count)s holds are left to run out.", count)
        results.show_messages(request, text % {"count": count})
        return redirect_back(model_admin, request, rows)
    held = _held_rows(request, rows)
    if not held:
        return redirect_back(model_admin, request, rows)
    shown = [
        {"row": row, "facts": [*_facts(row), (_("Left"), time_left(row))], "seen": deposits.seen(row)} for row in held
    ]
    title = _("Leave holds to run out")
    return confirmation_page(model_admin, request, shown, action="leave_hold", title=title, form=form)


def _held_rows(request: HttpRequest, rows: list[Deposit]) -> list[Deposit]:
    """Return the rows that are in hold. If there are rows and none is in hold, show a warning."""
    held = [row for row in rows if row.status == DepositStatus.IN_HOLD]
    if rows and not held:
        messages.warning(request, _("No selected deposit is in hold. Nothing was done."))
    return held


def _facts(row: Deposit) -> list[tuple[Any, Any]]:
    return [
        (_("User"), row.user or display.NOTHING),
        (_("User amount"), display.money(row.user_amount, row.amount_currency)),
        (_("Amount"), display.money(row.amount, row.amount_currency)),
    ]
