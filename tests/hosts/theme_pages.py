"""The pages of the desk open and act in an admin with a theme; run by ``test_themes`` under other settings."""

import pytest
from django.test import Client
from django.urls import reverse

from django_skinsback.models import Deposit
from django_skinsback.testing import make_deposit
from tests.integration.desk.rows import make_delivery, make_discrepancy, reason
from tests.support.admin_staff import act, list_url, page_url, seen_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(operator):
    client = Client()
    client.force_login(operator)
    return client


def pages(user, row):
    return {
        "desk": list_url("desk"),
        "app": reverse("admin:app_list", args=["skinsback"]),
        "review": list_url("deposit") + "?queue=review",
        "deliveries": list_url("webhookevent") + "?queue=deliveries",
        "discrepancies": list_url("discrepancy") + "?queue=discrepancies",
        "holds": reverse("admin:skinsback_deposit_holds"),
        "row": page_url(row),
        "buy": reverse("admin:skinsback_purchase_buy"),
        "customer": reverse("admin:skinsback_deposit_customer", args=[user.pk]),
        "movements": reverse("admin:skinsback_ledgerentry_movements"),
    }


def test_every_page_of_the_desk_opens_and_has_one_title(browser, user):
    make_deposit(user=user, status="in_hold")
    make_delivery()
    make_discrepancy()
    row = make_deposit(user=user, needs_review=True, review_reasons=[reason("stuck")])
    for name, url in pages(user, row).items():
        answer = browser.get(url)
        assert answer.status_code == 200, name
        text = answer.content.decode()
        assert "skinsback/desk.css" in text or "skinsback/admin.css" in text or name == "app", name
        assert "skinsback" in text.lower(), name


def test_a_row_is_settled_with_the_button_of_its_queue(browser, user):
    row = make_deposit(user=user, needs_review=True, review_reasons=[reason("stuck")])
    url = list_url("deposit") + "?queue=review"
    listed = browser.get(url).content.decode()
    assert f'value="settle:{row.pk}"' in listed

    asked = browser.post(url, {"skinsback_button": f"settle:{row.pk}"})
    done = act(browser, "settle", row, decision="keep", confirmed="yes", seen=seen_on(asked))

    assert done.status_code == 302
    assert not Deposit.objects.get().needs_review


def test_an_export_is_downloaded(browser, user):
    make_deposit(user=user)
    answer = browser.get(reverse("admin:skinsback_deposit_export"))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert b"".join(answer.streaming_content)
