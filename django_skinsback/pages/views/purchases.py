"""The views of one purchase."""

import uuid
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from ...flows.ledger.database import database
from ...models import Purchase, StatusChange
from ...statuses import PurchaseStatus
from .. import live, notices
from ..access import player_page
from ..purchase_cards import purchase_cards
from ..rendering import page_url, render_page

DELAYED_SECONDS, OFFER_SECONDS = 10, 600
"""Seconds until the text of a purchase changes: after the order was placed, and after the trade offer was reported."""


@player_page("GET")
def show(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Show one purchase of the user."""
    rows = _rows(request.user, public_id)
    tag = tag_of(rows)
    context = _context(request, rows)
    context |= {
        "tag": tag,
        "status_url": page_url(request, "purchase_status", public_id),
        "notices": notices.take(request.session),
    }
    return render_page(request, "purchase.html", context, section="withdraw")


@player_page("GET")
def status(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Return the part of the purchase's page that changes, for ``live.js``."""
    rows = _rows(request.user, public_id)
    return live.answer(request, tag_of(rows), "_purchase.html", lambda: _context(request, rows), section="withdraw")


def _rows(user: Any, public_id: uuid.UUID) -> "QuerySet[Purchase]":
    return Purchase.objects.using(database()).filter(user_id=user.pk, public_id=public_id)


def _context(request: HttpRequest, rows: "QuerySet[Purchase]") -> dict[str, Any]:
    return {"card": purchase_cards(request, [get_object_or_404(rows)])[0]}


def tag_of(rows: "QuerySet[Purchase]") -> str:
    """Return the ETag of these purchases. Raises Http404 if there are none."""
    offers = StatusChange.objects.filter(purchase=OuterRef("pk"), to_status=PurchaseStatus.WAITING_ACCEPT)
    rows = rows.annotate(offer_came_at=Subquery(offers.order_by("created_at").values("created_at")[:1]))
    # Without a line in the history, the offer came when the row was saved.
    after = {"created_at": DELAYED_SECONDS, "offer_came_at": OFFER_SECONDS, "updated_at": OFFER_SECONDS}
    return live.read_tag(rows, "in_hold_until", after=after)
