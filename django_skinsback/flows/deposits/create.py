"""Creates deposits: writes the row, calls SkinsBack, and stores the pay URL or the trade offer."""

import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from django.db import IntegrityError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ... import conf, schedule
from ...connection import get_client
from ...exceptions import InvalidInput, NotAllowedNow, OrderIdExists, SkinsBackError, UnknownOutcome
from ...models import Deposit
from ...models.fields import ID_LENGTH, OptionalUser, utc_now
from ...money import parse_amount, parse_currency
from ...sensitive import hide
from ...statuses import DepositStatus
from ...steam import TradeURL, check_game, check_steam_id
from ...wire import requests
from ..addresses import page_url, webhook_url
from ..ledger.database import database, refuse_inside_transaction, run
from ..ledger.edit import Edit, Source
from ..ledger.idempotency import find_earlier, key_digest, request_digest
from ..ledger.record import change
from ..players import guard
from ..players.steam_profiles import known_payer, trade_url_to_pay_from

Answer = TypeVar("Answer")

_ADDRESSES = {"result_url", "success_url", "fail_url"}
"""Options that depend on the host of the request. They may differ in two requests with the same idempotency key."""


def create(
    user: OptionalUser = None,
    *,
    request: HttpRequest | None = None,
    account: str = conf.DEFAULT_ACCOUNT,
    steam_id: str = "",
    trade_url: str = "",
    game: str | None = None,
    currency: str = "",
    min_amount: Decimal | str | int | None = None,
    max_amount: Decimal | str | int | None = None,
    widget: bool = False,
    success_url: str | None = None,
    fail_url: str | None = None,
    custom_multiplier: Decimal | str | None = None,
    custom_currency: str = "",
    custom_currency_rate: Decimal | str | None = None,
    metadata: dict[str, Any] | None = None,
    idempotency_key: str = "",
) -> Deposit:
    """Open a deposit and return its row (``/docs/api/v1/createorder``). Send the user to the ``pay_url`` of the row.

    The amount is known only after the user has paid. ``min_amount`` and ``max_amount`` are in ``currency``. If one of
    them is given, ``currency`` is required. ``success_url`` and ``fail_url`` are paths or addresses of this site. If
    ``widget`` is True, the pay page fits into an iframe.

    If ``trade_url`` is not given, the trade URL of the user's Steam profile is used, unless SkinsBack has refused this
    trade URL. If ``steam_id`` is not given, the first of these Steam IDs is used: of ``trade_url``, of the user's login
    (``STEAM_ID``), of the Steam profile.

    If the same user has called ``create`` with the same ``idempotency_key`` before, SkinsBack is not called again. The
    earlier deposit is returned with its present status. If the other parameters differ, IdempotencyConflict is raised.
    If the earlier call opened no deposit, the key may be used again.

    Raises these exceptions:

    * InvalidInput, before anything is written.
    * UserFrozen, GameSwitchedOff or LimitReached if ``user`` may not start a deposit.
    * RequestNotSent or APIError if no deposit was opened. The row is then ``abandoned``.
    * UnknownOutcome if no readable answer was received. The sweep then asks SkinsBack.
    * InsideDatabaseTransaction inside a database transaction.
    """
    trade_url = hide(trade_url)
    refuse_inside_transaction("create()")
    payer = TradeURL.parse(trade_url) if trade_url else None
    if custom_currency and conf.get("CREDIT") == "user_amount":
        raise InvalidInput(
            _(
                "custom_currency cannot be used while CREDIT is 'user_amount', because user_amount would be in the "
                "custom currency. Set CREDIT to 'amount'."
            )
        )
    deposit = Deposit(
        account=account,
        user=user,  # type: ignore[misc] # the user model of the site
        steam_id=check_steam_id(steam_id) if steam_id else (payer.steam_id if payer else ""),
        game=check_game(game or conf.default_game()),
        metadata=metadata or {},
        currency=parse_currency(currency) if currency else "",
        min_amount=None if min_amount is None else parse_amount(min_amount),
        max_amount=None if max_amount is None else parse_amount(max_amount),
    )
    options = {
        "steam_id": deposit.steam_id,
        "trade_token": payer.token if payer else "",
        "result_url": webhook_url("result", account, request),
        "success_url": page_url(success_url, request),
        "fail_url": page_url(fail_url, request),
        "widget": widget,
        "game": deposit.game,
        "currency": deposit.currency,
        "min_amount": deposit.min_amount,
        "max_amount": deposit.max_amount,
        "custom_multiplier": custom_multiplier,
        "custom_currency": custom_currency,
        "custom_currency_rate": custom_currency_rate,
    }
    given: Any = {name: value for name, value in options.items() if value is not None and value != ""}
    if idempotency_key:  # before the Steam profile is read, because the profile may change between two requests
        asked_for = {name: value for name, value in given.items() if name not in _ADDRESSES}
        _set_key(deposit, idempotency_key, pages=[success_url, fail_url], **asked_for)
    if user is not None and payer is None:
        known = dict(zip(("steam_id", "trade_token"), known_payer(user, deposit.steam_id), strict=True))
        deposit.steam_id = known["steam_id"]
        given |= {name: value for name, value in known.items() if value}
    requests.create_deposit("unsent", **given)  # raises InvalidInput before the row is written
    client = get_client(account)
    return _create_row_and_call(deposit, lambda order_id: client.create_deposit(order_id, **given), _store_link)


