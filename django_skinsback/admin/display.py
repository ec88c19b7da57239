"""How values look in the admin. Everything from outside is escaped."""

import json
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
from .labels import LABELS, TONES

NOTHING = "\N{EN DASH}"
SECRET_WORDS = ("sign", "auth", "cookie", "secret", "token")


def badge(word: str, label: Any = None) -> SafeString:
    """A coloured word. One that this version does not know is shown as it is."""
    text = label if label is not None else LABELS.get(word, word)
    tone = TONES.get(word, "quiet")
    return format_html('<span class="skinsback-badge skinsback-{}">{}</span>', tone, text)


def money(amount: Decimal | None, currency: str = "usd") -> str:
    """An amount with two to six decimals and its currency, in the reader's own notation."""
    if amount is None:
        return NOTHING
    number = number_format(amount, decimal_pos=_decimals(amount), force_grouping=True)
    return f"{number}\N{NO-BREAK SPACE}{currency.upper()}".strip()


def plain(amount: Decimal) -> str:
    """An amount as it is written into a field."""
    return f"{amount:.{_decimals(amount)}f}"


def _decimals(amount: Decimal) -> int:
    return max(2, len(f"{amount:.6f}".rstrip("0").partition(".")[2]))


def link(row: Model | None, text: Any = None) -> SafeString | str:
    """A row of ours as a link to its page."""
    if row is None:
        return NOTHING
    try:
        url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return str(text or row)
    return format_html('<a href="{}">{}</a>', url, text or row)


def source(deposit: Deposit | None, purchase: Purchase | None) -> SafeString | str:
    """The deposit or purchase that a row belongs to, as a link to its page."""
    if purchase is not None:
        return link(purchase, purchase.market_hash_name or short(purchase.custom_id))
    return link(deposit, deposit and short(deposit.order_id))


def step(change: StatusChange) -> SafeString:
    """A line of history. With equal statuses something was noted and nothing moved; the first has no status before."""
    from_status, to_status = change.from_status, change.to_status
    if to_status == PurchaseStatus.REFUSED and change.source == StatusChange.Source.OPERATOR:
        to_status = CANCELLED
    if from_status in {"", to_status}:
        return badge(to_status)
    return format_html("{} → {}", badge(from_status), badge(to_status))


def short(text: str, length: int = 10) -> SafeString | str:
    """The beginning of a long id; the whole of it when pointed at."""
    if len(text) <= length + 1:
        return format_html('<span class="skinsback-id">{}</span>', text)
    return format_html('<span class="skinsback-id" title="{}">{}…</span>', text, text[:length])


def table(headings: list[Any], rows: list[list[Any]]) -> SafeString:
    """A small table; the first cell of each row is its heading."""
    head = format_html_join("", '<th scope="col">{}</th>', ((heading,) for heading in headings))
    body = format_html_join(
        "",
        '<tr><th scope="row">{}</th>{}</tr>',
        ((row[0], format_html_join("", "<td>{}</td>", ((cell,) for cell in row[1:]))) for row in rows),
    )
    return format_html('<table class="skinsback-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)


def code(text: str, label: Any) -> SafeString:
    """A text that may be long; it scrolls, so the keyboard must reach it and a screen reader must name it."""
    markup = '<pre class="skinsback-code" tabindex="0" role="region" aria-label="{}">{}</pre>'
    return format_html(markup, label, text)


def data(value: Any) -> SafeString | str:
    """The site's own data about a row."""
    if not value:
        return NOTHING
    return code(json.dumps(value, indent=2, ensure_ascii=False, default=str), _("Metadata"))


def skins(value: Any) -> SafeString | str:
    """The skins of a deposit, name and price as SkinsBack wrote them."""
    rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
    if not rows:
        return NOTHING
    cells = [[row.get("name") or row.get("market_hash_name") or NOTHING, row.get("price", NOTHING)] for row in rows]
    return table([_("Skin"), _("Price")], cells)


def user_risk(value: Any) -> SafeString | str:
    """What SkinsBack knows about a user, all its projects taken together."""
    if not isinstance(value, Mapping) or not value:
        return NOTHING
    known: list[list[Any]] = [
        [_("Deposits so far"), _risk(value, "total_deposits_count"), _risk(value, "total_deposits_sum")],
        [
            _("Taken back after the credit"),
            _risk(value, "total_rollback_deposits_count"),
            _risk(value, "total_rollback_deposits_sum"),
        ],
    ]
    inventory = value.get("user_inventory")
    for game, owned in inventory.items() if isinstance(inventory, Mapping) else ():
        if isinstance(owned, Mapping):
            heading = _("Inventory, %(game)s") % {"game": game}
            known.append([heading, _moment(owned.get("last_updated_at")), owned.get("sum", NOTHING)])
    known.append([_("Known since"), _moment(value.get("joined_at")), ""])
    known.append([_("Last deposit"), _moment(value.get("last_deposit_at")), ""])
    rest = set(value) - RISK_KEYS
    known += [[key, str(value[key]), ""] for key in sorted(rest)]
    return table(["", _("Count or date"), _("Sum")], known)


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


def _moment(text: Any) -> str:
    """A date of SkinsBack's to the minute, or as it came."""
    try:
        moment = parse_datetime(str(text or ""))
    except ValueError:
        moment = None
    return f"{moment:%Y-%m-%d %H:%M}" if moment else str(text or NOTHING)


def headers(value: Any) -> SafeString | str:
    """Headers that were kept, but for any that could open something."""
    if not isinstance(value, Mapping) or not value:
        return NOTHING
    shown = {
        str(name): _("(hidden)") if any(word in str(name).lower() for word in SECRET_WORDS) else text
        for name, text in value.items()
    }
    return code("\n".join(f"{name}: {text}" for name, text in shown.items()), _("Headers"))


def body(raw: bytes, content_type: str) -> SafeString:
    """A delivery as it came: JSON indented, a form line by line, anything else in hex."""
    try:
        text = raw.decode()
        if content_type.startswith("application/x-www-form-urlencoded"):
            pairs = parse_qsl(text, keep_blank_values=True)
            return code("\n".join(f"{name} = {value}" for name, value in pairs), _("Body"))
        return code(msgspec.json.format(text, indent=2), _("Body"))  # keeps numbers as they were written
    except (ValueError, RecursionError):
        return code(raw.hex(" ", 4), _("Body"))
