"""Sites with other settings: a transaction around each request, other ways to log in, other settings of DRF."""

from base64 import b64encode
from datetime import UTC

import pytest
from django.db import connection
from django.test import Client

from django_skinsback.models import Deposit

from .conftest import problem


@pytest.mark.django_db(transaction=True)
def test_a_deposit_is_opened_outside_of_the_transaction_of_the_request(caller, sandbox, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    sandbox.lose_answer("create")
    assert caller.post("deposits/").status_code == 202
    assert Deposit.objects.get().status == "created"


@pytest.mark.django_db
def test_a_user_may_log_in_without_a_session(user):
    user.set_password("secret")
    user.save()
    credentials = b64encode(b"alice:secret").decode()
    answer = Client(enforce_csrf_checks=True).get("/api/v1/config/", headers={"Authorization": f"Basic {credentials}"})
    assert answer.status_code == 200


@pytest.mark.django_db
def test_wrong_credentials_are_a_problem(user):
    credentials = b64encode(b"alice:wrong").decode()
    answer = Client().get("/api/v1/config/", headers={"Authorization": f"Basic {credentials}"})
    problem(answer, 403, "authentication_failed")


@pytest.mark.django_db
def test_the_settings_of_drf_do_not_change_an_answer(caller, user, settings):
    before = caller.get("config/").json()
    settings.REST_FRAMEWORK = {
        "COERCE_DECIMAL_TO_STRING": False,
        "DATETIME_FORMAT": "%d.%m.%Y",
        "EXCEPTION_HANDLER": "tests.nowhere",
        "NON_FIELD_ERRORS_KEY": "__all__",
        "URL_FORMAT_OVERRIDE": "sort",
    }
    assert caller.get("config/?sort=xml").json() == before
    problem(caller.get("deposits/00000000-0000-4000-8000-000000000000/"), 404, "not_found")


@pytest.mark.django_db
@pytest.mark.parametrize("use_tz", [True, False])
def test_times_are_in_utc_whatever_the_time_zone_of_the_site(use_tz, caller, sandbox, settings):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Tokyo"
    made = caller.post("deposits/").json()["created_at"]
    assert made == f"{Deposit.objects.get().created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
