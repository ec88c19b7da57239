"""The command that compares SkinsBack's lists with the rows here."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_skinsback.exceptions import UnderMaintenance
from django_skinsback.flows.reconciliation import discrepancies, failed_webhooks
from django_skinsback.models import Discrepancy, LedgerEntry
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import DepositReport

from ...support.fake_lists import PAID, FakeLists

pytestmark = pytest.mark.django_db


@pytest.fixture
def lists(monkeypatch):
    return FakeLists(monkeypatch)


def run(*arguments):
    """Standard output, standard error and exit code of the command."""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command("skinsback_reconcile", "--account", "default", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        code = end.code
    return out.getvalue(), err.getvalue(), code


def test_if_all_rows_agree_it_says_so_and_exits_with_0(lists):
    lists.list(make_deposit())

    out, err, code = run()

    assert "default, orders: rows 1, pages 1; all agree" in out
    assert (err, code) == ("", 0)


def test_repaired_rows_are_counted_and_it_exits_with_0(lists, user):
    lists.list(make_deposit(user=user), "success", **PAID)

    out, _err, code = run()

    assert "1 missed, 1 repaired" in out
    assert code == 0
    assert LedgerEntry.objects.count() == 1


def test_it_exits_with_3_while_discrepancies_are_open(lists, operator):
    lists.orders.append(DepositReport(status="success", order_id="elsewhere", transaction_id="1", **PAID))

    out, _err, code = run()
    assert code == 3
    assert "elsewhere" in out
    assert "1 discrepancies are open" in out

    discrepancies.close(Discrepancy.objects.get(), by=operator, note="asked support")
    assert run()[2] == 0


def test_json_is_a_line_for_each_discrepancy_and_a_line_with_the_totals(lists):
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


def test_it_exits_with_4_and_the_reason_if_a_list_was_not_read_to_its_end(lists):
    lists.errors = {1: UnderMaintenance("orders", -9, "under_maintenance")}

    out, err, code = run("--list", "orders", "--json")

    assert code == 4
    assert "under_maintenance" in err
    assert json.loads(out)["complete"] is False


def test_one_list_and_a_range_can_be_chosen(lists):
    run("--list", "orders", "--since", "2026-05-01", "--until", "2026-05-02T12:00")

    assert lists.windows == [(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, 12, tzinfo=UTC))]
    assert lists.calls == 1


def test_a_second_run_skips_the_list_of_failed_webhooks_unless_it_is_named(lists):
    run()

    out, err, code = run()
    assert "default, callback_error_list: skipped, because the list was read within the last day" in out
    assert (err, code) == ("", 0)
    assert json.loads(run("--json")[0])["lists"][0]["skipped"] is True

    assert "callback_error_list: rows 0, pages 1; all agree" in run("--list", "callback_error_list")[0]


def test_pages_that_were_left_are_named_on_standard_error_and_it_exits_with_0(lists, monkeypatch):
    monkeypatch.setattr(failed_webhooks, "MAX_PAGES", 1)
    lists.size = 1
    for _ in range(2):
        lists.fail_notification(make_deposit(status="success"))

    out, err, code = run()

    assert "callback_error_list: rows 1, pages 1; all agree" in out
    assert "default, callback_error_list: Only the first 1 pages were read" in err
    assert code == 0


@pytest.mark.parametrize(
    "arguments",
    [["--list", "nonsense"], ["--since", "yesterday"], ["--until", "2026-05-01"], ["--account", "nobody"]],
)
def test_wrong_arguments_are_refused_without_a_call(lists, arguments):
    with pytest.raises(CommandError):
        run(*arguments)
    assert not lists.calls
