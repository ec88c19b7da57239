"""The command ``skinsback_export``: the same files as the admin, without a limit."""

import io
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from django_skinsback.flows.exporting import walk
from django_skinsback.flows.exporting.columns import LEDGER
from django_skinsback.management.complete_file import complete_file
from django_skinsback.models import Deposit, LedgerEntry
from django_skinsback.testing import make_deposit, make_purchase

from .rows import export, exporter, make_entry, read_csv

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def run(*arguments):
    out = io.StringIO()
    call_command("skinsback_export", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("filters", [{}, {"status__exact": "success", "game": "cs2"}, {"q": "alice"}])
def test_the_command_writes_the_same_file_as_the_admin(user, filters):
    for status in ("success", "fail"):
        make_deposit(user=user, status=status, amount=Decimal("8.28"))
        make_deposit(status=status)
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    assert run("deposits", "--filters", query).encode() == export(exporter(), "deposit", **filters).getvalue()


def test_json_lines_parse_back_to_the_exact_values_of_the_rows(user):
    entry = make_entry("reversal", amount="-12345678.123456", user=user, created_at=NOON)
    (line,) = json_lines(run("ledger", "--format", "jsonl"))
    assert [*line] == LEDGER.header
    assert Decimal(line["amount"]) == entry.amount
    assert datetime.fromisoformat(line["created_at_utc"]) == NOON
    assert (line["id"], line["user_id"], line["custom_id"]) == (entry.pk, user.pk, None)


def test_json_means_json_lines_and_a_summary_for_programs(tmp_path):
    make_deposit()
    assert json_lines(run("deposits", "--json"))[0]["id"] == Deposit.objects.get().pk
    path = tmp_path / "deposits.jsonl"
    assert json.loads(run("deposits", "--json", "--output", str(path))) == {"rows": 1, "output": str(path)}
    assert len(json_lines(path.read_text())) == 1


def test_account_and_days_choose_rows(settings):
    settings.SKINSBACK = {
        **settings.SKINSBACK,
        "ACCOUNTS": {"second": {"CLIENT_ID": "2", "CLIENT_SECRET": "secret-of-the-second-account"}},
    }
    wanted = make_entry("charge", account="second", created_at=NOON)
    make_entry("charge", account="second", created_at=NOON - timedelta(days=1))
    make_entry("credit", account="second", created_at=NOON + timedelta(days=1))
    make_entry("charge", created_at=NOON)
    options = ("--account", "second", "--from", "2026-05-01", "--to", "2026-05-01")
    assert [each["id"] for each in json_lines(run("ledger", *options, "--json"))] == [wanted.pk]
    assert [row["charges"] for row in json_lines(run("movements", *options, "--json"))] == ["-7"]


def test_movements_without_days_begin_with_the_oldest_entry():
    make_entry(created_at=NOON)
    make_entry("refund")
    lines = read_csv(run("movements"))
    assert [(each["day"], each["net"]) for each in lines[:1]] == [("2026-05-01", "5")]
    assert lines[-1]["refunds"] == "7"


def test_without_rows_a_file_has_only_the_names_of_the_columns():
    assert run("movements") == "\ufeffday,account,currency,credits,reversals,charges,refunds,net\r\n"
    assert run("purchases").count("\n") == 1
    assert not run("purchases", "--format", "jsonl")


@pytest.mark.parametrize(
    "arguments",
    [
        ("deposits", "--filters", "foo=1"),
        ("purchases", "--filters", "token__startswith=i"),
        ("deposits", "--filters", "q=a%00"),
        ("movements", "--filters", "kind__exact=credit"),
        ("deposits", "--from", "2026-05-02", "--to", "2026-05-01"),
        ("deposits", "--output", "/"),
        ("deposits", "--output", "/dev/null"),
        ("deposits", "--output", "/no/such/folder/file"),
    ],
)
def test_a_wrong_argument_ends_with_2(arguments):
    with pytest.raises(CommandError) as error:
        run(*arguments)
    assert error.value.returncode == 2


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (2, 2), (10, 10)])
def test_rows_are_walked_in_pages_up_to_the_highest_key_at_the_start(monkeypatch, sizes):
    monkeypatch.setattr(walk, "PAGE_ROWS", sizes[0])
    monkeypatch.setattr(walk, "KEYS_AT_ONCE", sizes[1])
    rows = [make_entry() for _ in range(4)]
    found = walk.pages(LEDGER, LedgerEntry.objects.all())
    pages = [next(found)]
    make_entry()
    pages += found
    assert [row[0] for page in pages for row in page] == [row.pk for row in rows]


