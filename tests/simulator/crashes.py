"""A process that dies between two steps: what it had not committed is gone, and nothing of it runs on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from django.db import connections

from django_skinsback.flows.ledger.database import database

WRITES = ("INSERT", "UPDATE", "DELETE")


class Crash(BaseException):
    """The process is dead. No ``except Exception`` hears of it."""


class Crashes:
    """Counts the points at which a process can die, and dies at the one that was chosen.

    The points are: before and after each commit, before and after each write outside a database transaction, before
    and after each call of SkinsBack.
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.happened = 0

    @contextmanager
    def at(self, point: int | None) -> Iterator[None]:
        """Die at the ``point``-th point from here; None: live."""
        self.left = point
        try:
            yield
        except Crash:
            self.happened += 1
        finally:
            self.left = None

    def pass_point(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            raise Crash
        self.left -= 1

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Make points of the commits and lone writes of the database of money."""
        connection = connections[database()]
        commit = connection.commit

        def commit_or_die() -> None:
            try:
                self.pass_point()
            except Crash:
                connection.rollback()
                raise
            commit()
            try:
                self.pass_point()
            except Crash:
                connection.run_on_commit = []
                raise

        def execute_or_die(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            if connection.in_atomic_block or not sql.lstrip().upper().startswith(WRITES):
                return execute(sql, params, many, context)
            self.pass_point()
            result = execute(sql, params, many, context)
            self.pass_point()
            return result

        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(connection, "commit", commit_or_die))
            stack.enter_context(connection.execute_wrapper(execute_or_die))
            yield
