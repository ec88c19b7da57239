"""Reads the fields of a delivery and checks their signature, for one spelling of numbers: SkinsBack's own."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import HttpRequest

LIMIT = 262_144


class Unreadable(Exception):
    pass


def read(request: HttpRequest) -> tuple[bytes, dict[str, Any]]:
    """Return the body and its fields, from JSON or a form. Numbers stay text."""
    body = request.read(LIMIT + 1)
    if len(body) > LIMIT:
        raise Unreadable
    try:
        text = body.decode()
        if text.lstrip()[:1] != "{":
            return body, dict(parse_qsl(text, keep_blank_values=True, max_num_fields=5000))
        fields = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise Unreadable from None
    return body, fields


def is_signed(fields: dict[str, Any]) -> bool:
    """Whether ``sign`` is the HMAC-SHA1 of the scalar fields in the order of their names."""
    scalars = {
        name: value
        for name, value in fields.items()
        if name != "sign" and "[" not in name and not isinstance(value, dict | list)
    }
    text = "".join(f"{name}:{scalars[name]};" for name in sorted(scalars))
    secret = settings.SKINSBACK["CLIENT_SECRET"].encode()
    signature = hmac.new(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha1).hexdigest()
    return hmac.compare_digest(signature.encode(), str(fields.get("sign")).encode("utf-8", "replace"))
