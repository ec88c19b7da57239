"""The limiter of a site: it follows the settings, uses the site's cache, and wraps every call of the client."""

import socket
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection, transaction

from django_skinsback import ratelimit
from django_skinsback.connection import get_client
from django_skinsback.exceptions import AccountFault, RateLimited

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def limited(skinsback_sandbox, settings):
    """The sandbox's site with a limit, kept in a cache of this test's own."""
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": uuid.uuid4().hex}
    }
    settings.SKINSBACK = {**settings.SKINSBACK, "REQUESTS_PER_MINUTE": 480}
    ratelimit._limiters.clear()
    yield skinsback_sandbox
    ratelimit._limiters.clear()


def asked(sandbox):
    """Calls that reached the sandbox and were counted."""
    return sum(len(budget.calls) for budget in sandbox.store._budgets.values())


def slots():
    return [key for key in caches["default"]._cache if ":skinsback:slot:" in key]


def test_every_call_takes_a_slot(limited):
    get_client().get_balance()
    get_client("second").list_currencies()
    assert len(slots()) == 2


def test_accounts_and_threads_share_one_limiter(limited):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(ratelimit.current()))
    thread.start()
    thread.join()
    assert seen == [ratelimit.current()]
    assert get_client()._limiter.func.__self__ is get_client("second")._limiter.func.__self__ is seen[0]


@pytest.mark.parametrize("change", [{"REQUESTS_PER_MINUTE": 60}, {"BACKGROUND_SHARE": 0.5}, {"CACHE": "other"}])
def test_other_settings_are_another_limiter_and_another_client(limited, settings, change):
    settings.CACHES = {**settings.CACHES, "other": settings.CACHES["default"]}
    limiter, client = ratelimit.current(), get_client()
    assert get_client() is client
    settings.SKINSBACK = {**settings.SKINSBACK, **change}
    assert ratelimit.current() is not limiter
    assert get_client() is not client


def test_without_a_limit_nothing_is_counted_and_nothing_pauses(limited, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "REQUESTS_PER_MINUTE": None}
    limited.faults.add("rate_limited")
    with pytest.raises(RateLimited):
        get_client().get_balance()
    get_client().get_balance()
    assert ratelimit.current() is None
    assert ratelimit.pause_until() is None
    assert slots() == []


def test_row_52_after_7_nothing_is_sent_and_the_health_page_knows_until_when(limited):
    with time_machine.travel(NOW, tick=False):
        limited.faults.add("rate_limited")
        with pytest.raises(RateLimited):
            get_client().get_balance()
        sent = asked(limited)
        for account in ("default", "second"):
            with pytest.raises(RateLimited, match="held back by this site"):
                get_client(account).get_balance()
            assert timedelta(seconds=60) <= ratelimit.pause_until(account) - NOW <= timedelta(seconds=75)
        assert asked(limited) == sent
    with time_machine.travel(NOW + timedelta(seconds=76), tick=False):
        assert ratelimit.pause_until() is None
        get_client().get_balance()


def test_row_52_a_price_list_asked_for_too_often_opens_the_pause_as_well(limited):
    limited.faults.add("rate_limited")
    with pytest.raises(RateLimited):
        next(get_client().iter_price_list("cs2"))
    assert ratelimit.pause_until() is not None


def test_row_54_a_wrong_address_stops_the_background_and_a_user_ends_the_pause(limited):
    limited.faults.add("error", value="-8 invalid_ip_address")
    with pytest.raises(AccountFault):
        get_client().get_balance()
    assert ratelimit.pause_until() is not None
    assert ratelimit.pause_until("second") is None
    sent = asked(limited)
    with ratelimit.background(), pytest.raises(RateLimited, match="held back by this site"):
        get_client().get_balance()
    assert asked(limited) == sent
    get_client().get_balance()
    assert ratelimit.pause_until() is None
    with ratelimit.background():
        get_client().get_balance()


def test_row_53_a_cache_that_refuses_connections_slows_calls_and_stops_none(limited, settings, caplog):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        location = f"redis://127.0.0.1:{unused.getsockname()[1]}"
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": location}}
        limiter = ratelimit.current()
        slept = []
        limiter._sleep = slept.append
        for _ in range(3):
            get_client().get_balance()
        assert ratelimit.pause_until() is None
    assert len(slept) == 2
    assert [record.message for record in caplog.records].count("skinsback.limit_cache_failed") == 1


def test_row_53_a_cache_that_is_not_configured_counts_as_failed(limited, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CACHE": "elsewhere"}
    get_client().get_balance()
    assert ratelimit.pause_until() is None


@pytest.fixture
def database_cache(limited, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "limits"}}
    call_command("createcachetable", "limits")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE limits")


def rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM limits")
        return [key for (key,) in cursor.fetchall()]


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_database_cache_keeps_slots_and_pauses(limited, database_cache, django_assert_max_num_queries):
    # The clock stands still: on a slow machine, a slot may end before it is used, and the call then takes another one.
    with time_machine.travel(datetime.now(UTC), tick=False), django_assert_max_num_queries(8):
        get_client().get_balance()
    assert [":skinsback:slot:480:" in key for key in rows()] == [True]
    limited.faults.add("error", value="-4 shop_not_active", times=2)
    for _ in range(2):
        with pytest.raises(AccountFault):
            get_client().get_balance()
    assert ratelimit.pause_until() is not None


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_database_cache_is_not_used_inside_a_database_transaction(limited, database_cache):
    ratelimit.current()._sleep = lambda _seconds: None
    with transaction.atomic():
        get_client().get_balance()
        get_client().get_balance()
    assert rows() == []
    assert asked(limited) == 2
