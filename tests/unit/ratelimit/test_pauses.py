"""Which errors of SkinsBack stop which calls, for how long, and what ends the pause."""

import logging
import pickle
from contextlib import suppress

import pytest

from django_skinsback.exceptions import AccountFault, APIError, InsufficientFunds, RateLimited, UnknownOutcome
from django_skinsback.ratelimit import pauses

from .site import EFFECT, NOW, READ, Site, error


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
    logged = [record for record in caplog.records if record.message == "skinsback.account_paused"]
    assert [(record.levelno, record.account, record.code, record.seconds) for record in logged] == [
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
def test_row_54_a_call_without_a_usable_answer_ends_no_pause(answer):
    site = Site()
    with suppress(AccountFault):
        site.user(error=error(-10))
    with suppress(APIError, UnknownOutcome):
        site.user(error=answer)
    with pytest.raises(RateLimited):
        site.background()


def test_row_54_only_a_market_call_ends_the_pause_of_the_market():
    site = Site()
    with suppress(APIError):
        site.user("market_search", error=error(-6, "market_search"))
    site.user("orderstatus")
    with pytest.raises(RateLimited):
        site.background("market_getinfo")
    site.user("market_search")
    site.background("market_getinfo")


def test_row_54_maintenance_and_a_fault_share_one_pause_and_the_fault_opens_its_own_when_that_is_over(caplog):
    site = Site()
    for code in (-9, -4):
        with pytest.raises(APIError):
            site.user(error=error(code))
    assert site.limiters[0].pause_ends("default") == NOW + 60
    site.clock.now += 61
    with pytest.raises(AccountFault):
        site.background(error=error(-4))
    assert site.limiters[0].pause_ends("default") == site.clock() + 300
    assert [record.code for record in caplog.records] == [-9, -4]
