"""Database transactions that move money. They are short and repeatable, and never open during a call to SkinsBack."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError, OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet
from django.dispatch import Signal

from ...exceptions import InsideDatabaseTransaction, RolledBack
from ...models import LedgerEntry

logger = logging.getLogger("django_skinsback")

T = TypeVar("T")
M = TypeVar("M", bound=Model)

REPEATS = 3
_LONGEST_PAUSE_SECONDS = 0.2

_READ_BACK = """
SELECT {rows}.id, {rows}.updated_at, {entries}.id AS entry_id
FROM {rows} LEFT JOIN {entries} ON {entries}.{reference} = {rows}.id
WHERE {rows}.id IN ({places})
"""

_PASSING_SQLSTATES = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock
_ABORTED_SQLSTATE = "25P02"  # PostgreSQL: an earlier statement failed, so the transaction ignores all statements
_ABORTED_STATUS = 3  # psycopg's number for the same state, which can be read without a statement
_PASSING_ERROR_NUMBERS = {1020, 1205, 1213}  # MariaDB: changed since read, lock wait timeout, deadlock


def database() -> str:
    """Return the alias of the database that the ledger is written to. Flows also read from this database."""
    return router.db_for_write(LedgerEntry)


def lock(model: type[M], **ids: Any) -> M | None:
    """Lock the row with these ids and return the row. Return None if there is no such row.

    ``SELECT … FOR UPDATE`` reads the newest version of the row, even if the caller's transaction is REPEATABLE READ.
    SQLite has no ``FOR UPDATE``. On SQLite a no-op UPDATE comes before the SELECT, because a transaction that begins
    with a read may fail later with a locked file.
    """
    if not _has_current_reads():
        sql = _sql("UPDATE {table} SET updated_at = updated_at WHERE {condition}", model, ids)
        with connections[database()].cursor() as cursor:
            cursor.execute(sql, _parameters(model, ids))
    return _exact(read_locked(model, **ids), ids)


def look(model: type[M], **ids: Any) -> M | None:
    """Return the row with these ids without locking it. Return None if there is no such row."""
    return _exact(model._default_manager.using(database()).filter(**ids), ids)


def current(rows: QuerySet[M]) -> QuerySet[M]:
    """Return the query ``rows`` with a row lock, so that the query reads the newest version of the rows.

    If the caller's transaction is REPEATABLE READ, a SELECT without a lock reads rows as they were when the transaction
    began. On PostgreSQL the lock is ``FOR NO KEY UPDATE``, so inserts that refer to the row do not wait. On SQLite the
    query is returned unchanged.
    """
    features = connections[database()].features
    return rows.select_for_update(no_key=features.has_select_for_no_key_update) if _has_current_reads() else rows


def read_locked(model: type[M], **values: Any) -> list[M]:
    """Lock the rows whose columns have these values, and return them as ``current`` does. On SQLite, only read them.

    Raises TransactionManagementError outside a database transaction, because no row would stay locked.
    """
    connection = connections[database()]
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A row can be locked only inside a database transaction.")
    sql = _sql("SELECT * FROM {table} WHERE {condition}", model, values)
    if _has_current_reads():
        sql += f" {connection.ops.for_update_sql(no_key=connection.features.has_select_for_no_key_update)}"
    return list(model._default_manager.using(database()).raw(sql, _parameters(model, values)))


def update(model: type[Model], changes: Mapping[str, Any], **values: Any) -> bool:
    """Write ``changes`` (column -> value) to the rows whose columns have these values. Return whether one exists."""
    sql = _sql("UPDATE {table} SET {changes} WHERE {condition}", model, values, changes)
    with connections[database()].cursor() as cursor:
        cursor.execute(sql, [*_parameters(model, changes), *_parameters(model, values)])
        return bool(cursor.rowcount)


def read_back(model: type[Model], keys: Sequence[Any]) -> list[tuple[Any, datetime, Any]]:
    """Return what is stored of the rows with these primary keys: the key, ``updated_at`` and the key of an entry.

    A row is repeated for each of its ledger entries. For a row without entries, the key of the entry is None.
    """
    quote = connections[database()].ops.quote_name
    sql = _READ_BACK.format(
        rows=quote(model._meta.db_table),
        entries=quote(LedgerEntry._meta.db_table),
        reference=quote(f"{model._meta.model_name}_id"),
        places=", ".join(["%s"] * len(keys)),
    )
    rows: Any = model._default_manager.using(database()).raw(sql, keys)
    return [(row.pk, row.updated_at, row.entry_id) for row in rows]


def _sql(template: str, model: type[Model], compared: Iterable[str], changed: Iterable[str] = ()) -> str:
    """Fill in a statement: the table, the condition with the ``compared`` columns, and the ``changed`` columns.

    A QuerySet is not used, because Django needs two to four times as long to build such a statement and to read its
    result. Every webhook delivery locks its row, reads the row's entries, writes the row and reads it back.
    """
    quote = connections[database()].ops.quote_name

    def equal(names: Iterable[str]) -> list[str]:
        return [f"{quote(model._meta.pk.attname if name == 'pk' else name)} = %s" for name in names]

    return template.format(
        table=quote(model._meta.db_table),
        condition=" AND ".join(equal(compared)),
        changes=", ".join(equal(changed)),
    )


def _parameters(model: type[Model], values: Mapping[str, Any]) -> list[Any]:
    """Return the values as the database stores them. The key of a user may be a UUID, which some drivers refuse."""
    connection, meta = connections[database()], model._meta
    columns: list[Any] = [meta.pk if name == "pk" else meta.get_field(name) for name in values]
    return [column.get_db_prep_save(value, connection) for column, value in zip(columns, values.values(), strict=True)]


def _has_current_reads() -> bool:
    return connections[database()].features.has_select_for_update


def _exact(rows: Iterable[M], ids: Mapping[str, Any]) -> M | None:
    """Return the row whose ids are exactly equal to ``ids``. Some collations treat ``a`` and ``A`` as equal."""
    return next((row for row in rows if all(getattr(row, name) == value for name, value in ids.items())), None)


def run(
    block: Callable[[], T], *, repeat_after_integrity_error: bool = True, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Run ``block`` in a database transaction and return its result.

    ``block`` must do only database work, and must begin with a write or a row lock.

    After a deadlock, a lock wait timeout, a serialization failure or a locked SQLite file, the block is rolled back and
    run again, at most three times. The block is also run again after an IntegrityError, because another process may
    have inserted the same row. With ``repeat_after_integrity_error=False``, an IntegrityError is raised at once.

    The block is not run again in two cases. If the caller has opened a database transaction, only the caller can repeat
    that transaction. If an ``on_commit`` hook of the site raises an exception, the changes are already committed. In
    both cases the exception is raised to the caller.
    """
    using = database()
    repeats = 0 if transaction.get_connection(using).in_atomic_block else REPEATS
    for attempt in range(repeats + 1):
        committed: list[bool] = []
        try:
            with money_transaction(committed):
                return block()
        except (OperationalError, IntegrityError) as error:
            passing = repeat_after_integrity_error if isinstance(error, IntegrityError) else is_passing(error)
            if committed or attempt == repeats or not passing:
                raise
            sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311 - spreads load, guards nothing
    raise AssertionError("unreachable")


