"""The cart of the withdraw pages, which contains skins that a user wants to buy. The cart is kept in the session."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from django.contrib.sessions.backends.base import SessionBase

from .. import conf

KEY = "skinsback_cart"
MOST_QUOTES = 10
"""The number of quotes that are kept for one line. If one of these quotes buys the skin, the line is removed."""


@dataclass(frozen=True, slots=True)
class CartLine:
    """One skin in the cart. The same skin may be in the cart more than once, so each line has its own ``line_id``.

    ``quotes`` are the public IDs of the newest quotes for this line. Each ID is a text of 32 hex digits.
    """

    line_id: str
    game: str
    market_hash_name: str
    quotes: tuple[str, ...] = ()

    def with_quote(self, quote: str | None) -> "CartLine":
        """Return a line with one more quote. If ``quote`` is None, return this line unchanged."""
        return self if quote is None else replace(self, quotes=(*self.quotes, quote)[-MOST_QUOTES:])


class Cart:
    """The lines of one session's cart, in the order in which they were added."""

    def __init__(self, session: SessionBase) -> None:
        self._session = session
        self.lines = [CartLine(**{**line, "quotes": tuple(line["quotes"])}) for line in session.get(KEY, [])]

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def is_full(self) -> bool:
        return len(self.lines) >= conf.cart_limit()

    def add(self, game: str, market_hash_name: str) -> bool:
        """Add one skin and return True. Return False if the cart is full."""
        if self.is_full:
            return False
        self._save([*self.lines, CartLine(uuid.uuid4().hex, game, market_hash_name)])
        return True

    def remove(self, line_id: str) -> None:
        """Remove the line with this ID. If no line has this ID, change nothing."""
        self._save([line for line in self.lines if line.line_id != line_id])

    def add_quotes(self, quotes: Mapping[str, str]) -> None:
        """Store new quotes of lines. ``quotes`` is a dict: line ID -> public ID of the quote."""
        self._save([line.with_quote(quotes.get(line.line_id)) for line in self.lines])

    def follow_quotes(self, quotes: Mapping[str, str]) -> None:
        """Store quotes that replace earlier quotes, in the lines of the earlier quotes.

        ``quotes`` is a dict: public ID of the earlier quote -> public ID of the new quote.
        """
        found = [next((quotes[one] for one in line.quotes if one in quotes), None) for line in self.lines]
        self._save([line.with_quote(quote) for line, quote in zip(self.lines, found, strict=True)])

    def remove_bought(self, quotes: Iterable[str]) -> int:
        """Remove the lines that have one of these quotes. Return how many lines were removed."""
        bought, before = {*quotes}, len(self.lines)
        self._save([line for line in self.lines if bought.isdisjoint(line.quotes)])
        return before - len(self.lines)

    def _save(self, lines: list[CartLine]) -> None:
        if lines != self.lines:
            self.lines = lines
            self._session[KEY] = [asdict(line) for line in lines]
