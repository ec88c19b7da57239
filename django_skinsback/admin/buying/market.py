"""Finds skins by their names, in the price list or on SkinsBack's market, and chooses the skins to buy.

For an order, names and quantities become distinct skin IDs, the cheapest first, within the price caps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...connection import get_client
from ...error_texts import text_for
from ...exceptions import InvalidInput, SkinsBackError
from ...flows.market.browse import search_market
from ...models import MarketItem
from ...steam import GAMES
from ...wire.types import Skin
from .. import display

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


@dataclass(frozen=True, slots=True)
class WantedSkin:
    """What the operator wants: ``quantity`` skins with this name, each for at most ``cap`` US dollars."""

    game: str
    market_hash_name: str
    quantity: int
    cap: Decimal
    class_id: str = ""


@dataclass(slots=True)
class Choice:
    """The skins that can be bought for one wanted name.

    ``reasons`` are texts that say why some or all of the wanted skins cannot be bought.
    """

    wanted: WantedSkin
    skins: list[Skin] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """How many of the wanted skins cannot be bought."""
        return self.wanted.quantity - len(self.skins)


Offers = Mapping[str, Sequence[Skin] | str]
"""Game -> the skins for sale that match the names. A text instead is the reason why the game could not be searched."""


def ask_market(account: str, wanted: Sequence[WantedSkin]) -> Offers:
    """Search for all names of each game with one call (``/docs/api/v1/market_search``).

    SkinsBack refuses a whole call if one name is too short, so short names are left out.
    """
    names: dict[str, list[str]] = {}
    for each in wanted:
        if len(each.market_hash_name) >= LIVE_LETTERS:
            names.setdefault(each.game, []).append(each.market_hash_name)
    offers: dict[str, Sequence[Skin] | str] = {}
    for game, searched in names.items():
        try:
            offers[game] = get_client(account).search_skins(game, names=searched)
        except SkinsBackError as error:
            offers[game] = text_for(error)
    return offers


def choose(wanted: Sequence[WantedSkin], offers: Offers, total_cap: Decimal | None = None) -> list[Choice]:
    """Return one choice for each wanted name, in the same order.

    For each name, the cheapest skins are chosen whose price is not above the cap of the name. No skin is chosen twice.
    The sum of the caps of all chosen skins is not above ``total_cap``.
    """
    used: set[str] = set()
    spent = Decimal(0)
    choices = []
    for each in wanted:
        choice = Choice(each)
        choices.append(choice)
        found = offers.get(each.game, ())
        if isinstance(found, str):
            choice.reasons.append(found)
            continue
        # The search also returns skins whose name only contains the searched name.
        unique = {skin.skin_id: skin for skin in found if skin.market_hash_name == each.market_hash_name}
        for_sale = sorted(
            (skin for skin in unique.values() if skin.skin_id not in used), key=lambda skin: (skin.price, skin.skin_id)
        )
        affordable = [skin for skin in for_sale if skin.price <= each.cap][: each.quantity]
        for skin in affordable:
            if total_cap is not None and spent + each.cap > total_cap:
                break
            spent += each.cap
            used.add(skin.skin_id)
            choice.skins.append(skin)
        choice.reasons += _reasons(each, for_sale, len(affordable), len(choice.skins))
    return choices


def _reasons(wanted: WantedSkin, for_sale: Sequence[Skin], affordable: int, chosen: int) -> list[str]:
    """Return the texts that say why fewer skins than wanted are bought. Return an empty list if all are bought."""
    if not for_sale:
        return [_("Not for sale at the moment.")]
    reasons = []
    if len(for_sale) < wanted.quantity:
        text = ngettext("Only %(count)s is for sale.", "Only %(count)s are for sale.", len(for_sale))
        reasons.append(text % {"count": len(for_sale)})
    expensive = min(wanted.quantity, len(for_sale)) - affordable
    if expensive:
        text = ngettext(
            "%(count)s is too expensive: it costs %(price)s, and the price cap is %(cap)s.",
            "%(count)s are too expensive: the cheapest of them costs %(price)s, and the price cap is %(cap)s.",
            expensive,
        )
        price = display.money(for_sale[affordable].price)
        reasons.append(text % {"count": expensive, "price": price, "cap": display.money(wanted.cap)})
    if chosen < affordable:
        text = ngettext(
            "%(count)s is left out because of the total price cap.",
            "%(count)s are left out because of the total price cap.",
            affordable - chosen,
        )
        reasons.append(text % {"count": affordable - chosen})
    return reasons
