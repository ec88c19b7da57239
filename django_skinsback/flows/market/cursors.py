"""Cursors of market pages. A cursor is a text for a URL: the place in a sorted list at which a page begins or ends.

The text is encrypted with a key from ``SECRET_KEY``, because users see it and must not see market prices.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from decimal import Decimal
from hashlib import shake_256
from typing import Literal, Self

import msgspec
from django.utils.crypto import constant_time_compare, salted_hmac

from ...exceptions import InvalidAmount, InvalidInput
from ...models import MarketItem
from ...models.fields import TEXT_LENGTH
from ...money import amount_text, parse_amount

Sort = Literal["price", "-price", "name"]

_LONGEST = 2000
_LARGEST_KEY = (1 << 63) - 1
_TAG_BYTES = 12


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The place of an item in a sorted list. The page begins after this item, or ends before it if ``backward``.

    If the list is sorted by name, the place is the ``name`` of the item. Otherwise it is the ``price`` and the ``pk``.
    """

    sort: Sort
    backward: bool
    price: str = "0"
    pk: int = 0
    name: str = ""

    @classmethod
    def at(cls, item: MarketItem, sort: Sort, *, backward: bool) -> Self:
        """Return the cursor of the page after ``item``, or of the page before it."""
        if sort == "name":
            return cls(sort, backward, name=item.market_hash_name)
        return cls(sort, backward, price=amount_text(item.price), pk=item.pk)

    @classmethod
    def from_text(cls, text: str, sort: Sort) -> Self:
        """Return the cursor for a text that the property ``text`` has returned.

        Raise InvalidInput if the text was changed, or if its sort order is not ``sort``.
        """
        try:
            if not 0 < len(text) <= _LONGEST:
                raise ValueError
            packed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            tag = packed[:_TAG_BYTES]
            body = _encrypted(packed[_TAG_BYTES:], tag)
            if not constant_time_compare(tag, _tag(body)):
                raise ValueError
            cursor = msgspec.json.decode(body, type=cls)
            if cursor.text != text or cursor.sort != sort:
                raise ValueError
            parse_amount(cursor.price)
            if not 0 <= cursor.pk <= _LARGEST_KEY or len(cursor.name) > TEXT_LENGTH or "\0" in cursor.name:
                raise ValueError
        except (ValueError, InvalidAmount, msgspec.MsgspecError):
            raise InvalidInput("The cursor is damaged, or it belongs to another sort order.") from None
        return cursor

    @property
    def text(self) -> str:
        """The cursor as text for a URL. A URL may contain this text without escapes. A changed text is refused."""
        body = msgspec.json.encode(self)
        tag = _tag(body)
        return urlsafe_b64encode(tag + _encrypted(body, tag)).rstrip(b"=").decode()

    @property
    def item(self) -> MarketItem:
        """An unsaved MarketItem that is at the place of this cursor."""
        return MarketItem(pk=self.pk, price=Decimal(self.price), market_hash_name=self.name)


def _tag(body: bytes) -> bytes:
    return salted_hmac("skinsback.market_cursor", body, algorithm="sha256").digest()[:_TAG_BYTES]


def _encrypted(body: bytes, tag: bytes) -> bytes:
    """Return ``body`` encrypted; an encrypted body is decrypted. ``tag`` is the tag of the body that is not encrypted.

    The key stream depends on the tag, so two different bodies never have the same key stream.
    """
    key = salted_hmac("skinsback.market_cursor.key", tag, algorithm="sha256").digest()
    stream = shake_256(key).digest(len(body))
    return bytes(first ^ second for first, second in zip(body, stream, strict=True))
