"""Finds skins by their names: in the imported price list, or on SkinsBack's market."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _

from ...connection import get_client
from ...error_texts import text_for
from ...exceptions import InvalidInput, SkinsBackError
from ...flows.market.browse import search_market
from ...models import MarketItem
from ...steam import GAMES
from ...wire.types import Skin

LETTERS, LIVE_LETTERS = 2, 3
"""The lowest number of letters to search for in the price list and on SkinsBack's market (``market_search``)."""

SKINS_SHOWN = 60
"""The largest number of names that a search on SkinsBack's market shows."""


@dataclass(frozen=True, slots=True)
class FoundSkin:
    """One name for sale: how many skins have this name, and the lowest price in US dollars."""

    game: str
    market_hash_name: str
    price: Decimal
    count: int
    class_id: str = ""


@dataclass(slots=True)
class SearchResult:
    """The names that a search found, the cheapest first.

    ``problems`` are texts about games that could not be searched. ``is_cut`` is True if the search found more names.
    """

    found: list[FoundSkin] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_cut: bool = False


def search_price_list(words: str, games: Iterable[str]) -> SearchResult:
    """Search the imported price list. For each game, the result has the 24 cheapest names that contain all words."""
    result = SearchResult()
    for game in games:
        try:
            page = search_market(game=game, search=words)
        except InvalidInput as error:
            result.problems.append(text_for(error))
            continue
        result.is_cut |= bool(page.next)
        result.found += [
            FoundSkin(game, item.market_hash_name, item.price, item.count, item.class_id) for item in page.items
        ]
    result.found.sort(key=lambda skin: skin.price)
    return result


def search_live(account: str, name: str, games: Iterable[str]) -> SearchResult:
    """Search SkinsBack's market with one call for each game (``/docs/api/v1/market_search``)."""
    result = SearchResult()
    for game in games:
        try:
            skins = get_client(account).search_skins(game, name)
        except SkinsBackError as error:
            text = _("%(game)s: %(problem)s") % {"game": GAMES[game].name, "problem": text_for(error)}
            result.problems.append(text)
            continue
        result.found += _by_name(game, skins)
    result.found.sort(key=lambda skin: skin.price)
    result.is_cut = len(result.found) > SKINS_SHOWN
    del result.found[SKINS_SHOWN:]
    return result


def _by_name(game: str, skins: Sequence[Skin]) -> list[FoundSkin]:
    groups: dict[str, dict[str, Skin]] = {}
    for skin in skins:
        groups.setdefault(skin.market_hash_name, {})[skin.skin_id] = skin
    found = []
    for name, group in groups.items():
        cheapest = min(group.values(), key=lambda skin: skin.price)
        found.append(FoundSkin(game, name, cheapest.price, len(group), cheapest.class_id))
    return found


def listed_items(skins: Iterable[tuple[str, str]]) -> dict[tuple[str, str], MarketItem]:
    """Return the items of the price list that are for sale: (game, name) -> item. Takes one query for each game."""
    names: dict[str, list[str]] = {}
    for game, name in skins:
        names.setdefault(game, []).append(name)
    return {
        (game, item.market_hash_name): item
        for game, wanted in names.items()
        for item in MarketItem.objects.available().for_game(game).filter(market_hash_name__in=wanted)
    }
