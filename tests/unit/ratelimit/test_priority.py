"""Users' calls go first: which slots they use, how long calls wait, and which calls are background calls."""

from contextlib import suppress

import pytest

from django_skinsback import ratelimit
from django_skinsback.exceptions import AccountFault, RateLimited

from .site import EFFECT, NOW, Site, error


def test_a_user_waits_for_the_next_slot_when_polling_has_taken_all():
    site = Site(processes=2)
    site.drain(site.background)
    site.drain(site.user)
    assert 0 < site.user(process=1) <= site.slots.slot_seconds + 0.01


def test_a_user_who_would_wait_longer_than_two_seconds_is_refused_at_once():
    site = Site()
    waits = []
    for _ in range(9 + int(2 / site.slots.slot_seconds)):
        site.clock.now = NOW
        waits.append(site.user())
    assert 1.8 < max(waits) <= 2
    site.clock.now = NOW
    with pytest.raises(RateLimited, match="held back by this site"):
        site.user()
    assert site.clock() == NOW


def test_background_calls_never_take_future_slots():
    site = Site()
    for _ in range(50):
        site.background()
        assert max(int(key.rpartition(":")[2]) for key in site.cache.kept) <= site.slots.slot_at(site.clock())


def test_background_calls_leave_a_share_free_even_without_users_calls():
    site = Site(share=0.5)
    while site.clock() < NOW + 120:
        site.background()
    in_a_minute = [moment for moment in site.granted if moment >= NOW + 60]
    assert len(in_a_minute) == pytest.approx(0.5 * site.slots.slots_a_minute, abs=2)


def test_users_calls_first_take_slots_that_background_calls_may_not_use():
    site = Site(share=0.5)
    site.user()
    site.user()
    taken = [int(key.rpartition(":")[2]) for key in site.cache.kept]
    assert [site.slots.is_for_background(slot) for slot in taken] == [False, False]


def test_background_calls_wait_half_a_minute_and_no_longer():
    site = Site()
    site.cache.add = site.cache.set  # others are always faster
    with pytest.raises(RateLimited):
        site.background()
    assert 29 < site.slept <= 30


def test_no_call_waits_for_ever_when_the_clock_stands_still():
    site = Site()
    slept = []
    site.limiters[0]._sleep = slept.append
    for _ in range(10):
        with suppress(RateLimited):
            site.background()
    assert len(site.granted) == 7
    assert sum(slept) <= 3 * 30


def test_a_purchase_inside_background_is_treated_like_a_users_call():
    site = Site()
    site.drain(site.background)
    site.drain(site.user)
    assert site.background(EFFECT) <= site.slots.slot_seconds + 0.01


def test_foreground_wins_over_background():
    site = Site()
    with suppress(AccountFault):
        site.user(error=error(-4))
    with pytest.raises(RateLimited), ratelimit.background(), ratelimit.background():
        site.user()
    with ratelimit.foreground(), ratelimit.background():
        site.user()
