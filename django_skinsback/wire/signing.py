"""Functions that make and verify SkinsBack's signatures.

* Requests and deposit notifications: HMAC-SHA1 of the top-level scalars (``/docs/api/v1/signature``).
* Event notifications: HMAC-SHA256 of the raw body (``/docs/api/v1/api_event_webhook``).
* The websocket and the header ``X-SIGN``: an MD5 of Client ID and Client Secret. It is the same for every message, so
  it does not show whether a message was changed.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from ..exceptions import ConfigurationError
from .fields import Number

_FIRST_OF_INTEGER = frozenset("-0123456789")
_PHP_INTEGER_KEY = re.compile(r"0|-?[1-9][0-9]{0,17}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_MAX_NUMBER_LENGTH = 64
_MAX_MIXED_NUMBERS = 3
_NESTED = (dict, list, tuple)


def sign(params: Mapping[str, Any], secret: str) -> str:
    """Return the ``sign`` of a request or a deposit notification: HMAC-SHA1, lower-case hexadecimal.

    Text and whole numbers are signed. Arrays, objects and their flattened keys (``items[0][id]``) are not part of the
    signature. Raises TypeError for a boolean, a float or None. Convert such a value to text first: each language writes
    these values in its own way. Raises ConfigurationError for an empty secret.
    """
    pairs = {}
    for key, value in params.items():
        if key == "sign" or "[" in key or isinstance(value, _NESTED):
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise TypeError(f"{key}: only text and whole numbers can be signed, not {type(value).__name__}.")
        pairs[key] = str(value)
    return _hmac_sha1(canonical_text(pairs.items()), secret)


def canonical_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the text that is signed: ``key:value;`` for every pair. Keys are in the order of PHP's ``ksort``."""
    return "".join(f"{key}:{value};" for key, value in sorted(pairs, key=lambda pair: _ksort(pair[0])))


def verify_deposit_sign(fields: Mapping[str, Any], signature: object, secrets: Sequence[str]) -> bool:
    """Return whether ``signature`` is valid for these fields with one of the secrets. Never raises.

    Also return False if other fields could have the same signed text: see ``is_ambiguous``.
    """
    return not is_ambiguous(fields) and signed_text(fields, signature, secrets) is not None


def signed_text(fields: Mapping[str, Any], signature: object, secrets: Sequence[str]) -> dict[str, str] | None:
    """Return the scalar fields as the texts that were signed: field name -> text. Never raises.

    Return None if the signature is not valid with any of the secrets. The same value can be signed in several ways:

    * a JSON number as it was sent, or as PHP writes it: PHP sends ``40.759999999999998`` and signs ``40.76``
    * a boolean as ``true`` or ``false``, or as ``1`` or empty text
    * null as empty text, or not at all

    These combinations are tried with every secret and compared in constant time. The sandbox verifies calls with this
    function too.
    """
    given = signature.encode("utf-8", "replace") if type(signature) is str else b""
    found = None
    for text, pairs in _spellings(fields).items():
        for secret in _usable(secrets):
            if hmac.compare_digest(_hmac_sha1(text, secret).encode(), given):
                found = pairs
    return found


def is_ambiguous(fields: Mapping[str, Any]) -> bool:
    """Return whether other fields could have the same signed text ``key:value;key:value;``.

    This is possible if a key contains a colon or a semicolon, or if a value contains a semicolon and, somewhere after
    it, a colon.
    """
    return any(
        ":" in key or ";" in key or any(":" in piece for piece in str(value).split(";")[1:])
        for key, value in _scalars(fields).items()
    )


def client_digest(client_id: str, client_secret: str) -> str:
    """Return the MD5 of Client ID and Client Secret in hexadecimal. Keep this digest secret.

    The websocket and the header ``X-SIGN`` use the digest.
    """
    return hashlib.md5(_bytes(client_id + client_secret), usedforsecurity=False).hexdigest()


