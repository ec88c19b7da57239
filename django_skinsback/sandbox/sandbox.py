"""A sandbox in this process, for tests and for the command that serves one."""

import threading
from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .api.endpoint import METHODS
from .keys import CLIENT_ID, DEFAULT_HOST, SECRETS
from .options import Options
from .simulation import deposits, purchases
from .simulation.clock import Clock
from .simulation.currencies import parse_multiplier, total
from .simulation.faults import Faults
from .simulation.state import Asset, Deposit, Project, Purchase, State
from .simulation.store import Store
from .web.app import App
from .web.server import Server
from .webhooks.notifications import Notifications
from .webhooks.webhook_sender import Send, WebhookSender
from .webhooks.websocket import WebsocketServer, websocket_url


class Sandbox:
    """A simulated SkinsBack.

    ``with Sandbox() as sandbox:`` serves it on a free port of 127.0.0.1 at ``sandbox.url``. With ``manual=True`` only
    ``sandbox.clock.advance()`` moves its clock, and only ``sandbox.deliver_pending()`` sends notifications. ``send``
    replaces HTTP for notifications: ``send(url, body, headers)`` returns the merchant's HTTP status. Without ``with``,
    ``sandbox.app`` is a WSGI application without a port; its address is ``http://localhost``.
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
        self.store = Store(
            options or Options(),
            self.clock,
            faults=Faults(METHODS),
            state_file=Path(state_file) if state_file else None,
        )
        self.store.public_url = "http://localhost"
        self.websocket = WebsocketServer(self.store)
        self.notifications = Notifications(self.store, self.websocket.broadcast)
        self.store.observer = self.notifications
        self.webhook_sender = WebhookSender(self.store, send)
        self._manual = manual
        self._stopping = threading.Event()
        self.app = App(
            self.store,
            self.notifications,
            self.websocket,
            self.webhook_sender,
            stopping=self._stopping,
            allowed_hosts=allowed_hosts,
        )
        self._server = Server(self.app, host, port)
        deposits.reschedule(self.store)
        purchases.reschedule(self.store)
        self.clock.on_advance = self._run_due
        self.configure(result_url=result_url, events_url=events_url)

    def _run_due(self) -> None:
        with self.store.locked():  # runs what is due
            self.store.mark_changed()

    def start(self) -> Self:
        """Open the port and serve in the background. Raises OSError if the port cannot be opened."""
        self._server.listen()
        self.store.public_url = self._server.url
        self._server.start()
        if not self._manual:
            self.webhook_sender.start()
        return self

    def stop(self) -> None:
        """Stop serving and sending."""
        self._stopping.set()
        self.websocket.stop()
        self._server.stop()
        self.webhook_sender.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the control page, without a slash at the end."""
        return self.store.public_url

    @property
    def api_url(self) -> str:
        """What ``SKINSBACK["API_URL"]`` should be."""
        return f"{self.url}/api.php"

    @property
    def websocket_url(self) -> str:
        """What ``SKINSBACK["WEBSOCKET_URL"]`` should be."""
        return websocket_url(self.url)

    def listeners(self, client_id: str = CLIENT_ID) -> int:
        """How many websocket clients of the project are connected."""
        return self.websocket.count(client_id)

    @staticmethod
    def credentials(client_id: str = CLIENT_ID) -> dict[str, str]:
        """The keys of a project, to be merged into ``SKINSBACK``."""
        return {"CLIENT_ID": client_id, "CLIENT_SECRET": SECRETS[client_id]}

    def configure(self, client_id: str = CLIENT_ID, **settings: str | Decimal | None) -> Project:
        """Change settings of a project: result_url, events_url, multiplier, balance, …; None leaves a setting as it is.

        Raises ValueError for an unknown project or setting, and for an invalid multiplier.
        """
        with self.store.locked() as state:
            if client_id not in state.projects:
                raise ValueError(f"Unknown project: use one of {', '.join(state.projects)}.")
            project = state.projects[client_id]
            for name, value in settings.items():
                if name not in project.__struct_fields__:
                    raise ValueError(f"Unknown setting {name!r}: use one of {', '.join(project.__struct_fields__)}.")
                if value is not None:
                    checked = parse_multiplier(value) if name == "multiplier" else value
                    setattr(project, name, type(getattr(project, name))(checked))
                    self.store.mark_changed()
        return project

    @property
    def faults(self) -> Faults:
        """The faults: ``faults.add(name)`` switches one on, ``faults.remove()`` switches all off."""
        return self.store.faults

    def lose_answer(self, method: str = "*", times: int | None = 1) -> None:
        """The next ``times`` calls of the method run, and the connection is closed without an answer."""
        self.faults.add("lose_answer", method, times=times)

    def drop_request(self, method: str = "*", times: int | None = 1) -> None:
        """The connection of the next ``times`` calls of the method is closed. Nothing is done."""
        self.faults.add("drop_request", method, times=times)

    def next_outcome(self, outcome: str, *, times: int = 1, partner: str | None = None, error_reason: str = "") -> None:
        """Choose how the next ``times`` purchases end, those for ``partner`` or for any partner.

        Outcomes are ``accepted``, ``canceled``, ``timeout``, ``invalid_trade_token``, ``user_not_tradable``,
        ``trade_create_error``, ``rollback_user`` and ``rollback_supplier``. Without ``error_reason`` the purchase gets
        the outcome's usual reason. Raises ValueError for an unknown outcome or reason, and for an invalid partner.
        """
        with self.store.locked():
            self.store.planned_outcomes.add(outcome, times=times, partner=partner, error_reason=error_reason)

    def end_purchase(
        self, custom_id: str, outcome: str, *, client_id: str = CLIENT_ID, error_reason: str = ""
    ) -> Purchase:
        """Give a purchase this outcome now. An accepted purchase can only be rolled back.

        Raises Impossible if the outcome cannot follow the current status, and KeyError for an unknown purchase.
        """
        with self.store.locked():
            purchase = self.purchase(custom_id, client_id=client_id)
            purchases.finish(self.store, purchase, outcome, error_reason=error_reason)
        return purchase

    def choose(
        self,
        order_id: str,
        asset_ids: Collection[str] | None = None,
        *,
        steam_id: str = "",
        client_id: str = CLIENT_ID,
    ) -> Deposit:
        """The user chooses skins on the pay page, and the trade offer is sent.

        Without ``asset_ids`` it is the most valuable skin without Trade Protection that pays the deposit alone. Raises
        Impossible if the choice is not allowed.
        """
        with self.store.locked():
            deposit = self.deposit(order_id, client_id=client_id)
            payer = steam_id or deposits.choose_payer(deposit, "")
            if asset_ids is None:
                asset_ids = [deposits.find_payment(self.store, deposit, payer).asset_id]
            deposits.send_trade_offer(self.store, deposit, payer, asset_ids)
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
        """The user chooses skins, as in ``choose``, and accepts the trade.

        ``held`` is whether Trade Protection holds the deposit. Without it the chosen skins decide.
        """
        with self.store.locked():
            deposit = self.deposit(order_id, client_id=client_id)
            if not deposit.trade_offer_id:
                self.choose(order_id, asset_ids, steam_id=steam_id, client_id=client_id)
            deposits.accept(self.store, deposit, held=held)
        return deposit

    def decline(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """The user declines the trade offer. Raises Impossible if there is none."""
        return self._act(deposits.decline, order_id, client_id)

    def give_back(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """The user takes a held trade back. Raises Impossible if the deposit is not held."""
        return self._act(deposits.give_back, order_id, client_id)

    def _act(self, action: deposits.Action, order_id: str, client_id: str) -> Deposit:
        with self.store.locked():
            deposit = self.deposit(order_id, client_id=client_id)
            action(self.store, deposit)
        return deposit

    def notify(self, order_id: str, *, status: str = "", client_id: str = CLIENT_ID, **overrides: Any) -> None:
        """Queue a signed notification that need not be true: with any status and any fields replaced or added."""
        with self.store.locked():
            deposit = self.deposit(order_id, client_id=client_id)
            self.notifications.notify_deposit(deposit, status=status, **overrides)

    def deliver_pending(self) -> int:
        """Send every notification that is due, in this thread and in order. Return how many were sent."""
        return self.webhook_sender.deliver_due()

    @property
    def state(self) -> State:
        """All data of the sandbox. Read it here, change it by the methods."""
        return self.store.state

    def deposit(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """The project's deposit with this ``order_id``. Raises KeyError if there is none."""
        return self.state.deposits[self.store.deposit_ids[client_id, order_id]]

    def purchase(self, custom_id: str, *, client_id: str = CLIENT_ID) -> Purchase:
        """The project's purchase with this ``custom_id``. Raises KeyError if there is none."""
        return self.state.purchases[self.store.custom_ids[client_id, custom_id]]

    def inventory(self, steam_id: str) -> list[Asset]:
        """The skins that the Steam account owns now."""
        return self.store.inventory(steam_id)

    def sold(self, custom_id: str, *, client_id: str = CLIENT_ID) -> int:
        """How many skins were bought with this ``custom_id``."""
        return len(self._purchases(client_id, custom_id))

    def spent(self, custom_id: str | None = None, *, client_id: str = CLIENT_ID) -> Decimal:
        """USD debited and not refunded, for one purchase or for all of the project."""
        return total(row.debited for row in self._purchases(client_id, custom_id) if not row.refunded)

    def balance(self, client_id: str = CLIENT_ID) -> Decimal:
        """The project's balance in USD."""
        return self.state.projects[client_id].balance

    def change_balance(self, amount_usd: Decimal, *, client_id: str = CLIENT_ID) -> None:
        """Add to the project's balance. SkinsBack sends the event ``balance_change``."""
        with self.store.locked():
            self.store.change_balance(client_id, amount_usd)

    def _purchases(self, client_id: str, custom_id: str | None) -> list[Purchase]:
        with self.store.locked() as state:
            rows = [row for row in state.purchases.values() if row.client_id == client_id]
        return [row for row in rows if custom_id is None or row.custom_id == custom_id]
