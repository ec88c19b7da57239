"""Slots: time is divided into numbered slots of equal length. Each slot allows one call of one process.

An unused slot stays usable for about a second, so that a few calls can be sent at once. A call is sent during its slot
or at most ``burst`` slots later. So the calls of any 60 seconds use at most ``per_minute`` slots: the
``per_minute - burst - 1`` slots of a minute, ``burst`` earlier slots, and one slot that is only partly in the minute.
"""

from dataclasses import dataclass

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND  # whole microseconds, because floats would put a call into the wrong slot


@dataclass(frozen=True, slots=True)
class Slots:
    """At most ``per_minute`` calls (two or more) in any 60 seconds. Background calls use a share of the slots."""

    per_minute: int
    background_share: float = 1.0

    @property
    def burst(self) -> int:
        """How many past slots are still usable: the slots of about one second."""
        return self.per_minute // 60

    @property
    def slots_a_minute(self) -> int:
        """How many slots a minute has. Over a long time this is the number of calls a minute."""
        return max(1, self.per_minute - self.burst - 1)

    @property
    def slot_seconds(self) -> float:
        return 60 / self.slots_a_minute

    def slot_at(self, now: float) -> int:
        """Return the number of the slot at ``now`` (UNIX seconds). It is the same in every process."""
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
        """Return the slots for a user's call, in the order in which to try them.

        Usable slots that background calls may not use are first. Then come the other usable slots. Last come future
        slots that begin within ``patience`` seconds.
        """
        ahead = range(self.slot_at(now) + 1, self.slot_at(now + max(0.0, patience)) + 1)
        return [*sorted(self.usable(now), key=self.is_for_background), *ahead]

    def for_background(self, now: float) -> list[int]:
        """Return the usable slots for a background call. Future slots are left to users' calls."""
        return [slot for slot in self.usable(now) if self.is_for_background(slot)]

    def is_for_background(self, slot: int) -> bool:
        """Return whether background calls may use ``slot``. These slots are evenly distributed over time."""
        return int((slot + 1) * self.background_share) > int(slot * self.background_share)
