"""Ten virtual minutes of a busy site against the sandbox's own limit, several processes at a time."""

import random
from contextlib import suppress
from itertools import pairwise

import pytest

from django_skinsback import ratelimit
from django_skinsback.exceptions import RateLimited
from django_skinsback.ratelimit.limiter import Limiter
from django_skinsback.ratelimit.slots import Slots
from django_skinsback.sandbox import CLIENT_ID, Options
from django_skinsback.sandbox.simulation.store import Store
from tests.support.virtual_time import Cache, Simulation

WORKERS = 6
WEB_PROCESSES = 3
MINUTES = 10
OPEN_PURCHASES = 30_000
BATCH = 100


class Site(Simulation):
    """Processes of a site with a limiter each, and SkinsBack at the far end of a network."""

    def __init__(self, seed, minutes=MINUTES):
        super().__init__()
        self.random = random.Random(seed)
        self.minutes = minutes
        self.end = self.now() + minutes * 60
        self.world = Store(Options(rate_limit=500), self)
        self.slots = Slots(480, 0.8)
        self.cache = Cache(self.now, lambda: self.sleep(self.random.uniform(0.0002, 0.003)))
        self.arrived = []
        self.refused = []
        self.held_back = {"market_getinfo": 0, "market_buy": 0}
        self.waits = {"market_getinfo": [], "market_buy": []}

    def process(self):
        return Limiter(self.slots, self.cache, clock=self.now, sleep=self.sleep, random=self.random.random)

    def call(self, limiter, method):
        """One call; it counts at SkinsBack when it gets there. RateLimited as the client raises it."""
        begun, sent = self.now(), False
        try:
            with limiter.call("default", method):
                sent = True
                self.waits[method].append(self.now() - begun)
                self.sleep(self.random.uniform(0.02, 0.15))
                self.arrive(method)
                self.sleep(self.random.uniform(0.02, 0.15))
        except RateLimited:
            self.held_back[method] += not sent
            raise

    def arrive(self, method):
        self.arrived.append(self.now())
        if not self.world.within_rate_limit(CLIENT_ID):
            self.refused.append(self.now())
            raise RateLimited(method, -7, "request_limit_reached")

    def poll(self, queue):
        """A worker: the batch that is due next, again and again."""
        limiter = self.process()
        with ratelimit.background():
            while self.now() < self.end:
                batch = queue.pop(0)
                queue.append(batch)
                with suppress(RateLimited):
                    self.call(limiter, "market_getinfo")
                    self.polled[batch] = self.polled.get(batch, 0) + 1
                    continue
                self.sleep(10)  # until the next sweep

    def shop(self, buy_every):
        """Users buy, each in one of the web processes, without waiting for the purchase before."""
        web = [self.process() for _ in range(WEB_PROCESSES)]
        while self.now() < self.end:
            self.start(lambda: self.buy(self.random.choice(web)))
            self.sleep(buy_every)

    def buy(self, limiter):
        with suppress(RateLimited):
            self.call(limiter, "market_buy")

    def live(self, buy_every=1.0):
        queue = list(range(OPEN_PURCHASES // BATCH))
        self.polled = {}
        for _ in range(WORKERS):
            self.start(lambda: self.poll(queue))
        self.start(lambda: self.shop(buy_every))
        self.run()
        return self

    def most_in_a_minute(self):
        times, first, most = sorted(self.arrived), 0, 0
        for last, moment in enumerate(times):
            while times[first] <= moment - 60:
                first += 1
            most = max(most, last - first + 1)
        return most


@pytest.mark.parametrize("seed", range(3))
def test_row_52_polling_at_full_speed_and_a_user_every_second_meet_no_limit(seed):
    site = Site(seed).live()
    assert site.refused == []
    assert site.held_back["market_buy"] == 0
    assert len(site.waits["market_buy"]) == MINUTES * 60
    assert max(site.waits["market_buy"]) <= 2
    background = len(site.waits["market_getinfo"]) / site.minutes
    assert 0.98 <= background / (0.8 * site.slots.slots_a_minute) <= 1.01
    assert len(site.polled) == OPEN_PURCHASES / BATCH
    assert min(site.polled.values()) >= 10
    print(figures(site))


def test_background_calls_are_not_starved_while_users_leave_anything():
    site = Site(1, minutes=3).live(buy_every=0.15)  # 400 a minute
    assert site.refused == []
    assert max(site.waits["market_buy"]) <= 2
    assert site.held_back["market_buy"] == 0
    assert len(site.waits["market_getinfo"]) / site.minutes >= 0.9 * (site.slots.slots_a_minute - 400)


def test_users_who_want_more_than_there_is_get_nearly_all_of_it_and_the_rest_a_quick_no():
    site = Site(1, minutes=3).live(buy_every=0.1)  # 600 a minute
    assert site.refused == []
    assert max(site.waits["market_buy"]) <= 2.05
    assert len(site.waits["market_buy"]) / site.minutes >= 0.97 * site.slots.slots_a_minute
    assert site.held_back["market_buy"] > 300


def test_row_52_when_other_software_uses_the_limit_too_all_stop_and_no_storm_follows():
    site = Site(1)

    def stranger():
        while site.now() < site.end:
            site.world.within_rate_limit(CLIENT_ID)
            site.sleep(60 / 150)

    site.start(stranger)
    site.live()
    first = min(site.refused)
    assert [moment for moment in site.arrived if first + 0.3 < moment < first + 60] == []
    assert site.most_in_a_minute() <= 500
    pauses = [later for earlier, later in pairwise([0, *site.refused]) if later - earlier > 30]
    assert 2 <= len(pauses) <= 4
    assert len(site.refused) <= len(pauses) * (WORKERS + WEB_PROCESSES)
    assert len(site.arrived) > 500


def figures(site):
    """What the simulation measured. pytest shows it with ``-s``."""
    waits = sorted(site.waits["market_buy"])
    return (
        f"{len(site.arrived) / site.minutes:.1f} calls a minute, at most {site.most_in_a_minute()} in any, "
        f"{len(site.waits['market_getinfo'])} batches, {len(site.refused)} times -7; {len(waits)} purchases waited "
        f"{waits[len(waits) // 2]:.3f} s in the middle, {waits[int(len(waits) * 0.99)]:.3f} s at 99 %, "
        f"{waits[-1]:.3f} s at most"
    )
