"""Looks up on the market what a purchase would buy. Buys nothing and writes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from ... import conf
from ...connection import get_client
from ...money import amount_text
from ...sensitive import hide
from ...steam import TradeURL
from ...wire.market import PriceListItem, Skin
from .buy import read_item


@dataclass(frozen=True, slots=True)
class Preview:
    """The cheapest skin on the market that matches the request, and the project's balance. Amounts are US dollars.

    If no skin matches, ``price`` is None. ``for_sale`` is the number of matching skins on the market. ``problem`` is
    the reason why nothing would be bought. If the skin would be bought, ``problem`` is empty.
    """

    skin_id: str
    market_hash_name: str
    price: Decimal | None
    for_sale: int
    max_price: Decimal
    balance: Decimal
    steam_id: str
    problem: str = ""


def preview(*, trade_url: str, account: str = conf.DEFAULT_ACCOUNT, user: Any = None, **item: Any) -> Preview:
    """Return what ``buy`` would buy with the same arguments (``/docs/api/v1/market_search``).

    A ``skin_id`` is looked up in the full price list of the game. This takes long. Raises InvalidInput in the same
    cases as ``buy``. Raises the exceptions of the client.
    """
    trade_url = hide(trade_url)
    columns = read_item(item, user)
    receiver = TradeURL.parse(trade_url)
    client = get_client(account)
    found: list[Skin | PriceListItem] = list(_find_on_market(account, columns))
    found.sort(key=lambda skin: skin.price)
    cheapest = found[0] if found else None
    balance = client.get_balance().usd
    return Preview(
        skin_id=cheapest.skin_id if cheapest else columns.get("skin_id", ""),
        market_hash_name=cheapest.market_hash_name if cheapest else columns.get("market_hash_name", ""),
        price=cheapest.price if cheapest else None,
        for_sale=len(found),
        max_price=columns["max_price"],
        balance=balance,
        steam_id=receiver.steam_id,
        problem=_problem(cheapest.price if cheapest else None, columns["max_price"], balance),
    )


def _find_on_market(account: str, columns: dict[str, Any]) -> Iterator[Skin | PriceListItem]:
    client = get_client(account)
    if skin_id := columns.get("skin_id"):
        listed = client.iter_price_list(columns["game"], full=True)
        first = next((skin for skin in listed if skin.skin_id == skin_id), None)
        yield from [first] if first else []
        return
    name = columns["market_hash_name"]
    # The search also returns skins whose name only contains ``name``.
    yield from (skin for skin in client.search_skins(columns["game"], name) if skin.market_hash_name == name)


def _problem(price: Decimal | None, max_price: Decimal, balance: Decimal) -> str:
    if price is None:
        return _("The skin is not for sale at the moment. The name must be exactly the same as on the market.")
    if price > max_price:
        cap = {"price": amount_text(price), "cap": amount_text(max_price)}
        return _("The skin costs %(price)s USD, which is more than max_price (%(cap)s USD).") % cap
    if price > balance:
        amounts = {"price": amount_text(price), "balance": amount_text(balance)}
        text = _(
            "The skin costs %(price)s USD, but the project's balance is %(balance)s USD. "
            "Top up the balance at SkinsBack."
        )
        return text % amounts
    return ""
