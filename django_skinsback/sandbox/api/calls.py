"""The class Call: the project, the parameters and the store of one API call. It reads and checks the parameters."""

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
    """Raised by an API method. Then the API answers with an error that has this code and message."""

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
        """Return a parameter as text. Return empty text if the parameter is missing, an array or an object."""
        return scalar(self.values, name)

    def flag(self, name: str) -> bool:
        """Return whether PHP reads the parameter as true. Every text except empty text and ``0`` is true."""
        return self.text(name) not in ("", "0")

    def whole(self, name: str) -> int | None:
        """Return the parameter as a whole number. Return None if it is missing or is not a number of 1 to 18 digits."""
        return whole_number(self.text(name))

    def amount(self, name: str, refusal: Refusal) -> Decimal | None:
        """Return the parameter as an amount. Return None if it is missing. Raise ``refusal`` if it is not an amount."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_amount(text)
        except ValueError:
            raise refusal from None

    def many(self, name: str) -> list[Any]:
        """Return the elements of an array, which is a JSON list or form fields with brackets.

        Return an empty list if the parameter is missing or is not an array.
        """
        value = self.values.get(name)
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else []

    def texts(self, name: str) -> list[str]:
        """Return the elements of an array as text. Nested arrays and objects are left out."""
        return [php.scalar_text(value) for value in self.many(name) if not isinstance(value, dict | list)]

    def row(self, values: object) -> "Call":
        """Return a Call that reads its parameters from ``values``, which is one element of an array."""
        return Call(self.store, self.project, values if isinstance(values, dict) else {})

    def new_order_id(self, taken: Refusal) -> str:
        """Return ``order_id``. Raise error 1 if it is invalid. Raise ``taken`` if a deposit of the project has it."""
        order_id = self.text("order_id")
        if not _ORDER_ID.fullmatch(order_id):
            raise Refusal(1, "invalid_order_id")
        if self.store.deposit(self.project.client_id, order_id):
            raise taken
        return order_id

    def steam_id(self, *, required: bool) -> str:
        """Return ``steam_id``. Raise error 2 if it is invalid.

        If ``steam_id`` is missing, raise error 2 if it is required, otherwise return empty text.
        """
        text = self.text("steam_id")
        if not text and not required:
            return ""
        try:
            return check_steam_id(text)
        except InvalidSteamID:
            raise Refusal(2, "invalid_steam_id") from None

    def game(self, refusal: Refusal) -> str:
        """Return ``game``. Return ``cs2`` if ``game`` is missing or ``csgo``. Raise ``refusal`` for an unknown game."""
        text = self.text("game")
        game = _OTHER_GAME_NAMES.get(text, text)
        if game not in GAMES:
            raise refusal
        return game

    def currency(self) -> str:
        """Return ``currency`` in lower case. Return ``usd`` if it is missing. Raise error 8 for an unknown currency."""
        currency = self.text("currency").lower() or "usd"
        if currency not in CURRENCIES:
            raise Refusal(8, "invalid_currency")
        return currency

    def url(self, name: str, refusal: Refusal) -> str:
        """Return a parameter that is an http or https URL. Return empty text if it is missing.

        Raise ``refusal`` if the parameter is not such a URL.
        """
        text = self.text(name)
        if text and not is_web_address(text):
            raise refusal
        return text

    def time_range(self) -> tuple[int, int]:
        """Return ``starting`` and ``ending`` in UNIX seconds. Raise error 1 if one of them is not a whole number."""
        starting, ending = self.whole("starting"), self.whole("ending")
        if starting is None or ending is None:
            raise Refusal(1, "missing_starting_or_ending")
        return starting, ending

    def page(
        self, rows: list[Any], row_id: Callable[[Any], int], row_fields: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the answer with one page of ``rows``, in the format of ``row_fields``.

        The page begins after the ID in the parameter ``start_from``. ``rows`` must be sorted by ``row_id``. The
        ``start_from`` of the answer is the last ID of the page, or 0 if this is the last page.
        """
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
    """Return the value ``name`` as text. Return empty text if the value is missing, an array or an object."""
    value = values.get(name, "")
    return "" if isinstance(value, dict | list) else php.scalar_text(value)


def whole_number(text: str) -> int | None:
    """Return the text as int if it consists of 1 to 18 digits. Return None for any other text."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def is_web_address(text: str) -> bool:
    """Return whether the text is an absolute http or https URL."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    printable = text.isascii() and text.isprintable() and " " not in text
    return printable and parts.scheme in ("http", "https") and bool(parts.hostname)


Method = Callable[[Call], dict[str, Any]]
"""An API method. It returns the fields of the answer, or raises Refusal."""
