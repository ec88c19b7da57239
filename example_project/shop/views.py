"""The start page and the login. All other pages are those of ``django_skinsback.pages``."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from django_skinsback.models import MarketItem

SHOWN = 10


@login_not_required
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Show what the shop is for, and the most expensive skins. It needs no login."""
    items = MarketItem.objects.available().for_game("cs2").dearest_first()[:SHOWN]
    return render(request, "shop/start.html", {"items": items})


class Login(LoginView):
    template_name = "shop/login.html"
    redirect_authenticated_user = True
    extra_context = {"demo_logins": settings.DEMO_LOGINS}
