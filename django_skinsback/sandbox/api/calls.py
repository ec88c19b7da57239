"""One API call as the methods see it: who calls, with which parameters, in which world."""

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
from ..simulation.purchases import Refusal
from ..simulation.state import Project
from ..simulation.store import World
from . import php

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_OLD_NAMES = {"csgo": "cs2", "": "cs2"}


@dataclass(frozen=True, slots=True)
class Call:
    """``values`` is the body as PHP's ``$_POST`` or the decoded JSON object."""

    world: World
    project: Project
    method: str
    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A scalar as text; empty if it is absent or no scalar."""
        value = self.values.get(name, "")
        return "" if isinstance(value, dict | list) else php.scalar_text(value)

    def flag(self, name: str) -> bool:
        """PHP's idea of true."""
        return self.text(name) not in ("", "0")

    def whole(self, name: str) -> int | None:
        """A whole number, None if absent or something else."""
        return whole_number(self.text(name))

    def amount(self, name: str, refusal: Refusal) -> Decimal | None:
        """A sum, None if absent, the refusal if it is no number."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_amount(text)
        except ValueError:
            raise refusal from None

    def many(self, name: str) -> list[Any]:
        """The elements of an array parameter, whether it came as JSON or with brackets."""
        value = self.values.get(name)
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else []

    def texts(self, name: str) -> list[str]:
        """The scalars of an array parameter as text."""
        return [php.scalar_text(value) for value in self.many(name) if not isinstance(value, dict | list)]

    def row(self, values: object) -> "Call":
        """One element of an array parameter that is an object itself."""
        return Call(self.world, self.project, self.method, values if isinstance(values, dict) else {})

    def new_order_id(self, taken: Refusal) -> str:
        """``order_id``, if it is one and the project has not used it."""
        order_id = self.text("order_id")
        if not _ID.fullmatch(order_id):
            raise Refusal(1, "invalid_order_id")
        if self.world.deposit(self.project.client_id, order_id):
            raise taken
        return order_id

    def steam_id(self, *, required: bool) -> str:
        """``steam_id``; error 2 of the deposit methods if it is none."""
        text = self.text("steam_id")
        if not text and not required:
            return ""
        try:
            return check_steam_id(text)
        except InvalidSteamID:
            raise Refusal(2, "invalid_steam_id") from None

    def game(self, refusal: Refusal) -> str:
        """``game``, CS2 when absent or called by its old name."""
        text = self.text("game")
        game = _OLD_NAMES.get(text, text)
        if game not in GAMES:
            raise refusal
        return game

    def currency(self) -> str:
        """``currency`` in lower case, US dollars when absent; error 8 of the deposit methods."""
        currency = self.text("currency").lower() or "usd"
        if currency not in CURRENCIES:
            raise Refusal(8, "invalid_currency")
        return currency

    def url(self, name: str, refusal: Refusal) -> str:
        """An address with http or https, empty if absent."""
        text = self.text(name)
        if text and not is_web_address(text):
            raise refusal
        return text

    def page(self, rows: list[Any], identify: Callable[[Any], int]) -> dict[str, Any]:
        """One page of rows that come in rising order of their number, which is the cursor."""
        start_from = self.whole("start_from") or 0
        rest = [row for row in rows if identify(row) > start_from]
        size = self.world.options.page_size
        shown, has_more = rest[:size], len(rest) > size
        return {
            "total_count": len(rows),
            "has_more": has_more,
            "start_from": identify(shown[-1]) if has_more else 0,
            "items": shown,
        }


def whole_number(text: str) -> int | None:
    """The number a text of up to 18 digits stands for."""
    return int(text) if _WHOLE.fullmatch(text) else None


def is_web_address(text: str) -> bool:
    """Whether the text is an absolute address that a browser or a server may be sent to."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    printable = text.isascii() and text.isprintable() and " " not in text
    return printable and parts.scheme in ("http", "https") and bool(parts.hostname)


Method = Callable[[Call], dict[str, Any]]
