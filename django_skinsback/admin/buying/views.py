"""The views that fill the cart, ask for confirmation and buy.

The page of the cart is one form. Each of its buttons sends all fields, so that nothing that the operator has typed is
lost. Only the cart is stored, in the session. The trade URL is a secret and is only in the form.
"""

import logging
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from ...error_texts import text_for
from ...exceptions import SkinsBackError
from ...sensitive import hide
from . import confirm, orders, page
from .cart import Cart
from .urls import buy_url, result_url

logger = logging.getLogger("django_skinsback")


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
            return confirm.confirmation_page(cart_page, model_admin)
        return cart_page.render(model_admin)
    order = orders.read_order(request, hide(request.POST["order"]))
    if order is None:
        messages.warning(request, _("This form has expired and nothing was bought now. Look at the cart again."))
        return HttpResponseRedirect(buy_url(model_admin, request))
    if request.POST.get("action") == "change":
        return page.page_from_order(request, model_admin, order)
    return _buy(request, model_admin, order)


@sensitive_variables("order")
def _buy(request: HttpRequest, model_admin: Any, order: dict[str, Any]) -> HttpResponse:
    """Save the purchases of the confirmed order, send them to SkinsBack, and redirect to the result.

    If the same order was sent before, buy nothing and show a warning. If the site vetoes the order, show the reason.
    """
    try:
        bought, is_repeated = orders.buy_once(request.user, order)
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
    messages.error(request, _("Nothing was bought and nobody was charged: %(reason)s") % {"reason": reason})
    query = f"?{urlencode({'user': order['user']})}" if order["user"] else ""
    return HttpResponseRedirect(buy_url(model_admin, request) + query)
