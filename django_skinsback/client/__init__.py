"""The client: one method for each method of SkinsBack's API, over ``requests``.

>>> client = SkinsBackClient("client id", "client secret")
>>> client.create_deposit("order-1", currency="usd").pay_url  # doctest: +SKIP
'https://skinsback.com/_/pay/9421749033d9d3f725c67572575975de/'

Every method may raise, besides what it names itself: InvalidInput before anything is sent, RequestNotSent if
nothing reached SkinsBack, UnknownOutcome if something did and no readable answer came, and APIError (or one of
its kinds) if SkinsBack said no. Amounts are Decimal; market prices are in USD.

A request of which no byte was sent is tried again, a few times. A method that changes nothing is tried once more
when its answer cannot be read. ``create``, ``create_from_user_inventory``, ``market_buy``, ``market_batch_buy``
and ``offer_approve`` are never sent twice: the caller settles them by asking.
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
from ..wire import requests as api
from ..wire.answers import read_answer
from ..wire.arguments import (
    BatchItem,
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
    readable,
)
from .calls import noted
from .transport import Transport, chunks

API_URL = "https://skinsback.com/api.php"
ANSWER_LIMIT_BYTES = 8 << 20
PRICE_LIST_LIMIT_BYTES = 512 << 20
ATTEMPTS = 3

_FIRST_PAUSE_SECONDS = 0.25

T = TypeVar("T")


class SkinsBackClient:
    """A project at SkinsBack.

    ``authentication`` is ``"headers"`` or ``"signature"``; ``timeout`` is seconds to connect and seconds to wait
    for data. ``proxy_url`` is an HTTP proxy for calls to other machines; none is taken from the environment.
    ``limiter``, if given, is called with the name of the method for each attempt and gives a context manager: entering
    it may wait, or raise so that nothing is sent; leaving it sees what the attempt raised. The connections are kept
    open between calls, so use one client for each thread and ``close()`` it in the end.
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
        """Open a deposit; send the user to ``pay_url`` (``/docs/api/v1/createorder``). Raises OrderIdExists."""
        if "trade_token" in options:
            options["trade_token"] = hide(options["trade_token"])
        return self._ask(api.create_deposit(order_id, **options), DepositLink.from_wire)

    def create_deposit_from_inventory(
        self, order_id: str, **options: Unpack[InventoryDepositOptions]
    ) -> InventoryDeposit:
        """Open a deposit of chosen items and send the user a trade offer.

        The items come from ``get_inventory()``. Raises OrderIdExists, DepositTooSmall.
        Page: ``/docs/api/v1/create_from_user_inventory``.
        """
        if "trade_token" in options:
            options["trade_token"] = hide(options["trade_token"])
        return self._ask(api.create_deposit_from_inventory(order_id, **options), InventoryDeposit.from_wire)

    def get_deposit(self, *, order_id: str = "", transaction_id: str = "") -> DepositReport:
        """The state of one deposit (``/docs/api/v1/orderstatus``). Raises TransactionNotFound."""
        return self._ask(api.get_deposit(order_id, transaction_id), DepositReport.from_wire)

    def list_deposits(self, starting: Time, ending: Time, start_from: str | int | None = None) -> Page[DepositReport]:
        """Deposits of a time range, at most 1000 on a page (``/docs/api/v1/orders``)."""
        return self._ask(api.list_deposits(starting, ending, start_from), Page.reader(DepositReport.from_wire))

    def approve_hold(self, *, order_id: str = "", transaction_id: str = "") -> None:
        """Take a held deposit at one's own risk; cannot be undone (``/docs/api/v1/offer_approve``).

        Raises AlreadyDecided, TransactionNotFound.
        """
        self._ask(api.approve_hold(order_id, transaction_id), dict)

    def list_failed_notifications(self, start_from: str | int | None = None) -> Page[FailedNotification]:
        """Notifications the site did not take (``/docs/api/v1/callback_errors``)."""
        return self._ask(api.list_failed_notifications(start_from), Page.reader(FailedNotification.from_wire))

    def get_inventory(
        self, game: str, steam_id: str, trade_token: str, **options: Unpack[InventoryOptions]
    ) -> Inventory:
        """What a user owns and could pay with (``/docs/api/v1/user_inventory``)."""
        trade_token = hide(trade_token)
        return self._ask(api.get_inventory(game, steam_id, trade_token, **options), Inventory.from_wire)

    # Market

    def get_price_list(self, game: str, *, full: bool = False) -> PriceList:
        """The whole price list (``/docs/api/v1/market_pricelist``). Raises MarketDisabled.

        Grouped by name with counts, or, if ``full``, every single skin with its id: then prefer
        ``iter_price_list``. Rows without a readable name or price are left out.
        """
        request = api.get_price_list(game, full)

        def attempt() -> PriceList:
            with closing(self._transport.post(request)) as response:
                return PriceListReader(chunks(response, self._price_list_limit)).read()

        return self._repeating(request, attempt)

    def iter_price_list(self, game: str, *, full: bool = False) -> Iterator[PriceListItem]:
        """The rows of the price list while they arrive, in little memory. Raises what ``get_price_list`` does.

        UnknownOutcome may come after some rows: then the list is not whole, and a row's absence means nothing.
        """
        request = api.get_price_list(game, full)

        def attempt() -> tuple[ExitStack, Iterator[PriceListItem]]:
            with ExitStack() as stack:
                response = stack.enter_context(closing(self._transport.post(request)))
                rows = iter(PriceListReader(chunks(response, self._price_list_limit)))
                first = list(islice(rows, 1))  # or the error that was sent instead, which the limiter must hear of
                return stack.pop_all(), chain(first, rows)

        stack, rows = self._repeating(request, attempt)
        with stack:
            yield from rows

    def search_skins(self, game: str, name: str = "", *, names: Sequence[str] = ()) -> list[Skin]:
        """Skins for sale by one name, or part of it, or by several names (``/docs/api/v1/market_search``)."""
        return self._ask(api.search_skins(game, name, names), readable(Skin.from_wire))

    def buy_skin(self, trade_url: TradeURL, custom_id: str, **skin: Unpack[SkinToBuy]) -> PurchaseReport:
        """Buy one skin, by ``skin_id``, or the cheapest of a ``market_hash_name`` and ``game``.

        ``max_price`` must be given.

        Raises CustomIdExists, InsufficientFunds, SkinUnavailable, PriceAboveCap, TradeURLRefused,
        TooManyFailedAttempts, MarketDisabled. Page: ``/docs/api/v1/market_buy``.
        """
        request = api.buy_skin(trade_url, custom_id, **skin)
        return self._ask(request, lambda fields: PurchaseReport.bought(fields, custom_id))

    def buy_skins(self, trade_url: TradeURL, items: Sequence[BatchItem]) -> BatchResult:
        """Buy up to 50 different skins at once; each may succeed or fail (``/docs/api/v1/market_batch_buy``).

        Raises TradeURLRefused, TooManyFailedAttempts, MarketDisabled for all of them.
        """
        request = api.buy_skins(trade_url, items)
        custom_ids = {str(item["skin_id"]): item["custom_id"] for item in items}
        return self._ask(request, lambda fields: BatchResult.from_wire(fields, custom_ids))

    def get_purchase(self, *, buy_id: str = "", custom_id: str = "") -> PurchaseReport:
        """The state of one purchase (``/docs/api/v1/market_getinfo``). Raises PurchaseNotFound, ContradictoryAnswer."""
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
        """The states of several purchases (``/docs/api/v1/market_getinfo``).

        One that is not in the answer is unknown, not failed. SkinsBack may also raise PurchaseNotFound for all
        of them because of one.
        """
        request = api.get_purchases(buy_ids, custom_ids)
        asked = {str(each) for each in buy_ids or custom_ids}
        reports = self._ask(request, PurchaseReport.list_from_wire)
        return [report for report in reports if (report.buy_id if buy_ids else report.custom_id) in asked]

    def list_purchases(self, starting: Time, ending: Time, start_from: str | int | None = None) -> Page[PurchaseReport]:
        """Purchases of a time range, at most 1000 on a page (``/docs/api/v1/market_history``)."""
        return self._ask(api.list_purchases(starting, ending, start_from), Page.reader(PurchaseReport.from_wire))

    # The project

    def get_balance(self) -> Balance:
        """The project's balance (method ``balance``)."""
        return self._ask(api.build("balance", {}), Balance.from_wire)

    def list_currencies(self) -> list[CurrencyRate]:
        """Currencies and their rates (method ``currencies``)."""
        return self._ask(api.build("currencies", {}), readable(CurrencyRate.from_wire))

    def get_status(self) -> ServiceStatus:
        """Whether SkinsBack takes deposits now (method ``status``)."""
        return self._ask(api.build("status", {}), ServiceStatus.from_wire)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Any method by its own name; gives the answer as it is, fractions as text."""
        params |= {name: hide(params[name]) for name in {"token", "trade_token"} & set(params)}
        return self._ask(api.build(method, params), dict)

    # Transport

    def _ask(self, request: Request, read: Callable[[Mapping[str, Any]], T]) -> T:
        return self._repeating(request, lambda: self._answer(request, read))

    def _repeating(self, request: Request, attempt: Callable[[], T]) -> T:
        unsent = unread = 0
        while True:
            try:
                with self._limiter(request.method), noted(request.method):
                    return attempt()
            except RequestNotSent:
                unsent += 1
                if unsent == ATTEMPTS:
                    raise
            except UnknownOutcome:
                unread += 1
                if unread > 1 or request.method not in api.READS:
                    raise
            self._sleep(_FIRST_PAUSE_SECONDS * 2 ** (unsent + unread) * (0.5 + self._random() / 2))

    def _answer(self, request: Request, read: Callable[[Mapping[str, Any]], T]) -> T:
        with closing(self._transport.post(request)) as response:
            body = b"".join(chunks(response, self._answer_limit))
            return read_answer(request.method, response.status_code, body, read)
