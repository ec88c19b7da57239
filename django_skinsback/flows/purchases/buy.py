"""Buys skins for users: writes the row and the charge. The module ``send`` sends the purchase to SkinsBack."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Required, TypedDict

from django.db import IntegrityError
from django.utils.translation import gettext as _

from ... import conf
from ...exceptions import InvalidInput, NotAllowedNow
from ...models import Purchase
from ...models.fields import OptionalUser, utc_now
from ...money import parse_amount, parse_currency
from ...sensitive import SensitiveText
from ...statuses import EntryKind
from ...steam import TradeURL, check_game
from ...wire.arguments import identifier, text
from ...wire.limits import TEXT_LENGTH
from ..celery_wakeup import send_task_after_commit
from ..ledger.database import database, raise_if_rolled_back, run
from ..ledger.edit import Edit, Source, verify_saved
from ..ledger.idempotency import find_earlier, key_digest, newest, request_digest
from ..players import guard
from ..players.steam_profiles import trade_url_to_use


class BatchItem(TypedDict, total=False):
    """One skin of ``buy_batch``. The keys mean the same as the arguments of ``buy``."""

    skin_id: Required[str]
    game: str | None
    max_price: Decimal | str | int | None
    charge: Decimal | str | int | None
    charge_currency: str
    metadata: dict[str, Any] | None


_BATCH_ITEM_KEYS = BatchItem.__required_keys__ | BatchItem.__optional_keys__


def buy(
    *,
    user: OptionalUser = None,
    trade_url: str = "",
    skin_id: str | None = None,
    market_hash_name: str | None = None,
    game: str | None = None,
    max_price: Decimal | str | int | None = None,
    charge: Decimal | str | int | None = None,
    charge_currency: str = "",
    account: str = conf.DEFAULT_ACCOUNT,
    by: OptionalUser = None,
    metadata: dict[str, Any] | None = None,
    idempotency_key: str = "",
) -> Purchase:
    """Start a purchase of one skin: write the row, charge the user, and return the row. SkinsBack is called later.

    A worker, the sweep or ``submit`` sends the purchase to SkinsBack (``/docs/api/v1/market_buy``). ``buy`` may run
    inside the caller's database transaction.

    * ``skin_id`` is the skin to buy. With ``market_hash_name`` instead, the cheapest skin with this name is bought.
    * ``trade_url`` is the address to which SkinsBack sends the skin. Without ``trade_url``, the trade URL of the Steam
      profile of ``user`` is used.
    * ``max_price`` is the price cap in US dollars. Without ``max_price``, ``BUY_MAX_PRICE`` is the price cap.
    * ``charge`` is the amount that the site takes from ``user``, in ``charge_currency``. If the purchase fails, the
      charge is refunded.
    * ``by`` is the operator who requested the purchase. Without ``by``, the user or the site has requested it.
    * ``idempotency_key``: if the same user has called ``buy`` with the same key before, the earlier purchase is
      returned with its present status. Without ``user``, the earlier call must have the same ``by``.

    Raises these exceptions, and saves nothing:

    * InvalidInput or ConfigurationError if an argument or a setting is wrong. IdempotencyConflict if
      ``idempotency_key`` was used before with other parameters.
    * UserFrozen, GameSwitchedOff or LimitReached if ``user`` may not buy now. These rules do not apply if ``by`` is
      given.
    * TradeURLMissing, TradeURLBroken or TradeURLChangedRecently if the profile has no trade URL that can be used now.
    * Any exception that a receiver of ``entry_posted`` raises. Such an exception vetoes the purchase.

    An exception of an ``on_commit`` hook of the site is raised too. In this case the purchase is already committed and
    continues. To get the row, repeat the call with the same ``idempotency_key``.
    """
    trade_url = SensitiveText(trade_url)
    item = {
        "skin_id": skin_id,
        "market_hash_name": market_hash_name,
        "game": game,
        "max_price": max_price,
        "charge": charge,
        "charge_currency": charge_currency,
        "metadata": metadata,
    }
    return _buy([item], user=user, trade_url=trade_url, account=account, by=by, key=idempotency_key)[0]


def buy_batch(
    *,
    user: OptionalUser = None,
    trade_url: str = "",
    items: Sequence[BatchItem],
    game: str | None = None,
    account: str = conf.DEFAULT_ACCOUNT,
    by: OptionalUser = None,
    idempotency_key: str = "",
) -> list[Purchase]:
    """Start purchases of several skins for one user, and return the rows (``/docs/api/v1/market_batch_buy``).

    Either all rows and charges are written, or none. Each row has its own status: SkinsBack may sell some skins and
    refuse others.

    ``items`` are dicts. The key ``skin_id`` is required. The keys ``game``, ``max_price``, ``charge``,
    ``charge_currency`` and ``metadata`` have the same meaning as the arguments of ``buy``. ``game`` is the game of the
    skins without a game of their own. If the same user has called ``buy_batch`` with the same ``idempotency_key``
    before, all purchases of the earlier batch are returned.

    Raises the same exceptions as ``buy``, and InvalidInput for any other key: a misspelled ``charge`` would give the
    skin away.
    """
    trade_url = SensitiveText(trade_url)
    if not items:
        raise InvalidInput(_("Choose at least one skin."))
    if unknown := sorted({name for item in items for name in item} - _BATCH_ITEM_KEYS):
        message = _("A skin of a batch has an unknown key: %(unknown)s. The known keys are %(known)s.")
        raise InvalidInput(message % {"unknown": ", ".join(unknown), "known": ", ".join(sorted(_BATCH_ITEM_KEYS))})
    skin_ids = [str(item.get("skin_id") or "") for item in items]
    if not all(skin_ids):
        raise InvalidInput(_("Every skin of a batch needs its skin_id."))
    if len(set(skin_ids)) < len(skin_ids):
        raise InvalidInput(_("A batch cannot name the same skin twice."))
    return _buy(
        [{**item, "game": item.get("game") or game} for item in items],
        user=user,
        trade_url=trade_url,
        account=account,
        by=by,
        key=idempotency_key,
        batch_id=uuid.uuid4().hex,
    )


def _buy(
    items: Sequence[Mapping[str, Any]],
    *,
    user: Any,
    trade_url: str,
    account: str,
    by: Any,
    key: str,
    batch_id: str = "",
) -> list[Purchase]:
    conf.keys(account)
    now = utc_now()
    columns = [{"metadata": item.get("metadata") or {}, **read_item(item, user)} for item in items]
    receiver = TradeURL.parse(trade_url) if trade_url or user is None else None
    request = ""
    if key:
        # The digest does not contain the profile's trade URL, which may change before the request is repeated.
        given = {} if receiver is None else {"partner": receiver.partner, "token": receiver.token}
        request = request_digest(is_batch=bool(batch_id), items=columns, **given)
    purchases = [
        Purchase(
            account=account,
            user=user,
            by=by,
            custom_id=uuid.uuid4().hex,
            batch_id=batch_id,
            next_poll_at=now,
            created_at=now,
            idempotency_digest=key_digest(account, by if user is None else user, key, position) if key else None,
            request_digest=request,
            **values,
        )
        for position, values in enumerate(columns)
    ]
    if key and (earlier := _find_earlier(purchases)):
        return earlier
    if receiver is None:
        receiver = TradeURL.parse(trade_url_to_use(user))
    for purchase in purchases:
        purchase.partner, purchase.token = receiver.partner, receiver.token
        purchase.steam_id = receiver.steam_id
    try:
        # Not repeated after an IntegrityError: a receiver may veto the purchase by a constraint of its own table.
        run(partial(_insert, purchases, now), repeat_after_integrity_error=False)
    except (IntegrityError, NotAllowedNow):
        # Another process may have used the key meanwhile, and its purchase may have reached a limit.
        if key and (earlier := _find_earlier(purchases, is_taken=True)):
            return earlier
        raise
    return purchases


def _insert(purchases: Sequence[Purchase], now: datetime) -> None:
    """Check the rules for the user, write the rows and the charges, and verify that they are stored.

    The caller must have opened a database transaction.
    """
    first = purchases[0]
    if first.user_id is not None and first.by_id is None:
        charges = [(each.charge_amount, each.charge_currency) for each in purchases if each.charge_amount is not None]
        games = {purchase.game for purchase in purchases}
        guard.allow("purchases", first.user, games=games, charges=charges, count=len(purchases))
    edits = []
    for purchase in purchases:
        purchase.pk, purchase._state.adding = None, True
        with raise_if_rolled_back():
            purchase.save(using=database())
        edit = Edit(purchase, now, Source.FLOW, by=first.by)
        edit.note("", purchase.status)
        if purchase.charge_amount is not None:
            amount = purchase.charge_amount.copy_negate()  # a minus would round to the precision of the process
            edit.post(EntryKind.CHARGE, amount, purchase.charge_currency, purchase.user_id)
        edit.save(verify=False)
        edits.append(edit)
    verify_saved(edits)
    send_task_after_commit("skinsback.submit_purchase", first.pk)


def _find_earlier(purchases: Sequence[Purchase], *, is_taken: bool = False) -> list[Purchase]:
    """Return the rows that an earlier call with the same idempotency key has made.

    Return an empty list if there was no such call. Raise IdempotencyConflict if the earlier call had other parameters.
    """
    first = find_earlier(Purchase, purchases[0].idempotency_digest, purchases[0].request_digest, is_taken=is_taken)
    if first is None or not first.batch_id:
        return [first] if first is not None else []
    batch = Purchase.objects.using(database()).filter(account=first.account, batch_id=first.batch_id)
    return list((newest(batch) if is_taken else batch).order_by("pk"))


def read_item(item: Mapping[str, Any], user: Any) -> dict[str, Any]:
    """Return the columns of a purchase for the skin, the price cap and the charge.

    Raises InvalidInput if a value is wrong.
    """
    return {**_skin(item), **_price(item), **_charge(item, user)}


def _skin(item: Mapping[str, Any]) -> dict[str, str]:
    skin_id, name = item.get("skin_id"), item.get("market_hash_name")
    if bool(skin_id) == bool(name):
        raise InvalidInput(_("Name the skin either by its skin_id or by its market_hash_name."))
    game = check_game(item.get("game") or conf.default_game())
    if skin_id:
        return {"skin_id": identifier("skin_id", str(skin_id)), "game": game}
    market_hash_name = text("market_hash_name", name)
    if len(market_hash_name) > TEXT_LENGTH:
        raise InvalidInput(_("No skin has a name that long."))
    return {"market_hash_name": market_hash_name, "game": game}


def _price(item: Mapping[str, Any]) -> dict[str, Decimal]:
    cap, given = conf.buy_max_price(), item.get("max_price")
    if given is None:
        if cap is None:
            raise InvalidInput(_("The purchase has no price cap. Pass max_price, or set SKINSBACK['BUY_MAX_PRICE']."))
        return {"max_price": cap}
    max_price = parse_amount(given)
    if not max_price:
        raise InvalidInput(_("max_price must be above zero."))
    if cap is not None and max_price > cap:
        raise InvalidInput(
            _("max_price is %(price)s, which is above BUY_MAX_PRICE (%(cap)s).") % {"price": max_price, "cap": cap}
        )
    return {"max_price": max_price}


def _charge(item: Mapping[str, Any], user: Any) -> dict[str, Any]:
    charge, currency = item.get("charge"), item.get("charge_currency") or ""
    if charge is None and not currency:
        return {}
    if charge is None or not currency or user is None:
        raise InvalidInput(_("A charge needs a user, an amount and a currency."))
    amount = parse_amount(charge)
    if not amount:
        raise InvalidInput(_("A charge must be above zero."))
    return {"charge_amount": amount, "charge_currency": parse_currency(currency)}
