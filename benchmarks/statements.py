"""How many SQL statements something takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK")
_SAVEPOINT = ("SAVEPOINT", "RELEASE")


@dataclass
class Statements:
    """Statements in the order in which they ran; what opens and closes savepoints is counted apart."""

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
    """Run it and see."""
    statements = Statements()
    with connection.execute_wrapper(statements):
        run()
    return statements
