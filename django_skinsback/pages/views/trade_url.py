"""The view of the page on which a user enters a trade URL."""

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters

from ... import conf, player_texts, players
from ...exceptions import InvalidInput, NotAllowedNow
from ...models import SteamProfile
from ...models.fields import utc_now
from ..access import player_page
from ..forms import TradeURLForm
from ..next_steps import FIND_TRADE_URL, own_address
from ..rendering import page_url, render_page


@sensitive_post_parameters("trade_url")
@player_page("GET", "POST")
def edit(request: HttpRequest) -> HttpResponseBase:
    """Show the trade URL of the user, and save the trade URL that the user enters.

    After the trade URL is saved, redirect to the address ``next`` of this site. Without ``next``, show this page again.
    """
    profile = players.get_profile(request.user)
    return_to = own_address(request, request.POST.get("next") or request.GET.get("next") or "")
    is_broken = profile is not None and profile.broken_at is not None
    initial = {"trade_url": profile.trade_url if profile and not is_broken else ""}
    form = TradeURLForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            players.set_trade_url(request.user, form.cleaned_data["trade_url"])
        except (InvalidInput, NotAllowedNow) as error:
            form.add_error("trade_url", player_texts.for_error(error).text)
        else:
            # Not redirect(), which takes an address without a slash for the name of a URL.
            return HttpResponseRedirect(return_to or f"{page_url(request, 'trade_url')}?saved=1")
    context = {
        "form": form,
        "profile": profile,
        "is_broken": is_broken,
        "is_saved": "saved" in request.GET and not form.is_bound,
        "blocked_until": _blocked_until(profile),
        "is_login_steam_id": bool(conf.callable_setting("STEAM_ID")),
        "find_url": FIND_TRADE_URL,
        "next": return_to,
    }
    return render_page(request, "trade_url.html", context, section="trade_url")


def _blocked_until(profile: SteamProfile | None) -> object:
    """Return the time until which the user cannot withdraw, because the trade URL was changed.

    Return None if the user can withdraw.
    """
    if profile is None or profile.trade_url_changed_at is None:
        return None
    until = profile.trade_url_changed_at + conf.trade_url_cooldown()
    return until if until > utc_now() else None
