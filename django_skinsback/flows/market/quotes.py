"""Calculates prices for users, and makes quotes. A user may buy at the price of a quote for a short time."""

from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from functools import partial
from typing import Any

from ... import conf
from ...exceptions import ConfigurationError, InvalidAmount, NoPrice
from ...models import MarketItem, PriceListImport, Quote
from ...models.fields import utc_now
from ...money import EXACT, PLACES, parse_amount
from ...steam import check_game
from ..ledger.database import database, run
from ..players import guard

CENT = Decimal("0.01")
_HIGHEST_PRICE = 10**9
"""``price_range`` searches for market prices below this number of US dollars."""
_STEPS_PER_DOLLAR = 10**6


def charge_for(market_price: Decimal) -> Decimal:
    """Return what a user pays for a skin with this market price, in ``QUOTE_CURRENCY``, rounded up to two decimals.

    ``market_price`` is in US dollars. The charge is ``MarketItem.site_price``, converted by ``TO_SITE_CURRENCY`` if
    ``QUOTE_CURRENCY`` is not ``usd``.

    Raises ConfigurationError if ``PRICE_MARKUP`` or ``TO_SITE_CURRENCY`` does not return a Decimal above zero.
    """
    price = MarketItem(price=market_price).site_price
    if conf.quote_currency() != "usd":
        price = _converted("TO_SITE_CURRENCY", price)
    return price.quantize(CENT, rounding=ROUND_UP, context=EXACT)


def price_cap(market_price: Decimal, charge: Decimal) -> Decimal:
    """Return the highest price in US dollars at which a skin is bought for a user who pays ``charge``.

    The result is the lowest of these amounts, cut off after six decimals:

    * the market price increased by ``PRICE_SLIPPAGE``
    * ``BUY_MAX_PRICE``, if it is set
    * the charge in US dollars, if ``ALLOW_LOSS`` is False
    """
    caps = [EXACT.multiply(market_price, EXACT.add(1, conf.price_slippage()))]
    if (limit := conf.buy_max_price()) is not None:
        caps.append(limit)
    if not conf.get("ALLOW_LOSS"):
        currency = conf.quote_currency()
        caps.append(charge if currency == "usd" else _converted("TO_USD", charge, currency))
    return min(caps).quantize(PLACES, rounding=ROUND_DOWN, context=EXACT)


def offered_charge(market_price: Decimal) -> Decimal | None:
    """Return what a user pays for a skin with this market price; None if ``make_quote`` would refuse that price."""
    try:
        charge = charge_for(market_price)
        return charge if charge and market_price <= price_cap(market_price, charge) else None
    except ConfigurationError:  # PRICE_MARKUP may round the lowest prices to zero
        return None


def make_quote(user: Any, game: str, market_hash_name: str) -> Quote:
    """Save a quote, which is the price of one skin for one user, and return the quote.

    The user can buy at this price once, with ``players.buy_quote``. The price is calculated from the imported price
    list. SkinsBack is not called. The quote is valid for ``QUOTE_SECONDS``. Show the user only these values of the
    quote: ``public_id``, ``charge``, ``currency`` and ``expires_at``.

    Raises NoPrice if the skin is not in the price list, the price list is older than ``PRICES_MAX_AGE``, or the market
    price is above the price cap. Raises UserFrozen, GameSwitchedOff or LimitReached if the user may not buy the skin.
    """
    price = market_price(check_game(game), market_hash_name)
    if price is None:
        raise NoPrice
    charge = charge_for(price)
    cap = price_cap(price, charge)
    if not charge or not cap or price > cap:
        raise NoPrice
    now = utc_now()
    quote = Quote(
        user=user,
        game=game,
        market_hash_name=market_hash_name,
        market_price=price,
        max_price=cap,
        charge=charge,
        currency=conf.quote_currency(),
        created_at=now,
        expires_at=now + timedelta(seconds=conf.quote_seconds()),
    )
    return run(partial(_save, quote))


