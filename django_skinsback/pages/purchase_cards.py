"""Prepares the values that a page shows about purchases: texts, trade offer, links, and the button to order again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import prefetch_related_objects
from django.http import HttpRequest

from .. import conf, player_texts
from ..models import LedgerEntry, Purchase
from ..player_texts import NextStep, StatusText
from ..statuses import EntryKind, PurchaseStatus
from .cards import TradeOffer, trade_offer
from .next_steps import Link, link_for
from .rendering import page_url
from .skin_pictures import class_ids

ORDER_AGAIN = frozenset({NextStep.SEE_NEW_PRICE, NextStep.TRY_AGAIN})


@dataclass(frozen=True, slots=True)
class PurchaseCard:
    """The template variable ``card``: one purchase of the player.

    If ``can_order_again`` is True, the page shows a button that makes a new quote for the same skin. ``class_id`` is
    empty if it is not known.
    """

    purchase: Purchase
    class_id: str
    status: StatusText
    refund: LedgerEntry | None
    trade: TradeOffer | None
    next_link: Link | None
    can_order_again: bool

    @property
    def is_open(self) -> bool:
        """Whether the page must read the status again."""
        return self.status.is_open


def purchase_cards(request: HttpRequest, purchases: Sequence[Purchase]) -> list[PurchaseCard]:
    """Return the card of each purchase.

    Two queries read the entries and the history, unless they are prefetched. One more query is needed if a purchase has
    no class ID.
    """
    prefetch_related_objects(list(purchases), "entries", "changes")
    unknown = [(purchase.game, purchase.market_hash_name) for purchase in purchases if not purchase.class_id]
    found = class_ids(unknown)
    return [
        _card(request, purchase, purchase.class_id or found.get((purchase.game, purchase.market_hash_name), ""))
        for purchase in purchases
    ]


def _card(request: HttpRequest, purchase: Purchase, class_id: str) -> PurchaseCard:
    status = player_texts.for_purchase(purchase)
    return PurchaseCard(
        purchase=purchase,
        class_id=class_id,
        status=status,
        refund=next((entry for entry in purchase.entries.all() if entry.kind == EntryKind.REFUND), None),
        trade=_trade(purchase),
        next_link=_next_link(request, purchase, status),
        can_order_again=_can_order_again(purchase, status),
    )


def _trade(purchase: Purchase) -> TradeOffer | None:
    if purchase.status != PurchaseStatus.WAITING_ACCEPT:
        return None
    return trade_offer(player_texts.trade_offer_url(purchase), player_texts.trade_offer_expires_at(purchase))


def _next_link(request: HttpRequest, purchase: Purchase, status: StatusText) -> Link | None:
    if status.next_step == NextStep.ACCEPT_TRADE:
        url = player_texts.trade_offer_url(purchase)
        return Link(url, status.next_text, is_external=True) if url else None
    if status.next_step in ORDER_AGAIN:
        return None
    market = f"{page_url(request, 'withdraw')}?game={purchase.game}"
    return link_for(request, status.next_step, status.next_text, choose_url=market)


def _can_order_again(purchase: Purchase, status: StatusText) -> bool:
    is_sold_here = bool(purchase.market_hash_name) and purchase.game in conf.games("purchases")
    return status.next_step in ORDER_AGAIN and is_sold_here


def refresh_seconds(cards: Sequence[PurchaseCard]) -> int | None:
    """Return the number of seconds until a page reads these purchases again. Return None if all of them are final."""
    return min((card.status.refresh_seconds for card in cards if card.status.refresh_seconds is not None), default=None)


def summary(cards: Sequence[PurchaseCard]) -> str:
    """Return the number of purchases for each title, such as ``Order placed: 2. The trade offer expired: 1.``

    A screen reader reads this text.
    """
    return " ".join(f"{title}: {count}." for title, count in Counter(card.status.title for card in cards).items())
