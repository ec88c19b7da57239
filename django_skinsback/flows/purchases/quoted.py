"""Buys at the price of a quote: once, for the user of the quote, while it is valid."""

from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError

from ...exceptions import IdempotencyConflict, PriceChanged
from ...models import Purchase, Quote
from ...models.fields import utc_now
from ..ledger.database import current, database, run
from ..ledger.idempotency import key_digest, newest
from ..market.quotes import is_still_offered, make_quote
from .buy import buy


class _NotOffered(Exception):
    """Rolls back: the quote has expired, or the price has risen."""


def buy_quote(user: Any, public_id: UUID | str, *, idempotency_key: str = "") -> Purchase:
    """Buy the skin of a user's quote at the charge of the quote, for the trade URL of the user's Steam profile.

    Safe to repeat: a quote buys at most once, and every later call returns its purchase, also after the quote has
    expired. ``idempotency_key`` is the key of the request; a key that was used for another quote raises
    IdempotencyConflict.

    Raises PriceChanged if the quote has expired or the price has risen; its ``quote`` is a new quote, which the user
    may accept. Raises NoPrice if there is no price any more, and what ``make_quote``, ``buy`` and the user's Steam
    profile raise. PurchaseVetoed, and any other exception of a receiver of ``entry_posted``, is raised unchanged.
    After an exception nothing is saved, except the new quote, and the old quote can still buy. Inside a database
    transaction of the caller, the new quote is lost if the caller rolls back.

    Raises ``Quote.DoesNotExist`` if the user has no quote with this ``public_id``.
    """
    quote = _find(user, public_id)
    key = key_digest("quotes", user, idempotency_key)
    _refuse_other_quote(key, quote)
    # PRICE_MARKUP and the conversion of currencies are called before anything is locked.
    is_offered = quote.purchase_id is not None or is_still_offered(quote)
    try:
        bought = run(partial(_buy, quote, user, key, is_offered), repeat_after_integrity_error=False)
    except IntegrityError:
        _refuse_other_quote(key, quote)  # another request used the key meanwhile
        raise
    except _NotOffered:
        bought = None
    if bought is None:
        raise PriceChanged(quote=make_quote(user, quote.game, quote.market_hash_name))
    return newest(Purchase.objects.using(database()).filter(pk=bought)).get()


def _find(user: Any, public_id: UUID | str) -> Quote:
    try:
        return Quote.objects.using(database()).get(public_id=public_id, user_id=user.pk)
    except ValidationError:  # not a UUID
        raise Quote.DoesNotExist from None


def _refuse_other_quote(key: str | None, quote: Quote) -> None:
    if key is None:
        return
    if Quote.objects.using(database()).filter(idempotency_digest=key).exclude(pk=quote.pk).exists():
        raise IdempotencyConflict


def _buy(quote: Quote, user: Any, key: str | None, is_offered: bool) -> int:
    """Lock the quote by a write, buy if it has not bought yet, and return the primary key of its purchase.

    Raise _NotOffered if the quote cannot buy.
    """
    rows = Quote.objects.using(database()).filter(pk=quote.pk)
    if not rows.filter(purchase=None).update(idempotency_digest=key):
        bought = current(rows).first()
        if bought is None or bought.purchase_id is None:
            raise Quote.DoesNotExist
        return bought.purchase_id
    if not is_offered or quote.expires_at <= utc_now():
        raise _NotOffered
    purchase = buy(
        user=user,
        market_hash_name=quote.market_hash_name,
        game=quote.game,
        max_price=quote.max_price,
        charge=quote.charge,
        charge_currency=quote.currency,
        idempotency_key=f"quote:{quote.public_id}",
    )
    rows.update(purchase=purchase)
    return purchase.pk
