"""The limit of requests: its law, who goes first, and what SkinsBack's answers and a broken cache do to it."""

import logging
import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback import ratelimit
from django_skinsback.exceptions import AccountFault, APIError, InsufficientFunds, RateLimited, UnknownOutcome
from django_skinsback.ratelimit import pauses
from django_skinsback.ratelimit.limiter import Limiter
from django_skinsback.ratelimit.slots import Law
from tests.virtual import Cache, Clock

NOW = 1_800_000_000.0
READ, EFFECT = "orderstatus", "market_buy"


class Site:
    """Processes of one site: a limiter each, one cache, one clock, and the times at which calls went."""

    def __init__(self, per_minute=480, share=0.8, processes=1, chance=0.5):
        self.clock = Clock(NOW)
        self.cache = Cache(self.clock)
        self.law = Law(per_minute, share)
        self.limiters = [self.process(chance) for _ in range(processes)]
        self.granted = []
        self.slept = 0.0

    def process(self, chance=0.5, cache=None):
        return Limiter(self.law, cache or self.cache, clock=self.clock, sleep=self.sleep, random=lambda: chance)

    def sleep(self, seconds):
        self.slept += seconds
        self.clock.sleep(seconds)

    def user(self, method=READ, process=0, error=None, account="default"):
        """One call somebody waits for; ``error`` is how SkinsBack answers. Returns seconds waited."""
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
        """As many calls as are let through now, without any waiting."""
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


# The law


@given(
    per_minute=st.integers(2, 500),
    share=st.floats(0.05, 1),
    arrivals=st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 30), st.booleans(), st.integers(0, 3)), max_size=120),
)
def test_no_minute_wherever_it_begins_has_more_calls_than_allowed(per_minute, share, arrivals):
    site = Site(per_minute, share, processes=4)
    arrived = NOW
    for gap, count, in_background, process in arrivals:
        arrived += gap
        for _ in range(count):
            site.clock.now = arrived
            with suppress(RateLimited):
                (site.background if in_background else site.user)(process=process)
    assert most_in_a_minute(site.granted) <= per_minute


