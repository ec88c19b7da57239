"""Opening a deposit: the row first, then the call, then the link to pay."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import conf, schedule
from ..connection import get_client
from ..exceptions import InvalidInput, OrderIdExists, SkinsBackError, UnknownOutcome
from ..models import Deposit
from ..money import parse_amount, parse_currency
from ..statuses import DepositStatus
from ..steam import TradeURL, check_game, check_steam_id
from .addresses import page_url, webhook_url
from .database import database, refuse_inside_transaction, run
from .records import Edit, Source, claim

Answer = TypeVar("Answer")

_MULTIPLIER_RANGE = Decimal("0.5"), Decimal(2)
_SMALLEST_RATE = Decimal("0.1")


def create_deposit(
    user: Any = None,
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
) -> Deposit:
    """Open a deposit and return its row; send the user to its ``pay_url`` (``/docs/api/v1/createorder``).

    How much he pays is known only when SkinsBack has his skins. ``min_amount`` and ``max_amount`` are in
    ``currency`` and need it. ``success_url`` and ``fail_url`` are paths of this site, or addresses on it.
    ``widget`` makes the pay page fit into an iframe.

    Raises InvalidInput before anything is written; RequestNotSent and APIError when no deposit was opened, and
    then the row is abandoned; UnknownOutcome when no readable answer came, and then the sweep asks what became of it.
    Not to be called inside a database transaction.
    """
    refuse_inside_transaction("create_deposit()")
    payer = TradeURL.parse(trade_url) if trade_url else None
    limits = _limits(currency, min_amount, max_amount)
    appearance = _appearance(custom_multiplier, custom_currency, custom_currency_rate)
    deposit = Deposit(
        account=account,
        user=user,
        steam_id=check_steam_id(steam_id) if steam_id else (payer.steam_id if payer else ""),
        game=check_game(game or conf.default_game()),
        metadata=metadata or {},
        **limits,
    )
    params = {
        "steam_id": deposit.steam_id,
        "trade_token": payer.token if payer else "",
        "result_url": webhook_url("result", account, request),
        "success_url": page_url(success_url, request),
        "fail_url": page_url(fail_url, request),
        "widget": widget,
        "game": deposit.game,
        **limits,
        **appearance,
    }
    given = {name: value for name, value in params.items() if value not in {None, "", False}}
    client = get_client(account)
    return _open(deposit, lambda order_id: client.create_deposit(order_id, **given), _take_link)


def create_from_inventory(
    user: Any = None,
    *,
    trade_url: str,
    item_asset_ids: Sequence[str],
    request: HttpRequest | None = None,
    account: str = conf.DEFAULT_ACCOUNT,
    game: str | None = None,
    currency: str = "",
    metadata: dict[str, Any] | None = None,
) -> Deposit:
    """Open a deposit of chosen items without SkinsBack's pages (``/docs/api/v1/create_from_user_inventory``).

    ``item_asset_ids`` come from ``client.get_inventory()``. SkinsBack sends the user a trade offer at once: show
    him ``trade_offer_id``, ``trade_offer_expires_at`` and the bot, which is in ``metadata["trade_offer"]``.
    Raises as ``create_deposit`` does.
    """
    refuse_inside_transaction("create_from_inventory()")
    payer = TradeURL.parse(trade_url)
    if not item_asset_ids:
        raise InvalidInput(_("Choose at least one item."))
    deposit = Deposit(
        account=account,
        user=user,
        steam_id=payer.steam_id,
        game=check_game(game or conf.default_game()),
        currency=parse_currency(currency) if currency else "",
        metadata=metadata or {},
    )
    given = {"result_url": webhook_url("result", account, request), "currency": deposit.currency}
    client = get_client(account)
    return _open(
        deposit,
        lambda order_id: client.create_deposit_from_inventory(
            order_id,
            game=deposit.game,
            steam_id=deposit.steam_id,
            trade_token=payer.token,
            item_asset_ids=item_asset_ids,
            **{name: value for name, value in given.items() if value},
        ),
        _take_trade_offer,
    )


def _open(deposit: Deposit, call: Callable[[str], Answer], take: Callable[[Edit[Deposit], Answer], None]) -> Deposit:
    """Commit the intent, call, take the answer. An order id that is taken is given up for a new one, once."""
    for last_try in (False, True):
        now = timezone.now()
        deposit.pk, deposit._state.adding = None, True
        deposit.public_id, deposit.order_id = uuid.uuid4(), uuid.uuid4().hex
        deposit.created_at, deposit.next_check_at = now, now + schedule.MINUTE
        deposit.save(using=database())
        try:
            answer = call(deposit.order_id)
        except UnknownOutcome:
            raise  # the row stays due: the sweep asks for its order id
        except OrderIdExists as error:
            _edit(deposit, partial(_abandon, reason=str(error)))
            if last_try:
                raise
        except SkinsBackError as error:
            _edit(deposit, partial(_abandon, reason=str(error)))
            raise
        else:
            return _edit(deposit, partial(_take_answer, answer=answer, take=take))
    raise AssertionError("unreachable")


def _edit(deposit: Deposit, change: Callable[[Edit[Deposit]], None]) -> Deposit:
    def block() -> Deposit:
        now = timezone.now()
        row = claim(Deposit, now, pk=deposit.pk)
        if row is None:
            raise Deposit.DoesNotExist
        edit = Edit(row, now, Source.ANSWER)
        change(edit)
        edit.save()
        return row

    return run(block)


def _take_answer(edit: Edit[Deposit], answer: Answer, take: Callable[[Edit[Deposit], Answer], None]) -> None:
    """Keep what was answered. A webhook may have been faster: then the row has moved on and stays where it is."""
    take(edit, answer)
    if edit.row.status in {DepositStatus.CREATED, DepositStatus.ABANDONED}:
        edit.move(DepositStatus.PENDING)
        edit.set(next_check_at=_first_check(edit.now))


def _take_link(edit: Edit[Deposit], answer: Any) -> None:
    edit.set(pay_url=answer.pay_url)
    _take_transaction_id(edit, answer.transaction_id)


def _take_trade_offer(edit: Edit[Deposit], answer: Any) -> None:
    offer = {"bot_name": answer.bot_name, "bot_steam_id": answer.bot_steam_id}
    edit.set(
        trade_offer_id=answer.trade_offer_id,
        trade_offer_expires_at=answer.trade_offer_expires_at,
        metadata={**edit.row.metadata, "trade_offer": offer},
    )
    _take_transaction_id(edit, answer.transaction_id)


def _take_transaction_id(edit: Edit[Deposit], transaction_id: str) -> None:
    if edit.row.transaction_id is None:
        edit.set(transaction_id=transaction_id)
    elif edit.row.transaction_id != transaction_id:
        edit.flag(_("SkinsBack gave this order ID two transaction IDs."))


def _abandon(edit: Edit[Deposit], reason: str) -> None:
    if edit.row.status == DepositStatus.CREATED:
        edit.move(DepositStatus.ABANDONED, note=reason)
        edit.set(next_check_at=None)


def _first_check(now: datetime) -> datetime | None:
    delay = schedule.next_check(DepositStatus.PENDING, schedule.SECOND, 0)
    return delay and now + delay


def _limits(currency: str, min_amount: Any, max_amount: Any) -> dict[str, Any]:
    limits: dict[str, Any] = {"currency": parse_currency(currency) if currency else ""}
    for name, value in (("min_amount", min_amount), ("max_amount", max_amount)):
        limits[name] = None if value is None else parse_amount(value)
    smallest, largest = limits["min_amount"], limits["max_amount"]
    if (smallest is not None or largest is not None) and not currency:
        raise InvalidInput(_("min_amount and max_amount need a currency."))
    if smallest is not None and largest is not None and largest <= smallest:
        raise InvalidInput(_("max_amount must be above min_amount."))
    return limits


def _appearance(multiplier: Any, currency: str, rate: Any) -> dict[str, Any]:
    """Parameters that change what the user is shown; sent, not kept."""
    appearance: dict[str, Any] = {}
    if multiplier is not None:
        appearance["custom_multiplier"] = parse_amount(multiplier)
        if not _MULTIPLIER_RANGE[0] <= appearance["custom_multiplier"] <= _MULTIPLIER_RANGE[1]:
            raise InvalidInput(_("custom_multiplier must be between 0.5 and 2."))
    if bool(currency) != (rate is not None):
        raise InvalidInput(_("custom_currency and custom_currency_rate go together."))
    if currency:
        if conf.get("CREDIT") == "user_amount":
            raise InvalidInput(
                _("custom_currency makes user_amount an amount of that currency: set CREDIT to 'amount' first.")
            )
        appearance |= {"custom_currency": currency, "custom_currency_rate": parse_amount(rate)}
        if len(currency) > 4 or appearance["custom_currency_rate"] < _SMALLEST_RATE:
            raise InvalidInput(_("custom_currency has at most 4 characters, custom_currency_rate is 0.1 or more."))
    return appearance
