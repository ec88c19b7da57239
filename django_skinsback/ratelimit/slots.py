"""How many calls may go: time is cut into numbered slots, and each slot lets one call through, whoever takes it.

A slot that nobody took may still be taken while it is one of the last ``burst``, so that a few calls at once need
not wait. In 60 seconds, wherever they begin, lie ``per_minute - burst - 1`` slots, and calls in them may have taken
``burst`` older ones and the one cut in two by the edge: never more than ``per_minute``.
"""

from dataclasses import dataclass

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND  # whole microseconds, because floats would put a call on the wrong side of an edge


@dataclass(frozen=True, slots=True)
class Law:
    """At most ``per_minute`` calls (two or more) in any 60 seconds; background calls may take a share of the slots."""

    per_minute: int
    background_share: float = 1.0

    @property
    def burst(self) -> int:
        """How many slots of the past may still be taken: a second's worth."""
        return self.per_minute // 60

    @property
    def slots_a_minute(self) -> int:
        """Calls a minute that are let through for good."""
        return max(1, self.per_minute - self.burst - 1)

    @property
    def slot_seconds(self) -> float:
        return 60 / self.slots_a_minute

    def slot_at(self, now: float) -> int:
        """The number of the slot at ``now``, UNIX seconds: the same in every process."""
        return int(now * _SECOND) * self.slots_a_minute // _MINUTE

    def begins(self, slot: int) -> float:
        """UNIX seconds at which ``slot`` begins."""
        return -(-slot * _MINUTE // self.slots_a_minute) / _SECOND

    def begun(self, now: float) -> range:
        """Slots that let a call through at ``now``, oldest first."""
        current = self.slot_at(now)
        return range(current - self.burst, current + 1)

    def is_open(self, slot: int, now: float) -> bool:
        """Whether ``slot`` has not grown too old to be used."""
        return slot >= self.begun(now).start

    def for_user(self, now: float, patience: float) -> list[int]:
        """Slots for a call somebody waits for, best first: those of the past that background calls may not take.

        After those any other that has begun, then those that begin within ``patience`` seconds.
        """
        ahead = range(self.slot_at(now) + 1, self.slot_at(now + max(0.0, patience)) + 1)
        return [*sorted(self.begun(now), key=self.is_for_background), *ahead]

    def for_background(self, now: float) -> list[int]:
        """Slots for a call nobody waits for: never one that is still to come, for that may be a user's."""
        return [slot for slot in self.begun(now) if self.is_for_background(slot)]

    def is_for_background(self, slot: int) -> bool:
        """Whether background calls may take ``slot``; those that they may are spread evenly."""
        return int((slot + 1) * self.background_share) > int(slot * self.background_share)
