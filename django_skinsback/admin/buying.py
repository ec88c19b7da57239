"""The page that buys skins: search the market, choose, see what will be bought for whom, confirm once.

What was chosen waits in the operator's session under a name that the confirming form carries, so a form that is sent
twice finds the purchases of the first time. The form carries the trade URL too, signed together with the name: sessions
are kept in databases, caches and backups, and hold no trade URL.
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
from ..exceptions import SkinsBackError
from ..flows.ledger.database import database
from ..flows.monitoring.balance import days_left_text, estimate_days_left
from ..flows.purchases.send import OPEN
from ..models import Purchase
from ..money import wire_amount
from ..sensitive import hide
from ..statuses import PURCHASE_FAILURES
from ..steam import TradeURL
from ..wire.types import Skin
from . import display
from .actions import list_of, page_of
from .advice import advice
from .forms import BuyForm, SearchForm
from .labels import PURCHASE_WORDS

SESSION_KEY = "skinsback_drafts"
DRAFTS_KEPT = 5
DRAFT_SECONDS = 24 * 60 * 60
SKINS_SHOWN = 100
FORM_KEY = "admin_form"
"""Under this key of a purchase's metadata stands the form it was bought with."""


def buy_url(model_admin: Any, request: HttpRequest) -> str:
    """Address of the page; nothing for those who may not buy."""
    if not request.user.has_perm("skinsback.buy_skins"):
        return ""
    return reverse("admin:skinsback_purchase_buy", current_app=model_admin.admin_site.name)


@sensitive_post_parameters("trade_url", "draft")
def buy_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Search and choose (GET), look it over (POST), buy (POST with ``draft``)."""
    if not request.user.has_perm("skinsback.buy_skins"):
        raise PermissionDenied
    request.current_app = model_admin.admin_site.name
    if "draft" in request.POST:
        return _buy(request, model_admin, request.POST["draft"])
    search = SearchForm(request.GET or None, initial={"game": conf.default_game(), "account": conf.DEFAULT_ACCOUNT})
    skins, problem = _search(search, request.GET.getlist("name"))
    form = BuyForm(request.POST or None, skins=skins)
    account = search.cleaned_data.get("account") if search.is_valid() else None
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Buy skins"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "list_url": list_of(model_admin),
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
        return _look_over(request, context, search.cleaned_data, form)
    return TemplateResponse(request, "admin/skinsback/buy.html", context)


def _search(search: SearchForm, names: list[str]) -> tuple[list[Skin], str]:
    """The cheapest skins that were found, and what to tell the operator if SkinsBack did not answer."""
    if not search.is_bound or not search.is_valid():
        return [], ""
    try:
        client = get_client(search.cleaned_data["account"])
        wanted = {"names": names} if len(names) > 1 else {"name": search.cleaned_data["name"]}
        found = client.search_skins(search.cleaned_data["game"], **wanted)
    except SkinsBackError as error:
        return [], advice(error)
    unique = {skin.skin_id: skin for skin in found}
    return sorted(unique.values(), key=lambda skin: skin.price)[:SKINS_SHOWN], ""


def _balance(account: str) -> dict[str, Any]:
    """The project's balance for the page; that it cannot be read is told and stops nobody."""
    try:
        usd = get_client(account).get_balance().usd
    except SkinsBackError as error:
        return {"balance": None, "balance_problem": advice(error)}
    low = conf.low_balance()
    return {
        "balance": usd,
        "shown_balance": display.money(usd),
        "balance_low": low is not None and usd < low,
        "balance_lasts": days_left_text(estimate_days_left(account)),
    }


@sensitive_variables("receiver")
def _look_over(request: HttpRequest, context: dict[str, Any], searched: dict[str, Any], form: BuyForm) -> HttpResponse:
    receiver: TradeURL = form.cleaned_data["trade_url"]
    user, caps = form.cleaned_data["username"], form.caps()
    draft = {
        "account": searched["account"],
        "game": searched["game"],
        "user": str(user.pk) if user else None,
        "items": [{"skin_id": skin_id, "max_price": wire_amount(cap)} for skin_id, cap in caps.items()],
    }
    name = secrets.token_urlsafe(16)
    kept = list(request.session.get(SESSION_KEY, {}).items())[-(DRAFTS_KEPT - 1) :]
    request.session[SESSION_KEY] = {**dict(kept), name: draft}
    total = sum(caps.values(), Decimal(0))
    balance = context["balance"]
    context |= {
        "title": _("Buy these skins?"),
        "draft": signing.dumps([name, receiver.url], salt=SESSION_KEY, compress=True),
        "account": searched["account"],
        "chosen": [
            {"skin": form.skins[skin_id], "price": display.money(form.skins[skin_id].price), "cap": display.money(cap)}
            for skin_id, cap in caps.items()
        ],
        "total": display.money(total),
        "not_enough": balance is not None and balance < total,
        "user_chosen": user,
        "steam_id": receiver.steam_id,
    }
    return TemplateResponse(request, "admin/skinsback/buy_confirm.html", context)


