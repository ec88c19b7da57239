"""A user's skins on Steam, read from SkinsBack and kept in the site's cache for a minute."""

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
"""A user's inventories are read from SkinsBack once in this time at most, over all games."""
SITE_CALLS_AT_ONCE = 10
"""The site may read one inventory a second. This many seconds without a call can be used later."""


class InventorySkin(msgspec.Struct, frozen=True, kw_only=True):
    """A skin that a user owns. ``icon_url`` and ``class_id`` are SkinsBack's words: pass them to ``picture_url``.

    ``price`` is what the user is credited for it, in the inventory's currency. It is None if SkinsBack names no price
    or ``CREDIT`` is a function. ``is_tradable`` says whether Steam allows a trade of the skin now, ``is_accepted``
    whether SkinsBack accepts it. A deposit needs both.
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

    The Steam account is that of the user's trade URL. The result is cached for 60 seconds in ``CACHE``. SkinsBack is
    called at most once in 5 seconds for a user, and about 60 times a minute for all users.

    Raises InventoryBusy if these limits are reached or the cache cannot be used, TradeURLMissing, TradeURLBroken,
    TradeURLOfAnotherAccount, GameSwitchedOff, and what the client raises. Raises InsideDatabaseTransaction inside a
    database transaction.
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
    """Take the user's slot and one of the site's. Raise InventoryBusy if one of them is taken."""
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
        # Without the cache the limits are not known. Calls for notifications and purchases must not wait for these.
        raise InventoryBusy("The cache of the inventories cannot be used.", USER_SECONDS) from error


def _decode(cached: object) -> Inventory | None:
    """Return a cached inventory; None if there is none, or another release of the package has written it."""
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
    """Return what ``CREDIT`` gives for the item in the inventory's currency; in US dollars if that is not known."""
    if conf.callable_setting("CREDIT"):
        return None
    if conf.credit_column() == "user_amount":
        return item.user_price_local if currency else None
    return item.price if not currency or (currency == "usd" and item.price_local is None) else item.price_local
