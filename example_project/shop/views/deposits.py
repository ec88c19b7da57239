"""A user pays with skins: a form, SkinsBack's pay page, and a page that waits for the result."""

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
from ..progress import deposit_story
from .status_updates import live_state

PAYABLE = {DepositStatus.CREATED, DepositStatus.PENDING}


@require_http_methods(["GET", "HEAD", "POST"])
def start_deposit(request: HttpRequest) -> HttpResponse:
    """Open a deposit and send the user to its pay page, or show that page in a frame."""
    form = DepositForm(request.POST or None)
    if form.is_valid():
        try:
            deposit = _open(request, form)
        except SkinsBackError as error:
            messages.error(request, error_texts.of_deposit(error))
        else:
            framed = form.cleaned_data["where"] == "widget"
            return redirect("shop:deposit_page", deposit.public_id) if framed else redirect(deposit.pay_url)
    return render(request, "shop/deposit_start.html", {"form": form}, status=400 if form.errors else 200)


def _open(request: HttpRequest, form: DepositForm) -> Deposit:
    asked, framed = form.cleaned_data, form.cleaned_data["where"] == "widget"
    profile = Profile.objects.filter(user=request.user).first()
    back = reverse("shop:deposit_done" if framed else "shop:deposit_back")
    return deposits.create(
        request.user,
        request=request,
        trade_url=profile.trade_url if profile else "",
        game=asked["game"],
        currency=settings.SHOP_CURRENCY,
        min_amount=asked["min_amount"],
        max_amount=asked["max_amount"],
        custom_multiplier=CREDITED,
        widget=framed,
        success_url=back,
        fail_url=back,
        metadata={"framed": framed},
    )


@require_safe
def back_from_pay_page(request: HttpRequest) -> HttpResponse:
    """SkinsBack sends every user to the same address: show him the deposit he opened last."""
    deposit = Deposit.objects.filter(user=request.user).order_by("-pk").first()
    return redirect("shop:deposit_page", deposit.public_id) if deposit else redirect("shop:deposit")


@require_safe
@xframe_options_sameorigin
def done_in_frame(request: HttpRequest) -> HttpResponse:
    """What the frame shows when the pay page is through; the page around it tells the result."""
    return render(request, "shop/deposit_done.html")


@require_safe
@never_cache
def show_deposit(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    deposit = get_object_or_404(Deposit, user=request.user, public_id=public_id)
    return render(request, "shop/deposit.html", _words(deposit))


@require_safe
@never_cache
def deposit_status(request: HttpRequest, public_id: uuid.UUID) -> JsonResponse:
    """What the page's script asks for, again and again."""
    deposit = get_object_or_404(Deposit, user=request.user, public_id=public_id)
    words = _words(deposit)
    html = render_to_string("shop/_deposit.html", words, request)
    return JsonResponse(live_state(request, words["story"], html, payable=words["payable"]))


def _words(deposit: Deposit) -> dict[str, Any]:
    prefetch_related_objects([deposit], "entries", "changes")
    entries = {entry.kind: entry for entry in deposit.entries.all()}
    return {
        "deposit": deposit,
        "story": deposit_story(deposit),
        "credit": entries.get(EntryKind.CREDIT),
        "reversal": entries.get(EntryKind.REVERSAL),
        "payable": deposit.status in PAYABLE and bool(deposit.pay_url),
    }
