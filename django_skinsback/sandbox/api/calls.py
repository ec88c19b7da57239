"""One API call: the project, the parameters and the store. A method answers with an error by raising ``Refusal``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django_skinsback.exceptions import InvalidSteamID
from django_skinsback.money import parse_amount
from django_skinsback.steam import GAMES, check_steam_id

from ..simulation.currencies import CURRENCIES
from ..simulation.state import Project
from ..simulation.store import Store
from . import php

_ORDER_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_OTHER_GAME_NAMES = {"csgo": "cs2", "": "cs2"}


class Refusal(Exception):
    """The API answers with an error that has this code and this message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Call:
    """One API call. ``values`` is the body as PHP's ``$_POST`` contains it, or the decoded JSON object."""

    store: Store
    project: Project
    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A scalar parameter as text; empty if it is missing or not a scalar."""
        return scalar(self.values, name)

    def flag(self, name: str) -> bool:
        """Whether PHP reads the parameter as true."""
        return self.text(name) not in ("", "0")

    def whole(self, name: str) -> int | None:
        """A whole number; None if the parameter is missing or something else."""
        return whole_number(self.text(name))

    def amount(self, name: str, refusal: Refusal) -> Decimal | None:
        """An amount; None if the parameter is missing. Raises ``refusal`` if it is not a number."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_amount(text)
        except ValueError:
            raise refusal from None

    def many(self, name: str) -> list[Any]:
        """Return the elements of an array parameter: a JSON list or form fields with brackets. Empty if missing."""
        value = self.values.get(name)
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else []

    def texts(self, name: str) -> list[str]:
        """The scalars of an array parameter as text."""
        return [php.scalar_text(value) for value in self.many(name) if not isinstance(value, dict | list)]

    def row(self, values: object) -> "Call":
        """Return a Call with the fields of one element of an array parameter as its parameters."""
        return Call(self.store, self.project, values if isinstance(values, dict) else {})

    def new_order_id(self, taken: Refusal) -> str:
        """``order_id``. Raises error 1 if it is invalid, and ``taken`` if the project has used it."""
        order_id = self.text("order_id")
        if not _ORDER_ID.fullmatch(order_id):
            raise Refusal(1, "invalid_order_id")
        if self.store.deposit(self.project.client_id, order_id):
            raise taken
        return order_id

    def steam_id(self, *, required: bool) -> str:
        """``steam_id``; empty if it is missing and not required. Raises error 2 if it is invalid."""
        text = self.text("steam_id")
        if not text and not required:
            return ""
        try:
            return check_steam_id(text)
        except InvalidSteamID:
            raise Refusal(2, "invalid_steam_id") from None

    def game(self, refusal: Refusal) -> str:
        """``game``; CS2 if it is missing or ``csgo``. Raises ``refusal`` for an unknown game."""
        text = self.text("game")
        game = _OTHER_GAME_NAMES.get(text, text)
        if game not in GAMES:
            raise refusal
        return game

    def currency(self) -> str:
        """``currency`` in lower case; US dollars if it is missing. Raises error 8 if it is unknown."""
        currency = self.text("currency").lower() or "usd"
        if currency not in CURRENCIES:
            raise Refusal(8, "invalid_currency")
        return currency

    def url(self, name: str, refusal: Refusal) -> str:
        """An http or https address; empty if it is missing. Raises ``refusal`` if it is something else."""
        text = self.text(name)
        if text and not is_web_address(text):
            raise refusal
        return text

    def time_range(self) -> tuple[int, int]:
        """``starting`` and ``ending``, UNIX seconds. Raises error 1 if one is missing or not a whole number."""
        starting, ending = self.whole("starting"), self.whole("ending")
        if starting is None or ending is None:
            raise Refusal(1, "missing_starting_or_ending")
        return starting, ending

    def page(
        self, rows: list[Any], row_id: Callable[[Any], int], row_fields: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        """One page of a list. ``rows`` are in rising order of ``row_id``, and ``start_from`` is the last id seen."""
        start_from = self.whole("start_from") or 0
        rest = [row for row in rows if row_id(row) > start_from]
        size = self.store.options.page_size
        shown, has_more = rest[:size], len(rest) > size
        return {
            "total_count": len(rows),
            "has_more": has_more,
            "start_from": row_id(shown[-1]) if has_more else 0,
            "items": [row_fields(row) for row in shown],
        }


def scalar(values: Mapping[str, Any], name: str) -> str:
    """A value of a request's body as text; empty if it is missing or not a scalar."""
    value = values.get(name, "")
    return "" if isinstance(value, dict | list) else php.scalar_text(value)


def whole_number(text: str) -> int | None:
    """The number that a text of up to 18 digits spells; None for other text."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def is_web_address(text: str) -> bool:
    """Whether the text is an absolute http or https address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    printable = text.isascii() and text.isprintable() and " " not in text
    return printable and parts.scheme in ("http", "https") and bool(parts.hostname)


Method = Callable[[Call], dict[str, Any]]
"""One API method: it returns the fields of the answer, or raises Refusal."""