@contextmanager
def money_transaction(committed: list[bool]) -> Iterator[None]:
    """Open a database transaction. Raise RolledBack if Django or PostgreSQL would roll back without an exception.

    After the commit, True is appended to the list ``committed``. The list shows the caller whether an exception was
    raised before the commit, or by a hook of the site after the commit.
    """
    using = database()
    with transaction.atomic(using=using):
        transaction.on_commit(partial(committed.append, True), using=using)
        with raise_if_rolled_back():
            yield


def after_commit(signal: Signal, **arguments: Any) -> None:
    """Send a signal after the commit. A receiver that raises an exception cannot undo the change."""
    transaction.on_commit(partial(signal.send_robust, **arguments), using=database())


def log_after_commit(level: int, event: str, **about: Any) -> None:
    """Log an event after the commit. After a rollback, nothing is logged."""
    transaction.on_commit(partial(logger.log, level, event, extra=about), using=database())


def is_inside_transaction() -> bool:
    """Return whether the caller has opened a transaction on the ledger's database.

    The transaction that Django's TestCase opens is ignored.
    """
    using = database()
    if not transaction.get_connection(using).in_atomic_block:
        return False
    try:
        with transaction.atomic(using=using, savepoint=False, durable=True):  # ignores the transaction of a TestCase
            return False
    except RuntimeError:
        return True


def refuse_inside_transaction(flow: str) -> None:
    """Raise InsideDatabaseTransaction if the caller has opened a transaction on the ledger's database.

    Every flow that calls SkinsBack calls this function first. Before a call to SkinsBack, all writes must be committed.
    During the call, no lock may be held.
    """
    if is_inside_transaction():
        raise InsideDatabaseTransaction(
            f"{flow} must commit before it calls SkinsBack, so it cannot run inside a database transaction. "
            f"Call {flow} outside atomic(). If a view calls it, exempt the view from ATOMIC_REQUESTS with "
            "@transaction.non_atomic_requests."
        )


def is_passing(error: OperationalError) -> bool:
    """Return whether the error is temporary. After a temporary error, the same block may succeed if it is run again."""
    cause = error.__cause__
    sqlstate = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)  # psycopg 3, psycopg 2
    return bool(
        sqlstate in _PASSING_SQLSTATES
        or (error.args and error.args[0] in _PASSING_ERROR_NUMBERS)
        or "locked" in str(error)
    )


@contextmanager
def raise_if_rolled_back() -> Iterator[None]:
    """Raise RolledBack if the site's code in this block has swallowed a database error.

    After a swallowed error, Django and PostgreSQL roll back at the end of the transaction without an exception.
    """
    connection = transaction.get_connection(database())
    try:
        yield
    except DatabaseError as error:
        if _is_rolled_back(error):
            raise RolledBack from error
        raise
    if connection.in_atomic_block and (connection.needs_rollback or _is_aborted(connection)):
        raise RolledBack


def _is_aborted(connection: BaseDatabaseWrapper) -> bool:
    """Return True if PostgreSQL will roll back instead of committing. Django does not notice errors of a raw cursor."""
    info = getattr(connection.connection, "info", None)
    return getattr(info, "transaction_status", None) == _ABORTED_STATUS


def _is_rolled_back(error: DatabaseError) -> bool:
    """Return whether a statement failed only because an earlier statement had failed and its error was swallowed."""
    cause = error.__cause__
    sqlstate = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return isinstance(error, transaction.TransactionManagementError) or sqlstate == _ABORTED_SQLSTATE
