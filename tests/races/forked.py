"""Processes forked from a server process in which Django is set up: they start ten times faster than new ones."""

import multiprocessing
import traceback
from collections.abc import Callable
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import override_settings

if not apps.ready:  # in the fork server
    django.setup()

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.races.forked", "tests.races.kill_points"])


class Forked:
    """A process that calls ``work(*arguments)`` with the database and the settings of the test that starts it."""

    def __init__(self, work: Callable[..., None], *arguments: Any, **site: Any) -> None:
        self._receiver, sender = context.Pipe(duplex=False)
        site = {"SKINSBACK": settings.SKINSBACK, **site}
        process_arguments = (sender, str(connection.settings_dict["NAME"]), site, work, arguments)
        self._process = context.Process(target=_run, args=process_arguments, daemon=True)
        self._process.start()
        sender.close()

    def end(self, seconds: float = 60) -> tuple[int | None, str]:
        """Wait for the end of the process. Returns the exit code, and the traceback if the process raised."""
        self._process.join(seconds)
        try:
            traceback_text = self._receiver.recv() if self._receiver.poll() else ""
        except EOFError:
            traceback_text = ""
        self._receiver.close()
        return self._process.exitcode, traceback_text


def _run(sender: Any, database: str, site: dict[str, Any], work: Callable[..., None], arguments: tuple[Any]) -> None:
    from django_skinsback.testing import allow_sandbox_secret

    allow_sandbox_secret()
    connection.settings_dict["NAME"] = database
    try:
        with override_settings(**site):
            work(*arguments)
    except BaseException:
        sender.send(traceback.format_exc())
        raise
