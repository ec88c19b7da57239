import re
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_skinsback.admin import display, labels
from django_skinsback.models import (
    BalanceSnapshot,
    Deposit,
    Discrepancy,
    LedgerEntry,
    MarketItem,
    Purchase,
    StatusChange,
    WebhookEvent,
)
from django_skinsback.statuses import DepositStatus, EntryKind, PurchaseStatus
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import VIEW_ALL, browser_of, list_url, page_url

pytestmark = pytest.mark.django_db

MODELS = [Deposit, Purchase, LedgerEntry, StatusChange, WebhookEvent, MarketItem, BalanceSnapshot, Discrepancy]
TOKEN = "SeCr3tTk"


def make_rows(user, number):
    """Make one row of each model, related to each other. ``number`` makes their values unique."""
    deposit = make_deposit(
        user=user,
        status="success",
        needs_review=True,
        review_reasons=[{"code": "amount_outside_limits", "data": {"amount": "10.5"}}],
        amount=Decimal("10.5"),
        user_amount=Decimal("12.6"),
        amount_currency="usd",
        skins=[{"name": "<b>AK-47</b>", "price": "0.4"}],
        user_risk={"total_deposits_count": 3, "user_inventory": []},
    )
    purchase = make_purchase(user=user, by=user, token=TOKEN, status="waiting_accept", attempts=1)
    event = WebhookEvent.objects.create(
        account="default",
        kind="deposit",
        digest=f"{number:064}",
        body=b'{"amount": 10.50, "note": "<script>alert(1)</script>"}',
        content_type="application/json",
        headers={"User-Agent": "SkinsBack", "X-Sign": "never-shown"},
        outcome="applied",
        deposit=deposit,
    )
    entry = LedgerEntry.objects.create(
        user=user, deposit=deposit, kind="credit", amount=Decimal("12.6"), currency="usd"
    )
    change = StatusChange.objects.create(
        deposit=deposit,
        from_status="pending",
        to_status="success",
        source="webhook",
        webhook_event=event,
        by=user,
        note="a note of mine",
        amount=Decimal("10.5"),
        currency="usd",
    )
    StatusChange.objects.create(purchase=purchase, from_status="requested", to_status="new_word", source="poll")
    item = MarketItem.objects.create(game="cs2", market_hash_name=f"AK-47 {number}", price=Decimal("8.28"))
    balance = BalanceSnapshot.objects.create(account="default", balance=Decimal(100))
    discrepancy = Discrepancy.objects.create(
        account="default",
        found_in="orders",
        kind="differing",
        digest=f"{number:064}",
        deposit=deposit,
        our_id=deposit.order_id,
        their_id="9",
        ours={"status": "success", "amount": "10.5"},
        theirs={"status": "<b>paid</b>", "amount": "10.5"},
    )
    return [deposit, purchase, entry, change, event, item, balance, discrepancy]


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


