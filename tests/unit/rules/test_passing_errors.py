"""Which database errors are temporary, so that the block runs again, and which show that an error was swallowed."""

import pytest
from django.db import DatabaseError, InternalError, OperationalError
from django.db.transaction import TransactionManagementError

from django_skinsback.exceptions import RolledBack
from django_skinsback.flows.ledger.database import is_passing, raise_if_rolled_back


class DriverError(Exception):
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def raised_from(cause, *args, kind=OperationalError):
    error = kind(*args)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (raised_from(DriverError(sqlstate="40001"), "could not serialize access"), True),
        (raised_from(DriverError(sqlstate="40P01"), "deadlock detected"), True),
        (raised_from(DriverError(pgcode="40P01"), "deadlock detected"), True),
        (raised_from(DriverError(sqlstate="57014"), "canceling statement due to statement timeout"), False),
        (raised_from(DriverError(), 1205, "Lock wait timeout exceeded"), True),
        (raised_from(DriverError(), 1213, "Deadlock found when trying to get lock"), True),
        (raised_from(DriverError(), 1020, "Record has changed since last read"), True),
        (raised_from(DriverError(), 2006, "Server has gone away"), False),
        (OperationalError("database is locked"), True),
        (OperationalError("database table is locked"), True),
        (OperationalError("disk I/O error"), False),
        (OperationalError(), False),
    ],
    ids=str,
)
def test_only_passing_errors_are_tried_again(error, passing):
    assert is_passing(error) is passing


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (raised_from(DriverError(sqlstate="25P02"), "transaction is aborted", kind=InternalError), RolledBack),
        (raised_from(DriverError(pgcode="25P02"), "transaction is aborted", kind=InternalError), RolledBack),
        (TransactionManagementError("An error occurred in the current transaction."), RolledBack),
        (raised_from(DriverError(sqlstate="23505"), "unique violation", kind=InternalError), InternalError),
        (DatabaseError("no cause"), DatabaseError),
    ],
    ids=str,
)
def test_an_error_of_an_aborted_transaction_is_raised_as_rolled_back(error, raised):
    with pytest.raises(raised) as caught, raise_if_rolled_back():
        raise error

    assert error in (caught.value, caught.value.__cause__)
