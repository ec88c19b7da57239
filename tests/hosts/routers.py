"""Database routers of sites with two databases."""

import sys
from typing import Any

from django.db.models import Model

MONEY = {"auth", "contenttypes", "skinsback", "wallet"}


def _is_query_of_package() -> bool:
    """Whether the package, and not a test, makes the query: looks at the nearest frame outside Django."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != __name__ and not module.startswith(("django.", "contextlib", "factory")):
            return bool(module.startswith("django_skinsback.") and module != "django_skinsback.testing")
        frame = frame.f_back
    return False


class ReadsFromReplica:
    """Writes go to ``default``; reads of the package without a named database go to ``replica``."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        return "replica" if model._meta.app_label == "skinsback" and _is_query_of_package() else "default"

    def db_for_write(self, model: type[Model], **_hints: Any) -> str:
        return "default"

    def allow_relation(self, *_objects: Model, **_hints: Any) -> bool:
        return True


class MoneyApart:
    """The package's tables, users and wallets are in ``money``, everything else in ``default``."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        return "money" if model._meta.app_label in MONEY else "default"

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        return (app_label in MONEY) == (db == "money")
