"""A sandbox in this process: what tests, and the command that serves one, work with."""

import threading
from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .keys import CLIENT_ID, DEFAULT_HOST, SECRETS
from .options import Options
from .simulation import currencies as money
from .simulation import deposits, purchases
from .simulation.clock import Clock
from .simulation.faults import Faults
from .simulation.state import Deposit, Project, Purchase, State
from .simulation.store import World
from .web.app import App
from .web.pay_page import ACCOUNTS
from .web.server import Server
from .webhooks import notifications
from .webhooks.webhook_sender import Courier, Send
from .webhooks.websocket import address as websocket_address


class Sandbox:
    """A pretend SkinsBack.

    ``with Sandbox() as sandbox:`` serves it on a free port of 127.0.0.1, ``sandbox.url``. With ``manual=True`` its
    clock moves only by ``sandbox.clock.advance()`` and notifications go out only by ``sandbox.deliver_pending()``.
    ``send`` replaces HTTP for notifications: ``send(url, body, headers)`` returns the merchant's HTTP status.
    Without ``with``, ``sandbox.app`` is a WSGI application that needs no socket; its address is ``http://localhost``.
    """

    def __init__(
        self,
        *,
        host: str = DEFAULT_HOST,
        port: int = 0,
        manual: bool = False,
        start: float | None = None,
        options: Options | None = None,
        state_file: str | Path | None = None,
        result_url: str | None = None,
        events_url: str | None = None,
        send: Send | None = None,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        self.clock = Clock(start=start, frozen=manual)
        self.world = World(options or Options(), self.clock, state_file=Path(state_file) if state_file else None)
        self.world.public_url = "http://localhost"
        self.courier = Courier(self.world, send)
        self._manual = manual
        self._stopping = threading.Event()
        self.app = App(self.world, self.courier, self._stopping, allowed_hosts)
        self._server = Server(self.app, host, port)
        deposits.resume(self.world)
        purchases.resume(self.world)
        self.clock.on_advance = self._catch_up
        self.configure(result_url=result_url, events_url=events_url)

    def _catch_up(self) -> None:
        with self.world.work():
            self.world.touch()

    def start(self) -> Self:
        """Listen and serve in the background. OSError if the port cannot be had."""
        self._server.listen()
        self.world.public_url = self._server.url
        self._server.start()
        if not self._manual:
            self.courier.start()
        return self

    def stop(self) -> None:
        """Stop serving and delivering."""
        self._stopping.set()
        self.app.sockets.stop()
        self._server.stop()
        self.courier.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the control page, without a slash at the end."""
        return self.world.public_url

    @property
    def api_url(self) -> str:
        """What ``SKINSBACK["API_URL"]`` should be."""
        return f"{self.url}/api.php"

    @property
    def websocket_url(self) -> str:
        """What ``SKINSBACK["WEBSOCKET_URL"]`` should be."""
        return websocket_address(self.url)

    def listeners(self, client_id: str = CLIENT_ID) -> int:
        """How many listen to the project's events by websocket now."""
        return self.app.sockets.count(client_id)

    @staticmethod
    def credentials(client_id: str = CLIENT_ID) -> dict[str, str]:
        """The keys of one project, as ``SKINSBACK`` wants them."""
        return {"CLIENT_ID": client_id, "CLIENT_SECRET": SECRETS[client_id]}

    def configure(self, client_id: str = CLIENT_ID, **settings: str | Decimal | None) -> Project:
        """Change fields of ``state.Project``: result_url, events_url, multiplier, balance, …; None changes nothing."""
        with self.world.work() as state:
            if client_id not in state.projects:
                raise ValueError(f"Unknown project: use one of {', '.join(state.projects)}.")
            project = state.projects[client_id]
            for name, value in settings.items():
                if name not in project.__struct_fields__:
                    raise ValueError(f"Unknown setting {name!r}: use one of {', '.join(project.__struct_fields__)}.")
                if value is not None:
                    checked = money.multiplier(value) if name == "multiplier" else value
                    setattr(project, name, type(getattr(project, name))(checked))
                    self.world.touch()
        return project

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose."""
        return self.world.faults

    def lose_answer(self, method: str = "*", times: int | None = 1) -> None:
        """The work of the next calls is done, but their answers never arrive."""
        self.faults.add("lose_answer", method, times=times)

    def drop_request(self, method: str = "*", times: int | None = 1) -> None:
        """The next calls are cut off before anything is done."""
        self.faults.add("drop_request", method, times=times)

    def next_outcome(self, outcome: str, *, times: int = 1, partner: str | None = None, error_reason: str = "") -> None:
        """How the next purchases end, those for ``partner`` or for any partner; see ``purchases.OUTCOMES``.

        ``error_reason`` is one of ``purchases.ERROR_REASONS``; without it the usual one of the outcome is given.
        """
        purchases.plan(self.world, outcome, times=times, partner=partner, error_reason=error_reason)

    def end_purchase(
        self, custom_id: str, outcome: str, *, client_id: str = CLIENT_ID, error_reason: str = ""
    ) -> Purchase:
        """Bring a purchase to its end now, or roll an accepted one back."""
        with self.world.work():
            purchase = self.purchase(custom_id, client_id=client_id)
            purchases.end(self.world, purchase, outcome, error_reason=error_reason)
        return purchase

    def choose(
        self,
        order_id: str,
        asset_ids: Collection[str] | None = None,
        *,
        steam_id: str = "",
        client_id: str = CLIENT_ID,
    ) -> Deposit:
        """The user picks skins on the pay page: the dearest unprotected one that fits, if none are named."""
        with self.world.work():
            deposit = self.deposit(order_id, client_id=client_id)
            payer = steam_id or deposit.steam_id or next(iter(ACCOUNTS))
            if asset_ids is None:
                asset_ids = [deposits.fitting(self.world, deposit, payer).asset_id]
            deposits.offer(self.world, deposit, payer, asset_ids)
        return deposit

    def pay(
        self,
        order_id: str,
        asset_ids: Collection[str] | None = None,
        *,
        held: bool | None = None,
        steam_id: str = "",
        client_id: str = CLIENT_ID,
    ) -> Deposit:
        """The user picks skins and accepts the trade. ``held`` says whether Trade Protection holds the deposit.

        Without ``held`` the skins decide; the one chosen when none are named is never protected.
        """
        with self.world.work():
            deposit = self.deposit(order_id, client_id=client_id)
            if not deposit.trade_offer_id:
                self.choose(order_id, asset_ids, steam_id=steam_id, client_id=client_id)
            deposits.accept(self.world, deposit, held=held)
        return deposit

    def decline(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """The user declines the trade offer."""
        return self._turn(deposits.decline, order_id, client_id)

    def give_back(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """The user takes a held trade back."""
        return self._turn(deposits.give_back, order_id, client_id)

    def _turn(self, step: deposits.Step, order_id: str, client_id: str) -> Deposit:
        with self.world.work():
            deposit = self.deposit(order_id, client_id=client_id)
            step(self.world, deposit)
        return deposit

    def notify(self, order_id: str, *, status: str = "", client_id: str = CLIENT_ID, **overrides: Any) -> None:
        """Queue a rightly signed notification that need not be true: any status, any fields changed or added."""
        with self.world.work():
            deposit = self.deposit(order_id, client_id=client_id)
            notifications.deposit_changed(self.world, deposit, status=status, **overrides)

    def deliver_pending(self) -> int:
        """Send every notification that is due, in this thread and in order. Answers how many were sent."""
        return self.courier.deliver_due()

    @property
    def state(self) -> State:
        """The truth. To be read; change it through the methods."""
        return self.world.state

    def deposit(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """The deposit with that id of ours; KeyError if there is none."""
        return self.state.deposits[self.world.deposit_ids[client_id, order_id]]

    def purchase(self, custom_id: str, *, client_id: str = CLIENT_ID) -> Purchase:
        """The purchase with that id of ours; KeyError if there is none."""
        return self.state.purchases[self.world.custom_ids[client_id, custom_id]]

    def sold(self, custom_id: str, *, client_id: str = CLIENT_ID) -> int:
        """How many skins were ever bought under that id."""
        return len(self._purchases(client_id, custom_id))

    def spent(self, custom_id: str | None = None, *, client_id: str = CLIENT_ID) -> Decimal:
        """USD debited and not refunded, for one purchase or for all."""
        return money.total(row.debited for row in self._purchases(client_id, custom_id) if not row.refunded)

    def balance(self, client_id: str = CLIENT_ID) -> Decimal:
        """The project's balance in USD."""
        return self.state.projects[client_id].balance

    def _purchases(self, client_id: str, custom_id: str | None) -> list[Purchase]:
        with self.world.work() as state:
            rows = [row for row in state.purchases.values() if row.client_id == client_id]
        return [row for row in rows if custom_id is None or row.custom_id == custom_id]
