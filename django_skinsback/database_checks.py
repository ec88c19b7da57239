"""System checks of databases, run by ``manage.py check --database default`` and by ``migrate``."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections, router

NEEDED = "utf8mb4"


@register(Tags.database)
def check_character_sets(*, databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """E008: a database of MySQL or MariaDB that cannot hold every text."""
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
    """An error for each place whose character set cannot hold every text; ``tables`` are those that are there."""
    statements = [f"ALTER TABLE {table} CONVERT TO CHARACTER SET {NEEDED};" for table in tables]
    places = [
        (f"the table {table}", given, statement)
        for (table, given), statement in zip(tables.items(), statements, strict=True)
    ]
    places.append(("its default for new tables", of_database, f"ALTER DATABASE … CHARACTER SET {NEEDED};"))
    places.append(
        ("the connection", of_connection, f"DATABASES[{alias!r}]['OPTIONS'] = {{'charset': {NEEDED!r}}}"),
    )
    return [
        Error(
            f"The database {alias!r} cannot hold every text: the character set of {place} is {given}.",
            hint=f"Names of skins contain characters such as ★. Change it to {NEEDED}: {cure}",
            id="skinsback.E008",
        )
        for place, given, cure in places
        if given != NEEDED
    ]


def _character_sets(alias: str, tables: Sequence[str]) -> tuple[dict[str, str], str, str]:
    """Character sets of the tables that differ from what is needed, of the database, and of the connection."""
    marks = ", ".join(["%s"] * len(tables))
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT table_name, MIN(character_set_name) FROM information_schema.columns "  # noqa: S608 - marks alone
            f"WHERE table_schema = DATABASE() AND table_name IN ({marks}) AND character_set_name <> %s "
            "GROUP BY table_name ORDER BY table_name",
            [*tables, NEEDED],
        )
        differing = dict(cursor.fetchall())
        cursor.execute("SELECT @@character_set_database, @@character_set_client")
        of_database, of_connection = cursor.fetchone()
    return differing, of_database, of_connection