@sensitive_variables("signed", "trade_url")
def _buy(request: HttpRequest, model_admin: Any, signed: str) -> HttpResponse:
    """Buy what was looked over. The second of two equal forms finds what the first has bought."""
    drafts: dict[str, Any] = request.session.get(SESSION_KEY, {})
    name, trade_url = _read(hide(signed))
    try:
        bought, again = _buy_once(request.user, name, drafts.get(name), trade_url)
    except SkinsBackError as error:
        messages.error(request, advice(error))
        return HttpResponseRedirect(buy_url(model_admin, request))
    if name in drafts:
        request.session[SESSION_KEY] = {key: draft for key, draft in drafts.items() if key != name}
    if not bought:
        messages.warning(request, _("This form has expired and nothing was bought. Search again."))
        return HttpResponseRedirect(buy_url(model_admin, request))
    if again:
        messages.warning(request, _("This form was sent before; nothing was bought a second time."))
    else:
        try:
            _submit(request, bought)
        finally:  # the purchases are made, whatever became of sending them
            _log(request, model_admin, bought)
    return HttpResponseRedirect(_result(request, model_admin, bought))


@sensitive_variables("signed", "trade_url")
def _read(signed: str) -> tuple[str, str]:
    """The name and the trade URL that a form carries; empty if the form was changed or is too old."""
    try:
        name, trade_url = map(hide, signing.loads(signed, salt=SESSION_KEY, max_age=DRAFT_SECONDS))
    except signing.BadSignature:
        return "", ""
    return str(name), trade_url


@sensitive_variables("trade_url", "common")
def _buy_once(operator: Any, name: str, draft: dict[str, Any] | None, trade_url: str) -> tuple[list[Purchase], bool]:
    """The purchases of a form, and whether an earlier sending of it made them.

    The operator's own row is written first: that is the lock for which a second sending waits.
    """
    model = get_user_model()
    with transaction.atomic(using=database()):
        operators = model._default_manager.using(database()).filter(pk=operator.pk)
        operators.update(**{model.USERNAME_FIELD: F(model.USERNAME_FIELD)})
        mine = Purchase.objects.using(database()).filter(by=operator)
        bought = list(mine.filter(**{f"metadata__{FORM_KEY}": name}).order_by("pk"))
        if bought or draft is None:
            return bought, bool(bought)
        common = {
            "user": model._default_manager.filter(pk=draft["user"]).first() if draft["user"] else None,
            "trade_url": trade_url,
            "game": draft["game"],
            "account": draft["account"],
            "by": operator,
        }
        items: list[Any] = [{**item, "metadata": {FORM_KEY: name}} for item in draft["items"]]
        if len(items) == 1:
            return [purchases.buy(**common, **items[0])], False
        return purchases.buy_batch(**common, items=items), False


def _submit(request: HttpRequest, bought: list[Purchase]) -> None:
    """Send what was bought now, and say how it went. What could not be sent is sent later by itself."""
    try:
        purchases.submit(bought[0])
    except SkinsBackError as error:
        messages.warning(request, advice(error))
        return
    for row in Purchase.objects.using(database()).filter(pk__in=[row.pk for row in bought]).order_by("pk"):
        level = messages.SUCCESS
        if row.status in PURCHASE_FAILURES:
            level = messages.ERROR
        elif row.status in OPEN:
            level = messages.WARNING
        told = {"row": row, "status": row.get_status_display(), "words": PURCHASE_WORDS[row.status]}
        messages.add_message(request, level, _("%(row)s: %(status)s. %(words)s") % told)


def _log(request: HttpRequest, model_admin: Any, bought: list[Purchase]) -> None:
    """Write the purchases into "Recent actions", as they are now: a sent one has the skin's name."""
    for row in Purchase.objects.using(database()).filter(pk__in=[row.pk for row in bought]).order_by("pk"):
        message = _("Bought for at most %(cap)s.") % {"cap": display.money(row.max_price)}
        model_admin.log_addition(request, row, message)


def _result(request: HttpRequest, model_admin: Any, bought: list[Purchase]) -> str:
    if not model_admin.has_view_permission(request):
        return buy_url(model_admin, request)
    if len(bought) == 1:
        return page_of(model_admin, bought[0])
    return f"{list_of(model_admin)}?{urlencode({'batch_id': bought[0].batch_id})}"