# The output.


def test_the_file_is_readable_by_its_owner_alone_and_replaces_an_earlier_one(tmp_path):
    make_deposit()
    path = tmp_path / "deposits.csv"
    path.write_text("earlier")
    path.chmod(0o644)
    assert run("deposits", "--output", str(path)) == f"1 row written to {path}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(read_csv(path.read_bytes().decode())) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["deposits.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("database gone"), OSError(28, "No space left")])
def test_an_interrupted_export_leaves_no_file_and_keeps_an_earlier_one(tmp_path, monkeypatch, error):
    def fail(*_arguments):
        raise error

    make_deposit()
    path = tmp_path / "deposits.csv"
    path.write_text("earlier")
    monkeypatch.setattr("django_skinsback.management.commands.skinsback_export.rows_text", fail)
    with pytest.raises((SystemExit, RuntimeError, CommandError)) as ended:
        run("deposits", "--output", str(path))
    if error is KeyboardInterrupt:
        assert ended.value.code == 130
    elif isinstance(error, OSError):
        assert ended.value.returncode == 4
    assert path.read_text() == "earlier"
    assert [each.name for each in tmp_path.iterdir()] == ["deposits.csv"]


def test_the_file_has_its_name_only_at_the_end(tmp_path):
    path = tmp_path / "file"
    with complete_file(str(path)) as write:
        write("text")
        assert not path.exists()
    assert path.read_text() == "text"


# In a separate process, as in a shell or cron job


def start(*arguments, **options):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TEST_DATABASE_NAME": str(django_settings.DATABASES["default"]["NAME"]),
        "PYTHONIOENCODING": "ascii",
    }
    command = [sys.executable, "-m", "django", "skinsback_export", *arguments, "--skip-checks"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, **options)


@pytest.mark.django_db(transaction=True)
def test_a_closed_pipe_ends_with_4_and_no_row_is_on_standard_error(user):
    make_purchase(user=user, market_hash_name="\N{BLACK STAR} Karambit")
    reading, writing = os.pipe()
    os.close(reading)
    process = start("purchases", stdout=writing)
    os.close(writing)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert b"Standard output was closed" in errors
    assert b"Karambit" not in errors
    assert b"Traceback" not in errors


@pytest.mark.django_db(transaction=True)
def test_standard_output_is_utf_8_in_every_locale(user):
    make_purchase(user=user, market_hash_name="\N{BLACK STAR} Karambit")
    out, errors = start("purchases", stdout=subprocess.PIPE).communicate(timeout=60)
    assert read_csv(out.decode())[0]["market_hash_name"] == "\N{BLACK STAR} Karambit"
    assert not errors


STOPPED = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command
from django_skinsback.management.commands import skinsback_export
write = skinsback_export.rows_text
def rows_text(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    return write(*arguments)
skinsback_export.rows_text = rows_text
call_command("skinsback_export", "deposits", "--output", sys.argv[1], skip_checks=True)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no SIGTERM")
def test_sigterm_leaves_nothing_behind(tmp_path):
    make_deposit()
    environment = {**os.environ, "TEST_DATABASE_NAME": str(django_settings.DATABASES["default"]["NAME"])}
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, str(tmp_path / "deposits.csv")],
        env={**environment, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, [*tmp_path.iterdir()]) == (130, []), done.stderr


MEASURED = """
import re, sys
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
options = ["--output", sys.argv[1]]
call_command("skinsback_export", "deposits", "--filters", "status__exact=nothing", *options, skip_checks=True)
def highest():
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1])
before = highest()
call_command("skinsback_export", "deposits", *options, skip_checks=True)
print(highest() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the highest memory of a process is read from /proc")
@pytest.mark.django_db(transaction=True)
def test_an_export_of_many_rows_adds_little_memory(tmp_path):
    """The rows would take more than 12 MiB if they were all kept."""
    number = 16_000
    Deposit.objects.bulk_create(
        (Deposit(order_id=f"{each:032d}", game="cs2") for each in range(number)),
        batch_size=2000,
    )
    path = tmp_path / "deposits.csv"
    environment = {**os.environ, "TEST_DATABASE_NAME": str(django_settings.DATABASES["default"]["NAME"])}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)],
        env={**environment, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        timeout=100,
        check=False,
    )
    grown = int(done.stdout.split()[-1])
    assert grown < 12 * 1024
    with Path(path).open() as file:
        assert sum(1 for _line in file) == number + 1
