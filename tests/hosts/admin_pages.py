"""A superuser opens every page of the admin; run by ``test_hosts`` under other settings."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from django_skinsback.models import Deposit, Freeze, LedgerEntry, Purchase
from tests.integration.admin.test_actions import paid_deposit
from tests.integration.admin.test_admin_pages import MODELS, make_rows
from tests.support.admin_staff import act, list_url, page_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(operator):
    client = Client()
    client.force_login(operator)
    return client


def test_the_admin_shows_every_list_and_every_row(browser, user):
    rows = make_rows(user, 0)
    for row in rows:
        for url in (list_url(row._meta.model_name), page_url(row), page_url(row).replace("/change/", "/history/")):
            assert browser.get(url).status_code == 200, url
    assert {type(row) for row in rows} == set(MODELS)


@pytest.mark.parametrize("term", ["alice", "order-1", "0"])
def test_every_list_can_be_searched(browser, user, term):
    make_rows(user, 0)
    for model in MODELS:
        assert browser.get(list_url(model._meta.model_name), {"q": term}).status_code == 200


def test_the_page_of_a_user_loads(browser, user):
    admin = get_user_model()._meta
    if admin.app_label == "auth":
        assert browser.get(reverse("admin:auth_user_change", args=[user.pk])).status_code == 200


def test_the_customer_page_loads_and_freezes_the_user(browser, user):
    make_rows(user, 0)
    url = reverse("admin:skinsback_deposit_customer", args=[user.pk])
    assert browser.get(url).status_code == 200
    asked = browser.get(f"{url}freeze/")
    assert browser.post(f"{url}freeze/", {"seen": asked.context["seen"], "note": "Stolen account"}).url == url
    assert "Stolen account" in browser.get(url).content.decode()
    for model in (Deposit, Purchase, LedgerEntry, Freeze):
        assert url in browser.get(list_url(model._meta.model_name)).content.decode()


def test_a_deposit_is_settled_and_the_history_names_the_operator(browser, user, operator):
    deposit = paid_deposit(user=user)

    asked = act(browser, "settle", deposit)
    seen = [f"{each['row'].pk}:{each['seen']}" for each in asked.context["rows"]]
    answer = act(browser, "settle", deposit, decision="credit", note="paid", confirmed="yes", seen=seen)

    assert answer.status_code == 302
    assert LedgerEntry.objects.get().user == user
    assert deposit.changes.latest("pk").by == operator
    assert browser.get(page_url(deposit)).status_code == 200
