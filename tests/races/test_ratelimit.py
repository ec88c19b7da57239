"""Four real processes share the rate limit, through Redis and through a database cache."""

import uuid

import pytest
from django.core.management import call_command
from django.db import connection

from tests.races.interleaving import PROCESSES, grant_times
from tests.support import services

PER_MINUTE = 480


def check_limit(granted):
    total = sum(map(len, granted))
    assert 0.98 * PER_MINUTE <= total <= PER_MINUTE
    assert len(granted) == PROCESSES
    assert all(granted)
    print(f"{total} of {PER_MINUTE} in a minute, by process {[len(each) for each in granted]}")


@pytest.mark.skipif(
    not services.REQUIRED and not services.answers("redis"), reason="redis does not answer on 127.0.0.1"
)
def test_row_52_four_processes_share_the_limit_through_redis():
    cache = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:6379/14",
        "KEY_PREFIX": uuid.uuid4().hex,
    }
    check_limit(grant_times(PER_MINUTE, 60, cache))


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_row_52_four_processes_share_the_limit_through_a_database_cache():
    cache = {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "limits",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
    call_command("createcachetable", "limits")
    try:
        granted = grant_times(PER_MINUTE, 60, cache)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE limits")
    check_limit(granted)
