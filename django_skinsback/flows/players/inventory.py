"""Reads a user's Steam inventory from SkinsBack. The site's cache keeps the inventory for one minute."""

import hashlib
import math
import time
from datetime import datetime
from decimal import Decimal

import msgspec

from ... import conf
from ...connection import get_client
from ...exceptions import GameSwitchedOff, InventoryBusy, TradeURLMissing
from ...models.fields import OptionalUser, utc_now
from ...ratelimit import SiteCache
from ...steam import TradeURL, check_game
from ...wire.types import Inventory as ReportedInventory
from ...wire.types import InventoryItem
from ..ledger.database import refuse_inside_transaction
from .steam_profiles import trade_url_to_pay_from

CACHE_SECONDS = 60
USER_SECONDS = 5
"""The shortest time between two calls to SkinsBack for the inventories of one user, for all games together."""
SITE_CALLS_AT_ONCE = 10
"""The site may read one inventory per second. After a pause, the site may read up to this many inventories at once."""


class InventorySkin(msgspec.Struct, frozen=True, kw_only=True):
    """A skin that a user owns.

    ``price`` is the amount that the user is credited for the skin, in the currency of the inventory. ``price`` is None
    if SkinsBack reports no price, or if ``CREDIT`` is a function.

    ``is_tradable`` is True if Steam allows a trade of the skin now. ``is_accepted`` is True if SkinsBack accepts the
    skin. A user can pay with a skin only if both are True.

    ``icon_url`` and ``class_id`` are arguments for ``pictures.picture_url``.
    """

    asset_id: str
    name: str
    icon_url: str
    class_id: str
    price: Decimal | None
    is_tradable: bool
    is_accepted: bool


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """A user's skins of one game at ``loaded_at`` (UTC). Prices are in ``currency``."""

    items: list[InventorySkin]
    currency: str
    loaded_at: datetime


def get_inventory(user: OptionalUser, game: str) -> Inventory:
    """Return the skins of one game that a user owns on Steam (``/docs/api/v1/user_inventory``).

    The user's trade URL identifies the Steam account. The result is cached for 60 seconds in ``CACHE``. SkinsBack is
    called at most once in 5 seconds for one user, and about 60 times a minute for all users together.

    Raises these exceptions:

    * InventoryBusy if one of these limits is reached, or if the cache cannot be used.
    * TradeURLMissing, TradeURLBroken or TradeURLOfAnotherAccount if the user has no usable trade URL.
    * GameSwitchedOff if ``DEPOSIT_GAMES`` does not contain ``game``.
    * InsideDatabaseTransaction inside a database transaction.
    * The exceptions of the client.
    """
    refuse_inside_transaction("get_inventory()")
    if check_game(game) not in conf.games("deposits"):
        raise GameSwitchedOff
    if user is None or user.pk is None:
        raise TradeURLMissing
    owner = TradeURL.parse(trade_url_to_pay_from(user))
    # A digest, because the primary key of a user may contain characters that a cache does not allow.
    name = hashlib.sha256(str(user.pk).encode()).hexdigest()
    key = f"skinsback:inventory:{name}:{owner.steam_id}:{game}"
    cache = SiteCache(conf.get("CACHE"))
    if (cached := _decode(_call_cache(cache, "get", key))) is not None:
        return cached
    _take_slots(cache, name)
    reported = get_client().get_inventory(game, owner.steam_id, owner.token)
    inventory = _priced(reported, utc_now())
    _call_cache(cache, "set", key, msgspec.json.encode(inventory), CACHE_SECONDS)
    return inventory


def _take_slots(cache: SiteCache, name: str) -> None:
    """Count a call for the user and for the site. Raise InventoryBusy if the user or the site must wait."""
    now = time.time()
    key = f"skinsback:inventory-user:{name}"
    if not _call_cache(cache, "add", key, now + USER_SECONDS, USER_SECONDS):
        end = _call_cache(cache, "get", key)
        seconds = math.ceil(end - now) if isinstance(end, float) else USER_SECONDS
        raise InventoryBusy(retry_after=min(max(seconds, 1), USER_SECONDS))
    for second in range(int(now) - SITE_CALLS_AT_ONCE + 1, int(now) + 1):
        if _call_cache(cache, "add", f"skinsback:inventory-site:{second}", 1, 2 * SITE_CALLS_AT_ONCE):
            return
    raise InventoryBusy(retry_after=USER_SECONDS)


def _call_cache(cache: SiteCache, operation: str, *arguments: object) -> object:
    try:
        return getattr(cache, operation)(*arguments)
    except Exception as error:
        # Without the cache, calls for inventories cannot be limited. Unlimited calls could delay calls about money.
        raise InventoryBusy("The cache of the inventories cannot be used.", USER_SECONDS) from error


def _decode(cached: object) -> Inventory | None:
    """Return the cached inventory. Return None if nothing is cached, or if an incompatible release has cached it."""
    try:
        return msgspec.json.decode(cached, type=Inventory) if isinstance(cached, bytes) else None
    except msgspec.MsgspecError:
        return None


def _priced(reported: ReportedInventory, now: datetime) -> Inventory:
    return Inventory(
        items=[
            InventorySkin(
                asset_id=item.asset_id,
                name=item.market_hash_name,
                icon_url=item.icon_url,
                class_id=item.class_id,
                price=_price(item, reported.currency_local),
                is_tradable=item.tradable is not False,
                is_accepted=item.disabled is not True and bool(item.price or item.price_local),
            )
            for item in reported.items
        ],
        currency=reported.currency_local or "usd",
        loaded_at=now,
    )


def _price(item: InventoryItem, currency: str) -> Decimal | None:
    """Return the amount that the user is credited for an item, according to ``CREDIT``.

    The amount is in the inventory's currency, or in US dollars if that currency is not known. Return None if the amount
    is not known.
    """
    if conf.callable_setting("CREDIT"):
        return None
    if conf.credit_column() == "user_amount":
        return item.user_price_local if currency else None
    return item.price if not currency or (currency == "usd" and item.price_local is None) else item.price_local
