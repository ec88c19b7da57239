"""Functions that format values for the admin pages. Values from SkinsBack and from users are escaped."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..models import Deposit, Purchase, StatusChange
from ..statuses import CANCELLED, PurchaseStatus
from ..steam import STEAM_ID
from .labels import BADGE_COLORS, LABELS

NOTHING = "\N{EN DASH}"
_OFFER_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
SECRET_HEADER_WORDS = ("sign", "auth", "cookie", "secret", "token")


def badge(word: str, label: Any = None) -> SafeString:
    """Return a status, outcome or kind as an HTML badge.

    ``word`` selects the colour. An unknown word has a grey badge. The badge shows ``label``. If ``label`` is None, the
    badge shows the text of ``word`` in ``LABELS``, or ``word`` if ``LABELS`` does not contain it.
    """
    text = label if label is not None else LABELS.get(word, word)
    color = BADGE_COLORS.get(word, "quiet")
    return format_html('<span class="skinsback-badge skinsback-{}">{}</span>', color, text)


def is_cancelled(purchase: Purchase) -> bool:
    """Return whether an operator has cancelled the purchase before it was sent."""
    return purchase.status == PurchaseStatus.REFUSED and purchase.error_message == CANCELLED


def purchase_badge(purchase: Purchase) -> SafeString:
    """Return the badge of a purchase. If an operator has cancelled it, the badge says so."""
    return badge(CANCELLED) if is_cancelled(purchase) else badge(purchase.status, purchase.get_status_display())


def money(amount: Decimal | None, currency: str = "usd") -> str:
    """Return an amount with two to six decimals and its currency, in the number format of the active language.

    Return a dash for None.
    """
    if amount is None:
        return NOTHING
    number = number_format(amount, decimal_pos=_decimals(amount), force_grouping=True)
    return f"{number}\N{NO-BREAK SPACE}{currency.upper()}".strip()


def breakable(money_text: str) -> str:
    """Return an amount for a list, where a line can end before the currency. Elsewhere the two stay on one line."""
    return money_text.replace("\N{NO-BREAK SPACE}", " ")


def field_amount(amount: Decimal) -> str:
    """Return an amount as the initial value of a form field: with two to six decimals and a decimal point."""
    return f"{amount:.{_decimals(amount)}f}"


def _decimals(amount: Decimal) -> int:
    return max(2, len(f"{amount:.6f}".rstrip("0").partition(".")[2]))


def link(row: Model | None, text: Any = None) -> SafeString | str:
    """Return a link to the page of a row. The link text is ``text``, or the row's ``str()`` if ``text`` is empty.

    Return only the link text if the model is not registered in the admin. Return a dash if ``row`` is None.
    """
    if row is None:
        return NOTHING
    try:
        url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return str(text or row)
    return format_html('<a href="{}">{}</a>', url, text or row)


def steam_profile_url(steam_id: str) -> str:
    """Return the address of a profile on Steam. Return "" if ``steam_id`` is not a Steam ID."""
    return f"https://steamcommunity.com/profiles/{steam_id}/" if STEAM_ID.fullmatch(steam_id) else ""


def steam_offer_url(trade_offer_id: str) -> str:
    """Return the address of a trade offer on Steam. Return "" if the ID does not consist of digits."""
    return f"https://steamcommunity.com/tradeoffer/{trade_offer_id}/" if _OFFER_ID.fullmatch(trade_offer_id) else ""


def deposit_or_purchase(deposit: Deposit | None, purchase: Purchase | None) -> SafeString | str:
    """Return a link to the purchase. If it is None, return a link to the deposit. If both are None, return a dash."""
    if purchase is not None:
        return link(purchase, purchase.market_hash_name or short_id(purchase.custom_id))
    return link(deposit, deposit and short_id(deposit.order_id))


def status_step(change: StatusChange) -> SafeString:
    """Return the badges "old status → new status" of a status change.

    Return only the badge of the new status if the old status is empty or equal to the new status.
    """
    from_status, to_status = change.from_status, change.to_status
    if to_status == PurchaseStatus.REFUSED and change.source == StatusChange.Source.OPERATOR:
        to_status = CANCELLED
    if from_status in {"", to_status}:
        return badge(to_status)
    return format_html("{} → {}", badge(from_status), badge(to_status))


def short_id(text: str, length: int = 10) -> SafeString | str:
    """Return the first ``length`` characters of an ID as HTML. The tooltip shows the whole ID."""
    if len(text) <= length + 1:
        return format_html('<span class="skinsback-id">{}</span>', text)
    return format_html('<span class="skinsback-id" title="{}">{}…</span>', text, text[:length])


def table(headings: list[Any], rows: list[list[Any]]) -> SafeString:
    """Return an HTML table. The first cell of each row is the heading of that row."""
    head = format_html_join("", '<th scope="col">{}</th>', ((heading,) for heading in headings))
    body = format_html_join(
        "",
        '<tr><th scope="row">{}</th>{}</tr>',
        ((row[0], format_html_join("", "<td>{}</td>", ((cell,) for cell in row[1:]))) for row in rows),
    )
    return format_html('<table class="skinsback-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)


def code(text: str, label: Any) -> SafeString:
    """Return a scrollable block of text as HTML. The Tab key focuses the block, and a screen reader reads ``label``."""
    markup = '<pre class="skinsback-code" tabindex="0" role="region" aria-label="{}">{}</pre>'
    return format_html(markup, label, text)


def json_text(value: Any) -> SafeString | str:
    """Return the metadata of a row as indented JSON. Return a dash if the metadata is empty."""
    if not value:
        return NOTHING
    return code(json.dumps(value, indent=2, ensure_ascii=False, default=str), _("Metadata"))


def skins_table(value: Any) -> SafeString | str:
    """Return a table of a deposit's skins with SkinsBack's names and prices. Return a dash if there are no skins."""
    rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
    if not rows:
        return NOTHING
    cells = [[row.get("name") or row.get("market_hash_name") or NOTHING, row.get("price", NOTHING)] for row in rows]
    return table([_("Skin"), _("Price")], cells)


def user_risk_table(value: Any) -> SafeString | str:
    """Return a table of the statistics that SkinsBack reported about a user. Return a dash if ``value`` is empty.

    The statistics cover all projects at SkinsBack, not only this site.
    """
    if not isinstance(value, Mapping) or not value:
        return NOTHING
    known: list[list[Any]] = [
        [_("Deposits so far"), _risk(value, "total_deposits_count"), _risk(value, "total_deposits_sum")],
        [
            _("Rolled back after the credit"),
            _risk(value, "total_rollback_deposits_count"),
            _risk(value, "total_rollback_deposits_sum"),
        ],
    ]
    inventory = value.get("user_inventory")
    for game, owned in inventory.items() if isinstance(inventory, Mapping) else ():
        if isinstance(owned, Mapping):
            heading = _("Inventory, %(game)s") % {"game": game}
            known.append([heading, _short_time(owned.get("last_updated_at")), owned.get("sum", NOTHING)])
    known.append([_("First seen by SkinsBack"), _short_time(value.get("joined_at")), ""])
    known.append([_("Last deposit"), _short_time(value.get("last_deposit_at")), ""])
    rest = set(value) - RISK_KEYS
    known += [[key, str(value[key]), ""] for key in sorted(rest)]
    return table([_("Statistic"), _("Count or date"), _("Sum")], known)


RISK_KEYS = {
    "total_deposits_count",
    "total_deposits_sum",
    "total_rollback_deposits_count",
    "total_rollback_deposits_sum",
    "joined_at",
    "last_deposit_at",
    "user_inventory",
}


def _risk(value: Mapping[str, Any], key: str) -> str:
    return str(value.get(key, NOTHING))


def _short_time(text: Any) -> str:
    """Return a time from SkinsBack without the seconds. Return any other text unchanged. Return a dash for no text."""
    try:
        time = parse_datetime(str(text or ""))
    except ValueError:
        time = None
    return f"{time:%Y-%m-%d %H:%M}" if time else str(text or NOTHING)


def headers_text(value: Any) -> SafeString | str:
    """Return the stored headers, one per line. A header that may contain a secret has the value "(hidden)"."""
    if not isinstance(value, Mapping) or not value:
        return NOTHING
    shown = {
        str(name): _("(hidden)") if any(word in str(name).lower() for word in SECRET_HEADER_WORDS) else text
        for name, text in value.items()
    }
    return code("\n".join(f"{name}: {text}" for name, text in shown.items()), _("Headers"))


def body_text(raw: bytes, content_type: str, label: Any = None) -> SafeString:
    """Return the body of a delivery as HTML: indented JSON, a form with one field per line, or other bytes in hex.

    A screen reader reads ``label``, or "Body" if ``label`` is None.
    """
    label = _("Body") if label is None else label
    try:
        text = raw.decode()
        if content_type.startswith("application/x-www-form-urlencoded"):
            pairs = parse_qsl(text, keep_blank_values=True)
            return code("\n".join(f"{name} = {value}" for name, value in pairs), label)
        return code(msgspec.json.format(text, indent=2), label)  # keeps each number as it was sent
    except (ValueError, RecursionError):
        return code(raw.hex(" ", 4), label)
