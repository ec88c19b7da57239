"""Owner keys of users with keys of any length and type, and rows that the site moves to another user."""

import uuid
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model

from django_skinsback.flows.forget_user import forget_user
from django_skinsback.models import Deposit
from django_skinsback.models.row import owner_key
from django_skinsback.testing import make_deposit

pytestmark = [pytest.mark.django_db, pytest.mark.database]

STEAM_ID = "76561198050648523"


def finished_deposit(user):
    return make_deposit(user=user, status="fail", steam_id=STEAM_ID)


def test_an_owner_key_of_any_length_fits_its_column_and_is_unique():
    long_key = "somebody." * 20 + "@shop.example"

    assert owner_key(7) == "7"
    assert owner_key(uuid.UUID(int=7)) == "00000000-0000-0000-0000-000000000007"
    assert owner_key("a" * 64) == "a" * 64
    assert len(owner_key(long_key)) == 64
    assert owner_key(long_key) != owner_key(long_key + "m")


def test_a_row_of_a_user_with_a_long_key_stores_the_owner_key(user, monkeypatch):
    key = "a" * 300
    deposit = make_deposit(user=user)
    deposit.user_id = key
    monkeypatch.setattr(Deposit, "save_base", lambda self, **_options: None)

    deposit.save()

    assert deposit.owner_id == owner_key(key)


def test_a_row_that_was_moved_to_another_user_is_forgotten_with_that_user(user):
    other = get_user_model().objects.create_user("bob")
    kept, moved = finished_deposit(user), finished_deposit(user)
    Deposit.objects.filter(pk=moved.pk).update(user=other)

    assert forget_user(user).rows == 1
    assert Deposit.objects.get(pk=kept.pk).steam_id == ""
    assert Deposit.objects.get(pk=moved.pk).steam_id == STEAM_ID
    assert forget_user(other).rows == 1
    assert Deposit.objects.get(pk=moved.pk).steam_id == ""


def test_a_row_without_an_owner_id_is_forgotten_with_its_user(user):
    """Earlier versions and ``bulk_create`` write such rows."""
    deposit = finished_deposit(user)
    Deposit.objects.update(owner_id="")

    assert forget_user(user).rows == 1
    assert Deposit.objects.get(pk=deposit.pk).steam_id == ""


def test_rows_of_a_deleted_user_are_found_by_the_key(user):
    finished_deposit(user)
    deleted_user = SimpleNamespace(pk=user.pk)
    user.delete()

    assert forget_user(deleted_user).rows == 1
    assert Deposit.objects.get().steam_id == ""
