"""The command that compares SkinsBack's lists with the rows here."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_skinsback.exceptions import UnderMaintenance
from django_skinsback.flows.reconciliation import discrepancies
from django_skinsback.models import Discrepancy, LedgerEntry
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import DepositReport

from ...support.fake_lists import PAID, FakeLists

pytestmark = pytest.mark.django_db


@pytest.fixture
def lists(monkeypatch):
    return FakeLists(monkeypatch)


def run(*arguments):
    """What it printed, what it warned of, and its exit code."""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command("skinsback_reconcile", "--account", "default", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        code = end.code
    return out.getvalue(), err.getvalue(), code


def test_where_all_agree_it_says_so_and_ends_with_0(lists):
    lists.list(make_deposit())

    out, err, code = run()

    assert "default, orders: rows 1, pages 1; all agree" in out
    assert (err, code) == ("", 0)


def test_what_it_made_up_for_is_told_and_is_no_failure(lists, user):
    lists.list(make_deposit(user=user), "success", **PAID)

    out, _err, code = run()

    assert "1 missed, 1 repaired" in out
    assert code == 0
    assert LedgerEntry.objects.count() == 1


def test_open_discrepancies_end_it_with_3_until_they_are_closed(lists, operator):
    lists.orders.append(DepositReport(status="success", order_id="elsewhere", transaction_id="1", **PAID))

    out, _err, code = run()
    assert code == 3
    assert "elsewhere" in out
    assert "1 discrepancies are open" in out

    discrepancies.close(Discrepancy.objects.get(), by=operator, note="asked support")
    assert run()[2] == 0


def test_json_is_one_line_for_each_and_one_for_the_whole(lists):
    lists.orders.append(DepositReport(status="success", order_id="elsewhere", transaction_id="1", **PAID))

    out, err, code = run("--json")

    found, summary = map(json.loads, out.splitlines())
    assert (found["kind"], found["our_id"], found["theirs"]["amount"], found["state"]) == (
        "unknown",
        "elsewhere",
        "5",
        "open",
    )
    assert (summary["open"], summary["complete"], len(summary["lists"])) == (1, True, 3)
    assert summary["lists"][1]["unknown"] == 1
    assert (err, code) == ("", 3)


def test_a_list_that_was_not_read_to_its_end_ends_it_with_4_and_says_why(lists):
    lists.errors = {1: UnderMaintenance("orders", -9, "under_maintenance")}

    out, err, code = run("--list", "orders", "--json")

    assert code == 4
    assert "under_maintenance" in err
    assert json.loads(out)["complete"] is False


def test_one_list_and_one_range_can_be_chosen(lists):
    run("--list", "orders", "--since", "2026-05-01", "--until", "2026-05-02T12:00")

    assert lists.windows == [(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, 12, tzinfo=UTC))]
    assert lists.calls == 1


@pytest.mark.parametrize(
    "arguments",
    [["--list", "nonsense"], ["--since", "yesterday"], ["--until", "2026-05-01"], ["--account", "nobody"]],
)
def test_what_makes_no_sense_is_refused(lists, arguments):
    with pytest.raises(CommandError):
        run(*arguments)
    assert not lists.calls
