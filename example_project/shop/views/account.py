"""Who the user is, what he has, what he did."""

from decimal import Decimal

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.statuses import DepositStatus
from example_project.wallet.models import Wallet

from ..forms import TradeURLForm
from ..models import Profile
from ..progress import deposit_chapter, purchase_chapter

PER_PAGE = 30


class Login(LoginView):
    template_name = "shop/login.html"
    redirect_authenticated_user = True
    extra_context = {"demo_logins": settings.DEMO_LOGINS}


class Logout(LogoutView):
    pass


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Where skins are sent to."""
    profile, _created = Profile.objects.get_or_create(user=request.user)
    form = TradeURLForm(request.POST or None, instance=profile)
    if form.is_valid():
        form.save()
        messages.success(request, _("Your trade URL is saved."))
        return redirect("shop:account")
    return render(request, "shop/account.html", {"form": form}, status=400 if form.errors else 200)


@require_safe
def wallet(request: HttpRequest) -> HttpResponse:
    """Every movement of the user's money, the newest first."""
    entries = LedgerEntry.objects.filter(user=request.user)
    wallets = list(Wallet.objects.filter(user=request.user).order_by("currency"))
    gifts = {wallet: wallet.balance - entries.balance(request.user, wallet.currency) for wallet in wallets}
    held = Deposit.objects.filter(
        user=request.user, status=DepositStatus.IN_HOLD, amount_currency=settings.SHOP_CURRENCY
    )
    newest = entries.select_related("deposit", "purchase").order_by("-pk")
    words = {
        "wallets": wallets or [Wallet(currency=settings.SHOP_CURRENCY)],
        "gifts": {wallet: gift for wallet, gift in gifts.items() if gift > Decimal(0)},
        "held": sum((deposit.user_amount or Decimal(0) for deposit in held), Decimal(0)),
        "currency": settings.SHOP_CURRENCY,
        "page": Paginator(newest, PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "shop/wallet.html", words)


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """The user's deposits and purchases, the newest first."""
    deposits = Deposit.objects.filter(user=request.user).prefetch_related("entries", "changes").order_by("-pk")
    purchases = Purchase.objects.filter(user=request.user).prefetch_related("entries").order_by("-pk")
    words = {
        "deposits": [(deposit, deposit_chapter(deposit), _kinds(deposit)) for deposit in deposits[:PER_PAGE]],
        "purchases": [(purchase, purchase_chapter(purchase), _kinds(purchase)) for purchase in purchases[:PER_PAGE]],
    }
    return render(request, "shop/history.html", words)


def _kinds(row: Deposit | Purchase) -> set[str]:
    """Which ledger entries it has: an amount that did not move, or moved back, is struck out."""
    return {entry.kind for entry in row.entries.all()}
