"""The client of SkinsBack's API: ``SkinsBackClient`` has one method for each API method.

>>> client = SkinsBackClient("client id", "client secret")
>>> client.create_deposit("order-1", currency="usd").pay_url  # doctest: +SKIP
'https://skinsback.com/_/pay/9421749033d9d3f725c67572575975de/'

Every method may raise these errors:

* InvalidInput: an argument is wrong. Nothing was sent.
* RequestNotSent: no byte of the request could be sent. The client has tried three times.
* UnknownOutcome: the request may have been sent, and the answer cannot be read. The client sends the request once more
  if the method only reads. It does not repeat ``create``, ``create_from_user_inventory``, ``market_buy``,
  ``market_batch_buy`` and ``offer_approve``: the caller asks SkinsBack for the outcome.
* APIError or a subclass: SkinsBack answered with an error.

Amounts are Decimal. Market prices are in USD.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from itertools import chain, islice
from typing import Any, Self, TypeVar, Unpack

import requests

from ..exceptions import ContradictoryAnswer, PurchaseNotFound, RequestNotSent, UnknownOutcome
from ..sensitive import hide
from ..steam import TradeURL
from ..wire import API_URL
from ..wire import requests as api
from ..wire.answers import read_answer
from ..wire.arguments import (
    BuySkinOptions,
    DepositOptions,
    InventoryDepositOptions,
    InventoryOptions,
    SkinToBuy,
    Time,
)
from ..wire.pricelist import PriceListReader
from ..wire.requests import Request
from ..wire.types import (
    Balance,
    BatchResult,
    CurrencyRate,
    DepositLink,
    DepositReport,
    FailedNotification,
    Inventory,
    InventoryDeposit,
    Page,
    PriceList,
    PriceListItem,
    PurchaseReport,
    ServiceStatus,
    Skin,
    list_reader,
)
from .calls import log_call
from .transport import Transport, chunks

ANSWER_LIMIT_BYTES = 8 << 20
PRICE_LIST_LIMIT_BYTES = 512 << 20
ATTEMPTS = 3

_FIRST_PAUSE_SECONDS = 0.25

T = TypeVar("T")


class SkinsBackClient:
    """The client of one project at SkinsBack. Raises ConfigurationError for arguments that cannot be used.

    ``authentication`` is ``"headers"`` or ``"signature"``. ``timeout`` is a pair of seconds: the time to connect and
    the time to wait for data. ``proxy_url`` is an HTTP proxy for calls to other machines. The environment's proxies are
    not used. ``answer_limit`` and ``price_list_limit`` are in bytes after decompression.

    ``limiter`` is called with the name of the method before each attempt and returns a context manager. Its
    ``__enter__`` may wait. If ``__enter__`` raises an exception, nothing is sent. ``__exit__`` gets the exception of
    the attempt.

    Connections stay open between calls. Use one client for each thread, and call ``close()`` at the end.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        api_url: str = API_URL,
        authentication: str = "headers",
        timeout: tuple[float, float] = (3.05, 20),
        proxy_url: str | None = None,
        session: requests.Session | None = None,
        limiter: Callable[[str], AbstractContextManager[object]] | None = None,
        answer_limit: int = ANSWER_LIMIT_BYTES,
        price_list_limit: int = PRICE_LIST_LIMIT_BYTES,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        client_secret, proxy_url = hide(client_secret), hide(proxy_url)
        self._transport = Transport(
            client_id,
            client_secret,
            api_url=api_url,
            authentication=authentication,
            timeout=timeout,
            session=session,
            proxy_url=proxy_url,
        )
        self._limiter = limiter or nullcontext
        self._answer_limit = answer_limit
        self._price_list_limit = price_list_limit
        self._sleep = sleep
        self._random = random

    def __repr__(self) -> str:
        return f"<SkinsBackClient of {self._transport.client_id} at {self._transport.api_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # Deposits

    def create_deposit(self, order_id: str, **options: Unpack[DepositOptions]) -> DepositLink:
        """Create a deposit and return its link (``/docs/api/v1/createorder``). The user pays at the link's ``pay_url``.

        Raises OrderIdExists.
        """
        if "trade_token" in options:
            options["trade_token"] = hide(options["trade_token"])
        return self._ask(api.create_deposit(order_id, **options), DepositLink.from_wire)

    def create_deposit_from_inventory(
        self, order_id: str, **options: Unpack[InventoryDepositOptions]
    ) -> InventoryDeposit:
        """Create a deposit of items from ``get_inventory()`` and return the trade offer that SkinsBack sends the user.

        Raises OrderIdExists, DepositTooSmall. Page: ``/docs/api/v1/create_from_user_inventory``.
        """
        if "trade_token" in options:
            options["trade_token"] = hide(options["trade_token"])
        return self._ask(api.create_deposit_from_inventory(order_id, **options), InventoryDeposit.from_wire)

    def get_deposit(self, *, order_id: str = "", transaction_id: str = "") -> DepositReport:
        """Return the report of one deposit (``/docs/api/v1/orderstatus``). Give exactly one ID.

        Raises TransactionNotFound.
        """
        return self._ask(api.get_deposit(order_id, transaction_id), DepositReport.from_wire)

    def list_deposits(self, starting: Time, ending: Time, start_from: str | int | None = None) -> Page[DepositReport]:
        """Return one page of the deposits of a time range (``/docs/api/v1/orders``). A page has at most 1000 deposits.

        ``starting`` and ``ending`` are aware datetimes or UNIX seconds.
        """
        return self._ask(api.list_deposits(starting, ending, start_from), Page.reader(DepositReport.from_wire))

    def approve_hold(self, *, order_id: str = "", transaction_id: str = "") -> None:
        """Approve a held deposit at the site's own risk (``/docs/api/v1/offer_approve``).

        An approval cannot be undone. Give exactly one ID. Raises AlreadyDecided, TransactionNotFound.
        """
        self._ask(api.approve_hold(order_id, transaction_id), dict)

    def list_failed_notifications(self, start_from: str | int | None = None) -> Page[FailedNotification]:
        """Return one page of notifications that the site did not answer with 200 (``/docs/api/v1/callback_errors``)."""
        return self._ask(api.list_failed_notifications(start_from), Page.reader(FailedNotification.from_wire))

    def get_inventory(
        self, game: str, steam_id: str, trade_token: str, **options: Unpack[InventoryOptions]
    ) -> Inventory:
        """Return the skins that a user owns and can pay with (``/docs/api/v1/user_inventory``)."""
        trade_token = hide(trade_token)
        return self._ask(api.get_inventory(game, steam_id, trade_token, **options), Inventory.from_wire)

    # Market

    def get_price_list(self, game: str, *, full: bool = False) -> PriceList:
        """Return the whole price list (``/docs/api/v1/market_pricelist``). Raises MarketDisabled.

        With ``full=False``, each row is a name with the count of its skins. With ``full=True``, each row is one skin
        with its ID. For a full list use ``iter_price_list``, which needs less memory. Rows without a readable name or
        price are left out.
        """
        request = api.get_price_list(game, full)

        def attempt() -> PriceList:
            with closing(self._transport.post(request)) as response:
                return PriceListReader(chunks(response, self._price_list_limit)).read()

        return self._repeating(request, attempt)

    def iter_price_list(self, game: str, *, full: bool = False) -> Iterator[PriceListItem]:
        """Yield the rows of the price list while they arrive. Raises the same errors as ``get_price_list``.

        UnknownOutcome may be raised after some rows have been yielded. Then the list is incomplete: a skin that was not
        yielded may still be for sale.
        """
        request = api.get_price_list(game, full)

        def attempt() -> tuple[ExitStack, Iterator[PriceListItem]]:
            with ExitStack() as stack:
                response = stack.enter_context(closing(self._transport.post(request)))
                rows = iter(PriceListReader(chunks(response, self._price_list_limit)))
                first = list(islice(rows, 1))  # raises an error that SkinsBack sent, inside the limiter's context
                return stack.pop_all(), chain(first, rows)

        stack, rows = self._repeating(request, attempt)
        with stack:
            yield from rows

    def search_skins(self, game: str, name: str = "", *, names: Sequence[str] = ()) -> list[Skin]:
        """Return the skins for sale with a name, a part of a name, or several names (method ``market_search``)."""
        return self._ask(api.search_skins(game, name, names), list_reader(Skin.from_wire))

    def buy_skin(self, trade_url: TradeURL, custom_id: str, **skin: Unpack[BuySkinOptions]) -> PurchaseReport:
        """Buy one skin and return the report of the purchase (``/docs/api/v1/market_buy``).

        ``skin_id`` buys that skin. ``market_hash_name`` and ``game`` buy the cheapest skin with that name.
        ``max_price`` is in USD and required.

        Raises CustomIdExists, InsufficientFunds, SkinUnavailable, PriceAboveCap, TradeURLRefused,
        TooManyFailedAttempts, MarketDisabled.
        """
        request = api.buy_skin(trade_url, custom_id, **skin)
        return self._ask(request, lambda fields: PurchaseReport.bought(fields, custom_id))

    def buy_skins(self, trade_url: TradeURL, items: Sequence[SkinToBuy]) -> BatchResult:
        """Buy up to 50 different skins in one call and return the result for each (``/docs/api/v1/market_batch_buy``).

        Raises TradeURLRefused, TooManyFailedAttempts, MarketDisabled. Each of these errors is for the whole batch.
        """
        request = api.buy_skins(trade_url, items)
        custom_ids = {str(item["skin_id"]): item["custom_id"] for item in items}
        return self._ask(request, lambda fields: BatchResult.from_wire(fields, custom_ids))

    def get_purchase(self, *, buy_id: str = "", custom_id: str = "") -> PurchaseReport:
        """Return the report of one purchase (``/docs/api/v1/market_getinfo``). Give exactly one ID.

        Raises PurchaseNotFound. Raises ContradictoryAnswer if the answer contains two different reports of the
        purchase.
        """
        if buy_id and not custom_id:
            found = self._ask(api.get_purchase(buy_id), PurchaseReport.list_from_wire)
            found = [report for report in found if report.buy_id == str(buy_id)]
        else:
            found = self.get_purchases(buy_ids=[buy_id] if buy_id else [], custom_ids=[custom_id])
        if not found:
            raise PurchaseNotFound("market_getinfo", 2, "offer_not_found")
        if any(report != found[0] for report in found):
            raise ContradictoryAnswer
        return found[0]

    def get_purchases(self, *, buy_ids: Sequence[str] = (), custom_ids: Sequence[str] = ()) -> list[PurchaseReport]:
        """Return the reports of several purchases (``/docs/api/v1/market_getinfo``).

        A purchase that is not in the answer has an unknown status. Do not treat this purchase as failed. Raises
        PurchaseNotFound if SkinsBack answers with this error. One unknown ID may cause it for the whole call.
        """
        request = api.get_purchases(buy_ids, custom_ids)
        requested = {str(each) for each in buy_ids or custom_ids}
        reports = self._ask(request, PurchaseReport.list_from_wire)
        return [report for report in reports if (report.buy_id if buy_ids else report.custom_id) in requested]

    def list_purchases(self, starting: Time, ending: Time, start_from: str | int | None = None) -> Page[PurchaseReport]:
        """Return one page of the purchases of a time range (``/docs/api/v1/market_history``).

        A page has at most 1000 purchases. ``starting`` and ``ending`` are aware datetimes or UNIX seconds.
        """
        return self._ask(api.list_purchases(starting, ending, start_from), Page.reader(PurchaseReport.from_wire))

    # The project

    def get_balance(self) -> Balance:
        """Return the project's balance (method ``balance``)."""
        return self._ask(api.build("balance", {}), Balance.from_wire)

    def list_currencies(self) -> list[CurrencyRate]:
        """Return the currencies and their rates (method ``currencies``)."""
        return self._ask(api.build("currencies", {}), list_reader(CurrencyRate.from_wire))

    def get_status(self) -> ServiceStatus:
        """Return whether SkinsBack accepts deposits now (method ``status``)."""
        return self._ask(api.build("status", {}), ServiceStatus.from_wire)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call any API method by its name and return the answer as a dict.

        In the dict, a number with a fraction is text.
        """
        params |= {name: hide(params[name]) for name in {"token", "trade_token"} & set(params)}
        return self._ask(api.build(method, params), dict)

    # Transport

    def _ask(self, request: Request, read: Callable[[Mapping[str, Any]], T]) -> T:
        return self._repeating(request, lambda: self._answer(request, read))

    def _repeating(self, request: Request, attempt: Callable[[], T]) -> T:
        unsent = unreadable = 0
        while True:
            try:
                with self._limiter(request.method), log_call(request.method):
                    return attempt()
            except RequestNotSent:
                unsent += 1
                if unsent == ATTEMPTS:
                    raise
            except UnknownOutcome:
                unreadable += 1
                if unreadable > 1 or request.method not in api.READS:
                    raise
            self._sleep(_FIRST_PAUSE_SECONDS * 2 ** (unsent + unreadable) * (0.5 + self._random() / 2))

    def _answer(self, request: Request, read: Callable[[Mapping[str, Any]], T]) -> T:
        with closing(self._transport.post(request)) as response:
            body = b"".join(chunks(response, self._answer_limit))
            return read_answer(request.method, response.status_code, body, read)