@pytest.mark.parametrize("model", MODELS)
def test_even_a_superuser_cannot_add_change_or_delete_rows(model, user):
    client = browser_of(superuser=True)
    row = next(row for row in make_rows(user, 0) if isinstance(row, model))
    name = model._meta.model_name
    assert client.get(f"{list_url(name)}add/").status_code == 403
    assert client.post(page_url(row), {"status": "success", "amount": "1"}).status_code == 403
    assert client.post(page_url(row).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    client.post(list_url(name), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert model.objects.filter(pk=row.pk).exists()
    page = client.get(page_url(row))
    assert page.status_code == 200
    assert not page.context["adminform"].form.fields


@pytest.mark.parametrize("model", MODELS)
def test_staff_without_the_permission_sees_nothing(model, user):
    client = browser_of("refresh_deposit", "buy_skins")
    row = next(row for row in make_rows(user, 0) if isinstance(row, model))
    assert client.get(list_url(model._meta.model_name)).status_code == 403
    assert client.get(page_url(row)).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_the_recent_actions_of_a_row_are_shown(model, user):
    row = next(row for row in make_rows(user, 0) if isinstance(row, model))
    page = browser_of(*VIEW_ALL).get(page_url(row).replace("/change/", "/history/"))
    assert page.status_code == 200
    assert list(page.context["action_list"]) == []


@pytest.mark.parametrize("model", MODELS)
def test_a_list_asks_as_many_queries_for_many_rows_as_for_one(model, user, django_user_model):
    client = browser_of(*VIEW_ALL)
    url = list_url(model._meta.model_name)
    make_rows(user, 0)
    client.get(url)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(url)
    for number in range(1, 8):
        make_rows(django_user_model.objects.create_user(f"user{number}"), number)
    with CaptureQueriesContext(connection) as many:
        page = client.get(url)
    assert page.context["cl"].result_count >= 8
    assert len(many) == len(few)


def test_a_page_asks_as_many_queries_for_a_long_history_as_for_a_short_one(user, django_user_model):
    client = browser_of(*VIEW_ALL)
    deposit, purchase, *_ = make_rows(user, 0)
    for row in (deposit, purchase):
        client.get(page_url(row))
        with CaptureQueriesContext(connection) as few:
            client.get(page_url(row))
        name = row._meta.model_name
        for number in range(5):
            by = django_user_model.objects.create_user(f"{name}{number}")
            StatusChange.objects.create(**{name: row}, from_status="x", to_status="y", source="poll", by=by)
        with CaptureQueriesContext(connection) as many:
            client.get(page_url(row))
        assert len(many) == len(few)


def test_lists_count_a_limited_number_of_rows(user, monkeypatch):
    monkeypatch.setattr("django_skinsback.admin.finding.pages.COUNTED_ROWS", 2)
    for number in range(4):
        make_rows(user, number)
    page = browser_of(*VIEW_ALL).get(list_url("deposit"))
    assert page.context["cl"].result_count == 2
    assert "more rows than this list counts" in text_of(page)


def test_the_trade_token_and_header_secrets_are_in_no_page(user):
    client = browser_of(superuser=True)
    for row in make_rows(user, 0):
        for url in (page_url(row), list_url(row._meta.model_name)):
            page = text_of(client.get(url))
            assert TOKEN not in page
            assert "never-shown" not in page
    settle = client.post(
        list_url("purchase"), {"action": "settle", "_selected_action": Purchase.objects.get().pk}, follow=True
    )
    assert TOKEN not in text_of(settle)


def test_the_body_of_a_delivery_needs_its_permission(user):
    event = make_rows(user, 0)[4]
    assert "10.50" not in text_of(browser_of(*VIEW_ALL).get(page_url(event)))
    page = text_of(browser_of(*VIEW_ALL, "view_webhook_body").get(page_url(event)))
    assert "&quot;amount&quot;: 10.50" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_a_form_body_is_shown_line_by_line_and_other_bytes_in_hex():
    form = display.body_text(
        b"status=success&amount=10.50&note=%3Cb%3E", "application/x-www-form-urlencoded; charset=utf-8"
    )
    assert "status = success\namount = 10.50\nnote = &lt;b&gt;" in form
    assert "fffe 00" in display.body_text(b"\xff\xfe\x00", "application/json").replace("fffe00", "fffe 00")
    assert display.body_text(b"[" * 100_000, "application/json")


def test_a_deposit_shows_its_facts_history_entries_and_deliveries(user):
    deposit, _, entry, _, event, *_ = make_rows(user, 0)
    page = text_of(browser_of(*VIEW_ALL).get(page_url(deposit)))
    assert "12.60 USD" in page
    assert "a note of mine" in page
    assert page_url(entry) in page
    assert page_url(event) in page
    assert "The paid amount 10.5 is outside the requested limits." in page
    assert "&lt;b&gt;AK-47&lt;/b&gt;" in page
    assert str(labels.DEPOSIT_EXPLANATIONS["success"]) in page


def test_an_unknown_status_is_shown_verbatim(user):
    purchase = make_rows(user, 0)[1]
    assert "new_word" in text_of(browser_of(*VIEW_ALL).get(page_url(purchase)))


def test_the_review_filter():
    flagged, other = make_deposit(needs_review=True), make_deposit()
    client = browser_of(*VIEW_ALL)
    assert list(client.get(list_url("deposit"), {"needs_review": "1"}).context["cl"].queryset) == [flagged]
    assert list(client.get(list_url("deposit"), {"needs_review": "0"}).context["cl"].queryset) == [other]
    assert "Needs review" in text_of(client.get(list_url("deposit")))


@pytest.mark.parametrize("term", ["order-1", "77", "76561198050648523", "alice"])
def test_a_deposit_is_found_by_its_full_ids_and_its_user(term, user):
    wanted = make_deposit(order_id="order-1", transaction_id="77", steam_id="76561198050648523", user=user)
    make_deposit(order_id="order-12", transaction_id="777")
    found = browser_of(*VIEW_ALL).get(list_url("deposit"), {"q": term}).context["cl"].queryset
    assert list(found) == [wanted]


@pytest.mark.parametrize("term", ["custom-1", "55", "alice"])
def test_a_purchase_is_found_by_its_full_ids_and_its_user(term, user):
    wanted = make_purchase(custom_id="custom-1", buy_id="55", user=user)
    make_purchase(custom_id="custom-12", buy_id="555")
    found = browser_of(*VIEW_ALL).get(list_url("purchase"), {"q": term}).context["cl"].queryset
    assert list(found) == [wanted]


def test_the_account_is_a_column_and_a_filter_where_there_are_several(settings):
    make_deposit(account="second")
    make_deposit()
    client = browser_of(*VIEW_ALL)
    assert "account" in client.get(list_url("deposit")).context["cl"].list_display
    assert client.get(list_url("deposit"), {"account": "second"}).context["cl"].result_count == 1
    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {}}
    assert "account" not in client.get(list_url("deposit")).context["cl"].list_display


def test_a_low_balance_is_marked(settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(50)}
    BalanceSnapshot.objects.create(account="default", balance=Decimal("49.999999"))
    page = text_of(browser_of(*VIEW_ALL).get(list_url("balancesnapshot")))
    assert "49.999999 USD" in page
    assert ">low<" in page


def test_the_choices_of_filters_need_no_query():
    allowed = (admin.SimpleListFilter,)
    for model in MODELS:
        for each in admin.site._registry[model].list_filter:
            is_class = isinstance(each, type) and issubclass(each, allowed)
            assert is_class or model._meta.get_field(each).choices or each == "available"
        assert admin.site._registry[model].date_hierarchy is None


def test_every_status_has_an_explanation_and_every_badge_a_colour():
    assert set(labels.DEPOSIT_EXPLANATIONS) == set(DepositStatus)
    assert set(labels.PURCHASE_EXPLANATIONS) == set(PurchaseStatus)
    found = {*Discrepancy.Kind, *Discrepancy.State}
    assert set(labels.BADGE_COLORS) == {*DepositStatus, *PurchaseStatus, *EntryKind, *WebhookEvent.Outcome, *found}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"total_deposits_count": 14, "total_deposits_sum": "207.68"}, ["14", "207.68"]),
        ({"joined_at": "2024-05-27 13:54:30"}, ["2024-05-27 13:54"]),
        ({"user_inventory": {"cs2": {"last_updated_at": "2025-07-17T20:51:48.689998Z", "sum": 2}}}, ["cs2", "20:51"]),
        ({"user_inventory": [], "joined_at": "2024-99-99 00:00:00"}, ["2024-99-99"]),
        ({"something_new": "<b>"}, ["something_new", "&lt;b&gt;"]),
    ],
)
def test_user_risk_is_readable_for_any_content(value, shown):
    table = display.user_risk_table(value)
    assert all(text in table for text in shown)


def test_no_page_has_inline_scripts_or_styles(user):
    client = browser_of(superuser=True)
    deposit = make_rows(user, 0)[0]
    pages = [page_url(deposit), list_url("deposit"), f"{list_url('purchase')}buy/"]
    ask = client.post(list_url("deposit"), {"action": "settle", "_selected_action": deposit.pk})
    for page in [ask, *map(client.get, pages)]:
        text = page.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text)
        assert not re.search(r"<style|\sstyle=|\son\w+=", text)
