"""A user takes a skin: a page to confirm, and one that follows the trade."""

import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from django_skinsback import purchases
from django_skinsback.exceptions import InvalidInput
from django_skinsback.models import MarketItem, Purchase
from django_skinsback.statuses import EntryKind
from example_project.wallet.models import InsufficientBalanceError, Wallet

from .. import error_texts
from ..forms import ConfirmForm
from ..models import Checkout, Profile
from ..progress import purchase_story
from .status_updates import live_state


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what it costs and where it goes, and buy it when the user has confirmed just that."""
    item = get_object_or_404(MarketItem, pk=pk)
    profile = Profile.objects.filter(user=request.user).first()
    trade_url = profile.trade_url if profile else ""
    form = ConfirmForm(request.POST or None)
    if form.is_valid():
        asked = form.cleaned_data
        if problem := _problem(item, trade_url, asked["price"]):
            messages.error(request, problem)
        else:
            try:
                purchase = _buy_once(request, item, trade_url, asked["key"])
            except InsufficientBalanceError:
                messages.error(request, _("Your balance does not cover this skin. Deposit some skins first."))
            except InvalidInput:
                messages.error(request, _("This skin cannot be withdrawn here: it is above our limit."))
            else:
                return redirect("shop:purchase_page", purchase.public_id)
        return redirect("shop:withdraw", item.pk)
    return render(request, "shop/withdraw.html", _confirmation(request, item, trade_url))


def _problem(item: MarketItem, trade_url: str, price_seen: Decimal) -> str:
    if not trade_url:
        return _("Tell us your Steam trade URL first.")
    if not item.available:
        return str(error_texts.GONE)
    if item.site_price > price_seen:
        return str(error_texts.BY_WORD["skins_not_found_at_specified_price"])
    return ""


def _buy_once(request: HttpRequest, item: MarketItem, trade_url: str, key: uuid.UUID) -> Purchase:
    """Order the skin and charge the user; the same ``key`` again gives the purchase it made the first time.

    The checkout, the purchase, its charge and the wallet are saved together or not at all.
    """
    try:
        with transaction.atomic():
            checkout = Checkout.objects.create(key=key, user=request.user)
            checkout.purchase = purchases.buy(
                user=request.user,
                trade_url=trade_url,
                market_hash_name=item.market_hash_name,
                game=item.game,
                max_price=item.price,
                charge=item.site_price,
                charge_currency=settings.SHOP_CURRENCY,
            )
            checkout.save(update_fields=["purchase"])
            return checkout.purchase
    except IntegrityError:
        earlier = Checkout.objects.select_related("purchase").filter(key=key, user=request.user).first()
        if earlier is None or earlier.purchase is None:
            raise
        return earlier.purchase


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
    return render(request, "shop/purchase.html", _words(purchase))


@require_safe
@never_cache
def purchase_status(request: HttpRequest, public_id: uuid.UUID) -> JsonResponse:
    """What the page's script asks for, again and again."""
    purchase = get_object_or_404(Purchase, user=request.user, public_id=public_id)
    words = _words(purchase)
    html = render_to_string("shop/_purchase.html", words, request)
    return JsonResponse(live_state(request, words["story"], html))


def _words(purchase: Purchase) -> dict[str, Any]:
    refunded = purchase.entries.filter(kind=EntryKind.REFUND).exists()
    item = MarketItem.objects.filter(game=purchase.game, market_hash_name=purchase.market_hash_name).first()
    return {"purchase": purchase, "story": purchase_story(purchase, refunded=refunded), "item": item}
