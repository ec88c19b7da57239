"""Template tags for a site's own templates and for the ready-made pages: ``{% load skinsback %}``.

``{% skinsback_deposit deposit %}``         one deposit as a card with progress, amount, trade offer and next step
``{% skinsback_purchase purchase %}``       one purchase as a card
``{% skinsback_status row %}``              the status of a deposit or purchase in a few words
``{% skinsback_price amount currency %}``   an amount such as ``$12.50``; ``signed=True`` adds a plus sign
``{{ amount|skinsback_amount:currency }}``  an amount as plain text, for use inside a sentence
``{{ code|skinsback_game }}``               the name of a game, such as ``Counter-Strike 2``
``{% skinsback_picture name class_id=… %}`` the picture of a skin, or a drawing if there is no picture
``{% skinsback_assets %}``                  the stylesheet and the scripts, once per page
``{% skinsback_summary %}``                 what needs an operator, and the balances, for an index page of operators

The cards contain links to the ready-made pages, so the URLconf of the site must include these pages.
"""

import logging
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

from django import template
from django.db import connections, transaction
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .. import pictures, player_texts
from ..flows.ledger.database import database
from ..models import Deposit, Purchase
from ..money import EXACT
from ..pages.cards import deposit_card
from ..pages.purchase_cards import purchase_cards
from ..pages.rendering import PageContext
from ..steam import GAMES

register = template.Library()
logger = logging.getLogger("django_skinsback")

SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}
MINUS = "\N{MINUS SIGN}"


def price_text(amount: Decimal | None, currency: str, *, signed: bool = False) -> str:
    """Return an amount as text: ``$12.50`` for ``12.5`` and ``usd``, ``12.50 UAH`` for ``12.5`` and ``uah``.

    All decimals of the amount are shown, and at least two. If ``signed`` is True, an amount above zero has a plus sign.
    If ``amount`` is None, return an empty text.
    """
    if amount is None:
        return ""
    decimals = max(2, -int(Decimal(amount).normalize(EXACT).as_tuple().exponent))
    number = number_format(Decimal(amount).copy_abs(), decimals, force_grouping=True)
    symbol = SYMBOLS.get(currency.lower())
    text = f"{symbol}{number}" if symbol else f"{number} {currency.upper()}".strip()
    sign = MINUS if amount < 0 else "+" if signed and amount > 0 else ""
    return f"{sign}{text}"


@register.simple_tag
def skinsback_price(amount: Decimal | None, currency: str = "", *, signed: bool = False) -> SafeString | str:
    """Show an amount: ``{% skinsback_price entry.amount entry.currency signed=True %}``. Show nothing for None."""
    text = price_text(amount, currency, signed=signed)
    return format_html('<span class="skinsback-price">{}</span>', text) if text else ""


@register.filter
def skinsback_amount(amount: Decimal | None, currency: str) -> str:
    """Return an amount as plain text, for use in a sentence: ``{{ amount|skinsback_amount:currency }}``."""
    return price_text(amount, currency)


@register.filter
def skinsback_game(code: str) -> str:
    """Return the name of a game, such as ``Counter-Strike 2`` for ``cs2``. Return an unknown code unchanged."""
    return GAMES[code].name if code in GAMES else code


@register.simple_tag
def skinsback_status(row: Deposit | Purchase) -> SafeString:
    """Show the status of a row in a few words. Prefetch ``entries`` and ``changes`` if you show a list of rows."""
    texts = player_texts.for_deposit(row) if isinstance(row, Deposit) else player_texts.for_purchase(row)
    return format_html('<span class="skinsback-chip skinsback-{}">{}</span>', texts.tone, texts.title)


@register.inclusion_tag("skinsback/_deposit_card.html", takes_context=True)
def skinsback_deposit(context: template.Context, deposit: Deposit) -> dict[str, Any]:
    """Show one deposit as a card. Show the card only to the deposit's user. The context must have ``request``."""
    request = context["request"]
    return {"request": request, "card": deposit_card(request, deposit), "skinsback": PageContext(request, "deposit")}


@register.inclusion_tag("skinsback/_purchase_card.html", takes_context=True)
def skinsback_purchase(context: template.Context, purchase: Purchase) -> dict[str, Any]:
    """Show one purchase as a card. Show the card only to the purchase's user. The context must have ``request``."""
    request = context["request"]
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "card": purchase_cards(request, [purchase])[0],
        "skinsback": PageContext(request, "withdraw"),
    }


@register.inclusion_tag("skinsback/_picture.html")
def skinsback_picture(
    name: str = "", *, class_id: str = "", icon: str = "", game: str = "cs2", large: bool = False
) -> dict[str, Any]:
    """Show the picture of a skin. The browser loads the picture lazily.

    A drawing of the kind of skin is shown until the picture is loaded, or if the skin has no picture.
    """
    return {
        "url": pictures.picture_url(class_id=class_id, icon=icon, game=game, large=large),
        "placeholder": pictures.placeholder(name),
    }


@register.inclusion_tag("skinsback/_assets.html", takes_context=True)
def skinsback_assets(context: template.Context) -> dict[str, Any]:
    """Include the stylesheet and the scripts of the pages, unless this page has included them already."""
    page = context.get("skinsback")
    is_needed = page is None or not page.are_assets_rendered
    if page is not None:
        page.are_assets_rendered = True
    return {"is_needed": is_needed}


@register.simple_tag(takes_context=True)
def skinsback_summary(context: template.Context) -> SafeString | str:
    """Show the summary of the operator's desk: what needs an operator, the balances, and a link to the desk.

    Each part is shown only to users who may view its model. Show nothing to a user who may not view the desk. If the
    summary cannot be made, log ``skinsback.summary_failed`` and show nothing, so that the page is never broken.
    """
    request = context.get("request")
    if request is None:
        return ""
    try:
        from ..admin.desk.summary import may_view_desk, summary_context

        if not may_view_desk(request):
            return ""
        # After a failed query, PostgreSQL refuses all queries of a transaction, except after a savepoint.
        inside = connections[database()].in_atomic_block
        with transaction.atomic(using=database()) if inside else nullcontext():
            parts = summary_context(request, getattr(request, "current_app", None))
            return render_to_string("admin/skinsback/desk/summary.html", parts)
    except Exception:
        logger.exception("skinsback.summary_failed", extra={"path": request.path})
        return ""
