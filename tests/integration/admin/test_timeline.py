"""The page of a deposit or purchase: its timeline, links and buttons, and what the page of a decision shows."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_skinsback import deposits
from django_skinsback.admin.row_pages import timeline
from django_skinsback.admin.row_pages.timeline import make_timeline
from django_skinsback.models import BalanceSnapshot, Deposit, LedgerEntry, Purchase, StatusChange, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from tests.wallet.models import Wallet

from ...support.admin_staff import VIEW_ALL, act, browser_of, messages_of, page_url
from .test_actions import REASON, paid_deposit

pytestmark = pytest.mark.django_db

BODY = b'{"status": "success", "note": "</pre><script>alert(1)</script>"}'


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def shown(row, *permissions):
    return text_of(browser_of(*VIEW_ALL, *permissions).get(page_url(row)))


def deliver(row, number=0, **values):
    details = {"account": "default", "kind": "deposit", "body": BODY, "content_type": "application/json"}
    link = {row._meta.model_name: row}
    return WebhookEvent.objects.create(**{**details, "digest": f"{number:064}", "outcome": "applied"} | link | values)


def log(operator, row, message):
    return LogEntry.objects.create(
        user=operator,
        content_type=get_content_type_for_model(row),
        object_id=str(row.pk),
        object_repr=str(row),
        action_flag=CHANGE,
        change_message=message,
    )


def refuse(**_options):
    raise RuntimeError("the wallet is closed")


@pytest.fixture
def failed(client, user):
    """A deposit whose notification could not be applied."""
    deposit = make_deposit(user=user)
    entry_posted.connect(refuse)
    try:
        post_notification(client, signed_notification(deposit))
    finally:
        entry_posted.disconnect(refuse)
    assert WebhookEvent.objects.get().outcome == "failed"
    return deposit


class TestEvents:
    def test_a_credit_is_shown_with_its_status_change_its_amount_and_its_user(self, client, user):
        deposit = make_deposit(user=user)
        post_notification(client, signed_notification(deposit))

        change, delivery, created = make_timeline(deposit, show_bodies=False).events

        assert [change.kind, delivery.kind, created.kind] == ["change", "delivery", "created"]
        assert "success" in change.what
        assert change.cause.startswith("webhook, ")
        assert page_url(WebhookEvent.objects.get()) in change.cause
        assert "12.60\N{NO-BREAK SPACE}USD credited to alice" in change.moved[0]
        assert page_url(LedgerEntry.objects.get()) in change.moved[0]
        assert page_url(WebhookEvent.objects.get()) in delivery.what

    def test_events_are_shown_newest_first(self, user, operator):
        deposit = paid_deposit(user=user, created_at=timezone.now() - timedelta(days=3))
        StatusChange.objects.create(
            deposit=deposit,
            from_status="pending",
            to_status="success",
            source="poll",
            created_at=timezone.now() - timedelta(days=1),
        )
        deliver(deposit, received_at=timezone.now() - timedelta(days=2))
        deposits.settle(deposit, "keep", by=operator, note="checked")

        events = make_timeline(deposit, show_bodies=False).events

        assert [event.kind for event in events] == ["change", "change", "delivery", "created"]
        assert events == sorted(events, key=lambda event: event.at, reverse=True)

    def test_a_decision_names_the_person_and_says_that_nothing_was_moved(self, user, operator):
        deposit = deposits.settle(paid_deposit(user=user), "keep", by=operator, note="the user confirmed it")
        page = shown(deposit)
        assert "operator (operator)" in page
        assert "kept as it is" in page
        assert "the user confirmed it" in page
        assert "No money of the user was moved." in page

    @pytest.mark.parametrize(
        ("kind", "amount", "words"),
        [
            ("credit", "12.6", "credited to"),
            ("reversal", "-12.6", "taken back from"),
            ("charge", "-12.6", "charged to"),
            ("refund", "12.6", "refunded to"),
        ],
    )
    def test_each_kind_of_entry_says_who_gave_and_who_got(self, user, kind, amount, words):
        row = make_deposit(user=user) if kind in {"credit", "reversal"} else make_purchase(user=user)
        link = {row._meta.model_name: row}
        LedgerEntry.objects.create(user=user, kind=kind, amount=Decimal(amount), currency="usd", **link)
        assert f"12.60\N{NO-BREAK SPACE}USD {words} alice" in make_timeline(row, show_bodies=False).events[0].moved[0]

    def test_an_action_that_left_no_status_change_is_taken_from_the_admin_log(self, user, operator):
        deposit = make_deposit(user=user)
        log(operator, deposit, "Refreshed from SkinsBack.")
        event = make_timeline(deposit, show_bodies=False).events[0]
        assert (event.kind, event.cause, event.texts) == ("action", "operator", ["Refreshed from SkinsBack."])

    def test_a_line_of_the_admin_log_that_repeats_a_status_change_is_not_shown(self, user, operator):
        deposit = deposits.settle(paid_deposit(user=user), "keep", by=operator)
        log(operator, deposit, "Settled: Keep as it is.")
        log(operator, deposit, "Refreshed from SkinsBack.")
        events = make_timeline(deposit, show_bodies=False).events
        assert [event.texts for event in events if event.kind == "action"] == [["Refreshed from SkinsBack."]]

    def test_the_dismissal_of_a_delivery_is_shown_with_its_note(self, user, operator):
        deposit = make_deposit(user=user)
        event = deliver(deposit, outcome="dismissed")
        log(operator, event, "Dismissed: paid by hand")
        assert "Dismissed: paid by hand" in shown(deposit)

    def test_the_log_of_another_row_is_not_shown(self, user, operator):
        deposit, other = make_deposit(user=user), make_deposit(user=user)
        log(operator, other, "Refreshed from SkinsBack.")
        log(operator, make_purchase(pk=deposit.pk), "Refreshed from SkinsBack.")
        assert [event.kind for event in make_timeline(deposit, show_bodies=False).events] == ["created"]

    def test_a_long_timeline_is_cut_and_says_so(self, user, monkeypatch):
        monkeypatch.setattr(timeline, "MAX_EVENTS", 3)
        deposit = make_deposit(user=user)
        for number in range(4):
            StatusChange.objects.create(deposit=deposit, from_status="x", to_status=f"step{number}", source="poll")
        page = shown(deposit)
        assert "Only the newest 3 events are shown." in page
        assert "step3" in page
        assert "step0" not in page

    def test_a_log_that_is_too_long_is_searched_in_part_and_the_page_says_so(self, user, operator, monkeypatch):
        deposit = make_deposit(user=user)
        for number in range(3):
            log(operator, deposit, f"Action {number}.")
        assert "in the newest" not in shown(deposit)
        monkeypatch.setattr(timeline, "SEARCHED_LOG", 2)
        page = shown(deposit)
        assert "in the newest 2 lines" in page
        assert "Action 2." in page
        assert "Action 0." not in page

    def test_the_timeline_needs_the_same_queries_whatever_its_length(self, user, operator):
        client = browser_of(*VIEW_ALL, "view_webhook_body")
        deposit = make_deposit(user=user)
        deliver(deposit)
        log(operator, deposit, "Refreshed from SkinsBack.")
        client.get(page_url(deposit))
        with CaptureQueriesContext(connection) as few:
            make_timeline(deposit, show_bodies=True)
        for number in range(1, 30):
            deliver(deposit, number)
            log(operator, deposit, "Refreshed from SkinsBack.")
            StatusChange.objects.create(deposit=deposit, from_status="x", to_status="y", source="poll", by=operator)
        with CaptureQueriesContext(connection) as many:
            make_timeline(deposit, show_bodies=True)
        assert len(few) == len(many) <= 6


class TestBodies:
    def test_a_body_is_shown_only_with_its_permission(self, user):
        deposit = make_deposit(user=user)
        deliver(deposit)
        assert "Body as it was received" not in shown(deposit)
        assert "Body as it was received" in shown(deposit, "view_webhook_body")

    def test_a_body_is_escaped(self, user):
        deposit = make_deposit(user=user)
        deliver(deposit)
        page = shown(deposit, "view_webhook_body")
        assert "&lt;/pre&gt;&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page

    def test_only_the_newest_bodies_are_read(self, user, monkeypatch):
        monkeypatch.setattr(timeline, "MAX_BODIES", 2)
        deposit = make_deposit(user=user)
        for number in range(4):
            deliver(deposit, number)
        events = make_timeline(deposit, show_bodies=True).events
        assert [bool(event.body) for event in events if event.kind == "delivery"] == [True, True, False, False]


class TestLinks:
    def test_a_row_leads_to_the_offer_and_the_profile_on_steam_and_to_its_customer(self, user):
        row = make_purchase(user=user, trade_offer_id="123456", steam_id="76561198050648523")
        page = shown(row)
        assert 'href="https://steamcommunity.com/tradeoffer/123456/"' in page
        assert 'href="https://steamcommunity.com/profiles/76561198050648523/"' in page
        assert f'href="/admin/skinsback/deposit/customer/{user.pk}/"' in page

    def test_an_id_that_is_no_steam_id_is_no_link(self, user):
        page = shown(make_deposit(user=user, trade_offer_id='1"><b>', steam_id="x/../y"))
        assert "steamcommunity.com" not in page
        assert "<b>" not in page

    def test_the_payer_has_a_link_if_another_account_has_paid(self, user):
        row = make_deposit(user=user, steam_id="76561198050648523", payer_steam_id="76561198050648524")
        assert 'href="https://steamcommunity.com/profiles/76561198050648524/"' in shown(row)

    def test_a_row_of_a_deleted_user_says_so_on_its_page_and_in_the_list(self, user):
        row = make_deposit(user=user)
        key = user.pk
        user.delete()
        assert f"deleted user {key}" in shown(row)
        assert f"deleted user {key}" in text_of(browser_of(*VIEW_ALL).get("/admin/skinsback/deposit/"))


class TestReplay:
    def test_a_failed_delivery_is_on_the_page_of_its_deposit(self, failed):
        page = shown(failed)
        assert "1 delivery of SkinsBack about this row could not be applied." in page
        assert page_url(WebhookEvent.objects.get()) in page

    def test_the_button_applies_the_failed_deliveries_of_the_row(self, failed, user):
        browser = browser_of(*VIEW_ALL, "replay_webhookevent")
        assert "Apply failed deliveries again" in text_of(browser.get(page_url(failed)))

        answer = act(browser, "replay", failed, stay="yes")

        assert answer.url == page_url(failed)
        assert messages_of(browser, answer) == ["1 delivery was applied again."]
        assert LedgerEntry.objects.get().user == user
        page = text_of(browser.get(page_url(failed)))
        assert "Applied again: applied." in page
        assert 'value="replay"' not in page.partition("skinsback-buttons")[2].partition("</section>")[0]

    def test_a_second_click_applies_nothing(self, failed):
        browser = browser_of(*VIEW_ALL, "replay_webhookevent")
        act(browser, "replay", failed, stay="yes")
        answer = act(browser, "replay", failed, stay="yes")
        assert messages_of(browser, answer)[-1] == "No delivery of the selected rows waits to be applied."
        assert LedgerEntry.objects.count() == 1

    def test_without_the_permission_there_is_no_button_and_nothing_is_applied(self, failed):
        browser = browser_of(*VIEW_ALL)
        assert 'name="action" value="replay"' not in text_of(browser.get(page_url(failed)))
        act(browser, "replay", failed)
        assert not LedgerEntry.objects.exists()

    def test_the_deliveries_of_other_rows_are_left_alone(self, failed, user):
        act(browser_of(*VIEW_ALL, "replay_webhookevent"), "replay", make_deposit(user=user))
        assert not LedgerEntry.objects.exists()


def test_the_button_that_refreshes_a_row_says_what_it_does(user):
    assert "Ask SkinsBack now" in shown(make_deposit(user=user), "refresh_deposit")


class TestDebit:
    @pytest.fixture
    def purchase(self, user):
        changed = timezone.now() - timedelta(hours=1)
        row = make_purchase(
            user=user,
            status="timeout",
            needs_review=True,
            review_reasons=[REASON],
            debited_amount=Decimal("8.28"),
        )
        StatusChange.objects.create(
            purchase=row, from_status="waiting_accept", to_status="timeout", source="poll", created_at=changed
        )
        for minutes, balance in ((-30, "91.72"), (-1, "90"), (5, "98.28"), (50, "70")):
            taken_at = changed + timedelta(minutes=minutes)
            BalanceSnapshot.objects.create(account="default", balance=Decimal(balance), taken_at=taken_at)
        BalanceSnapshot.objects.create(account="second", balance=Decimal(777), taken_at=changed + timedelta(minutes=1))
        return row

    def test_the_page_shows_the_debit_and_the_balances_before_and_after_the_last_change(self, purchase):
        page = text_of(act(browser_of(*VIEW_ALL, "settle_purchase"), "settle", purchase)).replace("\xa0", " ")
        assert "SkinsBack took 8.28 USD from the project&#x27;s balance." in page.replace("project's", "project&#x27;s")
        assert "SkinsBack does not report whether it has returned a debit." in page
        assert all(text in page for text in ("90.00 USD", "98.28 USD", "+8.28 USD"))
        assert not any(text in page for text in ("91.72", "70.00", "777"))

    def test_without_a_debit_the_page_says_so(self, purchase):
        Purchase.objects.update(debited_amount=None)
        page = text_of(act(browser_of(*VIEW_ALL, "settle_purchase"), "settle", purchase))
        assert "SkinsBack has reported no debit for this purchase." in page

    def test_without_a_later_balance_the_page_says_so(self, purchase):
        BalanceSnapshot.objects.filter(balance__in=[Decimal("98.28"), Decimal(70)]).delete()
        assert "not read yet" in text_of(act(browser_of(*VIEW_ALL, "settle_purchase"), "settle", purchase))

    def test_the_balances_need_their_permission(self, purchase):
        browser = browser_of("view_purchase", "settle_purchase")
        page = text_of(act(browser, "settle", purchase))
        assert "SkinsBack took" in page
        assert "98.28" not in page

    def test_the_page_of_a_deposit_shows_no_debit(self, user):
        page = text_of(act(browser_of(*VIEW_ALL, "settle_deposit"), "settle", paid_deposit(user=user)))
        assert "Debit from the project" not in page


def test_names_and_metadata_on_the_page_of_a_row_are_escaped(django_user_model):
    hostile = "<img src=x onerror=alert(1)>"
    user = django_user_model.objects.create_user(hostile)
    Wallet.objects.create(user=user)
    deposit = make_deposit(
        user=user, metadata={"note": hostile}, skins=[{"name": hostile}], bot_name=hostile, user_risk={hostile: hostile}
    )
    StatusChange.objects.create(
        deposit=deposit, from_status=hostile, to_status=hostile, source="poll", by=user, note=hostile
    )
    LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=Decimal(1), currency="<b>")
    page = shown(deposit)
    assert hostile not in page
    assert "<b>" not in page.lower().replace("<body", "")
    assert "&lt;img src=x" in page
    assert Deposit.objects.count() == 1
