"""Views that open a deposit, handle the return from the pay page, and show one deposit."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from ... import conf, deposits, player_texts
from ...exceptions import (
    APIError,
    IdempotencyConflict,
    InvalidInput,
    NotAllowedNow,
    RequestNotSent,
    SkinsBackError,
    UnknownOutcome,
)
from ...flows.ledger.database import database
from ...models import Deposit
from .. import keys, live
from ..access import player_page
from ..cards import deposit_card
from ..forms import FRAME, INVENTORY, DepositForm
from ..next_steps import way_out
from ..rendering import page_url, render_page

REFUSALS = (InvalidInput, NotAllowedNow, RequestNotSent, APIError)
"""Exceptions after which no deposit is open. The page with the form shows the text of the exception."""


@player_page("GET", "POST")
def start(request: HttpRequest) -> HttpResponseBase:
    """Show the form of a deposit. If a valid form is sent, open a deposit and redirect.

    The redirect leads to the pay page of the deposit or to the page of the deposit. If the user wants to choose skins
    on this site, no deposit is opened, and the redirect leads to the page of the inventory.
    """
    games = conf.games("deposits")
    form = DepositForm(request.POST or None, games=games, key=keys.form_key(request.user))
    error: SkinsBackError | None = None
    if form.is_valid():
        if form.cleaned_data["way"] == INVENTORY:
            return redirect(f"{page_url(request, 'deposit_inventory')}?game={form.cleaned_data['game']}")
        try:
            return _open(request, **form.cleaned_data)
        except REFUSALS as refusal:
            error = refusal
    return _show_form(request, form, error)


def _open(request: HttpRequest, *, game: str, way: str, key: uuid.UUID) -> HttpResponseBase:
    """Open a deposit on SkinsBack's pay page, and redirect to the pay page or to the page of the deposit."""
    one_key = keys.request_key(key, game, way)
    return_url = page_url(request, "deposit_done" if way == FRAME else "deposit_back", one_key)
    try:
        deposit = deposits.create(
            request.user,
            request=request,
            game=game,
            widget=way == FRAME,
            success_url=return_url,
            fail_url=return_url,
            idempotency_key=str(one_key),
        )
    except (UnknownOutcome, IdempotencyConflict):
        # A deposit with this key exists: it has other values, or SkinsBack has not answered yet.
        return redirect(page_url(request, "deposit_back", one_key))
    if way == FRAME:
        return redirect(f"{page_url(request, 'deposit_row', deposit.public_id)}?frame=1")
    payable = player_texts.is_payable(deposit)
    return redirect(deposit.pay_url if payable else page_url(request, "deposit_row", deposit.public_id))


def _show_form(request: HttpRequest, form: DepositForm, error: SkinsBackError | None) -> HttpResponse:
    problem = player_texts.for_error(error) if error else None
    here = page_url(request, "deposit")
    context = {
        "form": form,
        "problem": problem,
        "way_out": way_out(request, problem, here=here) if problem else None,
        "unpaid": keys.unpaid(request.user).first(),
    }
    return render_page(request, "deposit.html", context, section="deposit")


@player_page("GET")
def back(request: HttpRequest, key: uuid.UUID | None = None) -> HttpResponseBase:
    """Redirect to the page of the deposit that was opened with ``key``. Without ``key``, use the user's newest deposit.

    If there is no such deposit, redirect to the form of a deposit.
    """
    user = request.user
    deposit = _of(user).order_by("-pk").first() if key is None else keys.find_deposit(user, key)
    if deposit is None:
        return redirect(page_url(request, "deposit"))
    return redirect(page_url(request, "deposit_row", deposit.public_id))


@login_not_required
@require_safe
@never_cache
@xframe_options_sameorigin
def done_in_frame(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Show a short text in the frame after the user has left the pay page. The page around the frame shows the status.

    SkinsBack's page in the frame redirects to this view. Browsers then send no session cookie, so this view needs no
    login, and the text contains nothing about the deposit.
    """
    return render(request, "skinsback/deposit_done.html", {"back_url": page_url(request, "deposit_back", key)})


@player_page("GET")
def show(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Show one deposit of the user."""
    rows = _of(request.user).filter(public_id=public_id)
    deposit, tag = live.read_row(rows, _tag)
    card = deposit_card(request, deposit)
    context: dict[str, Any] = {
        "card": card,
        "deposit": deposit,
        "is_framed": "frame" in request.GET and player_texts.is_payable(deposit),
        "status_url": page_url(request, "deposit_status", public_id),
        "tag": tag,
    }
    return render_page(request, "deposit_row.html", context, section="deposit")


@player_page("GET")
def status(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Return the part of the deposit's page that changes, for ``live.js``."""
    rows = _of(request.user).filter(public_id=public_id)
    return live.answer(
        request,
        _tag(rows),
        "_deposit.html",
        lambda: {"card": deposit_card(request, live.read_row(rows, _tag)[0])},
        section="deposit",
    )


def _of(user: Any) -> "QuerySet[Deposit]":
    """Return the deposits of ``user``, from the database for writes. A replica may not have a new deposit yet."""
    return Deposit.objects.using(database()).filter(user=user)


def _tag(rows: "QuerySet[Deposit]") -> str:
    return live.read_tag(rows, "trade_offer_expires_at")
