"""Freezing users: who did it, why, since when, and the log."""

import logging

import pytest

from django_skinsback import players
from django_skinsback.exceptions import InvalidInput, RowChanged
from django_skinsback.flows.players.freeze import freeze_as_seen, freeze_token, unfreeze_as_seen
from django_skinsback.models import Freeze

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_freeze_keeps_who_and_why(user, operator):
    row = players.freeze(user, operator, "chargeback")

    assert (row.user, row.by, row.reason) == (user, operator, "chargeback")
    assert players.is_frozen(user)
    assert not players.is_frozen(operator)


def test_a_second_freeze_replaces_the_reason_and_keeps_the_time(user, operator):
    first = players.freeze(user, operator, "chargeback")

    again = players.freeze(user, None, "still open")

    assert (again.pk, again.since) == (first.pk, first.since)
    assert (again.by, again.reason) == (None, "still open")
    assert Freeze.objects.count() == 1


def test_a_second_freeze_by_another_operator_stores_this_operator(user, operator, django_user_model):
    players.freeze(user, operator, "chargeback")
    second = django_user_model.objects.create_user("second")

    assert players.freeze(user, second, "still open").by == second


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_freeze_needs_a_reason(user, operator, reason):
    with pytest.raises(InvalidInput):
        players.freeze(user, operator, reason)

    assert not players.is_frozen(user)


def test_unfreezing_says_whether_the_user_was_frozen(user, operator):
    players.freeze(user, operator, "chargeback")

    assert players.unfreeze(user, operator) is True
    assert players.unfreeze(user, operator) is False
    assert not players.is_frozen(user)


def test_both_are_logged_once_after_the_commit(user, operator, caplog, django_capture_on_commit_callbacks):
    with caplog.at_level(logging.INFO, logger="django_skinsback"), django_capture_on_commit_callbacks(execute=True):
        players.freeze(user, operator, "chargeback")
        players.freeze(user, operator, "still open")
        players.unfreeze(user)
        players.unfreeze(user)

    logged = [(record.message, record.user_id, record.by) for record in caplog.records]
    assert logged == [
        ("skinsback.user_frozen", str(user.pk), str(operator.pk)),
        ("skinsback.user_unfrozen", str(user.pk), ""),
    ]


def test_the_log_names_the_operator_who_decided_on_a_page(user, operator, caplog, django_capture_on_commit_callbacks):
    with caplog.at_level(logging.INFO, logger="django_skinsback"), django_capture_on_commit_callbacks(execute=True):
        freeze_as_seen(user, operator, "chargeback", freeze_token(user))
        unfreeze_as_seen(user, operator, freeze_token(user))

    assert [record.by for record in caplog.records] == [str(operator.pk)] * 2


def test_the_log_names_the_operator_who_unfroze_the_user(user, operator, caplog, django_capture_on_commit_callbacks):
    players.freeze(user, None, "chargeback")

    with caplog.at_level(logging.INFO, logger="django_skinsback"), django_capture_on_commit_callbacks(execute=True):
        players.unfreeze(user, operator)

    assert [record.by for record in caplog.records] == [str(operator.pk)]


class TestAsSeen:
    """A freeze that a person has confirmed on a page."""

    def test_the_present_token_freezes_and_unfreezes(self, user, operator):
        freeze_as_seen(user, operator, "chargeback", freeze_token(user))
        assert players.is_frozen(user)
        assert unfreeze_as_seen(user, operator, freeze_token(user)) is True
        assert not players.is_frozen(user)

    def test_each_change_of_the_freeze_makes_the_token_old(self, user, operator):
        tokens = [freeze_token(user)]
        players.freeze(user, operator, "chargeback")
        tokens.append(freeze_token(user))
        players.freeze(user, operator, "still open")
        tokens.append(freeze_token(user))
        players.freeze(user, None, "still open")
        tokens.append(freeze_token(user))
        assert len(set(tokens)) == 4
        for token in [*tokens[:3], ""]:
            with pytest.raises(RowChanged):
                unfreeze_as_seen(user, operator, token)
            with pytest.raises(RowChanged):
                freeze_as_seen(user, operator, "another reason", token)
        assert players.is_frozen(user)

    def test_the_token_of_another_user_is_refused(self, user, operator):
        with pytest.raises(RowChanged):
            freeze_as_seen(user, operator, "chargeback", freeze_token(operator))
