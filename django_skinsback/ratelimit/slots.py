"""Slots: time is divided into numbered slots, and each slot allows one call, from any process.

A slot that no call has used stays usable for about a second, so that a few calls can go at once. A call uses its slot
during the slot or at most ``burst`` slots later. So the calls of any 60 seconds belong to at most ``per_minute`` slots:
the ``per_minute - burst - 1`` slots of a minute, ``burst`` earlier ones, and one that the edge of the minute divides.
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
        """How many past slots are still usable: those of one second."""
        return self.per_minute // 60

    @property
    def slots_a_minute(self) -> int:
        """How many calls a minute the slots allow over a long time."""
        return max(1, self.per_minute - self.burst - 1)

    @property
    def slot_seconds(self) -> float:
        return 60 / self.slots_a_minute

    def slot_at(self, now: float) -> int:
        """The number of the slot at ``now`` (UNIX seconds). It is the same in every process."""
        return int(now * _SECOND) * self.slots_a_minute // _MINUTE

    def begins(self, slot: int) -> float:
        """UNIX seconds at which ``slot`` begins."""
        return -(-slot * _MINUTE // self.slots_a_minute) / _SECOND

    def usable(self, now: float) -> range:
        """Slots that a call may use at ``now``, oldest first."""
        current = self.slot_at(now)
        return range(current - self.burst, current + 1)

    def is_usable(self, slot: int, now: float) -> bool:
        """Whether ``slot``, which has begun, may still be used."""
        return slot >= self.usable(now).start

    def for_user(self, now: float, patience: float) -> list[int]:
        """Slots for a user's call, in the order in which to try them.

        First come usable slots that background calls may not use, then the other usable slots, then the slots that
        begin within ``patience`` seconds.
        """
        ahead = range(self.slot_at(now) + 1, self.slot_at(now + max(0.0, patience)) + 1)
        return [*sorted(self.usable(now), key=self.is_for_background), *ahead]

    def for_background(self, now: float) -> list[int]:
        """Slots for a background call. Future slots are not among them, because a user's call may need them."""
        return [slot for slot in self.usable(now) if self.is_for_background(slot)]

    def is_for_background(self, slot: int) -> bool:
        """Whether background calls may use ``slot``. Such slots are evenly distributed."""
        return int((slot + 1) * self.background_share) > int(slot * self.background_share)