def event_signature(body: bytes, secret: str) -> str:
    """Return the value of the header ``Signature`` for this event notification.

    It is the HMAC-SHA256 of the raw body in lower-case hexadecimal.
    """
    return hmac.new(_hmac_key(secret), body, hashlib.sha256).hexdigest()


def verify_event(body: bytes, header: object, secrets: Sequence[str]) -> bool:
    """Return whether ``header`` is a valid signature of this body with one of the secrets. Never raises."""
    given = header.encode("utf-8", "replace") if isinstance(header, str) else b""
    verified = False
    for secret in _usable(secrets):
        verified |= hmac.compare_digest(event_signature(body, secret).encode(), given)
    return verified


def _usable(secrets: Sequence[str]) -> list[str]:
    # A single text is one secret. As a sequence, each of its characters would be a secret, which anyone can guess.
    several = [secrets] if isinstance(secrets, str) else secrets
    return [secret for secret in several if isinstance(secret, str) and secret]


def _hmac_sha1(text: str, secret: str) -> str:
    return hmac.digest(_hmac_key(secret), _bytes(text), "sha1").hex()


def _hmac_key(secret: str) -> bytes:
    if not secret:
        raise ConfigurationError("The client secret is empty: anyone could sign with it.")
    return _bytes(secret)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _ksort(key: str) -> tuple[bool, int, str]:
    # PHP turns a key such as "12" into an integer. It sorts integers by value and before all other keys.
    if key[:1] in _FIRST_OF_INTEGER and _PHP_INTEGER_KEY.fullmatch(key):
        return False, int(key), ""
    return True, 0, key


def _spellings(fields: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return all texts that SkinsBack may have signed, as a dict: signed text -> fields.

    ``fields`` are the names and texts from which this signed text was built.
    """
    scalars = _scalars(fields)
    scalars = {key: scalars[key] for key in sorted(scalars, key=_ksort)}
    if all(type(value) is str for value in scalars.values()):  # always so in a form: there is only one possible text
        return {_joined(scalars): scalars}
    present = {key: value for key, value in scalars.items() if value is not None}
    spelled = (
        {key: numbers.get(key) or spell(value) for key, value in given.items()}
        for numbers in _respelled_numbers(scalars)
        for spell in (_as_javascript, _as_php)
        for given in ((scalars, present) if len(present) < len(scalars) else (scalars,))
    )
    return {_joined(pairs): pairs for pairs in spelled}


def _respelled_numbers(scalars: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the combinations of numbers that PHP may have written in its own way, each as a dict: name -> PHP's text.

    A number that is not in the dict is signed as it was sent. Only numbers whose PHP text differs from the text that
    was sent are in the dicts. Up to three such numbers, every combination is yielded. With more of them, only three
    dicts are yielded: an empty dict, the numbers that are not integers, all numbers. This limits the work that a sender
    can cause.
    """
    respelled = {
        key: spelling
        for key, value in scalars.items()
        if isinstance(value, Number) and (spelling := php_float(value)) != value
    }
    if len(respelled) > _MAX_MIXED_NUMBERS:
        yield {}
        yield {key: spelling for key, spelling in respelled.items() if not _INTEGER.fullmatch(scalars[key])}
        yield respelled
        return
    for count in range(len(respelled) + 1):
        for chosen in combinations(respelled.items(), count):
            yield dict(chosen)


def _joined(pairs: Mapping[str, str]) -> str:
    return "".join([f"{key}:{value};" for key, value in pairs.items()])


def _scalars(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "sign" and not isinstance(value, _NESTED)}


def _as_javascript(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_php(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return _as_javascript(value)


def php_float(lexeme: str) -> str:
    """Return a number as PHP writes a float: with 14 significant digits, and ``1.0E+15`` from 15 digits on.

    Text of more than 64 characters is returned unchanged.
    """
    if len(lexeme) > _MAX_NUMBER_LENGTH:
        return lexeme
    # A float and not a Decimal, because PHP rounds the binary value.
    mantissa, _, exponent = f"{float(lexeme):.14G}".partition("E")
    if not exponent:
        return mantissa
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{exponent[0]}{exponent[1:].lstrip('0')}"
