"""The page of the desk: who sees what, what it says, and how many queries it takes."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.admin.sites import AdminSite
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, path, reverse

from django_skinsback.admin import DeskAdmin, PurchaseAdmin
from django_skinsback.flows.monitoring import queues
from django_skinsback.flows.monitoring.sweeps import note_sweep
from django_skinsback.models import BalanceSnapshot, Desk, OwingUser, PriceListImport, Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import VIEW_ALL, browser_of, list_url
from .rows import make_delivery, make_discrepancy, make_everything, reason

pytestmark = pytest.mark.django_db

PARTS = {
    "view_deposit": ["deposit needs review", "stuck 1", "hold waits for a decision", "22.02 EUR", "The next hold ends"],
    "view_purchase": ["purchase needs review", "outcome unknown 1", "44.04 USD"],
    "view_webhookevent": ["delivery could not be applied", "The last webhook arrived"],
    "view_discrepancy": ["discrepancy is open"],
    "view_balancesnapshot": ["155.55 USD", "reported 5 minutes ago"],
    "view_marketitem": ["Counter-Strike 2 7 minutes ago"],
    "view_owinguser": ["Users who owe", "-66.06 USD"],
}
EXPOSURE = "Exposure: credits of approved holds 33.03 USD"


def text_of(response):
    """The visible text of a page on one line."""
    page = response.content.decode().partition('<div id="content"')[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page))).replace(" .", ".")


def desk_of(client):
    response = client.get(list_url("desk"))
    assert response.status_code == 200
    return response


def test_a_stranger_is_sent_to_the_login():
    response = Client().get(list_url("desk"))

    assert response.status_code == 302
    assert response.url.startswith(reverse("admin:login"))


def test_staff_without_the_permission_are_refused():
    client = browser_of(*VIEW_ALL)

    assert client.get(list_url("desk")).status_code == 403
    assert list_url("desk") not in client.get("/admin/").content.decode()
    assert list_url("desk") not in client.get("/admin/skinsback/").content.decode()


def test_a_user_who_may_only_view_the_desk_sees_no_money_and_no_queue(user):
    make_everything(user)

    page = text_of(desk_of(browser_of("view_desk")))

    assert "Worker" in page
    for texts in PARTS.values():
        assert not [text for text in texts if text in page]
    assert not re.search(r"\b(USD|EUR)\b", page)
    assert EXPOSURE not in page
    assert "Nothing needs me" not in page


@pytest.mark.parametrize("permission", PARTS)
def test_each_part_needs_the_permission_of_its_model(permission, user):
    make_everything(user)

    page = text_of(desk_of(browser_of("view_desk", permission)))

    for other, texts in PARTS.items():
        assert [text for text in texts if text in page] == (texts if other == permission else [])
    assert EXPOSURE not in page


def test_the_exposure_needs_deposits_and_ledger_entries(user):
    make_everything(user)

    assert EXPOSURE in text_of(desk_of(browser_of("view_desk", "view_deposit", "view_ledgerentry")))
    assert EXPOSURE not in text_of(desk_of(browser_of("view_desk", "view_ledgerentry")))


def test_the_index_of_the_admin_and_of_the_app_link_to_the_desk():
    client = browser_of("view_desk")

    assert list_url("desk") in client.get("/admin/").content.decode()
    assert "Open the desk" in text_of(client.get("/admin/skinsback/"))


def test_nothing_can_be_added_changed_or_deleted_even_by_a_superuser():
    client = browser_of(superuser=True)

    for name in ("add", "change", "delete", "history"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:skinsback_desk_{name}", args=[] if name == "add" else [1])
    for tail in ("add/", "1/change/", "1/delete/", "1/history/", "1/"):
        assert client.get(list_url("desk") + tail).status_code == 404
        assert client.post(list_url("desk") + tail, {"post": "yes"}).status_code == 404
    assert client.post(list_url("desk"), {"action": "delete_selected"}).status_code == 405


def test_no_table_of_the_desk_exists_or_is_queried(user):
    make_everything(user)
    client = browser_of(superuser=True)

    with CaptureQueriesContext(connection) as captured:
        desk_of(client)

    assert Desk._meta.db_table not in connection.introspection.table_names()
    assert not [query["sql"] for query in captured if Desk._meta.db_table in query["sql"]]


def queries_beyond_django(client, url):
    """The queries of a page, without those about the session, the user and the permissions."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    of_django = re.compile(
        r"django_session|auth_permission|FROM .(auth_user|accounts_\w+|\w+_user). WHERE .\w+.\..id. ="
    )
    return [query["sql"] for query in captured if not of_django.search(query["sql"])]


