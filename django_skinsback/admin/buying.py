"""The admin page that buys skins, in four steps: search the market, choose skins, review the order, buy.

The form of the review page contains the signed order. The order contains the idempotency key of the purchases. So the
skins are bought only once, even if the form is sent twice. The order is not stored in the session, because the order
contains a trade URL, which is a secret.
"""

import secrets
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from .. import conf, purchases
from ..connection import get_client
from ..error_texts import text_for
from ..exceptions import SkinsBackError
from ..flows.ledger.database import database
from ..flows.ledger.idempotency import key_digest
from ..flows.monitoring.balance import days_left_text, estimate_days_left
from ..flows.purchases.send import OPEN
from ..models import Purchase
from ..money import wire_amount
from ..sensitive import hide
from ..statuses import PURCHASE_FAILURES
from ..steam import TradeURL
from ..wire.types import Skin
from . import display
from .actions import change_url, changelist_url
from .forms import BuyForm, SearchForm
from .labels import PURCHASE_EXPLANATIONS

SALT = "skinsback_order"
ORDER_SECONDS = 24 * 60 * 60
"""The seconds for which a reviewed order is valid. An order that is sent later is refused."""
SKINS_SHOWN = 100


def buy_url(model_admin: Any, request: HttpRequest) -> str:
    """Return the URL of the page that buys skins. Return "" if the operator has no permission to buy."""
    if not request.user.has_perm("skinsback.buy_skins"):
        return ""
    return reverse("admin:skinsback_purchase_buy", current_app=model_admin.admin_site.name)


