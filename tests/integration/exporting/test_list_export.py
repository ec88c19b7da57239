"""The CSV files of the admin's lists of deposits, purchases and ledger entries."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_skinsback.admin.exporting import view
from django_skinsback.flows.exporting import walk
from django_skinsback.flows.exporting.columns import LEDGER, PURCHASES, TABLES
from django_skinsback.models import Deposit, Purchase
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import browser_of, list_url
from .rows import EXPORT_ALL, VIEW, export, exporter, make_entry, read_csv

pytestmark = pytest.mark.django_db

MODELS = ["deposit", "purchase", "ledgerentry"]
NOON = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)


def test_every_column_of_a_deposit_is_exported(user):
    row = make_deposit(
        user=user,
        status="in_hold",
        amount=Decimal("8.28"),
        amount_currency="USD",
        user_amount=Decimal("7.5"),
        needs_review=True,
        review_reasons=[{"code": "stuck", "data": {}}, {"code": "unknown_status", "data": {"status": "x"}}],
        held_since=NOON,
        created_at=NOON,
        updated_at=NOON,
    )
    Deposit.objects.update(updated_at=NOON)
    assert read_csv(export(exporter(), "deposit")) == [
        {
            "id": str(row.pk),
            "order_id": row.order_id,
            "transaction_id": row.transaction_id,
            "public_id": str(row.public_id),
            "account": "default",
            "game": "cs2",
            "status": "in_hold",
            "user_id": str(user.pk),
            "user_name": "alice",
            "steam_id": "",
            "payer_steam_id": "",
            "trade_offer_id": "",
            "min_amount": "",
            "max_amount": "",
            "currency": "",
            "user_amount": "7.5",
            "amount": "8.28",
            "amount_currency": "USD",
            "needs_review": "true",
            "review_reasons": "stuck unknown_status",
            "hold_decision": "",
            "held_since_utc": "2026-05-01T12:30:15.123456Z",
            "created_at_utc": "2026-05-01T12:30:15.123456Z",
            "updated_at_utc": "2026-05-01T12:30:15.123456Z",
            "finished_at_utc": "",
        }
    ]


def test_a_purchase_and_its_charge_are_exported_with_plain_numbers(user, operator):
    entry = make_entry("charge", amount="-7.25", user=user, currency="eur", created_at=NOON)
    Purchase.objects.update(by=operator, debited_amount=Decimal("6.900000"), in_hold=False)
    browser = exporter()

    (purchase,) = read_csv(export(browser, "purchase"))
    (line,) = read_csv(export(browser, "ledgerentry"))

    assert [*purchase] == PURCHASES.header
    assert (purchase["by"], purchase["debited_amount_usd"], purchase["in_hold"]) == ("operator", "6.9", "false")
    assert (purchase["max_price_usd"], purchase["price_usd"], purchase["attempts"]) == ("10", "", "0")
    assert [*line] == LEDGER.header
    assert (line["kind"], line["amount"], line["currency"]) == ("charge", "-7.25", "eur")
    assert (line["account"], line["game"], line["custom_id"]) == ("default", "cs2", entry.purchase.custom_id)
    assert (line["user_name"], line["created_at_utc"]) == ("alice", "2026-05-01T12:30:15.123456Z")


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_each_exported_column_is_named_once_and_times_say_that_they_are_utc(table):
    assert len(set(table.header)) == len(table.header)
    for column in table.columns:
        path = column.path or column.name
        try:
            field = table.model._meta.get_field(path.partition("__")[0])
        except FieldDoesNotExist:
            field = None
        is_time = field is not None and "DateTime" in field.get_internal_type()
        assert is_time == column.name.endswith("_utc"), column.name


SECRET = "s3cr3tvalue"


def test_no_secret_is_in_any_file(user):
    """Each text column that is not exported contains a secret, and JSON columns contain it too."""
    make_deposit(
        user=user,
        pay_url=f"https://skinsback.com/pay/{SECRET}",
        metadata={"key": SECRET},
        idempotency_digest=SECRET,
        request_digest=SECRET,
        skins=[{"name": SECRET}],
        user_risk={"key": SECRET},
        review_reasons=[{"code": "stuck", "data": {"text": SECRET}}],
        bot_name=SECRET,
    )
    make_purchase(
        user=user,
        token="S3CRET12",
        metadata={"key": SECRET},
        idempotency_digest=SECRET,
        request_digest=SECRET,
        error_message=SECRET,
        review_reasons=[{"code": "stuck", "data": {"text": SECRET}}],
    )
    make_entry(user=user)
    Deposit.objects.update(pay_url=f"https://skinsback.com/pay/{SECRET}")
    Purchase.objects.update(token="S3CRET12")
    browser = exporter()
    for model in MODELS:
        text = export(browser, model).getvalue().decode()
        assert SECRET not in text
        assert "S3CRET12" not in text
        assert text.count("\n") > 1


def test_columns_that_hold_secrets_are_in_no_list_of_columns():
    secret = {"token", "pay_url", "metadata", "idempotency_digest", "request_digest", "body", "headers", "password"}
    for table in TABLES.values():
        assert not {part for path in table.paths() for part in path.split("__")} & secret


def test_the_file_has_the_rows_that_the_filtered_list_shows_on_all_of_its_pages(user):
    rows = [make_deposit(user=user, status="success") for _ in range(60)]
    for status in ("fail", "pending"):
        make_deposit(user=user, status=status)
    make_deposit(status="success", game="dota2")
    browser = exporter()
    filters = {"status__exact": "success", "game": "cs2"}

    listed = browser.get(list_url("deposit"), filters).context["cl"]
    found = read_csv(export(browser, "deposit", **filters, p="2"))

    assert listed.result_count == 60
    assert [int(each["id"]) for each in found] == [row.pk for row in rows]


def test_a_search_chooses_the_rows_of_the_file(user):
    wanted = make_deposit(user=user)
    make_deposit()
    assert [each["order_id"] for each in read_csv(export(exporter(), "deposit", q=wanted.order_id))] == [
        wanted.order_id
    ]
    assert [each["order_id"] for each in read_csv(export(exporter(), "deposit", q="alice"))] == [wanted.order_id]


def test_the_rows_of_several_accounts_are_told_apart():
    make_entry("credit", account="default")
    make_entry("refund", account="second")
    found = read_csv(export(exporter(), "ledgerentry"))
    assert [each["account"] for each in found] == ["default", "second"]


@pytest.mark.parametrize("use_tz", [True, False], ids=["USE_TZ", "no USE_TZ"])
def test_times_are_in_utc_whether_use_tz_is_on_or_off(settings, use_tz):
    settings.TIME_ZONE, settings.USE_TZ = "Asia/Kathmandu", use_tz
    make_deposit(created_at=NOON)
    assert read_csv(export(exporter(), "deposit"))[0]["created_at_utc"] == "2026-05-01T12:30:15.123456Z"


# Who may export.


@pytest.mark.parametrize("model", MODELS)
def test_export_needs_the_permission_to_export_and_to_view(model):
    make_entry()
    for permissions in ([*VIEW], [*EXPORT_ALL], [name for name in [*VIEW, *EXPORT_ALL] if name != f"export_{model}"]):
        assert export(browser_of(*permissions), model).status_code == 403
    assert export(browser_of(f"view_{model}", f"export_{model}"), model).status_code == 200
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_stranger_gets_the_login_page(model):
    response = export(Client(), model)
    assert (response.status_code, "login" in response.url) == (302, True)


@pytest.mark.parametrize("model", MODELS)
def test_export_answers_only_get(model):
    browser = exporter()
    url = reverse(f"admin:skinsback_{model}_export")
    assert [browser.post(url).status_code, browser.put(url).status_code, browser.head(url).status_code] == [405] * 3
    assert not LogEntry.objects.exists()


def test_the_link_keeps_the_filters_and_is_shown_only_with_the_permission():
    make_deposit(status="success")
    page = exporter().get(list_url("deposit"), {"status__exact": "success", "p": "1"})
    url = f"{reverse('admin:skinsback_deposit_export')}?status__exact=success"
    assert page.context["export_url"] == url
    assert f'href="{url}"' in page.content.decode()
    assert "deposit/export/" not in browser_of(*VIEW).get(list_url("deposit")).content.decode()


# The file.


def test_nothing_may_store_the_file_and_its_name_has_the_date():
    response = export(exporter(), "purchase")
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    today = datetime.now(UTC).date()
    assert response["Content-Disposition"] == f'attachment; filename="skinsback-purchases-{today}.csv"'
    assert response.getvalue().startswith(b"\xef\xbb\xbfid,custom_id,")


def test_a_name_that_looks_like_a_formula_is_made_harmless():
    get_user_model().objects.create_user("=cmd()")
    make_deposit(user=get_user_model().objects.get(username="=cmd()"))
    assert read_csv(export(exporter(), "deposit"))[0]["user_name"] == "'=cmd()"


def test_rows_that_are_added_or_deleted_during_the_export_do_no_harm(monkeypatch):
    monkeypatch.setattr(walk, "PAGE_ROWS", 2)
    rows = [make_deposit() for _ in range(5)]
    chunks = iter(export(exporter(), "deposit").streaming_content)
    text = next(chunks) + next(chunks)
    Deposit.objects.filter(pk=rows[3].pk).delete()
    make_deposit()
    text += b"".join(chunks)
    found = read_csv(text.decode())
    assert [int(each["id"]) for each in found] == [rows[number].pk for number in (0, 1, 2, 4)]


def test_each_page_of_rows_is_one_query_without_offset(monkeypatch):
    monkeypatch.setattr(walk, "PAGE_ROWS", 2)
    for _ in range(5):
        make_deposit()
    response = export(exporter(), "deposit")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(read_csv(response)) == 5
    assert len(queries) == 3
    assert not any("OFFSET" in query["sql"] or "COUNT" in query["sql"] for query in queries)


@pytest.mark.parametrize("filters", [{"foo": "1"}, {"token__startswith": "i"}, {"q": "a\x00"}, {"metadata__key": "1"}])
def test_filters_that_are_not_valid_export_nothing(filters):
    make_purchase()
    response = export(exporter(), "purchase", **filters)
    assert (response.status_code, response.url) == (302, list_url("purchase"))
    assert not LogEntry.objects.exists()


def test_under_asgi_the_file_is_streamed_by_an_asynchronous_iterator(rf):
    request = rf.get("/")
    request.scope = {}
    response = view.file_response(request, "deposits", iter(["a", "b"]))

    async def read():
        return [chunk async for chunk in response]

    assert (response.is_async, asyncio.run(read())) == (True, [b"a", b"b"])


# Too many rows.


def test_the_largest_file_is_exported_and_one_row_more_names_the_command(monkeypatch):
    monkeypatch.setattr(view, "ROWS_AT_MOST", 3)
    for _ in range(3):
        make_purchase(batch_id="it's; rm -rf")
    browser = exporter()
    filters = {"batch_id": "it's; rm -rf", "status__exact": "requested"}
    assert len(read_csv(export(browser, "purchase", **filters))) == 3

    make_purchase(batch_id="it's; rm -rf")
    page = export(browser, "purchase", **filters)

    text = page.content.decode()
    assert "more than 3 purchases" in text
    assert "skinsback_export purchases --filters" in text
    assert "batch_id=it%27s%3B+rm+-rf&amp;status__exact=requested" in text
    assert page["Content-Type"].startswith("text/html")
    assert "no-store" in page["Cache-Control"]
    assert LogEntry.objects.count() == 1


def test_a_trade_url_is_searched_by_its_steam_id_so_that_no_token_is_named(monkeypatch):
    monkeypatch.setattr(view, "ROWS_AT_MOST", 0)
    make_purchase(status="accepted")
    url = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
    monkeypatch.setattr("django_skinsback.admin.PurchaseAdmin.get_search_fields", lambda *_: ["steam_id__exact"])
    page = export(exporter(), "purchase", q=url).content.decode()
    assert "q=76561198050648523" in page
    assert "i1ArBZey" not in page


# The log.


def test_each_export_is_logged_with_the_operator_the_filters_and_the_number_of_rows():
    make_deposit(status="success")
    browser = exporter()
    export(browser, "deposit", status__exact="success", q="")
    export(browser, "ledgerentry")

    first, second = LogEntry.objects.order_by("pk")
    assert (first.user_id, first.content_type.model, first.object_id) == (browser.user.pk, "deposit", None)
    assert first.get_change_message() == "Exported 1 row. Filters: status__exact=success, q="
    assert second.get_change_message() == "Exported 0 rows. No filters."
    assert "Export: deposits" in browser.get(reverse("admin:index")).content.decode()
