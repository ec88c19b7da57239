"""From an HTTP answer to data, or to the error it means (``/docs/api/v1/main``).

Whatever is not plainly an answer of SkinsBack's is UnknownOutcome: HTML, an empty or cut body, another
charset. The HTTP status decides nothing, because SkinsBack sends its errors with any.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from ..exceptions import APIError, UnknownOutcome
from . import readers
from .fields import Number

T = TypeVar("T")

_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Number)
_GZIP = 16 + zlib.MAX_WBITS
_DECODED_AT_ONCE = 1 << 16


def read_answer(method: str, http_status: int, body: bytes, read: Callable[[Mapping[str, Any]], T]) -> T:
    """What ``read`` makes of the fields of the answer.

    Raises APIError if SkinsBack answered with an error, UnknownOutcome if no answer can be read.
    """
    answer = _decoded(body)
    if answer is None:
        raise UnknownOutcome(f"{method}: the answer is not a JSON object (HTTP {http_status}).")
    check_status(method, answer)
    return read(answer)


def check_status(method: str, answer: Mapping[str, Any]) -> None:
    """Raise what the field ``status`` says.

    In ``orderstatus`` it is the state of the deposit: ``fail`` is a good answer, ``success`` means paid.
    """
    status = readers.text(answer.get("status"))
    if status == "error":
        code = readers.error_code(answer.get("error_code"))
        error = APIError.for_answer(method, code, readers.text(answer.get("error_message")))
        if code or type(error) is not APIError:
            raise error
        raise UnknownOutcome(f"{method}: SkinsBack answered with an error and did not say which.")
    if not status or (status != "success" and method != "orderstatus"):
        raise UnknownOutcome(f"{method}: the answer does not say whether it worked.")


def bounded(chunks: Iterable[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """The unpacked body, chunk by chunk. Raises UnknownOutcome beyond ``limit`` bytes, counted unpacked."""
    size = 0
    for chunk in _unpacked(chunks, encoding.strip().lower()):
        size += len(chunk)
        if size > limit:
            raise UnknownOutcome(f"The answer is larger than {limit} bytes.")
        yield chunk


def _unpacked(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in {"", "identity"}:
        yield from chunks
        return
    if encoding != "gzip":
        raise UnknownOutcome("The answer is packed in a way that was not asked for.")
    unpacker = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        packed = chunk
        while packed and not unpacker.eof:
            try:
                unpacked = unpacker.decompress(packed, _DECODED_AT_ONCE)
            except zlib.error:
                raise UnknownOutcome("The answer cannot be unpacked.") from None
            packed = unpacker.unconsumed_tail
            yield unpacked
    if not unpacker.eof:
        raise UnknownOutcome("The answer ended too early.")


def _decoded(body: bytes) -> dict[str, Any] | None:
    # The error is raised elsewhere, so that it does not drag the body along as its context.
    try:
        answer = _JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
