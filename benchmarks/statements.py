"""Counts SQL statements."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK")
_SAVEPOINT = ("SAVEPOINT", "RELEASE")


@dataclass
class Statements:
    """Statements in the order of their execution; savepoint statements are counted separately."""

    texts: list[str] = field(default_factory=list)
    savepoints: int = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(_SAVEPOINT):
            self.savepoints += 1
        elif not sql.startswith(_CONTROL):
            self.texts.append(sql)
        return execute(sql, params, many, context)

    def __len__(self) -> int:
        return len(self.texts)


def count(run: Callable[[], object]) -> Statements:
    """Run a function and return the statements that it executed."""
    statements = Statements()
    with connection.execute_wrapper(statements):
        run()
    return statements