@sensitive_post_parameters("trade_url", "order")
def buy_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Handle one step of buying and return the response.

    GET searches. POST with selected skins shows the review page. POST with ``order`` buys and redirects. Raise
    PermissionDenied if the operator has no permission to buy.
    """
    if not request.user.has_perm("skinsback.buy_skins"):
        raise PermissionDenied
    request.current_app = model_admin.admin_site.name
    if "order" in request.POST:
        return _buy(request, model_admin, request.POST["order"])
    search = SearchForm(request.GET or None, initial={"game": conf.default_game(), "account": conf.DEFAULT_ACCOUNT})
    skins, problem = _search(search, request.GET.getlist("name"))
    form = BuyForm(request.POST or None, skins=skins)
    account = search.cleaned_data.get("account") if search.is_valid() else None
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Buy skins"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "list_url": changelist_url(model_admin),
        "search": search,
        "searched": search.is_bound and search.is_valid(),
        "names": request.GET.getlist("name"),
        "problem": problem,
        "form": form,
        "skins_shown": SKINS_SHOWN if len(skins) == SKINS_SHOWN else 0,
        "allowed": display.money(conf.buy_max_price()),
        **_balance(account or conf.DEFAULT_ACCOUNT),
    }
    if request.method == "POST" and skins and form.is_valid():
        return _review_page(request, context, search.cleaned_data, form)
    return TemplateResponse(request, "admin/skinsback/buy.html", context)


def _search(search: SearchForm, names: list[str]) -> tuple[list[Skin], str]:
    """Return the cheapest skins that were found, and an error text. The error text is "" if there was no error."""
    if not search.is_bound or not search.is_valid():
        return [], ""
    try:
        client = get_client(search.cleaned_data["account"])
        wanted = {"names": names} if len(names) > 1 else {"name": search.cleaned_data["name"]}
        found = client.search_skins(search.cleaned_data["game"], **wanted)
    except SkinsBackError as error:
        return [], text_for(error)
    unique = {skin.skin_id: skin for skin in found}
    return sorted(unique.values(), key=lambda skin: skin.price)[:SKINS_SHOWN], ""


def _balance(account: str) -> dict[str, Any]:
    """Return the template values about the project's balance.

    If the balance cannot be read, return ``balance_problem`` with the error text. The operator can still buy.
    """
    try:
        usd = get_client(account).get_balance().usd
    except SkinsBackError as error:
        return {"balance": None, "balance_problem": text_for(error)}
    low = conf.low_balance()
    return {
        "balance": usd,
        "shown_balance": display.money(usd),
        "balance_low": low is not None and usd < low,
        "balance_lasts": days_left_text(estimate_days_left(account)),
    }


@sensitive_variables("receiver", "order")
def _review_page(
    request: HttpRequest, context: dict[str, Any], searched: dict[str, Any], form: BuyForm
) -> HttpResponse:
    receiver: TradeURL = form.cleaned_data["trade_url"]
    user, caps = form.cleaned_data["username"], form.caps()
    order = {
        "key": secrets.token_urlsafe(16),
        "by": str(request.user.pk),
        "account": searched["account"],
        "game": searched["game"],
        "user": str(user.pk) if user else None,
        "trade_url": receiver.url,
        "items": [{"skin_id": skin_id, "max_price": wire_amount(cap)} for skin_id, cap in caps.items()],
    }
    total = sum(caps.values(), Decimal(0))
    balance = context["balance"]
    context |= {
        "title": _("Buy these skins?"),
        "order": signing.dumps(order, salt=SALT, compress=True),
        "account": searched["account"],
        "selected": [
            {"skin": form.skins[skin_id], "price": display.money(form.skins[skin_id].price), "cap": display.money(cap)}
            for skin_id, cap in caps.items()
        ],
        "total": display.money(total),
        "not_enough": balance is not None and balance < total,
        "receiving_user": user,
        "steam_id": receiver.steam_id,
    }
    return TemplateResponse(request, "admin/skinsback/buy_confirm.html", context)


@sensitive_variables("signed", "order")
def _buy(request: HttpRequest, model_admin: Any, signed: str) -> HttpResponse:
    """Save the purchases of the reviewed order, send the purchases to SkinsBack, and redirect to them.

    If the same order was sent before, buy nothing and show a warning.
    """
    order = _read_order(request, hide(signed))
    try:
        bought, repeated = _buy_once(request.user, order) if order else ([], False)
    except SkinsBackError as error:
        messages.error(request, text_for(error))
        return HttpResponseRedirect(buy_url(model_admin, request))
    if not bought:
        messages.warning(request, _("This form has expired and nothing was bought now. Search again."))
        return HttpResponseRedirect(buy_url(model_admin, request))
    if repeated:
        messages.warning(request, _("This form was sent before. Nothing was bought a second time."))
    else:
        try:
            _submit(request, bought)
        finally:  # the purchases are saved, even if sending them failed
            _log(request, model_admin, bought)
    return HttpResponseRedirect(_result_url(request, model_admin, bought))


@sensitive_variables("signed", "order")
def _read_order(request: HttpRequest, signed: str) -> dict[str, Any] | None:
    """Check the signature and return the order.

    Return None if the signature is wrong, if the order is older than ``ORDER_SECONDS``, or if another operator reviewed
    the order.
    """
    try:
        order: dict[str, Any] = signing.loads(signed, salt=SALT, max_age=ORDER_SECONDS)
    except signing.BadSignature:
        return None
    return {**order, "trade_url": hide(order["trade_url"])} if order["by"] == str(request.user.pk) else None


@sensitive_variables("order", "common")
def _buy_once(operator: Any, order: dict[str, Any]) -> tuple[list[Purchase], bool]:
    """Save the purchases of an order. Return the purchases, and whether the same order was saved before.

    Return an empty list if the user of the order was deleted. First, an UPDATE locks the operator's row. If the same
    form is sent twice at the same moment, the second request waits for this lock. Then the second request finds the
    purchases of the first request and saves nothing.
    """
    model = get_user_model()
    users = model._default_manager.using(database())
    with transaction.atomic(using=database()):
        users.filter(pk=operator.pk).update(**{model.USERNAME_FIELD: F(model.USERNAME_FIELD)})
        user = users.filter(pk=order["user"]).first() if order["user"] else None
        if order["user"] and user is None:
            return [], False
        digest = key_digest(order["account"], user or operator, order["key"])
        repeated = Purchase.objects.using(database()).filter(idempotency_digest=digest).exists()
        common = {
            "user": user,
            "trade_url": order["trade_url"],
            "game": order["game"],
            "account": order["account"],
            "by": operator,
            "idempotency_key": order["key"],
        }
        items: list[Any] = order["items"]
        if len(items) == 1:
            return [purchases.buy(**common, **items[0])], repeated
        return purchases.buy_batch(**common, items=items), repeated


def _submit(request: HttpRequest, bought: list[Purchase]) -> None:
    """Send the purchases to SkinsBack and show a message about each of them.

    One call sends all purchases of a batch. If the call fails, show the error. Then a sweep sends the purchases later.
    """
    try:
        purchases.submit(bought[0])
    except SkinsBackError as error:
        messages.warning(request, text_for(error))
        return
    for row in _stored(bought):
        level = messages.SUCCESS
        if row.status in PURCHASE_FAILURES:
            level = messages.ERROR
        elif row.status in OPEN:
            level = messages.WARNING
        values = {"row": row, "status": row.get_status_display(), "explanation": PURCHASE_EXPLANATIONS[row.status]}
        messages.add_message(request, level, _("%(row)s: %(status)s. %(explanation)s") % values)


def _log(request: HttpRequest, model_admin: Any, bought: list[Purchase]) -> None:
    """Write each purchase into Django's admin log.

    The purchases are read from the database again, because only the stored rows have the names of the bought skins.
    """
    for row in _stored(bought):
        message = _("Bought for at most %(cap)s.") % {"cap": display.money(row.max_price)}
        model_admin.log_addition(request, row, message)


def _stored(bought: list[Purchase]) -> Any:
    return Purchase.objects.using(database()).filter(pk__in=[row.pk for row in bought]).order_by("pk")


def _result_url(request: HttpRequest, model_admin: Any, bought: list[Purchase]) -> str:
    if not model_admin.has_view_permission(request):
        return buy_url(model_admin, request)
    if len(bought) == 1:
        return change_url(model_admin, bought[0])
    return f"{changelist_url(model_admin)}?{urlencode({'batch_id': bought[0].batch_id})}"
