"""One pretend SkinsBack: its state, its clock, one lock, and what is to happen when."""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..keys import SECRETS
from ..options import MINUTE, Options
from . import market as catalogue
from .clock import Clock
from .faults import Faults
from .state import Asset, Delivery, Deposit, Project, Purchase, State, UnreadableState, load, save

KEPT_DELIVERIES = 300

PROJECT_NAMES = {"sandbox": "Sandbox Skins", "sandbox-2": "Second Sandbox"}


@dataclass(slots=True)
class PlannedOutcome:
    """How the next purchases will end, for one partner or for anybody."""

    outcome: str
    times: int = 1
    partner: str | None = None
    error_reason: str = ""


@dataclass(slots=True)
class _Budget:
    calls: deque[float] = field(default_factory=deque)
    blocked_until: float = 0


class World:
    """State is read and changed only inside ``with world.work()``; nothing is sent from inside it."""

    def __init__(self, options: Options, clock: Clock, *, state_file: Path | None = None) -> None:
        self.options = options
        self.clock = clock
        self.faults = Faults()
        self.outcomes: list[PlannedOutcome] = []
        self.public_url = ""
        self.on_event: Callable[[str, str], object] = lambda _client_id, _body: None
        self.wake = threading.Event()
        self._state_file = state_file
        self._lock = threading.RLock()
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._agenda_ids = itertools.count()
        self._moment: float | None = None
        self._changed = False
        self._budgets: dict[str, _Budget] = {}
        self.state = self._begin()
        self.deposit_ids = {(d.client_id, d.order_id): d.transaction_id for d in self.state.deposits.values()}
        self.pay_hashes = {d.pay_hash: d.transaction_id for d in self.state.deposits.values()}
        self.custom_ids = {(p.client_id, p.custom_id): p.buy_id for p in self.state.purchases.values() if p.custom_id}

    def _begin(self) -> State:
        state = load(self._state_file) if self._state_file else None
        now = self.clock.now()
        if state is not None:
            if set(state.projects) != set(SECRETS):
                raise UnreadableState(f"{self._state_file}: {UnreadableState.__doc__}")
            self.clock.advance(seconds=max(0.0, state.saved_at - now))
            return state
        first_id = int(now)
        stock = catalogue.stock(first_id)
        return State(
            saved_at=now,
            next_id=first_id + len(stock),
            projects={key: Project(client_id=key, name=PROJECT_NAMES[key]) for key in SECRETS},
            stock={item.skin_id: item for item in stock},
        )

    @contextmanager
    def work(self) -> Iterator[State]:
        """Hold the state: first everything due happens, at the end changes are saved and the courier woken."""
        with self._lock:
            self._run_due()
            try:
                yield self.state
            finally:
                if self._changed:
                    self._changed = False
                    self.state.saved_at = self.clock.now()
                    if self._state_file:
                        save(self.state, self._state_file)
                    self.wake.set()

    def touch(self) -> None:
        """Say that the state has changed."""
        self._changed = True

    def now(self) -> float:
        """UNIX seconds; while something overdue happens, the second in which it should have."""
        return self._moment if self._moment is not None else self.clock.now()

    def at(self, due_at: float, step: Callable[[float], None]) -> None:
        """Have ``step(due_at)`` called when the clock gets there."""
        heapq.heappush(self._agenda, (due_at, next(self._agenda_ids), step))

    def next_due(self) -> float | None:
        """When the clock next has something to do."""
        with self._lock:
            times = [d.due_at for d in self.state.deliveries.values() if d.due_at is not None]
            return min([*times, *(entry[0] for entry in self._agenda[:1])], default=None)

    def _run_due(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.clock.now():
            due_at, _, step = heapq.heappop(self._agenda)
            self._moment = due_at
            try:
                step(due_at)
            finally:
                self._moment = None

    def new_id(self) -> int:
        """The next number; skins, deposits and purchases share one series, which begins at the clock's seconds."""
        number = self.state.next_id
        self.state.next_id += 1
        self.touch()
        return number

    def new_delivery_id(self) -> int:
        """The next number of a notification, never seen outside the sandbox."""
        self.state.next_delivery_id += 1
        self.touch()
        return self.state.next_delivery_id

    def inventory(self, steam_id: str) -> list[Asset]:
        """What the account owns now."""
        if steam_id not in self.state.inventories:
            self.state.inventories[steam_id] = catalogue.inventory(steam_id)
        return self.state.inventories[steam_id]

    def deposit(self, client_id: str, order_id: str) -> Deposit | None:
        """The deposit with the merchant's own id."""
        transaction_id = self.deposit_ids.get((client_id, order_id))
        return None if transaction_id is None else self.state.deposits[transaction_id]

    def purchase(self, client_id: str, custom_id: str) -> Purchase | None:
        """The purchase with the merchant's own id."""
        buy_id = self.custom_ids.get((client_id, custom_id))
        return None if buy_id is None else self.state.purchases[buy_id]

    def enqueue(self, delivery: Delivery) -> None:
        """Keep a notification to be sent; the oldest finished ones are forgotten."""
        deliveries = self.state.deliveries
        deliveries[delivery.delivery_id] = delivery
        if len(deliveries) > KEPT_DELIVERIES:
            finished = [key for key, old in deliveries.items() if old.due_at is None]
            for key in finished[: len(deliveries) - KEPT_DELIVERIES]:
                del deliveries[key]
        self.touch()

    def within_rate_limit(self, client_id: str) -> bool:
        """Count one call; False when the project is over its limit, and for a minute after."""
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

    def planned_outcome(self, partner: str) -> PlannedOutcome | None:
        """Use up the first planned outcome meant for this partner."""
        for plan in self.outcomes:
            if plan.partner in (None, partner):
                plan.times -= 1
                if plan.times < 1:
                    self.outcomes.remove(plan)
                return plan
        return None