@pytest.mark.parametrize("number_of_accounts", [1, 2, 4])
def test_the_desk_takes_at_most_15_queries_and_4_for_each_account(number_of_accounts, settings, user):
    others = {f"account{number}": {"CLIENT_ID": "2", "CLIENT_SECRET": "2"} for number in range(1, number_of_accounts)}
    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": others}
    make_everything(user)

    queries = queries_beyond_django(browser_of(superuser=True), list_url("desk"))

    assert len(queries) <= 15 + 4 * number_of_accounts, "\n".join(queries)


def test_the_desk_takes_as_many_queries_for_many_rows_as_for_one(user, django_user_model):
    client = browser_of(superuser=True)
    make_everything(user)
    few = queries_beyond_django(client, list_url("desk"))
    for number in range(6):
        other = django_user_model.objects.create_user(f"other{number}")
        OwingUser.objects.create(user=other, currency="usd", balance=Decimal(-1))
        make_deposit(user=other, needs_review=True, review_reasons=[reason("stuck", status="pending")])
        make_deposit(user=other, status="in_hold")

    assert len(queries_beyond_django(client, list_url("desk"))) == len(few)


def test_an_empty_desk_says_that_nothing_needs_the_operator():
    page = text_of(desk_of(browser_of(superuser=True)))

    assert "Nothing needs me." in page


@pytest.mark.parametrize("part", ["review", "hold", "delivery", "discrepancy", "owing", "balance"])
def test_one_waiting_thing_ends_the_calm(part, user, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(100)}
    make = {
        "review": lambda: make_purchase(needs_review=True),
        "hold": lambda: make_deposit(status="in_hold"),
        "delivery": lambda: make_delivery(outcome="failed", needs_review=True),
        "discrepancy": make_discrepancy,
        "owing": lambda: OwingUser.objects.create(user=user, currency="usd", balance=Decimal(-1)),
        "balance": lambda: BalanceSnapshot.objects.create(account="second", balance=Decimal("99.99")),
    }
    make[part]()

    assert "Nothing needs me." not in text_of(desk_of(browser_of(superuser=True)))


def test_long_queues_are_counted_up_to_the_limit(monkeypatch):
    monkeypatch.setattr(queues, "MAX_COUNT", 2)
    monkeypatch.setattr("django_skinsback.admin.desk.needs.MAX_COUNT", 2)
    for _ in range(4):
        make_deposit(needs_review=True, review_reasons=[reason("stuck", status="pending")])

    page = text_of(desk_of(browser_of(superuser=True)))

    assert "2+ deposits need review" in page
    assert "stuck 2" in page
    assert "The reasons are those of the newest" in page


def test_every_link_of_the_desk_leads_to_the_rows_that_it_counts(user):
    rows = make_everything(user)
    client = browser_of(superuser=True)
    links = {
        unescape(link) for link in re.findall(r'href="(/admin/skinsback/[^"]+)"', desk_of(client).content.decode())
    }

    def found(model, query):
        return list(client.get(f"{list_url(model)}?{query}").context["cl"].queryset)

    assert {f"{list_url('deposit')}?queue=review", f"{list_url('deposit')}?queue=review&reason=stuck"} <= links
    assert found("deposit", "queue=review") == found("deposit", "queue=review&reason=stuck") == [rows["stuck"]]
    assert found("deposit", "queue=holds") == [rows["held"]]
    assert found("purchase", "queue=review&reason=refused_after_unknown") == [rows["unknown"]]
    assert len(found("webhookevent", "queue=deliveries")) == len(found("discrepancy", "queue=discrepancies")) == 1
    for link in links:
        assert client.get(link).status_code == 200, link


