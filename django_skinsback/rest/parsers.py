"""Reads the body of a request: JSON in UTF-8 of at most 64 KiB."""

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from .problems import RequestTooLarge

MOST_BYTES = 64 * 1024


class SmallJSONParser(BaseParser):
    """Reads a JSON object. Raises ParseError for any other body, and RequestTooLarge for more than 64 KiB."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise RequestTooLarge
        try:
            value = json.loads(body.decode(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise ParseError from None
        if not isinstance(value, dict):
            raise ParseError
        return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
