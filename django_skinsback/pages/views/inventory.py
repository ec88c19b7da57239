"""The view of the page on which users choose skins from their Steam inventory. SkinsBack's pay page is not used."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from ... import conf, deposits, player_texts
from ...exceptions import GameSwitchedOff, IdempotencyConflict, RequestNotSent, SkinsBackError, UnknownOutcome
from ...players import get_inventory
from .. import keys
from ..access import player_page
from ..forms import InventoryForm
from ..next_steps import STEAM_PRIVACY_URL, Link, way_out
from ..rendering import page_url, render_page
from .deposits import REFUSALS

SORTS = ("-price", "price", "name")
LONGEST_SEARCH = 100


@dataclass
class Picker:
    """The items that the page shows. If the inventory could not be loaded, ``error`` is the exception."""

    items: list[Any] = field(default_factory=list)
    currency: str = ""
    has_prices: bool = False
    is_empty: bool = False
    """Whether the inventory has no items. If it is False and ``items`` is empty, no item matches the search."""
    error: SkinsBackError | None = None


@player_page("GET", "POST")
def choose(request: HttpRequest) -> HttpResponseBase:
    """Show the inventory of one game. For a POST, open a deposit of the chosen items and redirect to its page."""
    game = request.GET.get("game") or _default_game()
    if request.method != "POST":
        return _show(request, game)
    form = InventoryForm({"key": request.POST.get("key"), "item": request.POST.getlist("item")})
    if not form.is_valid():
        return _show(request, game, form)
    asset_ids = form.cleaned_data["item"]
    one_key = keys.request_key(form.cleaned_data["key"], game, *asset_ids)
    try:
        if game not in conf.games("deposits"):
            raise GameSwitchedOff
        deposit = deposits.create_from_inventory(
            request.user,
            item_asset_ids=asset_ids,
            request=request,
            game=game,
            idempotency_key=str(one_key),
        )
    except (UnknownOutcome, IdempotencyConflict):
        # A deposit with this key exists: it has other values, or SkinsBack has not answered yet.
        return redirect(page_url(request, "deposit_back", one_key))
    except REFUSALS as error:
        return _show(request, game, form, error)
    return redirect(page_url(request, "deposit_row", deposit.public_id))


def _default_game() -> str:
    game, games = conf.default_game(), conf.games("deposits")
    return game if game in games or not games else games[0]


def _show(
    request: HttpRequest, game: str, form: InventoryForm | None = None, error: SkinsBackError | None = None
) -> HttpResponse:
    search = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else SORTS[0]
    picker = _load(request, game, search, sort)
    failure = error or picker.error
    problem = player_texts.for_error(failure) if failure else None
    choose_url = page_url(request, "deposit") if picker.error else ""
    link = way_out(request, problem, here=request.get_full_path(), choose_url=choose_url) if problem else None
    if problem and problem.code == "private_inventory":
        link = Link(STEAM_PRIVACY_URL, _("Open Steam's privacy settings"), is_external=True)
    context = {
        "game": game,
        "games": conf.games("deposits"),
        "picker": picker,
        "search": search,
        "sort": sort,
        "chosen": {*request.POST.getlist("item")},
        "key": request.POST.get("key") or keys.form_key(request.user),
        "errors": form.errors if form else None,
        "problem": problem,
        "way_out": link,
        "is_unloaded": picker.error is not None,
        "steam_privacy_url": STEAM_PRIVACY_URL,
    }
    return render_page(request, "deposit_inventory.html", context, section="deposit")


def _load(request: HttpRequest, game: str, search: str, sort: str) -> Picker:
    """Return the items of the user that match ``search``, sorted by ``sort``. Items that cannot be chosen are last."""
    try:
        if game not in conf.games("deposits"):
            raise GameSwitchedOff
        inventory = get_inventory(request.user, game)
    except UnknownOutcome:
        return Picker(error=RequestNotSent())  # the call changes nothing at SkinsBack, so the user may try again
    except REFUSALS as error:
        return Picker(error=error)
    words = search.casefold().split()
    found = [item for item in inventory.items if all(word in item.name.casefold() for word in words)]
    has_prices = any(item.price is not None for item in inventory.items)
    return Picker(
        items=sorted(found, key=lambda item: (not _is_usable(item), *_order(item, sort))),
        currency=inventory.currency,
        has_prices=has_prices,
        is_empty=not inventory.items,
    )


def _is_usable(item: Any) -> bool:
    return bool(item.is_tradable and item.is_accepted)


def _order(item: Any, sort: str) -> tuple[Any, ...]:
    price = item.price or Decimal(0)
    if sort == "name":
        return (item.name.casefold(), price)
    return (price if sort == "price" else -price, item.name.casefold())
