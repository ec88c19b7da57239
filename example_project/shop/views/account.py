"""Login and the user's own pages: account with trade URL, wallet, and history."""

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
from ..progress import deposit_text, purchase_text

PER_PAGE = 30


class Login(LoginView):
    template_name = "shop/login.html"
    redirect_authenticated_user = True
    extra_context = {"demo_logins": settings.DEMO_LOGINS}


class Logout(LogoutView):
    pass


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show the account page, and save the trade URL to which skins are sent."""
    profile, _created = Profile.objects.get_or_create(user=request.user)
    form = TradeURLForm(request.POST or None, instance=profile)
    if form.is_valid():
        form.save()
        messages.success(request, _("Your trade URL is saved."))
        return redirect("shop:account")
    return render(request, "shop/account.html", {"form": form}, status=400 if form.errors else 200)


@require_safe
def wallet(request: HttpRequest) -> HttpResponse:
    """Show the balances of the user, and the ledger entries of the user, newest first."""
    entries = LedgerEntry.objects.filter(user=request.user)
    wallets = list(Wallet.objects.filter(user=request.user).order_by("currency"))
    gifts = {wallet: wallet.balance - entries.balance(request.user, wallet.currency) for wallet in wallets}
    held = Deposit.objects.filter(
        user=request.user, status=DepositStatus.IN_HOLD, amount_currency=settings.SHOP_CURRENCY
    )
    newest = entries.select_related("deposit", "purchase").order_by("-pk")
    context = {
        "wallets": wallets or [Wallet(currency=settings.SHOP_CURRENCY)],
        "gifts": {wallet: gift for wallet, gift in gifts.items() if gift > Decimal(0)},
        "held": sum((deposit.user_amount or Decimal(0) for deposit in held), Decimal(0)),
        "currency": settings.SHOP_CURRENCY,
        "page": Paginator(newest, PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "shop/wallet.html", context)


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show the last deposits and purchases of the user, newest first."""
    deposits = Deposit.objects.filter(user=request.user).prefetch_related("entries", "changes").order_by("-pk")
    purchases = Purchase.objects.filter(user=request.user).prefetch_related("entries").order_by("-pk")
    context = {
        "deposits": [(deposit, deposit_text(deposit), _kinds(deposit)) for deposit in deposits[:PER_PAGE]],
        "purchases": [(purchase, purchase_text(purchase), _kinds(purchase)) for purchase in purchases[:PER_PAGE]],
    }
    return render(request, "shop/history.html", context)


def _kinds(row: Deposit | Purchase) -> set[str]:
    """Return the kinds of the ledger entries of a row. The page strikes out amounts that were reversed or refunded."""
    return {entry.kind for entry in row.entries.all()}
