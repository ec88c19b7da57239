"""A site of several processes with one cache and one clock, for the tests of the limiter."""

from django_skinsback import ratelimit
from django_skinsback.exceptions import APIError, RateLimited
from django_skinsback.ratelimit.limiter import Limiter
from django_skinsback.ratelimit.slots import Slots
from tests.support.virtual_time import Cache, Clock

NOW = 1_800_000_000.0
READ, EFFECT = "orderstatus", "market_buy"


class Site:
    """Processes of one site: a limiter each, one cache, one clock, and the times at which calls were sent."""

    def __init__(self, per_minute=480, share=0.8, processes=1, chance=0.5):
        self.clock = Clock(NOW)
        self.cache = Cache(self.clock)
        self.slots = Slots(per_minute, share)
        self.limiters = [self.process(chance) for _ in range(processes)]
        self.granted = []
        self.slept = 0.0

    def process(self, chance=0.5, cache=None):
        return Limiter(self.slots, cache or self.cache, clock=self.clock, sleep=self.sleep, random=lambda: chance)

    def sleep(self, seconds):
        self.slept += seconds
        self.clock.sleep(seconds)

    def user(self, method=READ, process=0, error=None, account="default"):
        """Send a user's call. ``error``: what SkinsBack answers. Returns the seconds that the call waited."""
        before = self.clock()
        with self.limiters[process].call(account, method):
            waited = self.clock() - before
            self.granted.append(self.clock())
            if error is not None:
                raise error
        return waited

    def background(self, method=READ, **options):
        with ratelimit.background():
            return self.user(method, **options)

    def drain(self, call):
        """Make calls until one would wait. Returns how many were sent."""
        count, now = 0, self.clock()
        while True:
            try:
                call()
            except RateLimited:
                return count
            if self.clock() > now:
                self.granted.pop()
                return count
            count += 1


def most_in_a_minute(times):
    times = sorted(times)
    first = most = 0
    for last, moment in enumerate(times):
        while times[first] <= moment - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def error(code, method=READ):
    return APIError.for_answer(method, code, "")
