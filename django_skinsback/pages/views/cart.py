"""Views that show and change the cart, and make quotes for skins."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from ... import conf, player_texts
from ...models import MarketItem, Quote
from ...money import exact_sum
from .. import notices, ordering
from ..access import player_page
from ..cart import Cart, CartLine
from ..market_form import SkinForm
from ..rendering import page_url, render_page
from .orders import quotes_url
from .withdraw import charge_of, market_query


@dataclass(frozen=True, slots=True)
class CartRow:
    """One line of the cart. ``charge`` is what the user pays for the skin now; None if the skin is not sold now."""

    line: CartLine
    charge: Decimal | None
    class_id: str


@player_page("GET")
def show(request: HttpRequest) -> HttpResponseBase:
    """Show the skins in the cart at their current prices."""
    cart = Cart(request.session)
    _remove_bought(request, cart)
    items = {(item.game, item.market_hash_name): item for item in _items(cart)}
    rows = []
    for line in cart.lines:
        item = items.get((line.game, line.market_hash_name))
        rows.append(CartRow(line, charge_of(item) if item else None, item.class_id if item else ""))
    total = exact_sum(row.charge for row in rows if row.charge is not None)
    context = {"cart": cart, "rows": rows, "total": total, "notices": notices.take(request.session)}
    return render_page(request, "cart.html", context, section="withdraw")


def _items(cart: Cart) -> list[MarketItem]:
    """Return the market items of the skins in the cart. Takes one query for each game."""
    found: list[MarketItem] = []
    for game in dict.fromkeys(line.game for line in cart.lines):
        names = {line.market_hash_name for line in cart.lines if line.game == game}
        found += MarketItem.objects.for_game(game).filter(market_hash_name__in=names)
    return found


def _remove_bought(request: HttpRequest, cart: Cart) -> None:
    """Remove the lines whose quote has bought the skin.

    Such lines exist if the answer to an order did not reach the browser, so that the session was not saved.
    """
    quoted = [quote for line in cart.lines for quote in line.quotes]
    if not quoted:
        return
    bought = ordering.quotes_of(request.user, quoted).exclude(purchase=None).values_list("public_id", flat=True)
    if cart.remove_bought(public_id.hex for public_id in bought):
        notices.add(request.session, "bought")


@player_page("POST")
def add(request: HttpRequest) -> HttpResponseBase:
    """Add one skin to the cart. Redirect to the market page on which the user chose the skin."""
    form = SkinForm(request.POST)
    item = _find(**form.cleaned_data) if form.is_valid() else None
    if item is None:
        notices.add(request.session, "not_for_sale", skin=request.POST.get("name", "")[:200])
    else:
        added = Cart(request.session).add(item.game, item.market_hash_name)
        notices.add(request.session, "added" if added else "cart_full", skin=item.market_hash_name)
    place = f"#skin-{item.pk}" if item else ""
    return redirect(page_url(request, "withdraw") + market_query(request.POST.get("query", "")) + place)


def _find(game: str, name: str) -> MarketItem | None:
    """Return the market item of a skin. Return None if users cannot withdraw the skin now."""
    if game not in conf.games("purchases"):
        return None
    items = MarketItem.objects.available().for_game(game).filter(market_hash_name=name)
    # Some collations treat "a" and "A" as equal.
    return next((item for item in items if item.market_hash_name == name), None)


@player_page("POST")
def remove(request: HttpRequest) -> HttpResponseBase:
    """Remove one line from the cart."""
    Cart(request.session).remove(request.POST.get("line", ""))
    return redirect(page_url(request, "cart"))


@player_page("POST")
def make_quotes(request: HttpRequest) -> HttpResponseBase:
    """Make quotes and redirect to the page on which the user confirms the quotes.

    * If the request has ``game`` and ``name``, one quote is made for this skin.
    * If the request has ``quote``, new quotes are made for the skins of these earlier quotes.
    * Otherwise one quote is made for each skin in the cart.
    """
    cart = Cart(request.session)
    if "name" in request.POST:
        form = SkinForm(request.POST)
        if not form.is_valid():
            notices.add(request.session, "not_for_sale", skin=request.POST["name"][:200])
            return redirect(page_url(request, "withdraw"))
        choices = [(form.cleaned_data["game"], form.cleaned_data["name"])]
        return _to_confirmation(request, choices, ordering.make_quotes(request.user, choices), back="withdraw")
    if "quote" in request.POST:
        return _replace_quotes(request, cart)
    _remove_bought(request, cart)
    lines = cart.lines[: conf.cart_limit()]
    choices = [(line.game, line.market_hash_name) for line in lines]
    made = ordering.make_quotes(request.user, choices)
    pairs = zip(lines, made, strict=True)
    cart.add_quotes({line.line_id: quote.public_id.hex for line, quote in pairs if isinstance(quote, Quote)})
    return _to_confirmation(request, choices, made, back="cart")


def _replace_quotes(request: HttpRequest, cart: Cart) -> HttpResponseBase:
    """Make new quotes for the skins of earlier quotes. Earlier quotes that have bought their skin are skipped."""
    quotes = ordering.requested_quotes(request.user, request.POST.getlist("quote"))
    open_quotes = [quote for quote in quotes if quote.purchase_id is None][: conf.cart_limit()]
    if not open_quotes:
        return redirect(quotes_url(request, [quote.public_id.hex for quote in quotes], "order"))
    choices = [(quote.game, quote.market_hash_name) for quote in open_quotes]
    made = ordering.make_quotes(request.user, choices)
    pairs = zip(open_quotes, made, strict=True)
    followed = {old.public_id.hex: new.public_id.hex for old, new in pairs if isinstance(new, Quote)}
    cart.follow_quotes(followed)
    ordering.keep_new_quotes(request.session, followed)
    return _to_confirmation(request, choices, made, back="withdraw")


def _to_confirmation(
    request: HttpRequest, choices: Sequence[tuple[str, str]], made: Sequence[ordering.QuoteOrProblem], *, back: str
) -> HttpResponseBase:
    """Redirect to the confirmation of the quotes in ``made``, or to the page ``back`` if there are no quotes.

    The reasons why skins have no quote are stored as messages. Skins with the same reason have one message.
    """
    ids: list[str] = []
    refused: dict[player_texts.Problem, list[str]] = {}
    for (_game, name), result in zip(choices, made, strict=True):
        if isinstance(result, Quote):
            ids.append(result.public_id.hex)
        else:
            refused.setdefault(result, []).append(name)
    for problem, names in refused.items():
        notices.add_problem(request.session, problem, skin=", ".join(dict.fromkeys(names)))
    return redirect(quotes_url(request, ids, "confirm") if ids else page_url(request, back))
