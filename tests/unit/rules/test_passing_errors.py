"""Which database errors are passing errors, so that the block runs again."""

import pytest
from django.db import OperationalError

from django_skinsback.flows.ledger.database import is_passing


class DriverError(Exception):
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def raised_from(cause, *args):
    error = OperationalError(*args)
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
