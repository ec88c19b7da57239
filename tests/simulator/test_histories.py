"""A few hundred histories of the simulator, the same ones every time. ``make prove`` runs many more."""

from contextlib import ExitStack, nullcontext
from types import SimpleNamespace
from unittest import mock

import pytest
from django.db import connection
from django.db.models import Q
from django.db.transaction import TransactionManagementError

from django_skinsback.flows.deposits import credit, hold
from django_skinsback.flows.deposits import settle as deposit_settle
from django_skinsback.flows.ledger import database, edit
from django_skinsback.flows.ledger.edit import Edit
from django_skinsback.flows.polling import queue
from django_skinsback.flows.purchases import buy
from django_skinsback.flows.purchases import report as purchase_report
from django_skinsback.flows.purchases import settle as purchase_settle
from django_skinsback.flows.webhooks import replay
from django_skinsback.statuses import EntryKind

from .running import run

HISTORIES = {"sqlite": 29, "postgresql": 3, "mysql": 2}
"""Histories per seed. SQLite tests the order of steps; the races test what differs between the servers."""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.mark.database
@pytest.mark.parametrize("seed", range(1, 7))
def test_no_history_loses_or_doubles_money(seed):
    counts = run(seed, histories=HISTORIES[connection.vendor])

    if connection.vendor == "sqlite":
        kinds = [f"{kind} entries" for kind in EntryKind]
        expected = [*kinds, "crashes", "deliveries answered 500", "errors swallowed"]
        assert all(counts[name] for name in expected), counts


def no_reversal(self, kind, entry, undo=Edit.undo):
    if kind is not EntryKind.REVERSAL:
        undo(self, kind, entry)


def always_flag(self, to_status, move=Edit.move, **details):
    move(self, to_status, **details)
    self.flag("hm")


def do_nothing(*_arguments):
    pass


SEEN_NOT_COMPARED = [(module, "require_seen", do_nothing) for module in (deposit_settle, hold, purchase_settle)]
COMMIT_NOT_VERIFIED = [
    *[(module, "verify_saved", do_nothing) for module in (edit, buy)],
    *[(module, "raise_if_rolled_back", nullcontext) for module in (credit, database, edit, buy)],
]


@pytest.mark.parametrize(
    "mistakes",
    [
        [(Edit, "undo", no_reversal)],
        [(Edit, "move", always_flag)],
        [(credit, "credit_of", lambda deposit: (deposit.amount + deposit.user_amount, deposit.amount_currency))],
        [(purchase_report, "conf", SimpleNamespace(get=lambda _name: True))],
        [(replay, "apply_kept", lambda: 0)],
        [(queue, "is_due", lambda column, now: Q(**{f"{column}__lte": now}))],
        [(hold, "check_limit", do_nothing)],
        SEEN_NOT_COMPARED,
        COMMIT_NOT_VERIFIED,
    ],
    ids=[
        "no reversal",
        "every row flagged",
        "another amount",
        "refunded against the setting",
        "failed deliveries never applied again",
        "impossibly late due times are waited for",
        "holds approved above the limit",
        "decided without comparing what was seen",
        "commit not verified",
    ],
)
def test_a_mistake_is_found(mistakes):
    def search():
        for seed in range(5, 25):  # the first of these seeds find all the mistakes
            run(seed, histories=12, shrink=False)

    with ExitStack() as stack:
        for module, name, mistake in mistakes:
            stack.enter_context(mock.patch.object(module, name, mistake))
        # Without the fix a swallowed error may also stop a flow in the middle, with Django's own error.
        with pytest.raises((AssertionError, TransactionManagementError)):
            search()
