"""A temporary database for the benchmarks."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def prepare(server: str) -> None:
    """Choose the server and the name of the database. Call this before Django reads its settings."""
    os.environ["BENCH_DATABASE"] = server
    if server == "sqlite":
        os.environ["BENCH_DATABASE_NAME"] = str(Path(tempfile.mkdtemp(prefix="skinsback-bench-"), "site.sqlite3"))
    else:
        os.environ["BENCH_DATABASE_NAME"] = f"skinsback_bench_{os.getpid()}"


@contextmanager
def created() -> Iterator[None]:
    """Create each database of the settings with all tables; drop them at the end."""
    from django.core.management import call_command
    from django.db import connection, connections

    names = {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections}
    try:
        for alias, name in names.items():
            if connection.vendor == "postgresql":
                _on_server(f'CREATE DATABASE "{name}"')
            call_command("migrate", database=alias, verbosity=0)
        yield
    finally:
        connections.close_all()
        if connection.vendor == "postgresql":
            for name in names.values():
                _on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        else:
            folder = Path(names["default"]).parent
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()


def version() -> str:
    """Return name and version of the database server."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return f"SQLite {'.'.join(map(str, connection.Database.sqlite_version_info))}"
    connection.ensure_connection()
    return f"PostgreSQL {connection.connection.info.parameter_status('server_version')}"


def _on_server(statement: str) -> None:
    import psycopg
    from django.db import connection

    given = connection.settings_dict
    with psycopg.connect(host=given["HOST"], port=given["PORT"], user=given["USER"], autocommit=True) as server:
        server.execute(statement)
