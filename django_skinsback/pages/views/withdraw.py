"""The view of the market page, which shows the skins that a user can withdraw."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest, HttpResponse, QueryDict

from ... import conf, ratelimit
from ...exceptions import InvalidInput
from ...flows.market.browse import MarketPage, search_market
from ...flows.market.prices import price_list_age
from ...flows.market.quotes import offered_charge
from ...models import MarketItem
from .. import notices
from ..access import player_page
from ..cart import Cart
from ..market_form import MarketForm
from ..rendering import render_page

FILTERS = ("search", "min", "max", "wear", "quality")


@dataclass(frozen=True, slots=True)
class Offer:
    """One skin of the market page.

    ``charge`` is what the user pays; None if the skin is not sold here. ``in_cart`` is how often the skin is in the
    user's cart.
    """

    item: MarketItem
    charge: Decimal | None
    in_cart: int


def charge_of(item: MarketItem) -> Decimal | None:
    """Return what a user pays for an item; None if ``make_quote`` would refuse the skin because of its price."""
    return offered_charge(item.price) if item.available else None


@player_page("GET")
def market(request: HttpRequest) -> HttpResponse:
    """Show one page of the skins of one game. If there are no skins, show the reason."""
    games = conf.games("purchases")
    game = request.GET.get("game") or next(iter(games), "")
    form = MarketForm(request.GET)
    state, page = _read(request, form, game)
    cart = Cart(request.session)
    in_cart = Counter(line.market_hash_name for line in cart.lines if line.game == game)
    context = {
        "state": state,
        "games": games,
        "game": game,
        "form": form,
        "facet_fields": [form["wear"], form["quality"]],
        "offers": [Offer(item, charge_of(item), in_cart[item.market_hash_name]) for item in page.items],
        "page": page,
        "is_filtered": any(
            any(values) for name, values in request.GET.lists() if name not in {"game", "sort", "cursor"}
        ),
        "is_market_paused": ratelimit.pause_until() is not None,
        "query": request.GET.urlencode(),
        "cart": cart,
        "notices": notices.take(request.session),
    }
    return render_page(request, "withdraw.html", context, section="withdraw")


def _read(request: HttpRequest, form: MarketForm, game: str) -> tuple[str, MarketPage]:
    """Return a page of skins and the state ``found``. If there are no skins, return an empty page and the reason.

    The reasons are ``off``, ``game_off``, ``no_prices``, ``old_prices`` and ``nothing_found``.
    """
    empty = MarketPage(items=[], next="", previous="")
    games = conf.games("purchases")
    if not games:
        return "off", empty
    if game not in games:
        return "game_off", empty
    age = price_list_age(game)
    if age is None:
        return "no_prices", empty
    if age > conf.prices_max_age():
        return "old_prices", empty
    filters = form.arguments(game)
    try:
        page = search_market(game=game, cursor=request.GET.get("cursor", ""), **filters)
    except InvalidInput:  # the cursor is damaged, or belongs to another order
        page = search_market(game=game, **filters)
    return ("found" if page.items else "nothing_found"), page


def market_query(text: str) -> str:
    """Return the query string of a market page, with the question mark. ``text`` is the query string from a form.

    The text is cut off after 2,000 characters and encoded again. If it is empty, return an empty text.
    """
    query = QueryDict(text[:2000]).urlencode()
    return f"?{query}" if query else ""
