"""The class Store: all data of one sandbox, with a lock, a clock and the scheduled actions."""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from ..keys import SECRETS
from ..options import MINUTE, Options
from . import market
from .clock import Clock
from .faults import Faults
from .outcomes import PlannedOutcomes
from .state import Asset, Delivery, Deposit, Project, Purchase, State, UnreadableState, load, save

KEPT_DELIVERIES = 300

PROJECT_NAMES = {"sandbox": "Sandbox Skins", "sandbox-2": "Second Sandbox"}


class Impossible(Exception):
    """Raised if an action is not possible in the current state. The message is the reason."""


class Observer:
    """The store calls these methods after every change, while it holds its lock. Subclasses override them.

    The methods of this class do nothing.
    """

    def deposit_changed(self, deposit: Deposit) -> None:
        """Called when the deposit has a new status, or when its trade offer was sent."""

    def purchase_created(self, purchase: Purchase) -> None:
        """Called when the merchant has bought a skin."""

    def purchase_changed(self, purchase: Purchase) -> None:
        """Called when the purchase has a new status."""

    def balance_changed(self, project: Project) -> None:
        """Called when the project's balance has changed."""


@dataclass(slots=True)
class _Budget:
    """The rate limit of one project. All times are in UNIX seconds.

    ``calls`` are the times of the API calls in the last minute. Until ``blocked_until``, all calls are refused.
    """

    calls: deque[float] = field(default_factory=deque)
    blocked_until: float = 0


