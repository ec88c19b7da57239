"""Steam IDs, trade URLs, and the games whose skins SkinsBack trades."""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlsplit

from .exceptions import InvalidInput, InvalidSteamID, InvalidTradeURL
from .sensitive import SensitiveText

__all__ = ["GAMES", "Game", "TradeURL"]

FIRST_STEAM_ID = 76561197960265728
"""The SteamID64 of account number 0. The SteamID64 of a user is this number plus the ``partner`` of the trade URL."""

_ACCOUNT_LIMIT = 2**32
PARTNER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)

TRADE_TOKEN = re.compile(r"[A-Za-z0-9_-]{8}")
_HOSTS = {"steamcommunity.com", "www.steamcommunity.com"}
_END = r"""\s<>"'()\[\]{}“”„«»\u200b\ufeff"""
_LINK = rf"""(?:https?://|(?<![^\s<("'“„«])(?=(?:www\.)?steamcommunity\.com))[^{_END}]+"""
"""Finds each link in a text, up to the end of the link. It is compiled when it is used, not when the site starts."""

_MOST_FIELDS = 10
STEAM_ID = re.compile(r"[0-9]{17}", re.ASCII)


def _(text: str) -> str:
    """Mark a message for translation. ``error_texts.text_for`` translates it, because this module imports no Django."""
    return text


@dataclass(frozen=True, slots=True)
class Game:
    """A game whose skins SkinsBack trades. ``app_id`` and ``context_id`` identify the game's inventories on Steam."""

    app_id: int
    context_id: int
    name: str


GAMES = {
    "cs2": Game(app_id=730, context_id=2, name="Counter-Strike 2"),
    "dota2": Game(app_id=570, context_id=2, name="Dota 2"),
    "rust": Game(app_id=252490, context_id=2, name="Rust"),
}


@dataclass(frozen=True, slots=True, init=False)
class TradeURL:
    """The address at which a user receives trade offers. Raises InvalidTradeURL for an invalid partner or token.

    ``partner`` is the user's Steam account number. Anyone who has ``token`` can send a trade offer to the user. So no
    ``repr`` and no traceback shows ``token``.
    """

    partner: str
    token: str = field(repr=False)

    def __init__(self, partner: str, token: str) -> None:
        token = SensitiveText(token) if isinstance(token, str) else ""
        if not (PARTNER.fullmatch(partner) and int(partner) < _ACCOUNT_LIMIT):
            raise InvalidTradeURL(_("The trade URL's partner is not a Steam account number."))
        object.__setattr__(self, "partner", partner)
        object.__setattr__(self, "token", check_trade_token(token))

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the TradeURL of a pasted text with a link ``https://steamcommunity.com/tradeoffer/new/?partner=…&token=…``.

        ``http://``, ``www.``, ``:443``, upper case, a missing scheme and text around the link are accepted. Raises
        InvalidTradeURL if the text has no valid trade URL or more than one. The message contains no part of the text.
        """
        text = SensitiveText(url) if isinstance(url, str) else ""
        del url  # tracebacks show local variables
        links = _links(text)
        problems = [_link_problem(link) for link in links]
        trade_urls = {link for link, problem in zip(links, problems, strict=True) if not problem}
        if len(trade_urls) > 1:
            raise InvalidTradeURL(_("The text contains more than one trade URL."))
        if not trade_urls:
            raise InvalidTradeURL(problems[0] if problems else _NO_LINK)
        partners, tokens = _values(trade_urls.pop())
        if not partners:
            raise InvalidTradeURL(_("The trade URL has no partner. Copy the whole trade URL."))
        if not tokens:
            raise InvalidTradeURL(_("The trade URL has no token. Copy the whole trade URL."))
        if len(partners) > 1 or len(tokens) > 1:
            raise InvalidTradeURL(_("The trade URL has more than one partner or token."))
        return cls(partners[0], tokens[0])

    @property
    def steam_id(self) -> str:
        """The SteamID64 of the user who has this trade URL, as text of 17 digits."""
        return str(FIRST_STEAM_ID + int(self.partner))

    @property
    def url(self) -> str:
        """The trade URL in Steam's own format, as SensitiveText. The ``repr`` of the text does not show the URL."""
        return SensitiveText(f"https://steamcommunity.com/tradeoffer/new/?partner={self.partner}&token={self.token}")


def _links(text: str) -> list[str]:
    """Return the links in a text as SensitiveText. A link without ``https://`` must begin with Steam's host."""
    return [
        SensitiveText(link.rstrip(".,;:!?")) for link in re.findall(_LINK, text.replace("&amp;", "&"), re.IGNORECASE)
    ]


_NO_LINK = _(
    "This is not a Steam trade URL. It looks like https://steamcommunity.com/tradeoffer/new/?partner=…&token=…"
)


def _link_problem(link: str) -> str:
    """Return the reason why a link is not a trade URL. Return empty text if the link is a trade URL."""
    try:
        parts = urlsplit(link if "//" in link else f"https://{link}")
        port = parts.port
    except ValueError:
        return _NO_LINK
    if parts.hostname not in _HOSTS or parts.username is not None:
        return _("The link is not a trade URL of steamcommunity.com: it leads to another site.")
    if port not in {None, 443 if parts.scheme.lower() == "https" else 80}:
        return _("The link is not a trade URL: it leads to another port of steamcommunity.com.")
    if parts.path.lower().rstrip("/") != "/tradeoffer/new":
        return _(
            "The link leads to another page of Steam, which is not a trade URL. A trade URL looks like "
            "https://steamcommunity.com/tradeoffer/new/?partner=…&token=…"
        )
    if parts.query.count("&") > _MOST_FIELDS:
        return _("The link has too much behind the trade URL.")
    return ""


def _values(link: str) -> tuple[list[str], list[str]]:
    """Return two lists: the values of ``partner`` in a link, and the values of ``token`` as SensitiveText."""
    query = parse_qs(urlsplit(link).query)
    return query.get("partner", []), [SensitiveText(token) for token in query.get("token", [])]


def check_trade_token(text: str | None) -> str:
    """Return the trade token as SensitiveText. Raise InvalidTradeURL if ``text`` is not a valid token.

    A valid token has 8 characters: letters, digits, '-' or '_' (``/docs/api/v1/createorder``).
    """
    token = SensitiveText(text) if isinstance(text, str) else None
    if token is None or not TRADE_TOKEN.fullmatch(token):
        raise InvalidTradeURL(_("The trade URL's token must be 8 letters, digits, '-' or '_'."))
    return token


def check_steam_id(text: str) -> str:
    """Return ``text`` unchanged if it is the SteamID64 of a person's account. Raise InvalidSteamID otherwise."""
    if not isinstance(text, str) or not STEAM_ID.fullmatch(text):
        raise InvalidSteamID
    if not FIRST_STEAM_ID < int(text) < FIRST_STEAM_ID + _ACCOUNT_LIMIT:
        raise InvalidSteamID
    return text


def check_game(code: str) -> str:
    """Return ``code`` unchanged if it is ``cs2``, ``dota2`` or ``rust``. Raise InvalidInput otherwise."""
    if code not in GAMES:
        raise InvalidInput(f"Unknown game: use one of {', '.join(GAMES)}.")
    return code
