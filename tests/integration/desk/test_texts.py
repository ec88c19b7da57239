"""The sentences of the desk about the worker, webhooks, the limit of requests and price lists."""

from datetime import UTC, datetime, timedelta

import pytest

from django_skinsback.admin.desk.texts import (
    ago,
    failing_line,
    limit_line,
    prices_line,
    webhooks_line,
    worker_line,
)
from django_skinsback.admin.labels import ALERT, GOOD, QUIET, WAIT
from django_skinsback.flows.monitoring.sweeps import FailingSweeps

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
START = "Start a Celery worker with beat, or skinsback_poll --forever."


def before(**delta):
    return NOW - timedelta(**delta)


def said(line):
    return line.level, line.text.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (before(seconds=59), "less than a minute ago"),
        (before(minutes=3, seconds=30), "3 minutes ago"),
        (before(days=2, hours=5), "2 days ago"),
        (NOW + timedelta(minutes=5), "less than a minute ago"),
    ],
)
def test_times_are_said_as_an_age(moment, text):
    assert ago(moment, NOW).replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("last_sweep", "overdue", "is_shared", "expected"),
    [
        (before(seconds=20), timedelta(0), True, (GOOD, "A worker ran less than a minute ago.")),
        (before(minutes=20), timedelta(0), True, (ALERT, f"No worker has run for 20 minutes. {START}")),
        (before(minutes=20), timedelta(minutes=18), True, (ALERT, f"No worker has run for 20 minutes. {START}")),
        (None, timedelta(minutes=20), False, (ALERT, f"No worker has run for 20 minutes. {START}")),
        (None, timedelta(0), True, (ALERT, f"No worker has run yet. {START}")),
        (None, timedelta(0), False, (QUIET, "Nothing is overdue. The time of the last run is not known here.")),
        (
            before(seconds=20),
            timedelta(minutes=20),
            True,
            (ALERT, "A worker runs, but the oldest row has been due for 20 minutes. Look at the worker's log."),
        ),
    ],
)
def test_the_worker(last_sweep, overdue, is_shared, expected):
    assert said(worker_line(last_sweep, overdue, NOW, is_shared=is_shared)) == expected


def test_webhooks():
    assert said(webhooks_line(None, 0, NOW)) == (QUIET, "No webhook has arrived yet.")
    assert said(webhooks_line(before(minutes=3), 0, NOW)) == (GOOD, "The last webhook arrived 3 minutes ago.")
    level, text = said(webhooks_line(before(minutes=3), 2, NOW))
    assert level == WAIT
    assert text.endswith("2 deliveries could not be applied and are tried again automatically.")


def test_a_pause_of_calls_is_said_with_its_end():
    line = limit_line("", NOW + timedelta(minutes=3), 480, NOW)

    assert said(line) == (ALERT, "Calls are paused until 12:03 p.m., because SkinsBack refused a call.")
    assert said(limit_line("", before(minutes=3), 480, NOW))[0] == GOOD
    assert said(limit_line("", None, 480, NOW)) == (GOOD, "Calls are not paused. The limit is 480 a minute.")
    assert limit_line("second", None, None, NOW).subject == "Calls to SkinsBack, second"


def test_failing_updates_are_said_after_five_minutes():
    assert failing_line("", None, NOW) is None
    assert failing_line("", FailingSweeps(before(minutes=4), "x"), NOW) is None
    level, text = said(failing_line("", FailingSweeps(before(minutes=9), "invalid signature"), NOW))
    assert (level, text) == (
        ALERT,
        "Every update from SkinsBack has failed for 9 minutes. Newest error: invalid signature",
    )


def test_price_lists_name_their_games_and_their_age():
    hour = timedelta(hours=1)
    assert said(prices_line([], hour, NOW))[0] == QUIET
    fresh, old = ("cs2", before(minutes=5)), ("new_game", before(hours=2))
    assert said(prices_line([fresh], hour, NOW)) == (GOOD, "Imported: Counter-Strike 2 5 minutes ago.")
    level, text = said(prices_line([fresh, old], hour, NOW))
    assert level == ALERT
    assert "new_game 2 hours ago" in text


def test_a_level_is_also_said_as_a_word():
    words = {webhooks_line(None, 0, NOW).level_text, limit_line("", NOW + timedelta(1), 1, NOW).level_text}
    assert words == {"not known", "needs attention"}
