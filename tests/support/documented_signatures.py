"""Python versions of the two documented functions that compute ``sign`` (``/docs/api/v1/signature``).

Both join ``key:value;`` of the sorted top-level fields. They differ in how their languages turn a value into text, and
in null: for PHP it is no array, for JavaScript it is an object. Values are those of ``json.loads`` or of a form.
"""

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any


def signed_by_php(values: Mapping[str, Any], secret: str) -> str:
    """Return the signature that the PHP sample computes."""
    pairs = {key: php_text(value) for key, value in values.items() if not isinstance(value, dict | list)}
    return _hmac_sha1(pairs, secret)


def signed_by_javascript(values: Mapping[str, Any], secret: str) -> str:
    """Return the signature that the JavaScript sample computes."""
    pairs = {
        key: javascript_text(value)
        for key, value in values.items()
        if value is not None and not isinstance(value, dict | list)
    }
    return _hmac_sha1(pairs, secret)


def php_text(value: str | int | float | None) -> str:
    """Convert a value to text as PHP does: floats with 14 significant digits, "1" for true, "" for false and null."""
    if isinstance(value, float):
        # The exact binary value, rounded once, as zend_gcvt() does.
        return _float_text(Context(prec=14).plus(Decimal(value)), most=14, point=True, least=-4).replace("e", "E")
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)


def javascript_text(value: str | int | float) -> str:
    """Convert a value to text as JavaScript does: numbers as the shortest float, booleans as words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    return _float_text(Decimal(repr(float(value))), most=21, point=False, least=-6)


def _float_text(number: Decimal, *, most: int, point: bool, least: int) -> str:
    """Write numbers of up to ``most`` digits in full, others as ``1e-7`` or, with ``point``, as ``1.0e-7``."""
    number = number.normalize()
    exponent = number.adjusted()
    if not number:
        return "0"
    if least <= exponent < most:
        return f"{number:f}"
    digits = "".join(map(str, number.as_tuple().digits))
    fraction = f".{digits[1:]}" if digits[1:] else ".0" if point else ""
    return f"{'-' if number < 0 else ''}{digits[0]}{fraction}e{exponent:+d}"


def _hmac_sha1(pairs: Mapping[str, str], secret: str) -> str:
    text = "".join(f"{key}:{pairs[key]};" for key in sorted(pairs) if key != "sign")
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest()