def test_free_money_is_the_balance_minus_what_purchases_may_cost():
    BalanceSnapshot.objects.create(account="default", balance=Decimal(100))
    make_purchase(status="requested", max_price=Decimal("30.5"))

    page = text_of(desk_of(browser_of(superuser=True)))
    assert "Free 69.50 USD" in page
    assert "Reserved for purchases 30.50 USD" in page

    make_purchase(status="unknown", max_price=Decimal(80))
    page = text_of(desk_of(browser_of(superuser=True)))
    assert "Free at least -10.50 USD" in page
    assert "below zero" in page


def test_several_accounts_have_their_own_money_and_one_account_has_no_name(settings):
    BalanceSnapshot.objects.create(account="default", balance=Decimal(100))
    BalanceSnapshot.objects.create(account="second", balance=Decimal(7))
    page = text_of(desk_of(browser_of(superuser=True)))
    assert "default 100.00 USD" in page
    assert "second 7.00 USD" in page

    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {}}
    page = text_of(desk_of(browser_of(superuser=True)))
    assert "100.00 USD" in page
    assert "7.00 USD" not in page
    assert "default" not in page


def test_holds_of_different_currencies_are_not_added():
    for amount, currency in (("10", "usd"), ("20", "eur"), ("0.5", "usd")):
        make_deposit(status="in_hold", user_amount=Decimal(amount), amount_currency=currency)

    assert "20.00 EUR 10.50 USD" in text_of(desk_of(browser_of(superuser=True)))


def test_users_who_owe_are_named_and_the_others_are_folded(django_user_model):
    for number in range(5):
        user = django_user_model.objects.create_user(f"debtor{number}")
        OwingUser.objects.create(user=user, currency="usd", balance=Decimal(-number - 1))

    response = desk_of(browser_of(superuser=True))

    assert "2 more users" in text_of(response)
    assert "debtor4" in text_of(response)
    assert "<details>" in response.content.decode()


def test_a_worker_that_has_stopped_is_said_with_what_to_do():
    note_sweep()
    assert "A worker ran less than a minute ago." in text_of(desk_of(browser_of(superuser=True)))

    make_deposit(next_poll_at=utc_now() - timedelta(minutes=20))
    assert "the oldest row has been due for 20 minutes" in text_of(desk_of(browser_of(superuser=True)))


def test_an_old_price_list_needs_attention():
    PriceListImport.objects.create(game="cs2", imported_at=utc_now() - timedelta(hours=4))

    page = text_of(desk_of(browser_of(superuser=True)))

    assert "needs attention Imported: Counter-Strike 2 4 hours ago. No quotes are made from an old list." in page


def test_the_page_has_no_inline_style_and_no_inline_script(user):
    make_everything(user)
    page = desk_of(browser_of(superuser=True)).content.decode().partition('id="content-main"')[2]

    assert " style=" not in page
    assert not re.search(r"<script(?![^>]* src=)(?![^>]*json)", page.partition("<footer")[0])
    assert not re.search(r" on\w+=", page)


class OperationsSite(AdminSite):
    """Another admin site, which has only some models."""


operations = OperationsSite(name="operations")
operations.register(Desk, DeskAdmin)
operations.register(Purchase, PurchaseAdmin)
urlpatterns = [path("operations/", operations.urls)]


@pytest.mark.urls(__name__)
def test_the_desk_works_in_another_admin_site_and_does_not_link_to_missing_lists(user):
    make_everything(user)
    client = browser_of(superuser=True)

    response = client.get("/operations/skinsback/desk/")

    page = response.content.decode()
    assert response.status_code == 200
    assert "/operations/skinsback/purchase/?queue=review" in page
    assert '"/admin/' not in page
    assert "deposit needs review" in text_of(response)
    assert "Open the desk" in text_of(client.get("/operations/skinsback/"))


def test_a_user_name_with_markup_is_escaped():
    user = get_user_model().objects.create_user("<b>bold</b>")
    OwingUser.objects.create(user=user, currency="usd", balance=Decimal(-1))

    assert "<b>bold</b>" not in desk_of(browser_of(superuser=True)).content.decode()
