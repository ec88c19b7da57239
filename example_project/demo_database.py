"""Find out whether the demo database was created by other migrations than those on disk, and delete it.

``migrations.json`` in the data folder stores a digest of each migration file. If the file of an applied migration was
changed or deleted, the tables may differ from the models. New migrations are no problem: ``migrate`` applies them.
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

APPS = ("skinsback", "wallet")


def has_other_migrations() -> bool:
    """Return True if the file of an applied migration was changed or deleted. Return False for an empty database."""
    applied = {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations() if app in APPS}
    on_disk = _digests()
    # A database of DATABASE_URL may have no recorded digests. Then only the names of the migrations are compared.
    recorded = _read_record().get(_database(), on_disk if is_of_environment() else {})
    return any(name not in on_disk or recorded.get(name) != on_disk[name] for name in applied)


def is_of_environment() -> bool:
    """Return True if ``DATABASE_URL`` names the database. The demo never deletes such a database."""
    return bool(os.environ.get("DATABASE_URL"))


def delete() -> None:
    """Delete the demo's SQLite database, and the sandbox's state and the cache, because they refer to its rows."""
    connection.close()
    database = Path(settings.DATABASES["default"]["NAME"])
    for file in (
        *(database.with_name(database.name + end) for end in ("", "-wal", "-shm", "-journal")),
        settings.SANDBOX_STATE_FILE,
    ):
        file.unlink(missing_ok=True)
    shutil.rmtree(settings.VAR_DIR / "cache", ignore_errors=True)


def record_migrations() -> None:
    """Store the digests of the migration files in ``migrations.json``. Call it after ``migrate``."""
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
