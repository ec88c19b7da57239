"""Pages to deposit skins: a form, the return from SkinsBack's pay page, and a page that shows the status."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_safe

from django_skinsback import deposits
from django_skinsback.exceptions import SkinsBackError
from django_skinsback.models import Deposit
from django_skinsback.statuses import DepositStatus, EntryKind

from .. import error_texts
from ..forms import DepositForm
from ..models import Profile
from ..prices import CREDITED
from ..progress import deposit_progress
from .status_updates import page_update

PAYABLE = {DepositStatus.CREATED, DepositStatus.PENDING}


@require_http_methods(["GET", "HEAD", "POST"])
def start_deposit(request: HttpRequest) -> HttpResponse:
    """Show the form. When it is sent, create a deposit and redirect to its pay page, or to our page with a frame."""
    form = DepositForm(request.POST or None)
    if form.is_valid():
        try:
            deposit = _create(request, form)
        except SkinsBackError as error:
            messages.error(request, error_texts.deposit_error_text(error))
        else:
            framed = form.cleaned_data["where"] == "widget"
            return redirect("shop:deposit_page", deposit.public_id) if framed else redirect(deposit.pay_url)
    return render(request, "shop/deposit_start.html", {"form": form}, status=400 if form.errors else 200)


def _create(request: HttpRequest, form: DepositForm) -> Deposit:
    values = form.cleaned_data
    framed = values["where"] == "widget"
    profile = Profile.objects.filter(user=request.user).first()
    return_url = reverse("shop:deposit_done" if framed else "shop:deposit_back")
    return deposits.create(
        request.user,
        request=request,
        trade_url=profile.trade_url if profile else "",
        game=values["game"],
        currency=settings.SHOP_CURRENCY,
        min_amount=values["min_amount"],
        max_amount=values["max_amount"],
        custom_multiplier=CREDITED,
        widget=framed,
        success_url=return_url,
        fail_url=return_url,
        metadata={"framed": framed},
    )


@require_safe
def back_from_pay_page(request: HttpRequest) -> HttpResponse:
    """Redirect from the pay page to the newest deposit of the user, or to the form if the user has no deposit."""
    deposit = Deposit.objects.filter(user=request.user).order_by("-pk").first()
    return redirect("shop:deposit_page", deposit.public_id) if deposit else redirect("shop:deposit")


@require_safe
@xframe_options_sameorigin
def done_in_frame(request: HttpRequest) -> HttpResponse:
    """Show a short text in the frame after the pay page. The page around the frame shows the status."""
    return render(request, "shop/deposit_done.html")


@require_safe
@never_cache
def show_deposit(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    deposit = get_object_or_404(Deposit, user=request.user, public_id=public_id)
    return render(request, "shop/deposit.html", _context(deposit))


@require_safe
@never_cache
def deposit_status(request: HttpRequest, public_id: uuid.UUID) -> JsonResponse:
    """Return the current content of the deposit page as JSON, for ``status_updates.js``."""
    deposit = get_object_or_404(Deposit, user=request.user, public_id=public_id)
    context = _context(deposit)
    html = render_to_string("shop/_deposit.html", context, request)
    return JsonResponse(page_update(request, context["progress"], html, payable=context["payable"]))


def _context(deposit: Deposit) -> dict[str, Any]:
    prefetch_related_objects([deposit], "entries", "changes")
    entries = {entry.kind: entry for entry in deposit.entries.all()}
    return {
        "deposit": deposit,
        "progress": deposit_progress(deposit),
        "credit": entries.get(EntryKind.CREDIT),
        "reversal": entries.get(EntryKind.REVERSAL),
        "payable": deposit.status in PAYABLE and bool(deposit.pay_url),
    }
