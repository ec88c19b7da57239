"""Rules that decide by the shape of a searched text what the text can be."""

import re
from uuid import UUID

from ...exceptions import InvalidTradeURL
from ...steam import STEAM_ID, TradeURL

SHORTEST_BEGINNING = 6
"""Minimum number of characters of the beginning of an ID."""

_ID = re.compile(r"[0-9A-Fa-f-]+")
_NEXT = dict(zip("0123456789abcdefABCDEF", "123456789abcdefgBCDEFG", strict=True))
"""Character -> the next character of hex digits. Every collation puts digits before letters."""


def range_of(text: str) -> tuple[str, str] | None:
    """Return (lowest, limit) if the text can be the beginning of an ID of digits or hex digits, otherwise None.

    Each ID that begins with the text is at least ``lowest`` and below ``limit``, in every collation. Some collations
    skip hyphens. So the range may contain other IDs, which the caller removes.
    """
    beginning = text.rstrip("-")
    if len(text) < SHORTEST_BEGINNING or not beginning or not _ID.fullmatch(text):
        return None
    return beginning, beginning[:-1] + _NEXT[beginning[-1]]


def uuid_of(text: str) -> UUID | None:
    """Return the UUID that the text contains, otherwise None."""
    try:
        return UUID(text) if _ID.fullmatch(text) else None
    except ValueError:
        return None


def steam_id_of(text: str) -> str:
    """Return the Steam ID if the text is a Steam ID or a trade URL. Otherwise, return an empty text."""
    if STEAM_ID.fullmatch(text):
        return text
    if "tradeoffer" not in text.lower():
        return ""
    try:
        return TradeURL.parse(text).steam_id
    except InvalidTradeURL:
        return ""


def can_be_name(text: str) -> bool:
    """Return whether the text can be words of a skin's name: it has three letters or more, and is no ID or address."""
    has_digits_of_id = range_of(text) is not None and any(character.isdigit() for character in text)
    letters = sum(character.isalpha() for character in text)
    return letters >= 3 and not has_digits_of_id and "@" not in text and "://" not in text
