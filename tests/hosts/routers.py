"""Which database is asked, at sites that have two."""

import sys
from typing import Any

from django.db.models import Model

MONEY = {"auth", "contenttypes", "skinsback", "wallet"}


def _asked_by_us() -> bool:
    """Whether the code nearest to the query, Django's own left out, is the package's and no test's."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != __name__ and not module.startswith(("django.", "contextlib", "factory")):
            return bool(module.startswith("django_skinsback.") and module != "django_skinsback.testing")
        frame = frame.f_back
    return False


class ReadsFromReplica:
    """Writes go to ``default``; what the package reads without naming a database goes to ``replica``."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        return "replica" if model._meta.app_label == "skinsback" and _asked_by_us() else "default"

    def db_for_write(self, model: type[Model], **_hints: Any) -> str:
        return "default"

    def allow_relation(self, *_objects: Model, **_hints: Any) -> bool:
        return True


class MoneyApart:
    """The package, the users it points to and their wallets are in ``money``, everything else in ``default``."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        return "money" if model._meta.app_label in MONEY else "default"

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        return (app_label in MONEY) == (db == "money")