def create_from_inventory(
    user: OptionalUser = None,
    *,
    trade_url: str = "",
    item_asset_ids: Sequence[str],
    request: HttpRequest | None = None,
    account: str = conf.DEFAULT_ACCOUNT,
    game: str | None = None,
    currency: str = "",
    metadata: dict[str, Any] | None = None,
    idempotency_key: str = "",
) -> Deposit:
    """Open a deposit of chosen skins and return its row (``/docs/api/v1/create_from_user_inventory``).

    The user does not visit SkinsBack's pages. SkinsBack sends the user a trade offer at once. Show the user these
    columns of the row: ``trade_offer_id``, ``trade_offer_expires_at``, ``bot_name`` and ``bot_steam_id``.

    ``item_asset_ids`` are asset IDs from ``client.get_inventory()``. If ``trade_url`` is not given, the trade URL of
    the user's Steam profile is used. ``idempotency_key`` works as in ``create``.

    Raises the same exceptions as ``create``. If ``trade_url`` is not given, TradeURLMissing is raised if the profile
    has no trade URL, and TradeURLBroken if SkinsBack has refused the trade URL of the profile.
    """
    trade_url = hide(trade_url)
    refuse_inside_transaction("create_from_inventory()")
    deposit = Deposit(
        account=account,
        user=user,  # type: ignore[misc] # the user model of the site
        game=check_game(game or conf.default_game()),
        currency=parse_currency(currency) if currency else "",
        metadata=metadata or {},
    )
    options: Any = {
        "game": deposit.game,
        "item_asset_ids": list(item_asset_ids),
        "currency": deposit.currency,
        "result_url": webhook_url("result", account, request) or "",
    }
    payer = TradeURL.parse(trade_url) if trade_url or user is None else None
    if payer is not None:
        options |= {"steam_id": payer.steam_id, "trade_token": payer.token}
    if idempotency_key:
        asked_for = {name: value for name, value in options.items() if name not in _ADDRESSES}
        _set_key(deposit, idempotency_key, **asked_for)
    if payer is None:
        # The trade URL of the profile may have changed since an earlier call with the same key.
        if earlier := find_earlier(Deposit, deposit.idempotency_digest, deposit.request_digest):
            return earlier
        payer = TradeURL.parse(trade_url_to_pay_from(user))
        options |= {"steam_id": payer.steam_id, "trade_token": payer.token}
    deposit.steam_id = payer.steam_id
    requests.create_deposit_from_inventory("unsent", **options)
    client = get_client(account)
    return _create_row_and_call(
        deposit,
        lambda order_id: client.create_deposit_from_inventory(order_id, **options),
        _store_trade_offer,
    )


