"""The cart of an operator. It is kept in the session and contains no secret: the trade URL is not part of the cart."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from django.contrib.sessions.backends.base import SessionBase

from ... import conf
from ...models import MarketItem
from ...money import EXACT
from .. import display

KEY, ORDER_KEY = "skinsback_buy_cart", "skinsback_buy_order"
SKINS_AT_ONCE = 50
"""The largest number of skins in one order. It is the limit of one call of ``market_batch_buy``."""

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class CartLine:
    """One name of a skin in the cart, the wanted quantity, and the price cap of each skin.

    ``price`` is the lowest price in US dollars at the time at which the line was added. ``cap`` is the text of the form
    field: the price cap of one skin in US dollars.
    """

    game: str
    market_hash_name: str
    price: str
    class_id: str = ""
    quantity: int = 1
    cap: str = ""

    @property
    def key(self) -> str:
        """A short text that identifies the line. It is part of the names of the line's form fields."""
        return line_key(self.game, self.market_hash_name)


def line_key(game: str, market_hash_name: str) -> str:
    return hashlib.sha256(f"{game}:{market_hash_name}".encode()).hexdigest()[:12]


def default_cap(price: Decimal) -> Decimal:
    """Return the price increased by ``PRICE_SLIPPAGE``, in whole cents, but not more than ``BUY_MAX_PRICE``.

    The result is in US dollars. It is below the price only if ``BUY_MAX_PRICE`` is below the price.
    """
    raised = EXACT.multiply(price, EXACT.add(1, conf.price_slippage()))
    raised = raised.quantize(CENT, rounding=ROUND_HALF_UP, context=EXACT)
    limit = conf.buy_max_price()
    return max(raised, price) if limit is None else min(max(raised, price), limit)


class Cart:
    """The lines of one session's cart, in the order in which they were added."""

    def __init__(self, session: SessionBase) -> None:
        self._session = session
        self.lines = [CartLine(**line) for line in session.get(KEY, [])]

    @property
    def count(self) -> int:
        """The number of skins in the cart."""
        return sum(line.quantity for line in self.lines)

    @property
    def order_key(self) -> str:
        """The idempotency key of the next order. It is empty until ``start_order``, and after each change."""
        return str(self._session.get(ORDER_KEY, ""))

    def start_order(self) -> str:
        """Return the idempotency key of the next order. All confirmation pages of an unchanged cart have the same key.

        So only one of them buys, even if several tabs show one. After a change of the cart, none of them buys.
        """
        if not self.order_key:
            self._session[ORDER_KEY] = secrets.token_urlsafe(16)
        return self.order_key

    def add(self, game: str, market_hash_name: str, price: Decimal, class_id: str = "") -> bool:
        """Add one skin, with the default price cap. Return False if the cart is full.

        If the cart has this skin already, nothing is changed. So a form that is sent twice adds one skin.
        """
        line = CartLine(
            game=game,
            market_hash_name=market_hash_name,
            price=display.field_amount(price),
            class_id=class_id,
            cap=display.field_amount(default_cap(price)),
        )
        if any(other.key == line.key for other in self.lines):
            return True
        if self.count >= SKINS_AT_ONCE:
            return False
        self._save([*self.lines, line])
        return True

    def change(self, values: Mapping[str, tuple[int, str]]) -> None:
        """Store new quantities and caps. ``values`` is a dict: key of the line -> quantity and cap."""
        changed = []
        for line in self.lines:
            quantity, cap = values.get(line.key, (line.quantity, line.cap))
            changed.append(replace(line, quantity=quantity, cap=cap))
        self._save(changed)

    def remove(self, key: str) -> None:
        """Remove the line with this key. If there is no such line, change nothing."""
        self._save([line for line in self.lines if line.key != key])

    def clear(self) -> None:
        self._save([])

    def subtract(self, bought: Mapping[str, int]) -> None:
        """Subtract the bought quantities, and remove empty lines. ``bought`` is a dict: key -> quantity."""
        rest = [replace(line, quantity=line.quantity - bought.get(line.key, 0)) for line in self.lines]
        self._save([line for line in rest if line.quantity > 0])

    def _save(self, lines: list[CartLine]) -> None:
        if lines != self.lines:
            self.lines = lines
            self._session[KEY] = [asdict(line) for line in lines]
            self._session.pop(ORDER_KEY, None)


def add_to_cart(session: SessionBase, items: Iterable[MarketItem]) -> list[MarketItem]:
    """Add one skin of each market item to the cart. Return the items that did not fit into the cart."""
    cart = Cart(session)
    return [item for item in items if not cart.add(item.game, item.market_hash_name, item.price, item.class_id)]
