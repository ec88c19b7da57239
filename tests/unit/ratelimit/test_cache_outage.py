"""What the limiter does while its cache fails."""

import logging
import threading
from contextlib import suppress

import pytest

from django_skinsback.exceptions import AccountFault, RateLimited, UnknownOutcome
from django_skinsback.ratelimit import pauses

from .site import NOW, READ, Site, error


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
    working, site.limiters[0]._cache._cache = site.cache, Broken()
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


def test_row_53_while_the_cache_is_broken_a_call_that_waits_when_a_pause_begins_is_not_sent(outage):
    outage.user()
    sleep = outage.sleep

    def sleep_while_a_pause_begins(seconds):
        sleep(seconds)
        outage.limiters[0]._pauses_here[pauses.LIMIT_KEY] = (outage.clock() + 60, 1)

    outage.limiters[0]._sleep = sleep_while_a_pause_begins
    with pytest.raises(RateLimited, match="paused for"):
        outage.user()


def test_row_53_while_the_cache_is_broken_threads_get_a_second_each(outage):
    outage.limiters[0]._sleep = lambda _seconds: None
    sent = []

    def send():
        with suppress(RateLimited), outage.limiters[0].call("default", READ):
            sent.append(True)

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(sent) == 3  # now, and in one and two seconds


def test_row_53_while_the_cache_is_broken_a_slow_call_does_not_hold_up_the_next(outage):
    limiter = outage.limiters[0]
    with limiter.call("default", READ):
        assert outage.user() == 1


def test_row_53_while_the_cache_is_broken_a_clock_put_back_stops_no_call(outage):
    outage.user()
    outage.clock.now -= 86_400
    assert outage.user() == 0


def test_row_53_a_call_that_raises_does_not_block_the_next_one(outage):
    with pytest.raises(UnknownOutcome):
        outage.user(error=UnknownOutcome())
    outage.user()


def test_row_53_a_broken_cache_is_tried_every_few_seconds_and_not_by_every_call(outage):
    for _ in range(20):
        outage.user()
    assert outage.limiters[0]._cache._cache.asked <= 20 / 5 + 1


def test_row_53_an_outage_and_its_end_are_logged_once(outage, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(20):
        outage.user()
    outage.limiters[0]._cache._cache = outage.working
    for _ in range(20):
        outage.user()
    logged = [record.message for record in caplog.records]
    assert logged == ["skinsback.limit_cache_failed", "skinsback.limit_cache_recovered"]
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


def test_row_53_when_the_cache_fails_during_a_users_wait_the_call_is_still_sent():
    site = Site()
    site.drain(site.user)
    sleep = site.sleep

    def meanwhile(seconds):
        site.limiters[0]._cache._cache = Broken()
        sleep(seconds)

    site.limiters[0]._sleep = meanwhile
    assert site.user() < 2


class HiddenOutage:
    """A cache that hides its outage, as some can be configured to: it refuses every key and keeps nothing."""

    def add(self, *_slot):
        return False

    def get_many(self, _keys):
        return {}

    def set(self, *_pause):
        pass

    def delete(self, _key):
        pass


@pytest.fixture
def hidden(outage):
    outage.limiters[0]._cache._cache = HiddenOutage()
    return outage


@pytest.mark.parametrize("in_background", [False, True])
def test_row_53_while_a_cache_hides_its_outage_one_call_a_second_is_sent(hidden, in_background):
    call = hidden.background if in_background else hidden.user
    for _ in range(20):
        call()
    gaps = [later - earlier for earlier, later in zip(hidden.granted, hidden.granted[1:], strict=False)]
    assert all(gap == pytest.approx(1) for gap in gaps)
    assert hidden.granted[0] - NOW <= (30 if in_background else 2)


def test_row_53_a_hidden_outage_is_logged_once_and_ends_with_the_first_slot_that_is_taken(hidden, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(20):
        hidden.user()
    assert [(record.message, record.error) for record in caplog.records] == [
        ("skinsback.limit_cache_failed", "KeysNotAdded")
    ]
    hidden.limiters[0]._cache._cache = hidden.working
    for _ in range(20):
        hidden.user()
    assert [record.message for record in caplog.records][1:] == ["skinsback.limit_cache_recovered"]
    assert hidden.granted[-1] - hidden.granted[-9] < 1.1


def test_row_53_a_cache_that_refuses_keys_for_a_moment_has_not_failed(caplog):
    site = Site()
    moments = iter([False] * 3)
    add = site.cache.add
    site.cache.add = lambda *slot: next(moments, True) and add(*slot)
    site.user()
    assert caplog.records == []


def test_row_53_after_a_hidden_outage_a_slot_that_another_process_takes_is_not_a_new_outage(hidden):
    hidden.user()
    hidden.clock.now += 10
    hidden.limiters[0]._cache._cache = hidden.working
    add, others = hidden.working.add, iter([True])
    hidden.working.add = lambda *slot: add(*slot) and not next(others, False)
    sent = len(hidden.granted)
    assert hidden.user() < 0.5
    assert len(hidden.granted) == sent + 1
    assert hidden.limiters[0]._cache._failed_at is None
