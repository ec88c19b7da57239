"""Processes forked from one in which Django is ready: real ones, begun in a tenth of the time a new one takes."""

import multiprocessing
import traceback
from collections.abc import Callable
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import override_settings

if not apps.ready:  # in the process that forks
    django.setup()

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.races.forked", "tests.races.kill_points"])


class Forked:
    """A process that does ``work(*arguments)`` on the database and with the account of the test that began it."""

    def __init__(self, work: Callable[..., None], *arguments: Any, **site: Any) -> None:
        self._told, mouth = context.Pipe(duplex=False)
        site = {"SKINSBACK": settings.SKINSBACK, **site}
        everything = (mouth, str(connection.settings_dict["NAME"]), site, work, arguments)
        self._process = context.Process(target=_live, args=everything, daemon=True)
        self._process.start()
        mouth.close()

    def end(self, seconds: float = 60) -> tuple[int | None, str]:
        """Wait for its end and say how it ended: the exit code, and the traceback if it raised."""
        self._process.join(seconds)
        try:
            told = self._told.recv() if self._told.poll() else ""
        except EOFError:
            told = ""
        self._told.close()
        return self._process.exitcode, told


def _live(mouth: Any, database: str, site: dict[str, Any], work: Callable[..., None], arguments: tuple[Any]) -> None:
    from django_skinsback.testing import allow_sandbox_secret

    allow_sandbox_secret()
    connection.settings_dict["NAME"] = database
    try:
        with override_settings(**site):
            work(*arguments)
    except BaseException:
        mouth.send(traceback.format_exc())
        raise
