"""Buys a skin at the price of a quote. Only the user of a valid quote can buy, and the quote can be used only once."""

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
    """Raised to roll back the database transaction, because the quote has expired or the price has risen."""


def buy_quote(user: Any, public_id: UUID | str, *, idempotency_key: str = "") -> Purchase:
    """Buy the skin of a user's quote at the charge of the quote, and return the purchase.

    SkinsBack sends the skin to the trade URL of the user's Steam profile. A quote is used for at most one purchase.
    Every later call with the same quote returns this purchase, even after the quote has expired. ``idempotency_key`` is
    the key of the request.

    If the quote has expired or the price has risen, PriceChanged is raised. ``PriceChanged.quote`` is a new quote,
    which the user may accept. If the caller has opened a database transaction and rolls back, the new quote is lost.

    Raises these other exceptions:

    * ``Quote.DoesNotExist`` if the user has no quote with this ``public_id``.
    * IdempotencyConflict if ``idempotency_key`` was used before with another quote.
    * NoPrice if the skin has no price any more.
    * The exceptions of ``make_quote`` and ``buy``.
    * PurchaseVetoed, or any other exception that a receiver of ``entry_posted`` raises.

    After an exception, nothing is saved except the new quote. The old quote is still unused.
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
    """Lock the quote by a write, and return the primary key of the purchase of this quote.

    If the quote has no purchase yet, buy the skin. Raise _NotOffered instead if the quote has expired or the price has
    risen.
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
