"""Starting the demo."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from django.core.management import CommandError

from example_project import demo


@pytest.mark.parametrize("error", [CommandError("paused for 34 seconds more"), SystemExit(4)])
def test_the_demo_starts_with_its_old_prices_if_the_import_fails(error, monkeypatch, capsys):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(demo, "call_command", fail)

    demo._import_prices()

    assert "those of the last run" in capsys.readouterr().out


PREPARE = """
from example_project import demo
demo.django.setup()
try:
    demo._prepare_database()
except demo.DemoError as error:
    print(error)
"""


@pytest.fixture
def run(tmp_path):
    """Run code in a process of its own, with the demo's data in ``tmp_path``, and return what it prints."""

    def run(code, **environment):
        variables = {"SKINSBACK_DEMO_DIR": str(tmp_path), "PYTHONPATH": str(demo.ROOT), **environment}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "DJANGO"))}
        command = [sys.executable, "-c", code]
        done = subprocess.run(  # noqa: S603 - code of these tests
            command, env={**inherited, **variables}, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    return run


@pytest.fixture
def old_database(tmp_path):
    """A database file of the shop that was made by migrations which are no longer on disk."""
    path = tmp_path / "shop.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied text)")
        connection.execute("INSERT INTO django_migrations VALUES (1, 'skinsback', '0006_old', '2026-01-01 00:00:00')")
    return path


def query(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_a_database_of_other_migrations_is_made_anew_and_the_terminal_says_so(run, old_database):
    sandbox_state = old_database.with_name("sandbox.json")
    sandbox_state.write_text("{}")

    assert "made by other migrations" in run(PREPARE)

    assert query(old_database, "SELECT name FROM django_migrations WHERE app = 'skinsback'") == [("0001_initial",)]
    assert not sandbox_state.exists()


KEEP_AND_REPLACE = """
from example_project import demo, demo_database
demo.django.setup()
from django.contrib.auth.models import User
demo._prepare_database()
User.objects.create(username="alice")
demo._prepare_database()
print("Second start:", User.objects.count(), "user")
record = demo_database._record_file()
record.write_text(record.read_text().replace('skinsback.0001_initial": "', 'skinsback.0001_initial": "0'))
demo._prepare_database()
print("Third start:", User.objects.count(), "users")
"""


def test_a_database_is_kept_until_its_migration_files_have_changed(run):
    assert run(KEEP_AND_REPLACE).splitlines() == [
        "Second start: 1 user",
        "The database of the last demo was made by other migrations: it is deleted and made anew.",
        "Third start: 0 users",
    ]


def test_a_database_of_the_environment_is_never_deleted(run, old_database):
    before = old_database.read_bytes()

    output = run(PREPARE, DATABASE_URL=f"sqlite:///{old_database}")

    assert "Name an empty database in DATABASE_URL" in output
    assert old_database.read_bytes() == before


def test_a_database_of_the_environment_needs_no_record_of_its_migrations(run, tmp_path):
    delete_record = "demo.demo_database._record_file().unlink()"

    assert run(f"{PREPARE}\n{delete_record}\n{PREPARE}", DATABASE_URL=f"sqlite:///{tmp_path / 'mine.sqlite3'}") == ""
