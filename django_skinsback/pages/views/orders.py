"""Views that show quotes for confirmation, buy with the confirmed quotes, and show the order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode

from ... import conf, player_texts, players
from ...exceptions import NotAllowedNow
from ...flows.players.steam_profiles import trade_url_to_use
from ...models import Purchase, Quote
from ...models.fields import utc_now
from ...money import EXACT, exact_sum
from ...player_texts import NEXT_TEXTS, NextStep
from .. import live, notices, ordering
from ..access import player_page
from ..cart import Cart
from ..next_steps import Link, link_for, way_out
from ..orders import OrderLine, purchases_of, read_order
from ..purchase_cards import purchase_cards, refresh_seconds, summary
from ..rendering import balance_of, page_url, render_page
from ..skin_pictures import class_ids
from .purchases import tag_of

INSUFFICIENT_BALANCE = "insufficient_balance"
"""If ``PurchaseVetoed`` has this code, the page of the order shows a link to the deposits."""


@player_page("GET", "POST")
def confirm(request: HttpRequest) -> HttpResponseBase:
    """Show quotes that the user can confirm. A POST buys with each quote and redirects to the page of the order.

    If a skin was already bought with one of the quotes, a GET redirects to the page of the order too. If the request
    names no quote, redirect to the cart.
    """
    sent = request.POST if request.method == "POST" else request.GET
    quotes = ordering.requested_quotes(request.user, sent.getlist("quote"))
    if not quotes:
        return redirect(page_url(request, "cart"))
    if request.method == "POST":
        return _order(request, quotes)
    lines = read_order(request.user, request.session, sent.getlist("quote"))
    if any(line.purchase is not None for line in lines):  # the user came back after the order
        return redirect(quotes_url(request, _ids(quotes), "order"))
    return render_page(request, "confirm.html", _confirmation(request, quotes), section="withdraw")


def _order(request: HttpRequest, quotes: Sequence[Quote]) -> HttpResponseBase:
    """Buy with each quote. Redirect to the page of the order, or to the page of the purchase if there is only one.

    The parameter ``show`` names other quotes of the same order. They are shown with the order, but buy nothing.
    """
    shown = ordering.requested_quotes(request.user, request.POST.getlist("show"))
    if len(quotes) > conf.cart_limit():
        notices.add(request.session, "too_many")
        return redirect(page_url(request, "cart"))
    problems = ordering.buy(request.user, quotes)
    cart = Cart(request.session)
    cart.remove_bought(one for one in _ids(quotes) if one not in problems)
    cart.follow_quotes({old: problem.new_quote for old, problem in problems.items() if problem.new_quote})
    ordering.keep_problems(request.session, quotes, problems)
    if len(quotes) == 1 and not problems and not shown:
        purchase = ordering.quotes_of(request.user, [quotes[0].public_id]).get().purchase
        if purchase is not None:
            return redirect(page_url(request, "purchase", purchase.public_id))
    return redirect(quotes_url(request, _ids([*shown, *quotes]), "order"))


def _ids(quotes: Iterable[Quote]) -> list[str]:
    return [quote.public_id.hex for quote in quotes]


def quotes_url(request: HttpRequest, ids: Sequence[str], name: str) -> str:
    """Return the address of a page for these quotes. ``name`` is ``order``, ``order_status`` or ``confirm``."""
    return f"{page_url(request, name)}?{urlencode({'quote': ids}, doseq=True)}"


def _confirmation(request: HttpRequest, quotes: Sequence[Quote]) -> dict[str, Any]:
    total, balance = exact_sum(quote.charge for quote in quotes), balance_of(request.user)
    expires_at, now = min(quote.expires_at for quote in quotes), utc_now()
    is_in_old_currency = any(quote.currency != conf.quote_currency() for quote in quotes)  # the setting has changed
    problem = _trade_url_problem(request)
    here = request.get_full_path()
    return {
        "rows": _with_pictures(quotes),
        "total": total,
        "currency": quotes[0].currency,
        "balance": balance,
        "balance_after": None if balance is None else EXACT.subtract(balance, total),
        "profile": players.get_profile(request.user),
        "problem": problem,
        "way_out": way_out(request, problem, here=here) if problem else None,
        "here": here,
        "expires_at": expires_at,
        "is_expired": expires_at <= now or is_in_old_currency,
        "has_cs2": any(quote.game == "cs2" for quote in quotes),
        "notices": notices.take(request.session),
    }


def _trade_url_problem(request: HttpRequest) -> player_texts.Problem | None:
    try:
        trade_url_to_use(request.user)
    except NotAllowedNow as error:
        return player_texts.for_error(error)
    return None


def _with_pictures(quotes: Sequence[Quote]) -> list[tuple[Quote, str]]:
    """Return pairs of a quote and the class ID of its skin, for the pictures. An unknown class ID is empty."""
    found = class_ids((quote.game, quote.market_hash_name) for quote in quotes)
    return [(quote, found.get((quote.game, quote.market_hash_name), "")) for quote in quotes]


@player_page("GET")
def order(request: HttpRequest) -> HttpResponseBase:
    """Show an order: the purchases with their status, the skins with a new price, and the refused skins."""
    names = request.GET.getlist("quote")
    rows = purchases_of(request.user, request.session, names)
    tag = _tag_if_any(rows)  # read before the rows: if a row changes between the two, the next poll gets another tag
    lines = read_order(request.user, request.session, names)
    if not lines:
        return redirect(page_url(request, "cart"))
    bought = [line for line in lines if line.purchase is not None]
    changed = [line for line in lines if line.has_new_price]
    refused = [line for line in lines if line.purchase is None and not line.has_new_price]
    context: dict[str, Any] = {
        "lines": lines,
        "bought": bought,
        "changed": changed,
        "new_total": exact_sum(line.quote.charge for line in changed),
        "refused": [(line, _way_out(request, line)) for line in refused],
        "kept_ids": _ids(line.quote for line in [*bought, *refused]),
        "status_url": quotes_url(request, names, "order_status"),
        "notices": notices.take(request.session),
    }
    if bought:
        context |= {"tag": tag, **_progress(request, rows)}
    return render_page(request, "order.html", context, section="withdraw")


def _tag_if_any(rows: "QuerySet[Purchase]") -> str:
    """Return the ETag of the purchases. Return an empty text if ``rows`` has no purchase."""
    try:
        return tag_of(rows)
    except Http404:
        return ""


def _way_out(request: HttpRequest, line: OrderLine) -> Link | None:
    """Return the link below a skin that was not ordered. Return None if the next step has no link."""
    problem = line.problem
    if problem is None:
        return None
    step = problem.next_step
    if problem.code == INSUFFICIENT_BALANCE and conf.games("deposits"):
        step = NextStep.DEPOSIT
    text = str(NEXT_TEXTS.get(step, ""))
    market = f"{page_url(request, 'withdraw')}?game={line.quote.game}"
    return link_for(request, step, text, choose_url=market)


@player_page("GET")
def order_status(request: HttpRequest) -> HttpResponse:
    """Return the part of the page of an order that changes, for ``live.js``."""
    rows = purchases_of(request.user, request.session, request.GET.getlist("quote"))
    return live.answer(request, tag_of(rows), "_order.html", lambda: _progress(request, rows), section="withdraw")


def _progress(request: HttpRequest, rows: "QuerySet[Purchase]") -> Mapping[str, Any]:
    cards = purchase_cards(request, list(rows.order_by("pk")))
    return {"cards": cards, "refresh_seconds": refresh_seconds(cards), "summary": summary(cards)}
