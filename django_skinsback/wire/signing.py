"""The four signatures of SkinsBack.

Requests and deposit notifications carry an HMAC-SHA1 over their top-level scalars
(``/docs/api/v1/signature``), event notifications an HMAC-SHA256 over the raw body
(``/docs/api/v1/api_event_webhook``); the websocket and the header ``X-SIGN`` use one MD5 that is the same for
every message and therefore proves nothing about any of them.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from ..exceptions import ConfigurationError
from .fields import Number

_BEGIN_OF_INTEGERS = frozenset("-0123456789")
_PHP_INTEGER_KEY = re.compile(r"0|-?[1-9][0-9]{0,17}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_LONGEST_NUMBER = 64
_MOST_MIXED = 3
_NESTED = (Mapping, list, tuple)


def sign(params: Mapping[str, Any], secret: str) -> str:
    """The ``sign`` of a request or a deposit notification: HMAC-SHA1, lower-case hex.

    Only text and whole numbers are signed. Arrays, objects and their flattened keys (``items[0][id]``) are
    not part of the signature. Raises TypeError for booleans, floats and None, because every language spells
    them in its own way: turn them into text first.
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
    """The text that is signed: ``key:value;`` for every pair, in the order of PHP's ``ksort``."""
    return "".join(f"{key}:{value};" for key, value in sorted(pairs, key=lambda pair: _ksort(pair[0])))


def verify_deposit_sign(fields: Mapping[str, Any], signature: object, secrets: Sequence[str]) -> bool:
    """Whether ``signature`` is SkinsBack's for these fields under any of the secrets. Never raises.

    Fields whose text could be read back in two ways are not verified.
    """
    return not is_ambiguous(fields) and signed_text(fields, signature, secrets) is not None


def signed_text(fields: Mapping[str, Any], signature: object, secrets: Sequence[str]) -> dict[str, str] | None:
    """The scalar fields as the sender spelled them for signing; None if no secret gives this signature.

    The same rule reads notifications and, in the sandbox, calls. A JSON number may be signed as it is written,
    which JavaScript does, or as PHP spells it: PHP signs ``40.76`` and sends ``40.759999999999998``. Booleans are
    ``true`` and ``false``, or ``1`` and empty; null is left out, or empty. Every combination is tried with every
    secret and compared in constant time. Never raises.
    """
    given = signature.encode("utf-8", "replace") if type(signature) is str else b""
    found = None
    for text, pairs in _spellings(fields).items():
        for secret in _usable(secrets):
            if hmac.compare_digest(_hmac_sha1(text, secret).encode(), given):
                found = pairs
    return found


def is_ambiguous(fields: Mapping[str, Any]) -> bool:
    """Whether the signed text of these fields is the text of other fields too.

    Reading it back, a piece between two semicolons begins a new field if it holds a colon. So no key may hold
    either sign, and no value a semicolon with a colon somewhere after it.
    """
    return any(
        ":" in key or ";" in key or any(":" in piece for piece in str(value).split(";")[1:])
        for key, value in _scalars(fields).items()
    )


def client_digest(client_id: str, client_secret: str) -> str:
    """MD5 of both keys: the websocket's ``signature`` and the header ``X-SIGN``; as good as a password."""
    return hashlib.md5(_bytes(client_id + client_secret), usedforsecurity=False).hexdigest()


def event_signature(body: bytes, secret: str) -> str:
    """The header ``Signature`` of an event notification: HMAC-SHA256 of the raw body, lower-case hex."""
    return hmac.new(_key(secret), body, hashlib.sha256).hexdigest()


def verify_event(body: bytes, header: object, secrets: Sequence[str]) -> bool:
    """Whether ``header`` signs this body under any of the secrets. Never raises."""
    given = header.encode("utf-8", "replace") if isinstance(header, str) else b""
    verified = False
    for secret in _usable(secrets):
        verified |= hmac.compare_digest(event_signature(body, secret).encode(), given)
    return verified


def _usable(secrets: Sequence[str]) -> list[str]:
    # A single text is a sequence too: of secrets one character long, which anybody can guess.
    several = [secrets] if isinstance(secrets, str) else secrets
    return [secret for secret in several if isinstance(secret, str) and secret]


def _hmac_sha1(text: str, secret: str) -> str:
    return hmac.digest(_key(secret), _bytes(text), "sha1").hex()


def _key(secret: str) -> bytes:
    if not secret:
        raise ConfigurationError("The client secret is empty; anybody could sign with it.")
    return _bytes(secret)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _ksort(key: str) -> tuple[bool, int, str]:
    # PHP turns keys such as "12" into integers and sorts them by value, before all others.
    if key[:1] in _BEGIN_OF_INTEGERS and _PHP_INTEGER_KEY.fullmatch(key):
        return False, int(key), ""
    return True, 0, key


def _spellings(fields: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Every text that may have been signed, with the fields it spells."""
    scalars = _scalars(fields)
    scalars = {key: scalars[key] for key in sorted(scalars, key=_ksort)}
    if all(type(value) is str for value in scalars.values()):  # as in every form: there is one spelling
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
    """Which numbers may have been signed in PHP's spelling; the others are signed as they are written.

    Each for itself. Among many such numbers only what a PHP server does is tried, because a stranger must not order
    much work: none, those that cannot be integers, all.
    """
    respelled = {
        key: spelling
        for key, value in scalars.items()
        if isinstance(value, Number) and (spelling := php_float(value)) != value
    }
    if len(respelled) > _MOST_MIXED:
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
    """How PHP spells a float in text: 14 significant digits, ``1.0E+15`` from 15 digits on."""
    if len(lexeme) > _LONGEST_NUMBER:
        return lexeme
    # Binary on purpose: PHP rounds the binary value. The result is compared with a signature and no more.
    mantissa, _, exponent = f"{float(lexeme):.14G}".partition("E")
    if not exponent:
        return mantissa
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{exponent[0]}{exponent[1:].lstrip('0')}"
