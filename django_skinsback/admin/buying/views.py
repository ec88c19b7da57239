"""The views that fill the cart, ask for confirmation and buy.

The page of the cart is one form. Each of its buttons sends all fields, so that nothing that the operator has typed is
lost. Only the cart is stored, in the session. The trade URL is a secret and is only in the form.
"""

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from ...error_texts import text_for
from ...exceptions import SkinsBackError
from ...money import EXACT, exact_sum
from ...pictures import picture_url, placeholder
from ...sensitive import hide
from ...steam import GAMES
from .. import display
from . import orders, page
from .cart import Cart
from .market import Choice, ask_market, choose
from .orders import ChosenSkin, chosen_skins, sign_order, split_charge
from .recipient import warnings_about
from .urls import buy_url, result_url

logger = logging.getLogger("django_skinsback")


FORM_FIELDS = ("username", "total_cap", "charge", "charge_currency")
"""The fields that are shown again if the operator changes the order. The trade URL is in the order itself."""


@sensitive_post_parameters("trade_url", "order")
def buy_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Handle one step of buying and return the response.

    GET shows the cart, and searches if the query contains ``q``. ``?user=`` with a primary key chooses the user. POST
    changes the cart, searches, or shows the confirmation page. POST with ``order`` buys and redirects to the result.
    Raise PermissionDenied if the operator has no permission to buy.
    """
    if not request.user.has_perm("skinsback.buy_skins"):
        raise PermissionDenied
    request.current_app = model_admin.admin_site.name
    if request.method != "POST":
        return page.first_page(request, model_admin)
    if "order" not in request.POST:
        cart_page = page.CartPage(request)
        if cart_page.press_button():
            return _confirmation_page(cart_page, model_admin)
        return cart_page.render(model_admin)
    order = orders.read_order(request, hide(request.POST["order"]))
    if order is None:
        messages.warning(request, _("This form has expired and nothing was bought now. Look at the cart again."))
        return HttpResponseRedirect(buy_url(model_admin, request))
    if request.POST.get("action") == "change":
        return page.page_from_order(request, model_admin, order)
    return _buy(request, model_admin, order)


@sensitive_variables("cart_page", "recipient", "order")
def _confirmation_page(cart_page: page.CartPage, model_admin: Any) -> HttpResponse:
    """Look up the skins of the cart on SkinsBack's market, and show what would be bought. All forms must be valid.

    If nothing can be bought, the page says why, and has no button to buy.
    """
    request = cart_page.request
    values, recipient = cart_page.recipient.cleaned_data, cart_page.recipient.recipient
    wanted = [form.wanted() for form in cart_page.lines]
    choices = choose(wanted, ask_market(cart_page.account, wanted), values["total_cap"])
    chosen = chosen_skins(choices, [form.line.key for form in cart_page.lines])
    charge, currency = values["charge"], values["charge_currency"]
    shares: Sequence[Decimal | None] = [None] * len(chosen)
    if charge is not None and chosen:
        shares = split_charge(charge, [each.skin.price for each in chosen])
    chosen = [
        ChosenSkin(each.line_key, each.game, each.skin, each.cap, share)
        for each, share in zip(chosen, shares, strict=True)
    ]
    typed = {name: str(cart_page.recipient.data.get(name, "")) for name in FORM_FIELDS}
    order = ""
    if chosen:
        order = sign_order(
            request.user,
            recipient,
            chosen,
            key=cart_page.cart.start_order(),
            account=cart_page.account,
            form_values=typed,
            charge_currency=currency,
        )
    context = page.base_context(request, model_admin, cart_page.account) | {
        "title": _("Buy these skins?"),
        "order": order,
        "account": cart_page.account,
        "chosen": [_chosen_row(each, currency) for each in chosen],
        "missing": [_missing_row(choice) for choice in choices if choice.missing],
        "missing_count": sum(choice.missing for choice in choices),
        "recipient": recipient,
        "steam_id": recipient.trade_url.steam_id,
        "warnings": warnings_about(recipient),
        "charge": display.money(charge, currency) if charge is not None else "",
    }
    context |= _amounts(chosen, context["balance"])
    return TemplateResponse(request, "admin/skinsback/buy/confirm.html", context)


def _amounts(chosen: Sequence[ChosenSkin], balance: Decimal | None) -> dict[str, Any]:
    """Return the sums of the current prices and of the caps, and the balance after each of them."""
    price = exact_sum(each.skin.price for each in chosen)
    most = exact_sum(each.cap for each in chosen)
    return {
        "price_sum": display.money(price),
        "cap_sum": display.money(most),
        "balance_after": None if balance is None else display.money(EXACT.subtract(balance, price)),
        "balance_at_least": None if balance is None else display.money(EXACT.subtract(balance, most)),
        "not_enough": balance is not None and balance < most,
    }


def _chosen_row(chosen: ChosenSkin, currency: str) -> dict[str, Any]:
    skin = chosen.skin
    return {
        "skin": skin,
        "game": GAMES[chosen.game].name,
        "price": display.money(skin.price),
        "cap": display.money(chosen.cap),
        "charge": display.money(chosen.charge, currency),
        "picture": picture_url(class_id=skin.class_id, game=chosen.game),
        "placeholder": placeholder(skin.market_hash_name),
    }


def _missing_row(choice: Choice) -> dict[str, Any]:
    return {
        "name": choice.wanted.market_hash_name,
        "game": GAMES[choice.wanted.game].name,
        "wanted": choice.wanted.quantity,
        "chosen": len(choice.skins),
        "reasons": choice.reasons,
    }


@sensitive_variables("order")
def _buy(request: HttpRequest, model_admin: Any, order: dict[str, Any]) -> HttpResponse:
    """Save the purchases of the confirmed order, send them to SkinsBack, and redirect to the result.

    If the same order was sent before, buy nothing and show a warning. If the site vetoes the order, show the reason.
    """
    try:
        bought, is_repeated = orders.buy_once(request.user, order, Cart(request.session).order_key)
    except Exception as error:
        # An on_commit hook of the site may raise after the purchases were saved.
        bought, is_repeated = orders.find_bought(request.user, order), False
        if not bought:
            return _refused(request, model_admin, order, error)
        logger.exception("skinsback.order_failed", extra={"quote": ""})
        messages.error(request, _("An error occurred in the site's own code. The order was saved and continues."))
    if not bought:
        messages.warning(request, _("The user of this order was deleted. Nothing was bought now."))
        return HttpResponseRedirect(buy_url(model_admin, request))
    if is_repeated:
        messages.warning(request, _("This form was sent before. Nothing was bought a second time."))
        return HttpResponseRedirect(result_url(model_admin, bought))
    lines: list[str] = order["lines"]
    Cart(request.session).subtract({key: lines.count(key) for key in lines})
    orders.keep_names(request.session, order["names"])
    try:
        request.session.save()  # before the call to SkinsBack, so that another tab does not buy the same cart meanwhile
        orders.send(request, bought)
    finally:  # the purchases are saved, even if sending them failed
        orders.log_bought(request, model_admin, bought)
    return HttpResponseRedirect(result_url(model_admin, bought))


@sensitive_variables("order")
def _refused(request: HttpRequest, model_admin: Any, order: dict[str, Any], error: Exception) -> HttpResponse:
    """Show why nothing was bought, and redirect to the cart.

    A receiver of ``entry_posted`` may veto a charge with any exception, so the exception is shown if the order has a
    charge. An exception that cannot be a veto is raised.
    """
    if isinstance(error, SkinsBackError):
        reason = text_for(error)
    elif any("charge" in item for item in order["items"]) and not isinstance(error, DatabaseError):
        logger.exception("skinsback.order_failed", extra={"quote": ""})
        values = {"error": f"{type(error).__name__}: {error}".rstrip(": ")}
        reason = _("the site's own code refused the charge (%(error)s).") % values
    else:
        raise error
    messages.error(request, _("Nothing was bought and no user was charged: %(reason)s") % {"reason": reason})
    query = f"?{urlencode({'user': order['user']})}" if order["user"] else ""
    return HttpResponseRedirect(buy_url(model_admin, request) + query)
