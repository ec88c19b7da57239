"""Two sites in one process: the same admin with few rows and with many rows. A router chooses the database."""

import time
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client

ALIASES = ("small", "default")
_chosen = ["default"]


class Router:
    """Sends every query to the database of the site that answers."""

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        return _chosen[0]

    db_for_write = db_for_read


def choose(alias: str) -> None:
    """Let the site of this database answer."""
    _chosen[0] = alias


class Site:
    """A superuser in the admin of one database."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        choose(alias)
        self._client = Client(SERVER_NAME="127.0.0.1")
        self._client.force_login(get_user_model().objects.create_superuser("operator"))

    def seconds(self, url: str) -> float:
        """Return the seconds that a page takes."""
        choose(self.alias)
        start = time.perf_counter()
        answer = self._client.get(url)
        taken = time.perf_counter() - start
        if answer.status_code != 200:
            raise AssertionError(f"{url} on {self.alias} answered {answer.status_code}.")
        return taken
