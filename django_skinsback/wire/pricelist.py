"""A streaming parser for the price list: it yields the rows while the list is downloaded.

A full list is too large for memory. ``/docs/api/v1/market_pricelist`` advises a streaming parser.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import msgspec

from ..exceptions import UnknownOutcome
from . import readers
from .answers import check_status
from .fields import Number
from .market import PriceList, PriceListItem

_METHOD = "market_pricelist"
_MAX_VALUE_CHARACTERS = 1 << 20
_BATCH_TRIES = 8
_INVALID_JSON = "\0"
_BLANKS = " \t\r\n"
_MAY_CONTINUE_NUMBER = {"", ".", "e", "E"}  # If one of these follows a number, more of the number may arrive.


def _refuse(constant: str) -> None:
    raise ValueError(constant)


_VALUE = json.JSONDecoder(parse_float=Number, parse_constant=_refuse)


class _Row(msgspec.Struct, gc=False):
    """The fields of a row that are used. Their values are not checked yet."""

    name: Any = None
    price: Any = None
    classid: Any = None
    count: Any = None
    id: Any = None


_ROWS = msgspec.json.Decoder(list[_Row], float_hook=Number)


class PriceListReader:
    """Iterates over the rows of a price list that arrives in chunks. Rows without name or price are left out.

    ``last_update`` is None until the field ``last_update`` of the list has been read. Raises APIError if SkinsBack
    answered with an error. Raises UnknownOutcome if the list cannot be read to its end. Rows that were read before the
    error have been yielded.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._complete = False
        self._one_by_one = False
        self.last_update = readers.utc_time(None)

    def read(self) -> PriceList:
        """Read and return the whole list."""
        items = list(self)
        return PriceList(last_update=self.last_update, items=items)

    def __iter__(self) -> Iterator[PriceListItem]:
        envelope, has_items = {}, False
        if self._next() != "{":
            raise self._unreadable()
        for name in self._names():
            has_items |= name == "items"
            if name == "items" and self._next() in {"[", "{"}:
                yield from self._rows()
                continue
            envelope[name] = self._value()
            if name == "last_update":
                self.last_update = readers.utc_time(envelope[name])
        if self._next():
            raise self._unreadable()
        check_status(_METHOD, envelope)
        if not has_items:  # an answer without a list is not an empty list: the import would mark all skins unavailable
            raise self._unreadable()

    def _rows(self) -> Iterator[PriceListItem]:
        entries = self._names() if self._next() == "{" else self._entries("]")
        for entry in entries:
            rows = self._decode_batch() if entry is None else []
            for row in rows:
                item = PriceListItem.from_values(row.name, row.price, row.classid, row.count, row.id)
                if item is not None:
                    yield item
            if not rows:
                item = PriceListItem.from_wire(readers.mapping(self._value()))
                if item is not None:
                    yield item

    def _decode_batch(self) -> list[_Row]:
        """Decode and return all rows that have arrived completely. This is much faster than one row at a time.

        The text from the start of a row to the last closing brace is put in square brackets and decoded. If the text is
        valid JSON, it is a list of complete rows. If the text is not valid, the brace is inside a string or inside an
        incomplete row. Then the closing brace before that one is tried. After eight failed tries, an empty list is
        returned, and the caller reads one row.
        """
        end = len(self._text)
        for _ in range(0 if self._one_by_one else _BATCH_TRIES):
            end = self._text.rfind("}", self._at, end)
            if end < 0:
                break
            try:
                rows = _ROWS.decode(f"[{self._text[self._at : end + 1]}]")
            except (msgspec.DecodeError, RecursionError):
                continue
            self._at = end + 1
            return rows
        self._one_by_one = True
        return []

    def _names(self) -> Iterator[str]:
        for _ in self._entries("}"):
            name = self._value()
            if not isinstance(name, str) or isinstance(name, Number) or self._next() != ":":
                raise self._unreadable()
            self._at += 1
            yield name

    def _entries(self, closing: str) -> Iterator[None]:
        """Read the brackets and commas of a list or object that ends with ``closing``.

        Yield None at the start of an entry. The caller must read this entry, and may read more complete entries, before
        it continues the iteration.
        """
        self._at += 1
        if self._next() == closing:
            self._at += 1
            return
        while True:
            yield
            character = self._next()
            if character not in {",", closing}:
                raise self._unreadable()
            self._at += 1
            if character == closing:
                return

    def _next(self) -> str:
        """Return the next character that is not a blank. Return empty text at the end of the list."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_chunk():
                return ""

    def _value(self) -> Any:
        self._next()
        while True:
            with suppress(ValueError, RecursionError):
                value, end = _VALUE.raw_decode(self._text, self._at)
                if not (isinstance(value, Number | int) and self._text[end : end + 1] in _MAY_CONTINUE_NUMBER):
                    self._at = end
                    return value
            if len(self._text) - self._at > _MAX_VALUE_CHARACTERS or not self._read_chunk():
                raise self._unreadable()

    def _read_chunk(self) -> bool:
        if self._complete:
            return False
        chunk = next(self._chunks, None)
        self._complete = chunk is None
        try:
            arrived = self._decoder.decode(chunk or b"", final=self._complete)
        except UnicodeDecodeError:
            arrived, self._complete = _INVALID_JSON, True
        self._text = self._text[self._at :] + arrived
        self._at = 0
        self._one_by_one = False
        return bool(arrived) or not self._complete

    @staticmethod
    def _unreadable() -> UnknownOutcome:
        return UnknownOutcome(f"{_METHOD}: the list cannot be read to its end.")
