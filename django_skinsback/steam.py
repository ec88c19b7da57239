"""Steam's names for people and things: Steam IDs, trade URLs, the games whose skins are traded."""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlsplit

from .exceptions import InvalidInput, InvalidSteamID, InvalidTradeURL

FIRST_STEAM_ID = 76561197960265728
"""SteamID64 of account number 0; a trade URL's ``partner`` is the account number."""

_ACCOUNT_LIMIT = 2**32
_PARTNER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8}", re.ASCII)
_STEAM_ID = re.compile(r"[0-9]{17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Game:
    """One game whose items are skins; ``app_id`` and ``context_id`` name its inventory on Steam."""

    app_id: int
    context_id: int
    name: str


GAMES = {
    "cs2": Game(app_id=730, context_id=2, name="Counter-Strike 2"),
    "dota2": Game(app_id=570, context_id=2, name="Dota 2"),
    "rust": Game(app_id=252490, context_id=2, name="Rust"),
}


@dataclass(frozen=True, slots=True)
class TradeURL:
    """Where a user receives trade offers. ``token`` lets anyone send him one, so it is left out of ``repr``."""

    partner: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not (_PARTNER.fullmatch(self.partner) and int(self.partner) < _ACCOUNT_LIMIT):
            raise InvalidTradeURL("The trade URL's partner is not a Steam account number.")
        if not _TOKEN.fullmatch(self.token):
            raise InvalidTradeURL("The trade URL's token must be 8 letters, digits, '-' or '_'.")

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``https://steamcommunity.com/tradeoffer/new/?partner=…&token=…``; raises InvalidTradeURL."""
        try:
            parts = urlsplit(url.strip())
            query = parse_qs(parts.query, max_num_fields=10)
        except (AttributeError, ValueError):
            raise InvalidTradeURL from None
        if parts.scheme != "https" or parts.netloc != "steamcommunity.com":
            raise InvalidTradeURL
        if parts.path.rstrip("/") != "/tradeoffer/new":
            raise InvalidTradeURL
        partner, token = query.get("partner", []), query.get("token", [])
        if len(partner) != 1 or len(token) != 1:
            raise InvalidTradeURL
        return cls(partner[0], token[0])

    @property
    def steam_id(self) -> str:
        """SteamID64 of the URL's owner, 17 digits."""
        return str(FIRST_STEAM_ID + int(self.partner))

    @property
    def url(self) -> str:
        """The URL as Steam writes it."""
        return f"https://steamcommunity.com/tradeoffer/new/?partner={self.partner}&token={self.token}"


def check_steam_id(text: str) -> str:
    """The same text if it is a person's SteamID64, else InvalidSteamID."""
    if not isinstance(text, str) or not _STEAM_ID.fullmatch(text):
        raise InvalidSteamID
    if not FIRST_STEAM_ID < int(text) < FIRST_STEAM_ID + _ACCOUNT_LIMIT:
        raise InvalidSteamID
    return text


def check_game(code: str) -> str:
    """The same text if SkinsBack trades that game, else InvalidInput."""
    if code not in GAMES:
        raise InvalidInput(f"Unknown game: use one of {', '.join(GAMES)}.")
    return code
