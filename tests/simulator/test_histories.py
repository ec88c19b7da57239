"""A few hundred histories of the simulator; the same ones every time. ``make prove`` throws many more."""

import pytest
from django.db import connection

from .running import run

HISTORIES = {"sqlite": 34, "postgresql": 4, "mysql": 3}
"""For each seed. The order of steps is proved on SQLite; what differs between servers, by races."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(1, 7))
def test_no_history_loses_or_doubles_money(seed):
    run(seed, histories=HISTORIES[connection.vendor])
