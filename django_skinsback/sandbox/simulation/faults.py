"""Faults: errors that the sandbox simulates on request. A fault can be limited to a method and a number of uses."""

import threading
from collections.abc import Collection
from dataclasses import dataclass

BEFORE, AFTER, NOTIFICATION = "before the method runs", "after the method ran", "notifications"
WEBSOCKET, SERVICE_STATUS = "websocket", "the method status"

FAULTS = {
    "drop_request": (BEFORE, "The connection is closed. Nothing is done."),
    "html_error": (BEFORE, "The answer is 502 with an HTML page. Nothing is done."),
    "redirect": (BEFORE, "The answer is 302 to another address. Nothing is done."),
    "slow": (BEFORE, "The method runs after a wait (value: real seconds, default 30)."),
    "error": (BEFORE, 'The answer is the error in value, for example "5 skin_unavailable".'),
    "rate_limited": (BEFORE, "The answer is -7 request_limit_reached."),
    "maintenance": (BEFORE, "The answer is -9 under_maintenance."),
    "market_disabled": (BEFORE, "The answer is -6 market_disabled, from market methods only."),
    "shop_not_active": (BEFORE, "The answer is -4 shop_not_active."),
    "invalid_ip": (BEFORE, "The answer is -8 invalid_ip_address."),
    "lose_answer": (AFTER, "The connection is closed without an answer."),
    "html_error_after": (AFTER, "The answer is 502 with an HTML page."),
    "slow_answer": (AFTER, "The answer is sent after a wait (value: real seconds, default 30)."),
    "empty_answer": (AFTER, "The answer is 200 with an empty body."),
    "truncated": (AFTER, "The answer is half of the JSON, with the Content-Length of that half."),
    "cut_off": (AFTER, "The connection is closed after half of the JSON. Content-Length is that of the whole JSON."),
    "garbage": (AFTER, "The answer is bytes that are neither UTF-8 nor JSON."),
    "huge": (AFTER, "64 MB of spaces come before the JSON."),
    "notify_drop": (NOTIFICATION, "A notification is never sent and never listed as failed."),
    "notify_twice": (NOTIFICATION, "A notification is sent twice, possibly at the same time."),
    "notify_delay": (NOTIFICATION, "A notification is delayed (value: seconds of the sandbox's clock, default 60)."),
    "notify_reorder": (NOTIFICATION, "A notification is sent after the next notification, or after a minute."),
    "notify_bad_sign": (NOTIFICATION, "A notification has a wrong signature."),
    "notify_no_sign": (NOTIFICATION, "A notification has no signature except X-SIGN."),
    "notify_float_noise": (
        NOTIFICATION,
        "JSON amounts have the 17 digits of a float and are signed with 14, as in PHP.",
    ),
    "ws_drop": (WEBSOCKET, "The connection is closed without a close frame after the next event."),
    "ws_silent": (WEBSOCKET, "An event, or the answer to the keys, is not sent."),
    "ws_garbage": (WEBSOCKET, "A frame that is not JSON is sent first."),
    "ws_auth_failed": (WEBSOCKET, "The keys of the next client are refused."),
    "ws_twice": (WEBSOCKET, "An event is sent twice."),
    "ws_pong": (WEBSOCKET, "A ping is answered with the text pong, which is not JSON."),
    "no_bots": (SERVICE_STATUS, "The answer says that no bots are available."),
    "site_off": (SERVICE_STATUS, "The answer says that the site is off."),
}
"""Name of a fault -> (when or where the fault applies, what happens)."""

ERROR_FAULTS = {
    "rate_limited": (-7, "request_limit_reached"),
    "maintenance": (-9, "under_maintenance"),
    "market_disabled": (-6, "market_disabled"),
    "shop_not_active": (-4, "shop_not_active"),
    "invalid_ip": (-8, "invalid_ip_address"),
}
"""Name of a fault -> (code, message) of the API error that the sandbox returns."""

_LIMITS = {
    NOTIFICATION: ("deposit", "event"),
    SERVICE_STATUS: ("status",),
    "notify_float_noise": ("deposit",),
    "ws_drop": ("event",),
    "ws_silent": ("auth", "event"),
    "ws_garbage": ("auth", "event"),
    "ws_auth_failed": ("auth",),
    "ws_twice": ("event",),
    "ws_pong": ("ping",),
}
"""Name of a fault, or place of faults -> the methods to which the fault can be limited.

A fault that is not in this dict can be limited to any API method.
"""


@dataclass(slots=True)
class Fault:
    """A fault that is switched on for ``times`` more uses. If ``times`` is None, it stays on until it is removed.

    ``method`` is one of ``Faults.allowed_methods(name)``, or ``*`` for all of them.
    """

    name: str
    method: str = "*"
    times: int | None = 1
    value: str = ""

    def seconds(self, default: float) -> float:
        """Return ``value`` as seconds, or ``default`` if ``value`` is empty. Raise ValueError if it is no number."""
        return float(self.value or default)


class Faults:
    """The faults that are switched on, in the order in which they were added."""

    def __init__(self, api_methods: Collection[str] = ()) -> None:
        self._api_methods = tuple(api_methods)
        self._lock = threading.Lock()
        self._active: list[Fault] = []

    def allowed_methods(self, name: str) -> tuple[str, ...]:
        """Return the methods to which the fault can be limited.

        For an API fault these are API methods. For other faults they are kinds of notification or websocket frame.
        """
        allowed = _LIMITS.get(name) or _LIMITS.get(FAULTS[name][0]) or self._api_methods
        return tuple(method for method in allowed if name != "market_disabled" or method.startswith("market_"))

    def add(self, name: str, method: str = "*", *, times: int | None = 1, value: object = "") -> Fault:
        """Switch a fault on for the next ``times`` uses, and return the fault.

        If ``times`` is None, the fault stays on until it is removed. Raise ValueError for an unknown name, a method to
        which the fault cannot be limited, or an invalid value.
        """
        _check_name(name)
        allowed = self.allowed_methods(name)
        if method not in ("*", *allowed):
            raise ValueError(f"The fault {name} cannot be limited to {method!r}: use *, {', '.join(allowed)}.")
        if times is not None and times < 1:
            raise ValueError("A fault must be used at least once.")
        fault = Fault(name, method, times, str(value))
        _check_value(fault)
        with self._lock:
            self._active.append(fault)
        return fault

    def remove(self, name: str = "") -> None:
        """Switch off all faults with this name. If ``name`` is empty, switch off all faults.

        Raise ValueError for an unknown name.
        """
        if name:
            _check_name(name)
        with self._lock:
            self._active = [fault for fault in self._active if name and fault.name != name]

    def active(self) -> list[Fault]:
        """Return the faults that are switched on."""
        with self._lock:
            return list(self._active)

    def consume(self, name: str, method: str) -> Fault | None:
        """Use the first active fault with this name that applies to this method, and return the fault.

        The use is counted: after its last use, a fault is switched off. Return None if there is no such fault.
        """
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
            raise ValueError("The value of this fault must be a number of seconds.")
    elif fault.name == "error":
        code, _, message = fault.value.partition(" ")
        if not code.lstrip("-").isdecimal() or not message:
            raise ValueError('The fault "error" needs a value such as "5 skin_unavailable".')
