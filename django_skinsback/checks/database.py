"""The system check of databases. Only ``migrate`` and ``manage.py check --database default`` run this check."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db import connections, router

REQUIRED_CHARACTER_SET = "utf8mb4"


def check_character_sets(*, databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """Return an error (E008) for each character set of a MySQL or MariaDB database that is not utf8mb4.

    Return an empty list for other databases.
    """
    messages: list[CheckMessage] = []
    for alias in databases or ():
        tables = [
            model._meta.db_table
            for model in apps.get_app_config("skinsback").get_models()
            if router.allow_migrate_model(alias, model)
        ]
        if tables and connections[alias].vendor == "mysql":
            messages += character_set_errors(alias, *_character_sets(alias, tables))
    return messages


def character_set_errors(
    alias: str, tables: Mapping[str, str], of_database: str, of_connection: str
) -> list[CheckMessage]:
    """Return an error for each character set that is not utf8mb4.

    ``tables`` maps the name of a table to its character set.
    """
    required = REQUIRED_CHARACTER_SET
    places = [
        (f"the table {table}", given, f"ALTER TABLE {table} CONVERT TO CHARACTER SET {required};")
        for table, given in tables.items()
    ]
    places.append(("new tables", of_database, f"ALTER DATABASE … CHARACTER SET {required};"))
    places.append(
        ("the connection", of_connection, f"DATABASES[{alias!r}]['OPTIONS'] = {{'charset': {required!r}}}"),
    )
    return [
        Error(
            f"The database {alias!r} cannot store every character: the character set of {place} is {given}.",
            hint=f"Names of skins contain characters such as ★. Change the character set to {required}: {remedy}",
            id="skinsback.E008",
        )
        for place, given, remedy in places
        if given != required
    ]


def _character_sets(alias: str, tables: Sequence[str]) -> tuple[dict[str, str], str, str]:
    """Return three values: the character sets of tables, of the database and of the connection.

    The first value is a dict: name of a table -> character set. It contains only tables that have another character
    set than utf8mb4.
    """
    differing = {}
    with connections[alias].cursor() as cursor:
        for table in tables:
            cursor.execute(
                "SELECT MIN(character_set_name) FROM information_schema.columns "
                "WHERE table_schema = DATABASE() AND table_name = %s AND character_set_name <> %s",
                [table, REQUIRED_CHARACTER_SET],
            )
            if (given := cursor.fetchone()[0]) is not None:
                differing[table] = given
        cursor.execute("SELECT @@character_set_database, @@character_set_client")
        of_database, of_connection = cursor.fetchone()
    return differing, of_database, of_connection
