"""Starting the demo."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from django.core.management import CommandError

from example_project import demo


@pytest.mark.parametrize("error", [CommandError("paused for 34 seconds more"), SystemExit(4)])
def test_the_demo_starts_with_the_prices_it_has_where_there_are_no_new_ones(error, monkeypatch, capsys):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(demo, "call_command", fail)

    demo._take_prices()

    assert "those of the last run" in capsys.readouterr().out


@pytest.fixture
def prepare(tmp_path):
    """Run what the demo does before it starts its parts, in a process of its own, with its data in ``tmp_path``."""

    def run(**environment):
        code = "from example_project import demo\ntry: demo._prepare()\nexcept demo.DemoError as error: print(error)"
        variables = {"SKINSBACK_DEMO_DIR": str(tmp_path), "PYTHONPATH": str(demo.ROOT), **environment}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "DJANGO"))}
        command = [sys.executable, "-c", code]
        done = subprocess.run(
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


def test_a_database_of_other_migrations_is_made_anew_and_the_terminal_says_so(prepare, old_database):
    sandbox_state = old_database.with_name("sandbox.json")
    sandbox_state.write_text("{}")

    assert "made by other migrations" in prepare()

    assert query(old_database, "SELECT name FROM django_migrations WHERE app = 'skinsback'") == [("0001_initial",)]
    assert not sandbox_state.exists()


def test_a_database_is_kept_until_its_migration_files_have_changed(prepare, tmp_path):
    database, record = tmp_path / "shop.sqlite3", tmp_path / "migrations.json"
    users = "SELECT username FROM auth_user ORDER BY username"
    prepare()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE auth_user SET username = 'amy' WHERE username = 'alice'")

    assert prepare() == ""
    assert query(database, users) == [("alice",), ("amy",), ("bob",), ("operator",)]

    text = record.read_text()
    record.write_text(re.sub(r'("skinsback\.0001_initial": ")[0-9a-f]+', r"\g<1>0123", text))
    assert record.read_text() != text
    assert "made by other migrations" in prepare()
    assert query(database, users) == [("alice",), ("bob",), ("operator",)]

    record.unlink()
    assert prepare(DATABASE_URL=f"sqlite:///{database}") == ""


def test_a_database_of_the_environment_is_never_deleted(prepare, old_database):
    before = old_database.read_bytes()

    output = prepare(DATABASE_URL=f"sqlite:///{old_database}")

    assert "DATABASE_URL" in output
    assert "empty database" in output
    assert old_database.read_bytes() == before
