"""Simulates a process that dies between two steps: uncommitted changes are lost, and no further code runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from django.db import connections

from django_skinsback.flows.ledger.database import database

WRITES = ("INSERT", "UPDATE", "DELETE")


class Crash(BaseException):
    """The process is dead. ``except Exception`` does not catch this."""


class Crashes:
    """Counts the points at which a process can die, and raises Crash at the chosen one.

    The points are: before and after each commit, before and after each write outside a database transaction, before
    and after each call of SkinsBack.
    """

    def __init__(self) -> None:
        self.points_left: int | None = None
        self.happened = 0

    @contextmanager
    def at(self, point: int | None) -> Iterator[None]:
        """Raise Crash at the ``point``-th point from here; never if it is None."""
        self.points_left = point
        try:
            yield
        except Crash:
            self.happened += 1
        finally:
            self.points_left = None

    def pass_point(self) -> None:
        if self.points_left is None:
            return
        if self.points_left == 0:
            self.points_left = None
            raise Crash
        self.points_left -= 1

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Make the commits and the writes outside transactions of the package's database points of death."""
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
