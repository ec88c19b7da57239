"""Slots: time is divided into numbered slots of equal length. Each slot allows one call of one process.

An unused slot stays usable for about a second, so that a few calls can be sent at once. A call is sent during its slot
or at most ``burst`` slots later. So at most ``per_minute`` calls are sent in any 60 seconds. These calls can use
``per_minute - burst - 1`` slots of that minute, ``burst`` slots before it, and one slot that is partly inside it.
"""

from dataclasses import dataclass

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND  # whole microseconds, because floats would put a call into the wrong slot


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots for at most ``per_minute`` calls in any 60 seconds. ``per_minute`` is at least 2.

    ``background_share`` is the share of the slots that background calls may use, from 0 to 1.
    """

    per_minute: int
    background_share: float = 1.0

    @property
    def burst(self) -> int:
        """The number of past slots that are still usable. These are the slots of about one second."""
        return self.per_minute // 60

    @property
    def slots_a_minute(self) -> int:
        """The number of slots in a minute. If every slot is used, this is the number of calls per minute."""
        return max(1, self.per_minute - self.burst - 1)

    @property
    def slot_seconds(self) -> float:
        return 60 / self.slots_a_minute

    def slot_at(self, now: float) -> int:
        """Return the number of the slot at ``now`` (UNIX seconds). Every process gets the same number."""
        return int(now * _SECOND) * self.slots_a_minute // _MINUTE

    def begins(self, slot: int) -> float:
        """Return the UNIX seconds at which ``slot`` begins."""
        return -(-slot * _MINUTE // self.slots_a_minute) / _SECOND

    def usable(self, now: float) -> range:
        """Return the slots that a call may use at ``now`` (UNIX seconds), oldest first."""
        current = self.slot_at(now)
        return range(current - self.burst, current + 1)

    def is_usable(self, slot: int, now: float) -> bool:
        """Return whether ``slot`` may still be used at ``now``. The slot must have begun."""
        return slot >= self.usable(now).start

    def for_user(self, now: float, patience: float) -> list[int]:
        """Return the slots for a user's call, in the order in which the call tries them.

        The order is: usable slots that background calls may not use, the other usable slots, future slots that begin
        within ``patience`` seconds.
        """
        ahead = range(self.slot_at(now) + 1, self.slot_at(now + max(0.0, patience)) + 1)
        return [*sorted(self.usable(now), key=self.is_for_background), *ahead]

    def for_background(self, now: float) -> list[int]:
        """Return the usable slots for a background call. Future slots are left to users' calls."""
        return [slot for slot in self.usable(now) if self.is_for_background(slot)]

    def is_for_background(self, slot: int) -> bool:
        """Return whether background calls may use ``slot``. The slots for background calls are spread evenly."""
        return int((slot + 1) * self.background_share) > int(slot * self.background_share)
