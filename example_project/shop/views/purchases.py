"""Pages to withdraw a skin: a page to confirm the order, and a page that shows the status of the purchase."""

import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from django_skinsback import purchases
from django_skinsback.exceptions import IdempotencyConflict, InvalidInput
from django_skinsback.models import MarketItem, Purchase
from django_skinsback.statuses import EntryKind
from example_project.wallet.models import InsufficientBalanceError, Wallet

from .. import error_texts
from ..forms import ConfirmForm
from ..models import Profile
from ..progress import purchase_progress
from .status_updates import page_update


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the price and the trade URL. When the user confirms them, buy the skin and redirect to its page."""
    item = get_object_or_404(MarketItem, pk=pk)
    profile = Profile.objects.filter(user=request.user).first()
    trade_url = profile.trade_url if profile else ""
    form = ConfirmForm(request.POST or None)
    if form.is_valid():
        if problem := _problem(item, trade_url, form.cleaned_data["price"]):
            messages.error(request, problem)
        else:
            try:
                purchase = _buy(request, item, trade_url, form.cleaned_data["key"])
            except InsufficientBalanceError:
                messages.error(request, _("Your balance does not cover this skin. Deposit some skins first."))
            except IdempotencyConflict:
                messages.error(request, _("You have already confirmed this page. Your order is in your history."))
            except InvalidInput:
                messages.error(request, _("This skin costs more than our limit, so you cannot withdraw it here."))
            else:
                return redirect("shop:purchase_page", purchase.public_id)
        return redirect("shop:withdraw", item.pk)
    return render(request, "shop/withdraw.html", _confirmation(request, item, trade_url))


def _problem(item: MarketItem, trade_url: str, price_seen: Decimal) -> str:
    if not trade_url:
        return _("Enter your Steam trade URL first.")
    if not item.available:
        return str(error_texts.SOLD)
    if item.site_price > price_seen:
        return str(error_texts.TEXTS["skins_not_found_at_specified_price"])
    return ""


def _buy(request: HttpRequest, item: MarketItem, trade_url: str, key: uuid.UUID) -> Purchase:
    """Buy the skin, charge the user, and return the purchase.

    A second call with the same ``key`` buys nothing and returns the first purchase.
    Raise InsufficientBalanceError if the balance is below the price. Nothing is saved then.
    """
    return purchases.buy(
        user=request.user,
        trade_url=trade_url,
        market_hash_name=item.market_hash_name,
        game=item.game,
        max_price=item.price,
        charge=item.site_price,
        charge_currency=settings.SHOP_CURRENCY,
        idempotency_key=str(key),
    )


def _confirmation(request: HttpRequest, item: MarketItem, trade_url: str) -> dict[str, Any]:
    price = item.site_price
    wallet = Wallet.objects.filter(user=request.user, currency=settings.SHOP_CURRENCY).first()
    balance = wallet.balance if wallet else Decimal(0)
    return {
        "item": item,
        "price": price,
        "trade_url": trade_url,
        "balance_after": balance - price,
        "form": ConfirmForm(initial={"key": uuid.uuid4(), "price": price}),
    }


@require_safe
@never_cache
def show_purchase(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    purchase = get_object_or_404(Purchase, user=request.user, public_id=public_id)
    return render(request, "shop/purchase.html", _context(purchase))


@require_safe
@never_cache
def purchase_status(request: HttpRequest, public_id: uuid.UUID) -> JsonResponse:
    """Return the current content of the purchase page as JSON, for ``status_updates.js``."""
    purchase = get_object_or_404(Purchase, user=request.user, public_id=public_id)
    context = _context(purchase)
    html = render_to_string("shop/_purchase.html", context, request)
    return JsonResponse(page_update(request, context["progress"], html))


def _context(purchase: Purchase) -> dict[str, Any]:
    refunded = purchase.entries.filter(kind=EntryKind.REFUND).exists()
    item = MarketItem.objects.filter(game=purchase.game, market_hash_name=purchase.market_hash_name).first()
    return {"purchase": purchase, "progress": purchase_progress(purchase, refunded=refunded), "item": item}
