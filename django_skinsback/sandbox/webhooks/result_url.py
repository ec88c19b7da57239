"""The signed body of a Result URL notification, as a form or as JSON."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django_skinsback.wire.signing import sign

from ..api import php
from ..api.shapes import as_text
from ..keys import SECRETS
from ..simulation.state import Project
from ..simulation.store import Store

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
_LARGEST_EXACT_INTEGER = 2**53
"""JavaScript cannot represent all integers above this number exactly."""


def notification_body(store: Store, project: Project, fields: dict[str, Any]) -> tuple[bytes, str]:
    """Return the signed body of a notification, and its content type. The option ``notification_format`` is used."""
    fields = {name: _same_in_php_and_javascript(value) for name, value in fields.items() if value is not None}
    consume = store.faults.consume
    if store.options.notification_format != "json-numbers":
        fields = as_text(fields)
    else:
        noisy = {key: _float_noise(value) if isinstance(value, Decimal) else value for key, value in fields.items()}
        if noisy != fields and consume("notify_float_noise", "deposit"):
            fields = noisy
    signature = sign(php.scalars(fields), SECRETS[project.client_id])
    if not consume("notify_no_sign", "deposit"):
        fields = {**fields, "sign": signature[::-1] if consume("notify_bad_sign", "deposit") else signature}
    if store.options.notification_format == "form":
        return urlencode(list(php.form_pairs(fields))).encode(), FORM
    return php.json_text(fields).encode(), JSON


def _same_in_php_and_javascript(value: Any) -> Any:
    """Return ``value``. If PHP and JavaScript would convert ``value`` to different texts, return a replacement.

    With the replacement, SkinsBack's code samples for PHP and for JavaScript both accept the signature. The caller
    leaves null values out: PHP signs null as empty text, JavaScript does not sign null, and a form cannot contain null.
    """
    match value:
        case bool():
            return int(value)
        case int() if abs(value) > _LARGEST_EXACT_INTEGER:
            return str(value)
        case Decimal() if php.float_text(value) != php.plain_text(value):
            return php.plain_text(value)
        case _:
            return value


def _float_noise(number: Decimal) -> Decimal:
    """Return the number as PHP sends it with ``serialize_precision=17``. For 40.76 this is 40.759999999999998."""
    return Decimal(f"{float(number):.17g}")
