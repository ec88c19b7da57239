"""A sweep of due rows: how long it lasts, in which order it polls, and what ends it."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError
from django.utils import timezone

from django_skinsback import schedule
from django_skinsback.exceptions import UnderMaintenance
from django_skinsback.flows.polling.deposits import DepositSweep
from django_skinsback.flows.polling.sweep import LONGEST_SWEEP, sweep
from django_skinsback.flows.progress import no_progress
from django_skinsback.flows.scheduler import Stop
from django_skinsback.models import Deposit
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import Page

pytestmark = [pytest.mark.django_db, pytest.mark.database]

EMPTY = Page(items=[], has_more=False)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


class FakeSweep:
    """Sweeps that call no SkinsBack: each batch takes ``takes`` and calls ``act``, and is due again after ``again``."""

    def __init__(self, clock, *, takes=timedelta(), again=timedelta(hours=1), act=None, from_rows=50):
        self.polled = polled = []

        class Fake(DepositSweep):
            batch_size, list_from = 2, from_rows

            def fetch_page(self, *_arguments):
                return EMPTY

            def poll(self, claim):
                clock.shift(takes)
                if act is not None:
                    act(self)
                polled.extend(row.pk for row in claim.rows)
                claim.reschedule({row.pk: timezone.now() + again for row in claim.rows})

        self._kind = Fake

    def run(self, account="default", on_progress=no_progress):
        return sweep(self._kind, account, now=None, chance=lambda: 0.5, on_progress=on_progress)


def due(count, **fields):
    """Due deposits; the last one has been due for the longest."""
    now = timezone.now()
    rows = [make_deposit(next_poll_at=now - timedelta(seconds=number), **fields) for number in range(count)]
    return [row.pk for row in rows]


@pytest.mark.parametrize("from_rows", [50, 3], ids=["few", "many"])
class TestLength:
    def test_a_sweep_ends_with_its_time_and_the_remaining_rows_stay_due(self, clock, from_rows):
        rows = due(10)
        one = FakeSweep(clock, takes=LONGEST_SWEEP / 2, from_rows=from_rows)

        assert one.run().asked == 4
        assert sorted(one.polled) == rows[-4:]
        assert Deposit.objects.filter(next_poll_at__lte=timezone.now()).count() == 6

        assert one.run().asked == 4
        assert one.run().asked == 2
        assert sorted(one.polled) == rows

    def test_rows_that_are_due_again_soon_do_not_delay_the_others(self, clock, from_rows):
        rows = due(10)
        one = FakeSweep(clock, takes=LONGEST_SWEEP / 2, again=timedelta(), from_rows=from_rows)
        for _ in range(3):
            one.run()

        assert set(one.polled) == set(rows)

    def test_a_sweep_within_its_time_polls_all_rows(self, clock, from_rows):
        rows = due(10)
        one = FakeSweep(clock, from_rows=from_rows)

        assert one.run().asked == 10
        assert sorted(one.polled) == rows


def test_an_account_that_uses_all_its_time_does_not_shorten_the_next_sweep(clock):
    due(4)
    other = make_deposit(account="second", next_poll_at=timezone.now())
    one = FakeSweep(clock, takes=LONGEST_SWEEP)

    one.run(account=None)

    assert len(one.polled) == 3
    assert one.polled[-1] == other.pk


def test_a_database_error_in_one_account_is_raised_after_the_others_were_swept(clock, caplog):
    due(1)
    other = make_deposit(account="second", next_poll_at=timezone.now())

    def act(running):
        if running.account == "default":
            raise DatabaseError("gone")

    one = FakeSweep(clock, act=act)
    with pytest.raises(DatabaseError, match="gone"):
        one.run(account=None)

    assert one.polled == [other.pk]
    assert [record.account for record in caplog.records if record.message == "skinsback.sweep_failed"] == ["default"]


def test_a_stopped_sweep_begins_no_other_account_and_releases_its_claim(clock, caplog):
    rows = due(6)
    make_deposit(account="second", next_poll_at=timezone.now())
    progress = []

    def stop(count):
        progress.append(count)
        if len(progress) == 2:
            raise Stop

    one = FakeSweep(clock)
    with pytest.raises(Stop):
        one.run(account=None, on_progress=stop)

    assert sorted(one.polled) == rows[-2:]
    assert Deposit.objects.filter(next_poll_at__lte=timezone.now()).count() == 5
    assert not caplog.records


def test_rows_of_a_batch_that_failed_count_as_polled(clock):
    due(2)

    def act(*_):
        raise UnderMaintenance("orderstatus", -9, "under_maintenance")

    counts = FakeSweep(clock, act=act).run()

    assert counts.asked == 2
    assert "under_maintenance" in counts.stopped_by
    assert Deposit.objects.filter(next_poll_at__gt=timezone.now() + schedule.CLAIM).count() == 2
