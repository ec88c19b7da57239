"""The template tag ``skinsback_summary`` on a page of the site."""

import logging
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection, transaction
from django.template import Context, Template
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from django_skinsback.models import BalanceSnapshot, Deposit
from django_skinsback.testing import make_deposit

from ...support.admin_staff import VIEW_ALL, browser_of, list_url
from .rows import make_everything

pytestmark = pytest.mark.django_db

TEMPLATE = "{% load skinsback %}before{% skinsback_summary %}after"


def rendered(user, **values):
    """A foreign template with the tag, for this user."""
    request = RequestFactory().get("/")
    request.user = user
    return Template(TEMPLATE).render(Context({"request": request, **values}))


def test_the_summary_shows_what_needs_the_operator_the_balance_and_a_link_to_the_desk(user):
    make_everything(user)

    page = rendered(browser_of(*VIEW_ALL, "view_desk").user)

    assert "What needs me" in page
    assert "155.55" in page
    assert f'href="{list_url("desk")}"' in page
    assert "skinsback/desk.css" in page


def test_the_summary_shows_only_parts_whose_model_the_user_may_view(user):
    make_everything(user)

    page = rendered(browser_of("view_desk", "view_discrepancy").user)

    assert "discrepancy is open" in page
    assert "USD" not in page
    assert "review" not in page


@pytest.mark.parametrize("permissions", [[], VIEW_ALL], ids=["none", "all but the desk"])
def test_the_summary_is_empty_for_users_who_may_not_view_the_desk(permissions, user):
    make_everything(user)

    assert rendered(browser_of(*permissions).user) == "beforeafter"


def test_the_summary_is_empty_for_strangers_and_for_users_who_are_not_staff(user, django_user_model):
    make_everything(user)
    former = django_user_model.objects.create_superuser("former")
    former.is_staff = False

    assert rendered(AnonymousUser()) == rendered(former) == "beforeafter"


def test_the_summary_is_empty_without_a_request_or_a_user():
    assert Template(TEMPLATE).render(Context()) == "beforeafter"
    assert Template(TEMPLATE).render(Context({"request": RequestFactory().get("/")})) == "beforeafter"


def test_an_error_is_logged_and_never_breaks_the_page(monkeypatch, caplog):
    make_deposit(needs_review=True)
    client = browser_of(superuser=True)

    def fail(*_args, **_options):
        raise DatabaseError("no such column")

    monkeypatch.setattr("django_skinsback.admin.desk.summary.needs_of", fail)
    with caplog.at_level(logging.ERROR, "django_skinsback"):
        assert rendered(client.user) == "beforeafter"

    assert [record.message for record in caplog.records] == ["skinsback.summary_failed"]


@pytest.mark.database
def test_a_failed_query_leaves_the_transaction_of_the_page_usable(monkeypatch, caplog):
    client = browser_of(superuser=True)

    def fail(*_args, **_options):
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column FROM no_such_table")

    monkeypatch.setattr("django_skinsback.admin.desk.summary.needs_of", fail)
    with caplog.at_level(logging.CRITICAL, "django_skinsback"), transaction.atomic():
        assert rendered(client.user) == "beforeafter"
        assert Deposit.objects.count() == 0


def test_the_summary_takes_at_most_five_queries_and_one_for_each_account(user, settings):
    make_everything(user)
    BalanceSnapshot.objects.create(account="second", balance=Decimal(1))
    operator = browser_of(superuser=True).user
    operator.has_perm("skinsback.view_desk")

    with CaptureQueriesContext(connection) as captured:
        rendered(operator)

    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(statements) <= 5 + len(["default", *settings.SKINSBACK["ACCOUNTS"]])
