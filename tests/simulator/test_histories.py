"""A few hundred histories of the simulator; the same ones every time. ``make prove`` throws many more."""

from contextlib import ExitStack, nullcontext
from types import SimpleNamespace
from unittest import mock

import pytest
from django.db import connection
from django.db.models import Q
from django.db.transaction import TransactionManagementError

from django_skinsback import deposits, purchases
from django_skinsback.flows.deposits import credit as crediting
from django_skinsback.flows.deposits import settle as decisions
from django_skinsback.flows.ledger import database
from django_skinsback.flows.ledger import edit as edits
from django_skinsback.flows.ledger.edit import Edit
from django_skinsback.flows.polling import queue as due
from django_skinsback.flows.purchases import report as purchase_reports
from django_skinsback.flows.webhooks import receive as notifications
from django_skinsback.statuses import EntryKind

from .running import run

HISTORIES = {"sqlite": 29, "postgresql": 3, "mysql": 2}
"""For each seed. The order of steps is proved on SQLite; what differs between servers, by races."""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.mark.database
@pytest.mark.parametrize("seed", range(1, 7))
def test_no_history_loses_or_doubles_money(seed):
    happened = run(seed, histories=HISTORIES[connection.vendor])

    if connection.vendor == "sqlite":
        kinds = [f"{kind} entries" for kind in EntryKind]
        happenings = [*kinds, "crashes", "deliveries answered 500", "errors swallowed"]
        assert all(happened[each] for each in happenings), happened


def no_reversal(edit, kind, entry, undo=Edit.undo):
    if kind is not EntryKind.REVERSAL:
        undo(edit, kind, entry)


def always_to_review(edit, to_status, move=Edit.move, **details):
    move(edit, to_status, **details)
    edit.flag("hm")


def do_nothing(*_arguments):
    pass


NOT_COMPARED = [(decisions, "require_seen", do_nothing), (deposits, "require_seen", do_nothing)]
NOT_VERIFIED = [
    *[(place, "verify_saved", do_nothing) for place in (edits, purchases)],
    *[(place, "raise_if_rolled_back", nullcontext) for place in (crediting, database, edits, purchases)],
]


@pytest.mark.parametrize(
    "mistakes",
    [
        [(Edit, "undo", no_reversal)],
        [(Edit, "move", always_to_review)],
        [(crediting, "credit_of", lambda deposit: (deposit.amount + deposit.user_amount, deposit.amount_currency))],
        [(purchase_reports, "conf", SimpleNamespace(get=lambda _name: True))],
        [(notifications, "apply_kept", lambda: None)],
        [(due, "is_due", lambda column, now: Q(**{f"{column}__lte": now}))],
        NOT_COMPARED,
        NOT_VERIFIED,
    ],
    ids=[
        "no reversal",
        "always to review",
        "another amount",
        "refunded against the setting",
        "kept and never applied",
        "due times too far ahead are waited for",
        "decided without comparing what was seen",
        "swallowed errors taken for success",
    ],
)
def test_a_mistake_is_found(mistakes):
    def seek():  # begins where all of these are found soon
        for seed in range(5, 25):
            run(seed, histories=12, shrink=False)

    with ExitStack() as stack:
        for place, name, mistake in mistakes:
            stack.enter_context(mock.patch.object(place, name, mistake))
        # Without the fix a swallowed error may also stop a flow in the middle, with Django's own error.
        with pytest.raises((AssertionError, TransactionManagementError)):
            seek()
