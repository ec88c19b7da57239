"""How many calls the slots allow, and what a clock that jumps does to them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import RateLimited
from django_skinsback.ratelimit.slots import Slots

from .site import NOW, Site, most_in_a_minute


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
    assert site.slots.slots_a_minute / per_minute == pytest.approx(1 - (per_minute // 60 + 1) / per_minute)


@given(per_minute=st.integers(2, 500), now=st.integers(0, 4_000_000_000_000_000))
def test_a_slot_begins_where_the_one_before_it_ends(per_minute, now):
    slots, moment = Slots(per_minute), now / 1_000_000
    slot = slots.slot_at(moment)
    assert slots.begins(slot) <= moment + 1e-6
    assert slots.begins(slot + 1) > moment - 1e-6
    assert slots.begins(slot + 1) - slots.begins(slot) == pytest.approx(slots.slot_seconds, abs=2e-6)


@given(share=st.floats(0.01, 1), first=st.integers(10**9, 10**11), count=st.integers(1, 500))
def test_background_calls_may_take_their_share_of_the_slots_and_no_more(share, first, count):
    slots = Slots(480, share)
    taken = sum(map(slots.is_for_background, range(first, first + count)))
    assert abs(taken - count * share) <= 1.0001


def test_a_call_on_a_quiet_site_asks_the_cache_twice_and_does_not_wait():
    site = Site()
    assert site.user() == 0
    assert site.cache.operations == 2


def test_a_second_of_calls_may_go_at_once():
    site = Site()
    assert site.drain(site.user) == site.slots.burst + 1 == 9


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
    granted = site.slots.slot_at(site.granted[-1])
    newest = max(int(key.rpartition(":")[2]) for key in site.cache.kept)
    assert granted - site.slots.burst <= newest <= granted


def test_row_60_a_clock_that_jumps_lets_through_a_burst_more_and_stops_nothing():
    for jump in (-86_400, -30, -3, 3, 86_400):
        site = Site()
        before = site.drain(site.user)
        site.clock.now += jump
        assert before + site.drain(site.user) <= 2 * (site.slots.burst + 1)
        site.clock.now += 10
        site.user()
