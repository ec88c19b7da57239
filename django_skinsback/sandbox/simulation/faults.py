"""What can go wrong on purpose. Each fault has a name and may be limited to one API method and a number of times."""

import threading
from dataclasses import dataclass

BEFORE, AFTER, NOTIFY, SERVICE = "before the work", "after the work", "notifications", "status"
SOCKET = "websocket"

FAULTS = {
    "drop_request": (BEFORE, "The socket is closed before anything is done."),
    "html_error": (BEFORE, "502 with an HTML page; nothing is done."),
    "redirect": (BEFORE, "302 to another address; nothing is done."),
    "slow": (BEFORE, "Wait before working (value: real seconds, 30), then answer as usual."),
    "error": (BEFORE, 'Refuse with the error in value, for example "5 skin_unavailable".'),
    "rate_limited": (BEFORE, "-7 request_limit_reached."),
    "maintenance": (BEFORE, "-9 under_maintenance."),
    "market_disabled": (BEFORE, "-6 market_disabled, from market methods only."),
    "shop_not_active": (BEFORE, "-4 shop_not_active."),
    "invalid_ip": (BEFORE, "-8 invalid_ip_address."),
    "lose_answer": (AFTER, "The work is done, then the socket is closed without an answer."),
    "html_error_after": (AFTER, "The work is done, then 502 with an HTML page."),
    "slow_answer": (AFTER, "The work is done at once, the answer comes late (value: real seconds, 30)."),
    "empty_answer": (AFTER, "200 with no body."),
    "truncated": (AFTER, "Half of the JSON, with an honest Content-Length."),
    "cut_off": (AFTER, "Half of the JSON, then the socket is closed: fewer bytes than Content-Length said."),
    "garbage": (AFTER, "Bytes that are no UTF-8 and no JSON."),
    "huge": (AFTER, "The JSON after 64 MB of spaces."),
    "notify_drop": (NOTIFY, "A notification is never sent and never listed as failed."),
    "notify_twice": (NOTIFY, "A notification is sent twice, possibly at the same time."),
    "notify_delay": (NOTIFY, "A notification comes late (value: seconds of the sandbox's clock, 60)."),
    "notify_reorder": (NOTIFY, "A notification comes after the next one (or a minute later)."),
    "notify_bad_sign": (NOTIFY, "A notification carries a wrong signature."),
    "notify_no_sign": (NOTIFY, "A notification carries only X-SIGN."),
    "notify_float_noise": (NOTIFY, "JSON amounts with the 17 digits of their float, signed with 14, as PHP does."),
    "ws_drop": (SOCKET, "The connection breaks off, without a close frame, right after the next event."),
    "ws_silent": (SOCKET, "A frame that is due, an event or the greeting, is not sent."),
    "ws_garbage": (SOCKET, "A frame that is no JSON comes first."),
    "ws_auth_failed": (SOCKET, "The keys of the next who connects are refused."),
    "ws_twice": (SOCKET, "An event is sent twice."),
    "ws_pong": (SOCKET, "A ping is answered by the text pong, which is no JSON."),
    "no_bots": (SERVICE, "The method status says that no bots are free."),
    "site_off": (SERVICE, "The method status says that the site is off."),
}
"""Name -> (when it strikes, what it does)."""

ERROR_FAULTS = {
    "rate_limited": (-7, "request_limit_reached"),
    "maintenance": (-9, "under_maintenance"),
    "market_disabled": (-6, "market_disabled"),
    "shop_not_active": (-4, "shop_not_active"),
    "invalid_ip": (-8, "invalid_ip_address"),
}
"""Faults that are simply one of the standard errors."""


_LIMITS = {
    NOTIFY: ("deposit", "event"),
    SERVICE: ("status",),
    "notify_float_noise": ("deposit",),
    "ws_drop": ("event",),
    "ws_silent": ("auth", "event"),
    "ws_garbage": ("auth", "event"),
    "ws_auth_failed": ("auth",),
    "ws_twice": ("event",),
    "ws_pong": ("ping",),
}


def methods_of(name: str) -> tuple[str, ...]:
    """What the fault of that name may be limited to: API methods, kinds of notification or kinds of frame."""
    from ..api.endpoint import METHODS  # imported late: the methods know the world, and the world knows its faults

    known = _LIMITS.get(name) or _LIMITS.get(FAULTS[name][0]) or tuple(METHODS)
    return tuple(method for method in known if name != "market_disabled" or method.startswith("market_"))


@dataclass(slots=True)
class Fault:
    """One fault in waiting. ``method`` is one of ``methods_of(name)``, or ``*`` for all of them."""

    name: str
    method: str = "*"
    times: int | None = 1
    value: str = ""

    def seconds(self, default: float) -> float:
        """``value`` as a number of seconds."""
        return float(self.value or default)


class Faults:
    """The faults that are switched on, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []

    def add(self, name: str, method: str = "*", *, times: int | None = 1, value: object = "") -> Fault:
        """Switch a fault on for the next ``times`` calls (None: until removed); ValueError for an unknown name."""
        _check_name(name)
        if method not in ("*", *methods_of(name)):
            raise ValueError(f"The fault {name} never strikes at {method!r}: use *, {', '.join(methods_of(name))}.")
        if times is not None and times < 1:
            raise ValueError("A fault must strike at least once.")
        fault = Fault(name, method, times, str(value))
        _check_value(fault)
        with self._lock:
            self._active.append(fault)
        return fault

    def remove(self, name: str = "") -> None:
        """Switch off every fault of that name, or all; ValueError for an unknown name."""
        if name:
            _check_name(name)
        with self._lock:
            self._active = [fault for fault in self._active if name and fault.name != name]

    def active(self) -> list[Fault]:
        """Faults that have not struck as often as they should."""
        with self._lock:
            return list(self._active)

    def take(self, name: str, method: str) -> Fault | None:
        """The first such fault meant for this method, used up by one; None when nothing is wrong."""
        with self._lock:
            for fault in self._active:
                if fault.name == name and fault.method in ("*", method):
                    if fault.times is not None:
                        fault.times -= 1
                        if not fault.times:
                            self._active.remove(fault)
                    return fault
        return None


def _check_name(name: str) -> None:
    if name not in FAULTS:
        raise ValueError(f"Unknown fault {name!r}: use one of {', '.join(FAULTS)}.")


def _check_value(fault: Fault) -> None:
    if fault.name in ("slow", "slow_answer", "notify_delay"):
        if not 0 <= fault.seconds(0) <= 10**9:
            raise ValueError("A fault's delay must be a number of seconds.")
    elif fault.name == "error":
        code, _, message = fault.value.partition(" ")
        if not code.lstrip("-").isdecimal() or not message:
            raise ValueError('The fault "error" needs a value such as "5 skin_unavailable".')
