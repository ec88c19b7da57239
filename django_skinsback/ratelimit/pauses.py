"""Pauses: which calls stop after an error of SkinsBack, for how long, and what ends the pause. No I/O.

There is one pause for all calls (-7), one for each account, and one for each account's ``market_*`` methods.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..exceptions import AccountFault, APIError, MarketDisabled, RateLimited, TemporaryFailure, UnderMaintenance
from ..wire.requests import READS

Pause = tuple[float, int]
"""When the pause ends (UNIX seconds), and how many pauses there were in a row."""

LIMIT_KEY = "skinsback:pause"
"""The pause after -7 stops all accounts: SkinsBack does not document whether it counts projects or IP addresses."""

ACCOUNT_FAULT_SECONDS = 300.0
MAINTENANCE_SECONDS = 60.0
MARKET_SECONDS = 60.0
FIRST_SECONDS = 60.0
LONGEST_SECONDS = 600.0
FORGOTTEN_AFTER_SECONDS = 600.0
_JITTER = 0.25
_MOST_IN_A_ROW = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One call to SkinsBack. ``in_background``: made inside ``background()``."""

    account: str
    method: str
    in_background: bool

    @property
    def can_wait(self) -> bool:
        """Whether the call may wait for 30 seconds. A call that creates or buys something may not."""
        return self.in_background and self.method in READS


def keys(account: str) -> list[str]:
    """Cache keys of the pauses that concern ``account``."""
    return [LIMIT_KEY, _account_key(account), _market_key(account)]


def keys_that_stop(call: Call) -> list[str]:
    """Cache keys of the pauses that stop ``call``.

    After -7 every call stops. The pause of an account stops only background calls: a user's call shows the user the
    error itself, and is the first to succeed when the fault is over.
    """
    return [LIMIT_KEY, *_own_keys(call)] if call.in_background else [LIMIT_KEY]


def end_of(names: Iterable[str], found: Mapping[str, object], now: float) -> float | None:
    """When the last of the named pauses ends, as UNIX seconds. None if none of them is running.

    A pause that would end later than any pause can was opened before the clock was put back: it is ignored.
    """
    ends = []
    for name in names:
        match found.get(name):
            case (float(end), int()) if 0 < end - now <= LONGEST_SECONDS * (1 + _JITTER):
                ends.append(end)
    return max(ends, default=None)


def key_opened_by(error: APIError, account: str) -> str | None:
    """Cache key of the pause that ``error`` opens. None if it opens no pause."""
    match error:
        case RateLimited():
            return LIMIT_KEY
        case MarketDisabled():
            return _market_key(account)
        case AccountFault() | UnderMaintenance():
            return _account_key(account)
    return None


def opened_by(error: APIError, before: object, now: float, chance: float) -> Pause:
    """The pause that ``error`` opens now. ``before``: the pause kept under its key. ``chance``: from 0 to 1.

    The pause after -7 is twice as long as the one before, if that ended less than ten minutes ago.
    """
    if not isinstance(error, RateLimited):
        lengths = {AccountFault: ACCOUNT_FAULT_SECONDS, UnderMaintenance: MAINTENANCE_SECONDS}
        seconds = next((length for kind, length in lengths.items() if isinstance(error, kind)), MARKET_SECONDS)
        return now + seconds, 1
    streak = 1
    match before:
        case (float(end), int(earlier)) if now - end <= FORGOTTEN_AFTER_SECONDS:
            streak = min(earlier, _MOST_IN_A_ROW) + 1
    return now + min(FIRST_SECONDS * 2 ** (streak - 1), LONGEST_SECONDS) * (1 + _JITTER * chance), streak


def keys_ended_by(error: APIError | None, call: Call) -> list[str]:
    """Cache keys of the pauses that end because SkinsBack did ``call``, or refused it for a reason of that call."""
    return [] if isinstance(error, TemporaryFailure | AccountFault) else _own_keys(call)


def _own_keys(call: Call) -> list[str]:
    keys = [_account_key(call.account)]
    return [*keys, _market_key(call.account)] if call.method.startswith("market_") else keys


def _account_key(account: str) -> str:
    return f"{LIMIT_KEY}:{account}:account"


def _market_key(account: str) -> str:
    return f"{LIMIT_KEY}:{account}:market"