class Store:
    """The data of one sandbox.

    Read and change ``state`` only inside ``with store.locked()``. Do not use the network inside this block.
    """

    def __init__(
        self, options: Options, clock: Clock, *, faults: Faults | None = None, state_file: Path | None = None
    ) -> None:
        self.options = options
        self.clock = clock
        self.faults = faults or Faults()
        self.planned_outcomes = PlannedOutcomes()
        self.observer = Observer()
        self.public_url = ""
        self.changed = threading.Event()
        self._state_file = state_file
        self._lock = threading.RLock()
        self._schedule: list[tuple[float, int, Callable[[float], None]]] = []
        self._schedule_ids = itertools.count()
        self._replayed_at: float | None = None
        self._is_dirty = False
        self._budgets: dict[str, _Budget] = {}
        self.state = self._load_or_create()
        self.deposit_ids = {(d.client_id, d.order_id): d.transaction_id for d in self.state.deposits.values()}
        self.pay_hashes = {d.pay_hash: d.transaction_id for d in self.state.deposits.values()}
        self.custom_ids = {(p.client_id, p.custom_id): p.buy_id for p in self.state.purchases.values() if p.custom_id}

    def _load_or_create(self) -> State:
        state = load(self._state_file) if self._state_file else None
        now = self.clock.now()
        if state is not None:
            if set(state.projects) != set(SECRETS):
                raise UnreadableState(self._state_file)
            self.clock.advance(seconds=max(0.0, state.saved_at - now))
            return state
        first_id = int(now)
        stock = market.new_stock(first_id)
        return State(
            saved_at=now,
            next_id=first_id + len(stock),
            projects={key: Project(client_id=key, name=PROJECT_NAMES[key]) for key in SECRETS},
            stock={item.skin_id: item for item in stock},
        )

    @contextmanager
    def locked(self) -> Iterator[State]:
        """Hold the lock and yield the state.

        At the beginning of the block, all scheduled actions that are due run. If ``mark_changed`` was called, two
        things happen at the end of the block: the state is saved to the state file (if there is one), and the event
        ``changed`` is set. The webhook sender waits for this event.
        """
        with self._lock:
            self._run_due()
            try:
                yield self.state
            finally:
                if self._is_dirty:
                    self._is_dirty = False
                    self.state.saved_at = self.clock.now()
                    if self._state_file:
                        save(self.state, self._state_file)
                    self.changed.set()

    def mark_changed(self) -> None:
        """Mark the state as changed. The state is saved at the end of the block ``with store.locked()``."""
        self._is_dirty = True

    def now(self) -> float:
        """Return the clock's time in UNIX seconds. In a scheduled action, return the time at which it was due."""
        return self._replayed_at if self._replayed_at is not None else self.clock.now()

    def schedule(self, due_at: float, action: Callable[[float], None]) -> None:
        """Call ``action(due_at)`` when the clock reaches ``due_at``."""
        heapq.heappush(self._schedule, (due_at, next(self._schedule_ids), action))

    def next_due(self) -> float | None:
        """Return the UNIX seconds at which the next delivery or scheduled action is due, or None if there is none."""
        with self._lock:
            times = [d.due_at for d in self.state.deliveries.values() if d.due_at is not None]
            return min([*times, *(entry[0] for entry in self._schedule[:1])], default=None)

    def _run_due(self) -> None:
        while self._schedule and self._schedule[0][0] <= self.clock.now():
            due_at, _, action = heapq.heappop(self._schedule)
            self._replayed_at = due_at
            try:
                action(due_at)
            finally:
                self._replayed_at = None

    def new_id(self) -> int:
        """Return a new ID for a skin, deposit or purchase. They share one series of numbers.

        The series starts at the clock's UNIX seconds.
        """
        number = self.state.next_id
        self.state.next_id += 1
        self.mark_changed()
        return number

    def new_delivery_id(self) -> int:
        """Return a new ID for a delivery. Deliveries have their own series of numbers."""
        self.state.next_delivery_id += 1
        self.mark_changed()
        return self.state.next_delivery_id

    def inventory(self, steam_id: str) -> list[Asset]:
        """Return the list of skins that the Steam account owns now. Changing the list changes the stored inventory."""
        if steam_id not in self.state.inventories:
            self.state.inventories[steam_id] = market.new_inventory(steam_id)
        return self.state.inventories[steam_id]

    def deposit(self, client_id: str, order_id: str) -> Deposit | None:
        """Return the project's deposit with this ``order_id``. Return None if there is no such deposit."""
        transaction_id = self.deposit_ids.get((client_id, order_id))
        return None if transaction_id is None else self.state.deposits[transaction_id]

    def purchase(self, client_id: str, custom_id: str) -> Purchase | None:
        """Return the project's purchase with this ``custom_id``. Return None if there is no such purchase."""
        buy_id = self.custom_ids.get((client_id, custom_id))
        return None if buy_id is None else self.state.purchases[buy_id]

    def change_balance(self, client_id: str, amount_usd: Decimal) -> None:
        """Add an amount to the project's balance and call the observer."""
        project = self.state.projects[client_id]
        project.balance += amount_usd
        self.mark_changed()
        self.observer.balance_changed(project)

    def enqueue(self, delivery: Delivery) -> None:
        """Queue a delivery. At most 300 deliveries are kept.

        If there are more, delete the oldest deliveries that will not be sent again.
        """
        deliveries = self.state.deliveries
        deliveries[delivery.delivery_id] = delivery
        if len(deliveries) > KEPT_DELIVERIES:
            finished = [key for key, old in deliveries.items() if old.due_at is None]
            for key in finished[: len(deliveries) - KEPT_DELIVERIES]:
                del deliveries[key]
        self.mark_changed()

    def within_rate_limit(self, client_id: str) -> bool:
        """Count one API call of the project, and return whether the call is allowed.

        A call over the limit is refused. Then all calls of the project are refused for one minute.
        """
        limit, now = self.options.rate_limit, self.clock.now()
        if limit is None:
            return True
        with self._lock:
            budget = self._budgets.setdefault(client_id, _Budget())
            while budget.calls and budget.calls[0] <= now - MINUTE:
                budget.calls.popleft()
            if now < budget.blocked_until:
                return False
            if len(budget.calls) >= limit:
                budget.blocked_until = now + MINUTE
                return False
            budget.calls.append(now)
            return True
