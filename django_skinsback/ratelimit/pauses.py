"""When SkinsBack says "not now": who stays quiet, for how long, and what ends it. No I/O.

A pause is a pair of when it ends (UNIX seconds) and how often in a row it was opened.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..exceptions import AccountFault, APIError, MarketDisabled, RateLimited, TemporaryFailure, UnderMaintenance
from ..wire.requests import READS

Pause = tuple[float, int]

LIMIT_KEY = "skinsback:pause"
"""The pause after -7, which is one for all accounts: it is not known whether SkinsBack counts projects or addresses."""

FIRST_SECONDS = 60.0
LONGEST_SECONDS = 600.0
FORGOTTEN_AFTER_SECONDS = 600.0
_JITTER = 0.25
_MOST_IN_A_ROW = 10

_REASONS: dict[type[APIError], tuple[str, float]] = {
    AccountFault: ("fault", 300.0),
    UnderMaintenance: ("maintenance", 60.0),
    MarketDisabled: ("market", 60.0),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call that wants to go. ``marked``: made inside ``background()``."""

    account: str
    method: str
    marked: bool

    @property
    def can_wait(self) -> bool:
        """A call with an effect cannot: it is somebody's deposit or purchase, whoever makes it."""
        return self.marked and self.method in READS


@dataclass(frozen=True, slots=True)
class Opening:
    """A pause that an answer opens: the key it is kept under, its value, and for how many seconds to keep it."""

    key: str
    pause: Pause
    kept_seconds: int
    paused_seconds: float


def keys(account: str) -> list[str]:
    """Where the pauses that concern ``account`` are kept."""
    return [LIMIT_KEY, *(_key(account, reason) for reason, _ in _REASONS.values())]


def holding_back(call: Call, found: Mapping[str, object], now: float) -> float | None:
    """When the pause that stops ``call`` ends; None if it may go.

    After -7 nobody may. What is wrong with an account stops its background calls only: somebody who waits shall see
    the error itself, and his is the call that finds out when all is well again.
    """
    return max(_ends(_stopping(call), found, now), default=None)


def ends(account: str, found: Mapping[str, object], now: float) -> float | None:
    """When the last of the account's pauses ends; None if there is none."""
    return max(_ends(keys(account), found, now), default=None)


def opened_by(error: APIError, call: Call, before: object, now: float, chance: float) -> Opening | None:
    """What ``error`` opens; ``before`` is what is kept under ``key_of(error)``, ``chance`` a number from 0 to 1.

    None while the pause before still runs. The pause after -7 doubles each time that it comes again within ten minutes.
    """
    if list(_ends([LIMIT_KEY], {LIMIT_KEY: before}, now)):
        return None
    if isinstance(error, RateLimited):
        streak = 1
        match before:
            case (float(end), int(earlier)) if now - end <= FORGOTTEN_AFTER_SECONDS:
                streak = min(earlier, _MOST_IN_A_ROW) + 1
        seconds = min(FIRST_SECONDS * 2 ** (streak - 1), LONGEST_SECONDS) * (1 + _JITTER * chance)
        return Opening(LIMIT_KEY, (now + seconds, streak), int(seconds + FORGOTTEN_AFTER_SECONDS), seconds)
    for kind, (_, seconds) in _REASONS.items():
        if isinstance(error, kind):
            return Opening(key_of(error, call), (now + seconds, 1), int(seconds), seconds)
    return None


def key_of(error: APIError, call: Call) -> str:
    """Where the pause that ``error`` opens is kept; empty if it opens none."""
    if isinstance(error, RateLimited):
        return LIMIT_KEY
    return next((_key(call.account, reason) for kind, (reason, _) in _REASONS.items() if isinstance(error, kind)), "")


def ended_by(error: APIError | None, call: Call, found: Mapping[str, object]) -> list[str]:
    """Keys of pauses that are over because SkinsBack did what ``call`` asked, or refused it for a reason of its own."""
    if isinstance(error, TemporaryFailure | AccountFault):
        return []
    return [key for key in _of_account(call) if key in found]


def _stopping(call: Call) -> list[str]:
    return [LIMIT_KEY, *_of_account(call)] if call.marked else [LIMIT_KEY]


def _of_account(call: Call) -> list[str]:
    reasons = [reason for kind, (reason, _) in _REASONS.items() if kind is not MarketDisabled]
    if call.method.startswith("market_"):
        reasons.append(_REASONS[MarketDisabled][0])
    return [_key(call.account, reason) for reason in reasons]


def _key(account: str, reason: str) -> str:
    return f"{LIMIT_KEY}:{account}:{reason}"


def _ends(names: list[str], found: Mapping[str, object], now: float) -> Iterator[float]:
    """Ends of those pauses that go on. One that ends later than any can was opened before the clock was put back."""
    for name in names:
        match found.get(name):
            case (float(end), int()) if 0 < end - now <= LONGEST_SECONDS * (1 + _JITTER):
                yield end
