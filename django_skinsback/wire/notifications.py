"""From the bytes of a notification to a verified report, or to the reason why it is refused."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from ..exceptions import BadSignature, NoSecret, UnreadableNotification
from . import readers
from .fields import parse_fields, parse_scalars
from .signing import is_ambiguous, signed_text, verify_event
from .types import DepositReport, PurchaseReport

_NEEDED = ("status", "order_id", "transaction_id")
_LARGE_BYTES = 4096
"""A larger body is not read closely before its signature is verified: a stranger must not order much work."""
_ONLY_SHOWN = ("skins", "skins_info", "user_risk")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event (``/docs/api/v1/api_event_webhook``): ``buy_item``, ``status_change`` or ``balance_change``.

    ``purchase`` is None unless the event names a purchase and its status; ``balance`` is in USD and None
    unless the event tells it. Other names are kept, without data.
    """

    name: str
    purchase: PurchaseReport | None = None
    balance: Decimal | None = None


def read_deposit_notification(body: bytes, content_type: str, *, secrets: Sequence[str]) -> DepositReport:
    """The report in a notification to the Result URL (``/docs/api/v1/callback``).

    Only fields that ``sign`` covers are read, apart from ``skins`` and ``user_risk``, which are for show. The
    header ``X-SIGN`` is the same for every message and proves nothing, so it is not looked at.

    Raises NoSecret if there is no secret to verify with, UnreadableNotification if the body has no clear
    meaning or is not about a deposit, BadSignature if none of the secrets has signed it.
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
    report = DepositReport.from_wire({name: fields.get(name) for name in _ONLY_SHOWN} | signed)
    if not all(getattr(report, name) for name in _NEEDED):
        raise UnreadableNotification(f"A notification needs {', '.join(_NEEDED)}.")
    return msgspec.structs.replace(
        report,
        # The spelling that was signed is the value. PHP signs true as 1, which is no amount.
        amount=report.amount if isinstance(fields.get("amount"), str) else None,
        user_amount=report.user_amount if isinstance(fields.get("user_amount"), str) else None,
        # PHP spells a number too large for it INF, which would read as a code.
        amount_currency=report.amount_currency if type(fields.get("amount_currency")) is str else "",
    )


def read_event(body: bytes, headers: Mapping[str, str], *, secrets: Sequence[str]) -> Event:
    """The event in a notification to the Webhook Events URL (``/docs/api/v1/api_event_webhook``).

    Its signature, in the header ``Signature`` or, as the page says elsewhere, ``Authorization``, covers the
    whole body. Raises NoSecret, BadSignature, UnreadableNotification.
    """
    if not any(secrets):
        raise NoSecret
    lower = {name.lower(): value for name, value in headers.items()}
    if not verify_event(body, lower.get("signature") or lower.get("authorization"), secrets):
        raise BadSignature
    return parse_event(body, lower.get("content-type", ""))


def parse_event(body: bytes, content_type: str) -> Event:
    """The event in a body whose signature was verified before. Raises UnreadableNotification."""
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
