"""Functions that read an HTTP answer of SkinsBack (``/docs/api/v1/main``).

They return the data of the answer. They raise APIError if SkinsBack answered with an error. They raise UnknownOutcome
if the body is not an answer of SkinsBack: HTML, an empty or incomplete body, a charset other than UTF-8. The HTTP
status is ignored, because SkinsBack sends errors with any status.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from ..exceptions import APIError, UnknownOutcome
from . import readers
from .fields import Number

T = TypeVar("T")

_ANSWER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Number)
_GZIP = 16 + zlib.MAX_WBITS
_UNPACKED_CHUNK_BYTES = 1 << 16


def read_answer(method: str, http_status: int, body: bytes, read: Callable[[Mapping[str, Any]], T]) -> T:
    """Decode the answer, call ``read`` with its fields, and return the result of ``read``.

    Raises APIError if SkinsBack answered with an error, and UnknownOutcome if the answer cannot be read.
    """
    answer = _json_object(body)
    if answer is None:
        raise UnknownOutcome(f"{method}: the answer is not a JSON object (HTTP {http_status}).")
    check_status(method, answer)
    return read(answer)


def check_status(method: str, answer: Mapping[str, Any]) -> None:
    """Check that the field ``status`` of the answer says that the call succeeded.

    Raise APIError if ``status`` is ``error``. Raise UnknownOutcome if ``status`` is missing or is another word than
    ``success``, and also for an error that has neither a code nor a known message.

    In an answer of ``orderstatus``, ``status`` is the status of the deposit: every word except ``error`` is accepted.
    """
    status = readers.text(answer.get("status"))
    if status == "error":
        code = readers.error_code(answer.get("error_code"))
        error = APIError.for_answer(method, code, readers.text(answer.get("error_message")))
        if code or type(error) is not APIError:
            raise error
        raise UnknownOutcome(f"{method}: SkinsBack answered with an error without code and message.")
    if not status or (status != "success" and method != "orderstatus"):
        raise UnknownOutcome(f"{method}: the answer does not say whether the call succeeded.")


def bounded(chunks: Iterable[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """Yield the decompressed body in chunks.

    Raise UnknownOutcome if the decompressed body has more than ``limit`` bytes, or if it cannot be decompressed.
    """
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
        raise UnknownOutcome("The answer has a Content-Encoding that was not requested.")
    unpacker = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        packed = chunk
        while packed and not unpacker.eof:
            try:
                unpacked = unpacker.decompress(packed, _UNPACKED_CHUNK_BYTES)
            except zlib.error:
                raise UnknownOutcome("The answer cannot be unpacked.") from None
            packed = unpacker.unconsumed_tail
            yield unpacked
    if not unpacker.eof:
        raise UnknownOutcome("The answer ended too early.")


def _json_object(body: bytes) -> dict[str, Any] | None:
    # Returns None for an unreadable body; the caller raises the error. An error that is raised in the except block has
    # the body in its __context__.
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
