"""The cart of the withdraw pages: skins that a user wants to buy. It is kept in the session and costs no query."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from django.contrib.sessions.backends.base import SessionBase

from .. import conf

KEY = "skinsback_cart"


@dataclass(frozen=True, slots=True)
class CartLine:
    """One skin in the cart. The same skin may be in the cart more than once, so each line has its own ``line_id``.

    ``quote`` is the public ID, as 32 hex digits, of the newest quote that was made for this line. It is empty if no
    quote was made.
    """

    line_id: str
    game: str
    market_hash_name: str
    quote: str = ""


class Cart:
    """The lines of one session's cart, in the order in which they were added."""

    def __init__(self, session: SessionBase) -> None:
        self._session = session
        self.lines = [CartLine(**line) for line in session.get(KEY, [])]

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
        """Remove one line. An unknown ID is a no-op."""
        self._save([line for line in self.lines if line.line_id != line_id])

    def set_quotes(self, quotes: Mapping[str, str]) -> None:
        """Store the quotes of lines: line ID -> public ID of the quote."""
        self._save([replace(line, quote=quotes.get(line.line_id, line.quote)) for line in self.lines])

    def replace_quotes(self, quotes: Mapping[str, str]) -> None:
        """Store the quotes that follow earlier ones: public ID of the earlier quote -> public ID of the new one."""
        self._save([replace(line, quote=quotes.get(line.quote, line.quote)) for line in self.lines])

    def remove_bought(self, quotes: Iterable[str]) -> int:
        """Remove the lines whose quote is one of ``quotes``. Return how many lines were removed."""
        bought, before = {*quotes}, len(self.lines)
        self._save([line for line in self.lines if line.quote not in bought])
        return before - len(self.lines)

    def _save(self, lines: list[CartLine]) -> None:
        if lines != self.lines:
            self.lines = lines
            self._session[KEY] = [asdict(line) for line in lines]
