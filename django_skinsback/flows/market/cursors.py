"""Cursors of market pages. A cursor is a text for a URL: the place in a sorted list at which a page begins or ends.

Users see the text, so it contains no market price. A cursor names the item at its place.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from decimal import Decimal
from typing import Literal, Self

import msgspec
from django.utils.crypto import constant_time_compare, salted_hmac

from ...exceptions import InvalidInput
from ...models import MarketItem
from ...models.fields import TEXT_LENGTH

Sort = Literal["price", "-price", "name"]

_LONGEST = 2000
_LARGEST_KEY = (1 << 63) - 1
_TAG_BYTES = 12


class Cursor(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The place after an item in a sorted list. If ``backward`` is True, it is the place before the item.

    If the list is sorted by name, the item is found by its ``name``. Otherwise it is found by its ``pk``, and ``price``
    is the present market price of the item. The text of the cursor does not contain ``price``.
    """

    sort: Sort
    backward: bool
    pk: int = 0
    name: str = ""
    price: Decimal = Decimal(0)

    @classmethod
    def at(cls, item: MarketItem, sort: Sort, *, backward: bool) -> Self:
        """Return the cursor of an item."""
        return cls(sort, backward, name=item.market_hash_name) if sort == "name" else cls(sort, backward, pk=item.pk)

    @classmethod
    def from_text(cls, text: str, sort: Sort) -> Self:
        """Return the cursor that ``text`` represents. ``price`` is not set.

        Raise InvalidInput if the text was changed, or if its sort order is not ``sort``.
        """
        try:
            if not 0 < len(text) <= _LONGEST:
                raise ValueError
            packed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            tag, body = packed[:_TAG_BYTES], packed[_TAG_BYTES:]
            if not constant_time_compare(tag, _tag(body)):
                raise ValueError
            cursor = msgspec.json.decode(body, type=cls)
            if cursor.text != text or cursor.sort != sort:
                raise ValueError
            if not 0 <= cursor.pk <= _LARGEST_KEY or len(cursor.name) > TEXT_LENGTH or "\0" in cursor.name:
                raise ValueError
        except (ValueError, msgspec.MsgspecError):
            raise InvalidInput("The cursor is damaged, or it belongs to another sort order.") from None
        return cursor

    @property
    def text(self) -> str:
        """The cursor as text of letters, digits, ``-`` and ``_``, for a URL."""
        body = msgspec.json.encode([self.sort, self.backward, self.pk, self.name])
        return urlsafe_b64encode(_tag(body) + body).rstrip(b"=").decode()


def _tag(body: bytes) -> bytes:
    """Return the authentication code of a cursor's content. It depends on the setting ``SECRET_KEY``."""
    return salted_hmac("skinsback.market_cursor", body, algorithm="sha256").digest()[:_TAG_BYTES]
