"""The class Sandbox: a simulated SkinsBack in this process. Tests and the command ``skinsback_sandbox`` use it."""

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

    ``with Sandbox() as sandbox:`` opens a free port of 127.0.0.1. The address is ``sandbox.url``. Without ``with``, no
    port is opened. Then use the WSGI application ``sandbox.app`` with the address ``http://localhost``.

    With ``manual=True``, only ``sandbox.clock.advance()`` moves the clock, and only ``sandbox.deliver_pending()`` sends
    notifications. ``send(url, body, headers)`` is called instead of sending a notification by HTTP. It must return the
    HTTP status of the site, or 0 for no answer.
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
        with self.store.locked():  # locking the store runs the scheduled actions that are due
            self.store.mark_changed()

    def start(self) -> Self:
        """Open the port, start the server in a background thread, and return the sandbox.

        Raise OSError if the port cannot be opened.
        """
        self._server.listen()
        self.store.public_url = self._server.url
        self._server.start()
        if not self._manual:
            self.webhook_sender.start()
        return self

    def stop(self) -> None:
        """Stop the server, close the websockets and stop sending notifications."""
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
        """The value for the setting ``SKINSBACK["API_URL"]``."""
        return f"{self.url}/api.php"

    @property
    def websocket_url(self) -> str:
        """The value for the setting ``SKINSBACK["WEBSOCKET_URL"]``."""
        return websocket_url(self.url)

    @property
    def picture_url(self) -> str:
        """The value for ``SKINSBACK["PICTURE_URL"]``."""
        return f"{self.url}/economy/image/"

    def listeners(self, client_id: str = CLIENT_ID) -> int:
        """Return how many websocket clients of the project are connected."""
        return self.websocket.count(client_id)

    @staticmethod
    def credentials(client_id: str = CLIENT_ID) -> dict[str, str]:
        """Return ``CLIENT_ID`` and ``CLIENT_SECRET`` of a project, as a dict for the setting ``SKINSBACK``."""
        return {"CLIENT_ID": client_id, "CLIENT_SECRET": SECRETS[client_id]}

    def configure(self, client_id: str = CLIENT_ID, **settings: str | Decimal | None) -> Project:
        """Change settings of a project and return the project.

        ``settings`` are fields of ``Project``, for example ``result_url`` or ``balance``. If the value of a setting is
        None, the setting does not change. Raise ValueError for an unknown project, an unknown setting or an invalid
        multiplier.
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
        """The sandbox's faults. ``faults.add(name)`` switches one fault on. ``faults.remove()`` switches all off."""
        return self.store.faults

    def lose_answer(self, method: str = "*", times: int | None = 1) -> None:
        """Run the next ``times`` calls of the API method, but close their connections without an answer."""
        self.faults.add("lose_answer", method, times=times)

    def drop_request(self, method: str = "*", times: int | None = 1) -> None:
        """Do not run the next ``times`` calls of the API method. Close their connections without an answer."""
        self.faults.add("drop_request", method, times=times)

    def next_outcome(self, outcome: str, *, times: int = 1, partner: str | None = None, error_reason: str = "") -> None:
        """Choose the outcome of the next ``times`` purchases. With ``partner``, choose it only for this partner.

        Outcomes are ``accepted``, ``canceled``, ``timeout``, ``invalid_trade_token``, ``user_not_tradable``,
        ``trade_create_error``, ``rollback_user`` and ``rollback_supplier``. If ``error_reason`` is empty, a failed
        purchase gets the default reason of its outcome. Raise ValueError for an unknown outcome or reason, and for an
        invalid partner.
        """
        with self.store.locked():
            self.store.planned_outcomes.add(outcome, times=times, partner=partner, error_reason=error_reason)

    def end_purchase(
        self, custom_id: str, outcome: str, *, client_id: str = CLIENT_ID, error_reason: str = ""
    ) -> Purchase:
        """End a purchase with this outcome now, and return the purchase.

        Raise Impossible if the outcome is unknown or cannot follow the current status. An accepted purchase can only be
        rolled back. Raise ValueError for an unknown reason, and KeyError for an unknown purchase.
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
        """Choose skins as the user does on the pay page, send the trade offer, and return the deposit.

        If ``asset_ids`` is None, the most valuable unprotected skin within the deposit's limits is chosen. Raise
        Impossible if the choice is not allowed, and KeyError for an unknown deposit.
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
        """Accept the trade offer of a deposit as the user, and return the deposit.

        If no trade offer was sent before, first choose skins: see ``choose``. ``held`` says whether Trade Protection
        holds the deposit. If ``held`` is None, this depends on the game, the skins and the option ``holds``. Raise
        Impossible if the choice or the trade is not possible, and KeyError for an unknown deposit.
        """
        with self.store.locked():
            deposit = self.deposit(order_id, client_id=client_id)
            if not deposit.trade_offer_id:
                self.choose(order_id, asset_ids, steam_id=steam_id, client_id=client_id)
            deposits.accept(self.store, deposit, held=held)
        return deposit

    def decline(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """Decline the trade offer as the user, and return the deposit. Raise Impossible without an open trade offer."""
        return self._act(deposits.decline, order_id, client_id)

    def give_back(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """Give the skins of a held deposit back to the user, as if the user had undone the trade on Steam.

        Return the deposit. Raise Impossible if the deposit is not held.
        """
        return self._act(deposits.give_back, order_id, client_id)

    def _act(self, action: deposits.Action, order_id: str, client_id: str) -> Deposit:
        with self.store.locked():
            deposit = self.deposit(order_id, client_id=client_id)
            action(self.store, deposit)
        return deposit

    def notify(self, order_id: str, *, status: str = "", client_id: str = CLIENT_ID, **overrides: Any) -> None:
        """Queue a signed notification about a deposit.

        ``status`` and ``overrides`` replace or add fields of the notification. The values may be untrue.
        """
        with self.store.locked():
            deposit = self.deposit(order_id, client_id=client_id)
            self.notifications.notify_deposit(deposit, status=status, **overrides)

    def deliver_pending(self) -> int:
        """Send every due notification, one after the other, in this thread. Return how many were sent."""
        return self.webhook_sender.deliver_due()

    @property
    def state(self) -> State:
        """All data of the sandbox. Only read the data here. Change it with the sandbox's methods."""
        return self.store.state

    def deposit(self, order_id: str, *, client_id: str = CLIENT_ID) -> Deposit:
        """Return the project's deposit with this ``order_id``. Raise KeyError if there is none."""
        return self.state.deposits[self.store.deposit_ids[client_id, order_id]]

    def purchase(self, custom_id: str, *, client_id: str = CLIENT_ID) -> Purchase:
        """Return the project's purchase with this ``custom_id``. Raise KeyError if there is none."""
        return self.state.purchases[self.store.custom_ids[client_id, custom_id]]

    def inventory(self, steam_id: str) -> list[Asset]:
        """Return the skins that the Steam account owns now."""
        return self.store.inventory(steam_id)

    def sold(self, custom_id: str, *, client_id: str = CLIENT_ID) -> int:
        """Return how many skins were bought with this ``custom_id``. Failed purchases are counted too."""
        return len(self._purchases(client_id, custom_id))

    def spent(self, custom_id: str | None = None, *, client_id: str = CLIENT_ID) -> Decimal:
        """Return the USD that were debited for purchases and not refunded.

        With ``custom_id``, count only purchases with this ID. If it is None, count all purchases of the project.
        """
        return total(row.debited for row in self._purchases(client_id, custom_id) if not row.refunded)

    def balance(self, client_id: str = CLIENT_ID) -> Decimal:
        """Return the project's balance in USD."""
        return self.state.projects[client_id].balance

    def change_balance(self, amount_usd: Decimal, *, client_id: str = CLIENT_ID) -> None:
        """Add an amount to the project's balance, and send the event ``balance_change``. The amount may be negative."""
        with self.store.locked():
            self.store.change_balance(client_id, amount_usd)

    def _purchases(self, client_id: str, custom_id: str | None) -> list[Purchase]:
        with self.store.locked() as state:
            rows = [row for row in state.purchases.values() if row.client_id == client_id]
        return [row for row in rows if custom_id is None or row.custom_id == custom_id]