def _set_key(deposit: Deposit, key: str, **parameters: Any) -> None:
    deposit.idempotency_digest = key_digest(deposit.account, deposit.user, key)
    deposit.request_digest = request_digest(**parameters, metadata=deposit.metadata)


def _create_row_and_call(
    deposit: Deposit, call: Callable[[str], Answer], store: Callable[[Edit[Deposit], Answer], None]
) -> Deposit:
    """Commit the row, call SkinsBack, record the answer, and return the row.

    If SkinsBack answers that the order ID was used before, one more attempt is made with a new row and a new order ID.
    If an earlier call had the same idempotency key, the row of that call is returned and SkinsBack is not called.
    """
    key, request = deposit.idempotency_digest, deposit.request_digest
    if earlier := find_earlier(Deposit, key, request):
        return earlier
    for last_try in (False, True):
        now = utc_now()
        deposit.public_id, deposit.order_id = uuid.uuid4(), uuid.uuid4().hex
        deposit.created_at, deposit.next_poll_at = now, now + schedule.MINUTE
        try:
            run(partial(_insert, deposit), repeat_after_integrity_error=False)
        except (IntegrityError, NotAllowedNow):
            # Another process used the same key at the same moment. Its row may have reached a limit.
            if earlier := find_earlier(Deposit, key, request, is_taken=True):
                return earlier
            raise
        try:
            answer = call(deposit.order_id)
        except UnknownOutcome:
            raise  # the row stays due: the sweep asks SkinsBack about its order ID
        except OrderIdExists as error:
            change(Deposit, deposit.pk, Source.ANSWER, partial(_abandon, reason=str(error)))
            if last_try:
                raise
        except SkinsBackError as error:
            change(Deposit, deposit.pk, Source.ANSWER, partial(_abandon, reason=str(error)))
            raise
        else:
            row = change(Deposit, deposit.pk, Source.ANSWER, partial(_record_answer, answer=answer, store=store))
            return row or deposit
    raise AssertionError("unreachable")


def _insert(deposit: Deposit) -> None:
    if deposit.user_id is not None:
        guard.allow("deposits", deposit.user, games=[deposit.game])
    deposit.pk, deposit._state.adding = None, True
    deposit.save(using=database())


def _record_answer(edit: Edit[Deposit], answer: Answer, store: Callable[[Edit[Deposit], Answer], None]) -> None:
    """Store the answer of SkinsBack, and change the status to ``pending``.

    If a webhook was faster than the answer, the row already has a later status. This status is kept.
    """
    store(edit, answer)
    if edit.row.status in {DepositStatus.CREATED, DepositStatus.ABANDONED}:
        edit.move(DepositStatus.PENDING)
        delay = schedule.next_deposit_poll(DepositStatus.PENDING, edit.now - edit.row.created_at, poll_count=0)
        edit.set(next_poll_at=edit.now + delay if delay else None)


def _store_link(edit: Edit[Deposit], answer: Any) -> None:
    edit.set(pay_url=answer.pay_url)
    edit.accept_id("transaction_id", answer.transaction_id)


def _store_trade_offer(edit: Edit[Deposit], answer: Any) -> None:
    edit.set(
        trade_offer_id=answer.trade_offer_id,
        trade_offer_expires_at=answer.trade_offer_expires_at,
        bot_name=answer.bot_name[:ID_LENGTH],
        bot_steam_id=answer.bot_steam_id,
    )
    edit.accept_id("transaction_id", answer.transaction_id)


def _abandon(edit: Edit[Deposit], reason: str) -> None:
    if edit.row.status == DepositStatus.CREATED:
        edit.move(DepositStatus.ABANDONED, note=reason)
        edit.set(next_poll_at=None, idempotency_digest=None)  # the same key may try again
