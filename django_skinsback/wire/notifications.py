"""Functions that verify a notification and return its report or event. They raise if the notification is refused."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from ..exceptions import BadSignature, NoSecret, UnreadableNotification
from . import readers
from .fields import parse_fields, parse_scalars
from .signing import is_ambiguous, signed_text, verify_event
from .types import DepositReport, PurchaseReport

_REQUIRED = ("status", "order_id", "transaction_id")
_LARGE_BYTES = 4096
"""If a body has more bytes, only its scalars are read before the signature is verified.

This limits the work that a sender without a valid signature can cause.
"""
_UNSIGNED = ("skins", "skins_info", "user_risk")
"""Nested fields that ``sign`` does not cover. They are only displayed."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event (``/docs/api/v1/api_event_webhook``): ``buy_item``, ``status_change`` or ``balance_change``.

    ``purchase`` is set for ``buy_item`` and ``status_change``, if the event has a status and the ID of a purchase.
    ``balance`` is set for ``balance_change``, if the balance can be read. The balance is in USD. A field that is not
    set is None.
    """

    name: str
    purchase: PurchaseReport | None = None
    balance: Decimal | None = None


def read_deposit_notification(body: bytes, content_type: str, *, secrets: Sequence[str]) -> DepositReport:
    """Verify a notification to the Result URL and return its report (``/docs/api/v1/callback``).

    Fields that ``sign`` does not cover are ignored. The only exceptions are ``skins``, ``skins_info`` and
    ``user_risk``, which are only displayed. The header ``X-SIGN`` is not read: it is the same for every message.

    Raises NoSecret if there is no secret. Raises BadSignature if the signature is not valid with any of the secrets.
    Raises UnreadableNotification if the body can be read in two ways or is not about a deposit.
    """
    if not any(secrets):
        raise NoSecret
    if len(body) > _LARGE_BYTES:
        scalars = parse_scalars(body, content_type)
        if signed_text(scalars, scalars.get("sign"), secrets) is None:
            raise BadSignature
    fields = parse_fields(body, content_type)
    signed = signed_text(fields, fields.get("sign"), secrets)
    if signed is None:
        raise BadSignature
    if is_ambiguous(fields):
        raise UnreadableNotification("The signed text could be read in two ways.")
    if "method" in signed:
        raise UnreadableNotification("This is a request to SkinsBack, not a notification.")
    report = DepositReport.from_wire({name: fields.get(name) for name in _UNSIGNED} | signed)
    if not all(getattr(report, name) for name in _REQUIRED):
        raise UnreadableNotification(f"A notification needs {', '.join(_REQUIRED)}.")
    return msgspec.structs.replace(
        report,
        # An amount is read only if it was sent as text or a number. PHP signs true as 1, which is not an amount.
        amount=report.amount if isinstance(fields.get("amount"), str) else None,
        user_amount=report.user_amount if isinstance(fields.get("user_amount"), str) else None,
        # A currency is read only if it was sent as text. PHP writes a too large number as INF, which looks like a code.
        amount_currency=report.amount_currency if type(fields.get("amount_currency")) is str else "",
    )


def read_event(body: bytes, headers: Mapping[str, str], *, secrets: Sequence[str]) -> Event:
    """Verify a notification to the Webhook Events URL and return its event (``/docs/api/v1/api_event_webhook``).

    The signature covers the whole body. It is read from the header ``Signature``, or from the header ``Authorization``
    if ``Signature`` is missing: SkinsBack's page names both. Raises NoSecret, BadSignature, UnreadableNotification.
    """
    if not any(secrets):
        raise NoSecret
    lower = {name.lower(): value for name, value in headers.items()}
    if not verify_event(body, lower.get("signature") or lower.get("authorization"), secrets):
        raise BadSignature
    return parse_event(body, lower.get("content-type", ""))


def parse_event(body: bytes, content_type: str) -> Event:
    """Return the event in this body. The caller must have verified the signature.

    Raise UnreadableNotification if the body cannot be read or the event has no name.
    """
    fields = parse_fields(body, content_type)
    name = readers.text(fields.get("event"))
    if not name:
        raise UnreadableNotification("The event has no name.")
    data = readers.mapping(fields.get("data"))
    if name == "balance_change":
        return Event(name=name, balance=readers.balance(data.get("balance_value")))
    if name in {"buy_item", "status_change"}:
        report = PurchaseReport.from_wire(data)
        if report.status and (report.buy_id or report.custom_id):
            return Event(name=name, purchase=report)
    return Event(name=name)