def _save(quote: Quote) -> Quote:
    guard.allow("purchases", quote.user, games=[quote.game], charges=[(quote.charge, quote.currency)])
    quote.pk, quote._state.adding = None, True
    quote.save(using=database())
    return quote


def market_price(game: str, market_hash_name: str) -> Decimal | None:
    """Return the market price of a skin in US dollars.

    Return None if the skin is not in the price list, or if the price list is older than ``PRICES_MAX_AGE``.
    """
    imported = PriceListImport.objects.using(database()).filter(game=game).first()
    if imported is None or utc_now() - imported.imported_at > conf.prices_max_age():
        return None
    items = MarketItem.objects.using(database()).available().for_game(game).filter(market_hash_name=market_hash_name)
    # Some collations treat "a" and "A" as equal.
    return next((item.price for item in items if item.market_hash_name == market_hash_name), None)


def is_still_offered(quote: Quote) -> bool:
    """Return whether the user can still buy the skin at the charge of the quote.

    Return False if the charge would be higher now, or if the skin has no price. Return False also if ``QUOTE_CURRENCY``
    was changed, or if ``BUY_MAX_PRICE`` is now below the price cap of the quote.
    """
    price, limit = market_price(quote.game, quote.market_hash_name), conf.buy_max_price()
    if price is None or quote.currency != conf.quote_currency() or (limit is not None and quote.max_price > limit):
        return False
    # A PRICE_MARKUP with steps charges the same for a higher market price, which may be above the cap.
    return price <= quote.max_price and charge_for(price) <= quote.charge


def price_range(lowest: Decimal | None, highest: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Return the range of market prices in US dollars whose charges are from ``lowest`` to ``highest``.

    ``lowest`` and ``highest`` are in ``QUOTE_CURRENCY``. Both limits are included. If a limit is None, the
    corresponding market price is None too. If the highest market price is 0, no skin is cheap enough. The range is
    found by bisection, because a higher market price never has a lower charge.
    """
    first = None if lowest is None else _first_price(lambda charge: charge >= lowest)
    above = None if highest is None else _first_price(lambda charge: charge > highest)
    return first, None if above is None else EXACT.subtract(above, PLACES)


def _first_price(reaches: Callable[[Decimal], bool]) -> Decimal:
    """Return the lowest market price for whose charge ``reaches`` returns True."""

    def is_reached(step: int) -> bool:
        try:
            return reaches(charge_for(EXACT.divide(step, _STEPS_PER_DOLLAR)))
        except ConfigurationError:
            return reaches(Decimal(0))  # PRICE_MARKUP may round the lowest prices to zero; nothing is sold for zero

    below, found = 0, 1
    while not is_reached(found) and found < _HIGHEST_PRICE * _STEPS_PER_DOLLAR:
        below, found = found, found * 2
    while found - below > 1:
        middle = (below + found) // 2
        below, found = (below, middle) if is_reached(middle) else (middle, found)
    return EXACT.divide(found, _STEPS_PER_DOLLAR)


def _converted(key: str, amount: Decimal, *arguments: str) -> Decimal:
    """Return an amount converted by the function of the setting ``key``.

    Raise ConfigurationError if the setting is None, or if the function does not return a Decimal above zero.
    """
    convert = conf.callable_setting(key)
    if convert is None:
        raise ConfigurationError(f"SKINSBACK[{key!r}] is not set, but SKINSBACK['QUOTE_CURRENCY'] needs it.")
    returned = convert(amount, *arguments)
    if isinstance(returned, Decimal) and returned.is_finite() and returned > 0:
        try:
            return parse_amount(returned.quantize(PLACES, rounding=ROUND_DOWN, context=EXACT))
        except InvalidAmount:
            pass
    raise ConfigurationError(f"SKINSBACK[{key!r}] returned {returned!r} for {amount}, not a Decimal above zero.")
