"""Rules for pauses. They do no I/O.

A pause begins after an API error and stops calls until it ends. There are three kinds. The pause after -7 stops all
calls of the site. A pause of an account stops the account's background calls. A market pause of an account stops the
account's background calls of ``market_*`` methods.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..exceptions import AccountFault, APIError, MarketDisabled, RateLimited, TemporaryFailure, UnderMaintenance
from ..wire.requests import READS

Pause = tuple[float, int]
"""A pair: the UNIX seconds at which the pause ends, and the number of pauses in a row including this one."""

LIMIT_KEY = "skinsback:pause"
"""Cache key of the pause after -7. This pause stops all accounts, because SkinsBack may count calls by IP address."""

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
    """One call to SkinsBack. ``in_background`` is True if the call was made inside ``background()``."""

    account: str
    method: str
    in_background: bool

    @property
    def can_wait(self) -> bool:
        """True for a background call that only reads. Such a call may wait up to 30 seconds."""
        return self.in_background and self.method in READS


def keys(account: str) -> list[str]:
    """Return the cache keys of the three pauses that can stop calls of ``account``."""
    return [LIMIT_KEY, _account_key(account), _market_key(account)]


def keys_that_stop(call: Call) -> list[str]:
    """Return the cache keys of the pauses that stop ``call``.

    The pause after -7 stops every call. The pauses of an account stop only background calls. A user's call is still
    sent: the user sees the real error, and a success ends the pause.
    """
    return [LIMIT_KEY, *_own_keys(call)] if call.in_background else [LIMIT_KEY]


def end_of(names: Iterable[str], found: Mapping[str, object], now: float) -> float | None:
    """Return the UNIX seconds at which the last of these pauses ends. Return None if none of them is running.

    ``names`` are the cache keys of the pauses. ``found`` contains the cached pauses by cache key. A pause is ignored if
    the time until its end is longer than the longest pause. This happens if the clock is set back during the pause.
    """
    ends = []
    for name in names:
        match found.get(name):
            case (float(end), int()) if 0 < end - now <= LONGEST_SECONDS * (1 + _JITTER):
                ends.append(end)
    return max(ends, default=None)


def key_opened_by(error: APIError, account: str) -> str | None:
    """Return the cache key of the pause that ``error`` opens. Return None if ``error`` opens no pause."""
    match error:
        case RateLimited():
            return LIMIT_KEY
        case MarketDisabled():
            return _market_key(account)
        case AccountFault() | UnderMaintenance():
            return _account_key(account)
    return None


def opened_by(error: APIError, before: object, now: float, chance: float) -> Pause:
    """Return the pause that ``error`` opens now.

    A pause after -7 lasts 60 seconds. If the pause before ended less than ten minutes ago, the new pause is twice as
    long, at most 600 seconds. ``chance`` (0 to 1) adds up to 25 % to a pause after -7. The pauses after other errors
    have a fixed length. ``before`` is the last pause with the same cache key, or None.
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
    """Return the cache keys of the pauses that this call ends. ``error`` is None after a success.

    The call ends the pause of its account. A ``market_*`` call also ends the market pause. After a TemporaryFailure or
    an AccountFault no pause ends.
    """
    return [] if isinstance(error, TemporaryFailure | AccountFault) else _own_keys(call)


def _own_keys(call: Call) -> list[str]:
    keys = [_account_key(call.account)]
    return [*keys, _market_key(call.account)] if call.method.startswith("market_") else keys


def _account_key(account: str) -> str:
    return f"{LIMIT_KEY}:{account}:account"


def _market_key(account: str) -> str:
    return f"{LIMIT_KEY}:{account}:market"
