"""Does something between two statements of a flow, as another process could."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def after_first_search_by(column: str, act: Callable[[], object]) -> Iterator[None]:
    """Call ``act`` once, right after the first SELECT with a condition on ``column``. Fail if there is none."""
    waiting = [act]

    def execute(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if waiting and sql.startswith("SELECT") and column in sql.partition(" WHERE ")[2]:
            waiting.pop()()
        return result

    with connection.execute_wrapper(execute):
        yield
    assert not waiting, f"nothing was searched by {column}"