@pytest.mark.parametrize("per_minute", [150, 240, 480, 500])
def test_a_full_minute_lets_nearly_all_calls_through(per_minute):
    site = Site(per_minute)
    while site.clock() < NOW + 180:
        site.clock.now += 0.01
        with suppress(RateLimited):
            site.user()
    second_minute = [moment for moment in site.granted if NOW + 60 <= moment < NOW + 120]
    assert 0.975 * per_minute <= len(second_minute) <= per_minute
    assert most_in_a_minute(site.granted) <= per_minute
    assert site.law.slots_a_minute / per_minute == pytest.approx(1 - (per_minute // 60 + 1) / per_minute)


@given(per_minute=st.integers(2, 500), now=st.integers(0, 4_000_000_000_000_000))
def test_a_slot_begins_where_the_one_before_it_ends(per_minute, now):
    law, moment = Law(per_minute), now / 1_000_000
    slot = law.slot_at(moment)
    assert law.begins(slot) <= moment + 1e-6
    assert law.begins(slot + 1) > moment - 1e-6
    assert law.begins(slot + 1) - law.begins(slot) == pytest.approx(law.slot_seconds, abs=2e-6)


@given(share=st.floats(0.01, 1), first=st.integers(10**9, 10**11), count=st.integers(1, 500))
def test_background_calls_may_take_their_share_of_the_slots_and_no_more(share, first, count):
    law = Law(480, share)
    taken = sum(map(law.is_for_background, range(first, first + count)))
    assert abs(taken - count * share) <= 1.0001


def test_a_call_on_a_quiet_site_asks_the_cache_twice_and_does_not_wait():
    site = Site()
    assert site.user() == 0
    assert site.cache.operations == 2


def test_a_second_of_calls_may_go_at_once():
    site = Site()
    assert site.drain(site.user) == site.law.burst + 1 == 9


def test_a_slot_is_not_used_when_the_cache_took_too_long_to_give_it():
    site = Site()
    site.cache._pause = lambda: site.clock.sleep(0.9)
    with pytest.raises(RateLimited):
        site.user()
    assert site.granted == []


def test_a_slot_that_was_waited_for_is_not_used_when_it_has_grown_old():
    site = Site()
    site.drain(site.user)
    waits = iter([0, 0, 1.4])
    site.cache._pause = lambda: site.clock.sleep(next(waits, 0))
    site.user()
    granted = site.law.slot_at(site.granted[-1])
    newest = max(int(key.rpartition(":")[2]) for key in site.cache.kept)
    assert granted - site.law.burst <= newest <= granted


def test_row_60_a_clock_that_jumps_lets_through_a_burst_more_and_stops_nothing():
    for jump in (-86_400, -30, -3, 3, 86_400):
        site = Site()
        before = site.drain(site.user)
        site.clock.now += jump
        assert before + site.drain(site.user) <= 2 * (site.law.burst + 1)
        site.clock.now += 10
        site.user()


# Users first


def test_a_user_waits_for_the_next_slot_when_polling_has_taken_all():
    site = Site(processes=2)
    site.drain(site.background)
    site.drain(site.user)
    assert 0 < site.user(process=1) <= site.law.slot_seconds + 0.01


def test_a_user_who_would_wait_longer_than_two_seconds_is_refused_at_once():
    site = Site()
    waits = []
    for _ in range(9 + int(2 / site.law.slot_seconds)):
        site.clock.now = NOW
        waits.append(site.user())
    assert 1.8 < max(waits) <= 2
    site.clock.now = NOW
    with pytest.raises(RateLimited, match="held back by this site"):
        site.user()
    assert site.clock() == NOW


def test_background_calls_never_take_what_is_to_come():
    site = Site()
    for _ in range(50):
        site.background()
        assert max(int(key.rpartition(":")[2]) for key in site.cache.kept) <= site.law.slot_at(site.clock())


def test_background_calls_leave_a_share_alone_even_when_nobody_else_calls():
    site = Site(share=0.5)
    while site.clock() < NOW + 120:
        site.background()
    in_a_minute = [moment for moment in site.granted if moment >= NOW + 60]
    assert len(in_a_minute) == pytest.approx(0.5 * site.law.slots_a_minute, abs=2)


def test_users_take_first_what_background_calls_may_not():
    site = Site(share=0.5)
    site.user()
    site.user()
    taken = [int(key.rpartition(":")[2]) for key in site.cache.kept]
    assert [site.law.is_for_background(slot) for slot in taken] == [False, False]


def test_background_calls_wait_half_a_minute_and_no_longer():
    site = Site()
    site.cache.add = site.cache.set  # others are always faster
    with pytest.raises(RateLimited):
        site.background()
    assert 29 < site.slept <= 30


def test_a_clock_that_stands_still_lets_nobody_wait_for_ever():
    site = Site()
    slept = []
    site.limiters[0]._sleep = slept.append
    for _ in range(10):
        with suppress(RateLimited):
            site.background()
    assert len(site.granted) == 7
    assert sum(slept) <= 3 * 30


def test_a_purchase_sent_by_the_sweep_goes_like_a_users():
    site = Site()
    site.drain(site.background)
    site.drain(site.user)
    assert site.background(EFFECT) <= site.law.slot_seconds + 0.01


def test_somebody_at_a_terminal_is_no_background_whatever_the_flow_says():
    site = Site()
    with suppress(AccountFault):
        site.user(error=error(-4))
    with pytest.raises(RateLimited), ratelimit.background(), ratelimit.background():
        site.user()
    with ratelimit.foreground(), ratelimit.background():
        site.user()


# Row 52: over the limit


def test_row_52_a_pause_after_7_stops_every_call_of_every_process_and_account():
    site = Site(processes=3)
    with pytest.raises(RateLimited):
        site.user(error=error(-7))
    sent = len(site.granted)
    for process in range(3):
        for call in (site.user, site.background):
            for method in (READ, EFFECT):
                with pytest.raises(RateLimited, match="paused for"):
                    call(method, process=process, account="second")
    assert len(site.granted) == sent
    assert site.slept == 0


def test_row_52_the_pause_doubles_up_to_ten_minutes_and_is_forgotten_after_ten_quiet_ones():
    site = Site(chance=0)
    lengths = []
    for _ in range(6):
        with pytest.raises(RateLimited):
            site.user(error=error(-7))
        lengths.append(site.limiters[0].pause_ends("default") - site.clock())
        site.clock.now += lengths[-1]
    assert lengths == [60, 120, 240, 480, 600, 600]
    site.clock.now += 601
    with pytest.raises(RateLimited):
        site.user(error=error(-7))
    assert site.limiters[0].pause_ends("default") - site.clock() == 60


def test_row_52_pauses_differ_by_chance():
    ends = set()
    for chance in (0, 0.5, 0.99):
        site = Site(chance=chance)
        with pytest.raises(RateLimited):
            site.user(error=error(-7))
        ends.add(site.limiters[0].pause_ends("default"))
    assert len(ends) == 3
    assert NOW + 60 <= min(ends) < max(ends) <= NOW + 75


def test_row_52_calls_that_were_under_way_do_not_lengthen_the_pause(caplog):
    site = Site(processes=2, chance=0)
    under_way = site.limiters[1].call("default", READ)
    under_way.__enter__()
    with pytest.raises(RateLimited):
        site.user(error=error(-7))
    site.clock.now += 5
    late = error(-7)
    assert not under_way.__exit__(RateLimited, late, None)
    assert site.limiters[0].pause_ends("default") == NOW + 60
    assert [record.message for record in caplog.records] == ["skinsback.rate_limit_paused"]


def test_row_52_a_user_who_waits_when_the_pause_begins_is_not_sent_either():
    site = Site(processes=2)
    site.drain(site.user)
    sleep = site.sleep

    def meanwhile(seconds):
        site.limiters[0]._sleep = sleep
        sleep(seconds)
        with suppress(RateLimited):
            site.user(process=1, error=error(-7))

    site.limiters[0]._sleep = meanwhile
    sent = len(site.granted)
    with pytest.raises(RateLimited, match="paused for"):
        site.user(process=0)
    assert len(site.granted) == sent + 1


def test_row_60_a_pause_that_a_clock_put_back_makes_endless_is_over():
    site = Site()
    with suppress(RateLimited):
        site.user(error=error(-7))
    site.clock.now -= 86_400
    site.user()
    assert site.limiters[0].pause_ends("default") is None


def test_a_pause_outlives_a_cache_that_turns_pairs_into_lists_or_forgets_them():
    site = Site()
    with suppress(RateLimited):
        site.user(error=error(-7))
    end, value = site.cache.kept[pauses.LIMIT_KEY]
    site.cache.kept[pauses.LIMIT_KEY] = (end, list(pickle.loads(pickle.dumps(value))))
    with pytest.raises(RateLimited):
        site.process().call("default", READ).__enter__()
    site.cache.kept.clear()
    with pytest.raises(RateLimited):
        site.user()


# Row 54: the account, maintenance, the market


@pytest.mark.parametrize("code", [-1, -2, -3, -4, -5, -8, -10])
def test_row_54_a_fault_of_the_account_stops_its_background_calls_for_five_minutes_and_tells_once(code, caplog):
    site = Site(processes=2)
    for _ in range(3):
        with pytest.raises(AccountFault):
            site.user(error=error(code))
    for method in (READ, EFFECT):
        with pytest.raises(RateLimited, match="paused for"):
            site.background(method, process=1)
    site.background(account="second", process=1)
    with pytest.raises(AccountFault):
        site.user(process=1, error=error(code))
    told = [record for record in caplog.records if record.message == "skinsback.account_paused"]
    assert [(record.levelno, record.account, record.code, record.seconds) for record in told] == [
        (logging.ERROR, "default", code, 300)
    ]
    assert site.limiters[1].pause_ends("default") == NOW + 300
    site.clock.now = NOW + 301
    site.background()


@pytest.mark.parametrize(("code", "seconds"), [(-9, 60), (-6, 60)])
def test_row_54_maintenance_and_a_market_that_is_off_stop_background_calls_for_a_minute(code, seconds):
    site = Site()
    with pytest.raises(APIError):
        site.background("market_getinfo", error=error(code, "market_getinfo"))
    with pytest.raises(RateLimited):
        site.background("market_getinfo")
    site.clock.now += seconds
    site.background("market_getinfo")


def test_row_54_a_market_that_is_off_stops_no_deposit():
    site = Site()
    with pytest.raises(APIError):
        site.background("market_getinfo", error=error(-6, "market_getinfo"))
    site.background("orderstatus")
    with pytest.raises(RateLimited):
        site.background("market_history")


@pytest.mark.parametrize("answer", [None, InsufficientFunds(EFFECT, 4, "insufficient_funds")])
def test_row_54_the_first_call_that_skinsback_answers_ends_the_pause(answer):
    site = Site(processes=2)
    with suppress(AccountFault):
        site.user(error=error(-10))
    with suppress(APIError):
        site.user(EFFECT, process=1, error=answer)
    assert site.limiters[0].pause_ends("default") is None
    site.background()


@pytest.mark.parametrize("answer", [UnknownOutcome(), error(-9), error(-10)])
def test_row_54_a_call_that_proves_nothing_ends_no_pause(answer):
    site = Site()
    with suppress(AccountFault):
        site.user(error=error(-10))
    with suppress(APIError, UnknownOutcome):
        site.user(error=answer)
    with pytest.raises(RateLimited):
        site.background()


def test_row_54_only_the_market_tells_that_the_market_is_on_again():
    site = Site()
    with suppress(APIError):
        site.user("market_search", error=error(-6, "market_search"))
    site.user("orderstatus")
    with pytest.raises(RateLimited):
        site.background("market_getinfo")
    site.user("market_search")
    site.background("market_getinfo")


# Row 53: the cache is broken


class Broken:
    def __init__(self):
        self.asked = 0

    def __getattr__(self, operation):
        def fail(*_arguments):
            self.asked += 1
            raise ConnectionError("redis://:5ecret@cache")

        return fail


@pytest.fixture
def outage():
    site = Site()
    working, site.limiters[0]._shared._cache = site.cache, Broken()
    site.working = working
    return site


def test_row_53_while_the_cache_is_broken_one_call_a_second_goes(outage):
    for _ in range(20):
        outage.user()
    gaps = [later - earlier for earlier, later in zip(outage.granted, outage.granted[1:], strict=False)]
    assert all(gap == pytest.approx(1) for gap in gaps)


def test_row_53_while_the_cache_is_broken_background_calls_are_refused_while_a_call_waits(outage):
    outage.limiters[0]._sleep = lambda _seconds: None  # the first ones are still waiting
    outage.user()
    outage.user()
    with pytest.raises(RateLimited, match="other calls wait"):
        outage.background()
    outage.clock.now += 1
    outage.background()


def test_row_53_while_the_cache_is_broken_users_wait_two_seconds_at_most(outage):
    waits = []
    outage.limiters[0]._sleep = waits.append
    for _ in range(3):
        outage.user()
    with pytest.raises(RateLimited, match="other calls wait"):
        outage.user()
    assert waits == [1, 2]


def test_row_53_while_the_cache_is_broken_a_slow_call_does_not_hold_up_the_next(outage):
    limiter = outage.limiters[0]
    with limiter.call("default", READ):
        assert outage.user() == 1


def test_row_53_while_the_cache_is_broken_a_clock_put_back_stops_no_call(outage):
    outage.user()
    outage.clock.now -= 86_400
    assert outage.user() == 0


def test_row_53_a_call_that_raises_lets_the_next_one_go(outage):
    with pytest.raises(UnknownOutcome):
        outage.user(error=UnknownOutcome())
    outage.user()


def test_row_53_a_broken_cache_is_asked_every_few_seconds_and_not_by_every_call(outage):
    for _ in range(20):
        outage.user()
    assert outage.limiters[0]._shared._cache.asked <= 20 / 5 + 1


def test_row_53_an_outage_is_told_once_and_so_is_its_end(outage, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(20):
        outage.user()
    outage.limiters[0]._shared._cache = outage.working
    for _ in range(20):
        outage.user()
    told = [record.message for record in caplog.records]
    assert told == ["skinsback.limit_cache_broken", "skinsback.limit_cache_back"]
    assert "5ecret" not in caplog.text
    assert outage.granted[-1] - outage.granted[-9] < 1.1


def test_row_53_pauses_hold_in_the_process_while_the_cache_is_broken(outage):
    with pytest.raises(AccountFault):
        outage.user(error=error(-4))
    with pytest.raises(RateLimited, match="paused for"):
        outage.background()
    outage.user()
    outage.background()
    with pytest.raises(RateLimited):
        outage.user(error=error(-7))
    assert outage.limiters[0].pause_ends("default") > outage.clock() + 59
    with pytest.raises(RateLimited, match="paused for"):
        outage.user()


def test_row_53_a_cache_that_breaks_while_somebody_waits_lets_him_go_singly():
    site = Site()
    site.drain(site.user)
    sleep = site.sleep

    def meanwhile(seconds):
        site.limiters[0]._shared._cache = Broken()
        sleep(seconds)

    site.limiters[0]._sleep = meanwhile
    assert site.user() < 2


class Silent:
    """A cache that hides its outage, as some are told to: it says no to all, and keeps nothing."""

    def add(self, *_slot):
        return False

    def get_many(self, _keys):
        return {}

    def set(self, *_pause):
        pass

    def delete(self, _key):
        pass


@pytest.fixture
def silence(outage):
    outage.limiters[0]._shared._cache = Silent()
    return outage


@pytest.mark.parametrize("in_background", [False, True])
def test_row_53_a_cache_that_hides_its_outage_stops_nobody_and_one_call_a_second_goes(silence, in_background):
    call = silence.background if in_background else silence.user
    for _ in range(20):
        call()
    gaps = [later - earlier for earlier, later in zip(silence.granted, silence.granted[1:], strict=False)]
    assert all(gap == pytest.approx(1) for gap in gaps)
    assert silence.granted[0] - NOW <= (30 if in_background else 2)


def test_row_53_a_hidden_outage_is_told_once_and_its_end_is_a_slot_that_is_taken(silence, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(20):
        silence.user()
    assert [(record.message, record.error) for record in caplog.records] == [
        ("skinsback.limit_cache_broken", "Silence")
    ]
    silence.limiters[0]._shared._cache = silence.working
    for _ in range(20):
        silence.user()
    assert [record.message for record in caplog.records][1:] == ["skinsback.limit_cache_back"]
    assert silence.granted[-1] - silence.granted[-9] < 1.1


def test_row_53_a_cache_that_refuses_for_a_moment_is_not_broken(caplog):
    site = Site()
    moments = iter([False] * 3)
    add = site.cache.add
    site.cache.add = lambda *slot: next(moments, True) and add(*slot)
    site.user()
    assert caplog.records == []


def test_row_53_after_a_hidden_outage_a_slot_that_another_process_takes_first_is_no_new_one(silence):
    silence.user()
    silence.clock.now += 10
    silence.limiters[0]._shared._cache = silence.working
    add, others = silence.working.add, iter([True])
    silence.working.add = lambda *slot: add(*slot) and not next(others, False)
    sent = len(silence.granted)
    assert silence.user() < 0.5
    assert len(silence.granted) == sent + 1
    assert silence.limiters[0]._shared._failed_at is None
