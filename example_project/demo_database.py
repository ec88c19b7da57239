"""Detects a demo database that other migrations made, and deletes it.

The digests of the migration files are kept beside the database, in ``migrations.json``. A migration that was applied
and whose file has changed since, or is gone, means that the tables may differ from the models. New migrations are no
such case: ``migrate`` applies them.
"""

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

APPS = ("skinsback", "wallet", "shop")


def has_other_migrations() -> bool:
    """Whether the database was made by migrations that differ from those on disk; False for an empty database."""
    applied = {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations() if app in APPS}
    on_disk = _digests()
    # Without a record, of a database that is not the demo's own, only the names can be compared.
    recorded = _read_record().get(_database(), on_disk if is_of_environment() else {})
    return any(name not in on_disk or recorded.get(name) != on_disk[name] for name in applied)


def is_of_environment() -> bool:
    """Whether ``DATABASE_URL`` names the database; such a database is never deleted."""
    return bool(os.environ.get("DATABASE_URL"))


def delete() -> None:
    """Delete the demo's SQLite database and everything that refers to its rows: the sandbox's state and the cache."""
    connection.close()
    database = Path(settings.DATABASES["default"]["NAME"])
    for file in (
        *(database.with_name(database.name + end) for end in ("", "-wal", "-shm", "-journal")),
        settings.SANDBOX_STATE_FILE,
    ):
        file.unlink(missing_ok=True)
    shutil.rmtree(settings.VAR_DIR / "cache", ignore_errors=True)


def record_migrations() -> None:
    """Write down which migration files the database has been made with."""
    record = {**_read_record(), _database(): _digests()}
    _record_file().write_text(json.dumps(record, indent=2))


def _digests() -> dict[str, str]:
    return {
        f"{app}.{file.stem}": sha256(file.read_bytes()).hexdigest()
        for app in APPS
        for file in Path(apps.get_app_config(app).path, "migrations").glob("[0-9]*.py")
    }


def _database() -> str:
    database = settings.DATABASES["default"]
    return "{ENGINE} {HOST}:{PORT} {NAME}".format(**database)


def _record_file() -> Path:
    return Path(settings.VAR_DIR) / "migrations.json"


def _read_record() -> dict[str, dict[str, str]]:
    try:
        record: dict[str, dict[str, str]] = json.loads(_record_file().read_text())
    except (OSError, ValueError):
        return {}
    return record
