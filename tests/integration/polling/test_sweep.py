"""A pass over what is due: how long it lasts, in which order, and what ends it."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError
from django.utils import timezone

from django_skinsback.exceptions import UnderMaintenance
from django_skinsback.flows.polling import claims as leases
from django_skinsback.flows.polling.backlog import Listed
from django_skinsback.flows.polling.queue import DEPOSITS, nobody
from django_skinsback.flows.polling.sweep import PASS, Work, sweep
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


class Pass:
    """A sweep that asks nobody: it notes the rows and has them due again after ``again``, or does ``act`` instead."""

    def __init__(self, clock, *, takes=timedelta(), again=timedelta(hours=1), act=None, from_rows=50):
        self.asked = []
        self._clock, self._takes, self._again, self._act = clock, takes, again, act
        listed = Listed(fetch=lambda *_: EMPTY, take=lambda *_: None, from_rows=from_rows, a_call=2)
        self._work = Work(DEPOSITS, size=2, ask=self._ask, listed=listed)

    def run(self, account="default", advance=nobody):
        return sweep(self._work, account, advance=advance)

    def _ask(self, one, lease):
        self._clock.shift(self._takes)
        if self._act is not None:
            self._act(one, lease)
        self.asked += [row.pk for row in lease.rows]
        lease.reschedule({row.pk: timezone.now() + self._again for row in lease.rows})


def due(count, **fields):
    """Deposits that are due, the last of them for the longest."""
    now = timezone.now()
    rows = [make_deposit(next_poll_at=now - timedelta(seconds=number), **fields) for number in range(count)]
    return [row.pk for row in rows]


@pytest.mark.parametrize("from_rows", [50, 3], ids=["few", "many"])
class TestLength:
    def test_a_pass_ends_with_its_time_and_what_it_did_not_come_to_stays_due(self, clock, from_rows):
        rows = due(10)
        one = Pass(clock, takes=PASS / 2, from_rows=from_rows)

        assert one.run().asked == 4
        assert sorted(one.asked) == rows[-4:]
        assert Deposit.objects.filter(next_poll_at__lte=timezone.now()).count() == 6

        assert one.run().asked == 4
        assert one.run().asked == 2
        assert sorted(one.asked) == rows

    def test_rows_that_are_due_again_soon_keep_no_others_from_their_turn(self, clock, from_rows):
        rows = due(10)
        one = Pass(clock, takes=PASS / 2, again=timedelta(), from_rows=from_rows)
        for _ in range(3):
            one.run()

        assert set(one.asked) == set(rows)

    def test_a_pass_in_time_takes_all(self, clock, from_rows):
        rows = due(10)
        one = Pass(clock, from_rows=from_rows)

        assert one.run().asked == 10
        assert sorted(one.asked) == rows


def test_an_account_that_takes_its_whole_time_leaves_the_others_theirs(clock):
    due(4)
    other = make_deposit(account="second", next_poll_at=timezone.now())
    one = Pass(clock, takes=PASS)

    one.run(account=None)

    assert len(one.asked) == 3
    assert one.asked[-1] == other.pk


def test_an_error_of_the_database_in_one_account_keeps_no_other_waiting_and_is_raised(clock, caplog):
    due(1)
    other = make_deposit(account="second", next_poll_at=timezone.now())

    def act(one, _lease):
        if one.account == "default":
            raise DatabaseError("gone")

    one = Pass(clock, act=act)
    with pytest.raises(DatabaseError, match="gone"):
        one.run(account=None)

    assert one.asked == [other.pk]
    assert [record.account for record in caplog.records if record.message == "skinsback.sweep_failed"] == ["default"]


def test_a_sweep_that_is_stopped_begins_no_other_account_and_leaves_no_claim(clock, caplog):
    rows = due(6)
    make_deposit(account="second", next_poll_at=timezone.now())
    told = []

    def stop(count):
        told.append(count)
        if len(told) == 2:
            raise Stop

    one = Pass(clock)
    with pytest.raises(Stop):
        one.run(account=None, advance=stop)

    assert sorted(one.asked) == rows[-2:]
    assert Deposit.objects.filter(next_poll_at__lte=timezone.now()).count() == 5
    assert not caplog.records


def test_rows_of_a_batch_that_met_an_error_count_as_taken_up(clock):
    due(2)

    def act(*_):
        raise UnderMaintenance("orderstatus", -9, "under_maintenance")

    counts = Pass(clock, act=act).run()

    assert counts.asked == 2
    assert "under_maintenance" in counts.stopped_by
    assert Deposit.objects.filter(next_poll_at__gt=timezone.now() + leases.schedule.CLAIM).count() == 2
