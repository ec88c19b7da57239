"""The hold desk: what it shows, and the decisions about one or many held deposits."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_skinsback import deposits
from django_skinsback.admin.holds import facts as hold_facts
from django_skinsback.admin.holds import page as hold_page
from django_skinsback.client import SkinsBackClient
from django_skinsback.models import Deposit, LedgerEntry, MarketItem, StatusChange
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport

from ...support.admin_staff import VIEW_ALL, browser_of, messages_of, page_url, seen_on

pytestmark = pytest.mark.django_db

PAID = {"amount": Decimal(8), "user_amount": Decimal(10), "amount_currency": "usd"}
SPACE = "\N{NO-BREAK SPACE}"


def held(user=None, **values):
    return make_deposit(user=user, **{"status": "in_hold", "held_since": utc_now(), **PAID, **values})


def url():
    return reverse("admin:skinsback_deposit_holds")


def shown(client, **query):
    """Return the order IDs on one page of the hold desk."""
    return [each["row"].order_id for each in client.get(url(), query).context["rows"]]


def send(client, action, *rows, **fields):
    return client.post(url(), {"action": action, "_selected_action": [row.pk for row in rows], **fields})


def confirm(client, action, *rows, **fields):
    """Open the confirmation page and send its form."""
    seen = seen_on(send(client, action, *rows))
    return send(client, action, *rows, confirmed="yes", seen=seen, **fields)


@pytest.fixture
def approved(monkeypatch):
    """The order IDs whose approval SkinsBack has accepted."""
    order_ids = []

    def get_deposit(_client, *, order_id):
        status = "hold_approved" if order_id in order_ids else "in_hold"
        return DepositReport(status=status, order_id=order_id, **PAID)

    monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda _client, order_id: order_ids.append(order_id))
    monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)
    return order_ids


@pytest.fixture
def limit(settings):
    def limit(*amounts):
        limits = {"usd": tuple(map(Decimal, amounts))}
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_APPROVE_MAX": limits}

    return limit


class TestAccess:
    def test_a_stranger_gets_the_login(self):
        assert "/login/" in Client().get(url()).url

    def test_the_page_needs_the_permission_to_view_deposits(self):
        assert browser_of("approve_hold").get(url()).status_code == 403

    def test_a_viewer_sees_the_deposits_and_no_button(self):
        held()
        page = browser_of(*VIEW_ALL).get(url())

        assert len(page.context["rows"]) == 1
        text = page.content.decode()
        assert "approve_hold" not in text
        assert "checkbox" not in text

    @pytest.mark.parametrize("action", ["approve_hold", "leave_hold"])
    def test_a_viewer_cannot_decide(self, approved, action):
        row = held()
        client = browser_of(*VIEW_ALL)
        seen = [f"{row.pk}:{deposits.seen(row)}"]

        assert send(client, action, row).status_code == 403
        assert send(client, action, row, confirmed="yes", seen=seen).status_code == 403
        assert (approved, StatusChange.objects.count()) == ([], 0)

    def test_a_form_of_another_site_is_refused(self, approved):
        row = held()
        staff = browser_of(*VIEW_ALL, "approve_hold")
        client = Client(enforce_csrf_checks=True)
        client.force_login(staff.user)

        response = send(client, "approve_hold", row, confirmed="yes", seen=[f"{row.pk}:{deposits.seen(row)}"])

        assert (response.status_code, approved) == (403, [])


class TestPage:
    def test_undecided_holds_come_first_and_other_statuses_are_not_shown(self, user):
        left, under_way, first, second = (held(user, hold_decision=each) for each in ("leave", "approve", "", ""))
        make_deposit(status="hold_approved"), make_deposit()

        assert shown(browser_of(*VIEW_ALL)) == [each.order_id for each in (first, second, under_way, left)]

    def test_the_pages_show_every_deposit_once(self, user, monkeypatch):
        monkeypatch.setattr(hold_page, "ROWS_SHOWN", 2)
        rows = [held(user, hold_decision=each) for each in ("", "", "", "approve", "leave", "leave")]
        client, address, found = browser_of(*VIEW_ALL), url(), []
        while address:
            page = client.get(address)
            found += [each["row"].pk for each in page.context["rows"]]
            address = page.context["next_url"]

        assert found == [row.pk for row in rows]
        assert page.context["first_url"] == url()

    @pytest.mark.parametrize("after", ["x", "x-1", "leave-", "-", "-x", "-٣", "leave--1", "-99999999999999999999"])
    def test_a_position_that_is_not_valid_shows_the_first_page(self, user, after):
        row = held(user)

        assert shown(browser_of(*VIEW_ALL), after=after) == [row.order_id]

    def test_deposits_of_one_account_can_be_chosen(self, user):
        rows = [held(user, account=account) for account in ("default", "second")]
        client = browser_of(*VIEW_ALL)

        assert shown(client, account="second") == [rows[1].order_id]
        assert len(shown(client, account="\x00")) == len(rows)
        assert [each["label"] for each in client.get(url()).context["accounts"]] == [
            "All accounts",
            "default",
            "second",
        ]

    def test_a_deposit_shows_its_skins_its_credit_and_about_how_long_the_hold_lasts(self, user):
        skins = [{"name": "AK-47 | Slate", "price": "8.00"}, {"name": "<b>", "price": "1"}]
        MarketItem.objects.create(game="cs2", market_hash_name="AK-47 | Slate", price=8, class_id="310777")
        held(
            user, skins=skins, held_since=utc_now() - timedelta(days=5, hours=1), user_risk={"total_deposits_count": 3}
        )

        text = browser_of(*VIEW_ALL).get(url()).content.decode()

        for part in ("AK-47 | Slate", "8.00", "&lt;b&gt;", f"10.00{SPACE}USD", "about 3 days", "Deposits so far"):
            assert part in text
        assert "310777" in text

    @pytest.mark.parametrize(
        ("passed", "left"),
        [
            (timedelta(0), "about 8 days"),
            (timedelta(days=6, hours=20), "about 1 day"),
            (timedelta(days=7, hours=1), "less than a day"),
            (timedelta(days=8), "about to end"),
            (None, "not known"),
        ],
    )
    def test_the_time_that_is_left_is_about_eight_days_after_the_first_report_of_the_hold(self, passed, left):
        now = utc_now()
        row = Deposit(held_since=None if passed is None else now - passed)

        assert hold_facts.time_left(row, now) == left

    def test_the_users_history_on_this_site_is_beside_skinsbacks_statistics(self, user, django_user_model):
        other = django_user_model.objects.create_user("bob")
        for status, entries in [
            ("success", [("credit", 10)]),
            ("hold_returned", [("credit", 4), ("reversal", -4)]),
            ("fail", []),
        ]:
            row = make_deposit(user=user, status=status)
            for kind, amount in entries:
                LedgerEntry.objects.create(deposit=row, user=user, kind=kind, amount=amount, currency="usd")
        purchase = make_purchase(user=user, status="accepted")
        LedgerEntry.objects.create(purchase=purchase, user=user, kind="charge", amount=-3, currency="eur")
        make_deposit(user=other, status="success")
        held(user)

        page = browser_of(*VIEW_ALL).get(url())

        assert dict(page.context["rows"][0]["history"]) == {
            "Deposits": "4, paid: 1, in hold: 1, returned from hold: 1",
            "Credited": f"14.00{SPACE}USD",
            "Reversed": f"4.00{SPACE}USD",
            "Purchases": "1",
            "Charged": f"3.00{SPACE}EUR",
            "Refunded": "\N{EN DASH}",
        }

    def test_purchases_and_entries_are_shown_only_to_who_may_view_them(self, user):
        row = make_deposit(user=user, status="success")
        LedgerEntry.objects.create(deposit=row, user=user, kind="credit", amount=10, currency="usd")
        held(user)

        def labels(*permissions):
            page = browser_of("view_deposit", *permissions).get(url())
            return list(dict(page.context["rows"][0]["history"]))

        assert labels() == ["Deposits"]
        assert labels("view_purchase") == ["Deposits", "Purchases"]
        assert labels("view_ledgerentry") == ["Deposits", "Credited", "Reversed", "Charged", "Refunded"]

    def test_a_history_that_was_not_read_to_its_end_says_so(self, user, monkeypatch):
        monkeypatch.setattr(hold_facts, "ROWS_READ", 2)
        held(user), held(user)

        assert "may be higher than shown" in browser_of(*VIEW_ALL).get(url()).content.decode()

    def test_the_number_of_queries_does_not_grow_with_the_page(self, django_user_model, limit):
        limit(200, 5000)
        client, counts = browser_of(*VIEW_ALL, "approve_hold"), []
        for number in range(3):
            for each in range(5):
                user = django_user_model.objects.create_user(f"user {number} {each}")
                held(user, skins=[{"name": f"skin {each}", "price": "1"}])
            with CaptureQueriesContext(connection) as queries:
                assert len(shown(client)) == 5 * (number + 1)
            counts.append(len(queries))

        assert counts[1] == counts[2]

    def test_the_open_credits_are_beside_the_limits(self, user, limit, django_user_model):
        limit(200, 5000)
        for who, amount in [(user, 30), (django_user_model.objects.create_user("bob"), 70)]:
            row = make_deposit(user=who, status="hold_approved")
            LedgerEntry.objects.create(deposit=row, user=who, kind="credit", amount=amount, currency="usd")
        held(user)

        facts = dict(browser_of(*VIEW_ALL).get(url()).context["rows"][0]["facts"])

        assert facts["Open credits of this user's approved holds"] == f"30.00{SPACE}USD of at most 200.00{SPACE}USD"
        assert facts["Open credits of all approved holds"] == f"100.00{SPACE}USD of at most 5,000.00{SPACE}USD"

    def test_a_currency_without_a_limit_says_that_the_hold_cannot_be_approved(self, user, limit):
        limit(200, 5000)
        held(user, amount_currency="eur")

        assert "does not contain EUR" in browser_of(*VIEW_ALL).get(url()).content.decode()

    def test_a_deposit_whose_approval_is_under_way_cannot_be_selected(self, user):
        held(user, hold_decision="approve", reserved_at=utc_now())

        text = browser_of(*VIEW_ALL, "approve_hold").get(url()).content.decode()

        assert "The approval is under way" in text
        assert "checkbox" not in text

    def test_the_list_of_deposits_leads_to_it(self):
        page = browser_of(*VIEW_ALL).get(reverse("admin:skinsback_deposit_changelist"))

        assert f'href="{url()}"' in page.content.decode()


class TestDecisions:
    @pytest.fixture
    def client(self):
        return browser_of(*VIEW_ALL, "approve_hold")

    def test_the_confirmation_says_what_is_credited_to_whom_and_that_it_cannot_be_undone(self, client, approved, user):
        page = send(client, "approve_hold", held(user), held(user))

        text = page.content.decode()
        for part in ("own risk and cannot be undone", f"<strong>20.00{SPACE}USD</strong>", "alice", "2 holds"):
            assert part in text
        assert approved == []

    def test_many_holds_are_approved_with_one_note(self, client, approved, user):
        rows = [held(user), held(user)]
        other = held(user)

        response = confirm(client, "approve_hold", *rows, note="regular customers")

        assert response.url == url()
        assert messages_of(client, response) == ["2 holds were approved."]
        assert approved == [row.order_id for row in rows]
        changes = StatusChange.objects.filter(decision="approve")
        assert set(changes.values_list("note", "by")) == {("regular customers", client.user.pk)}
        assert LogEntry.objects.filter(user=client.user).count() == 2
        other.refresh_from_db()
        assert other.status == "in_hold"

    def test_holds_above_the_limit_are_named_and_the_others_are_approved(self, client, approved, user, limit):
        limit(10, 1000)
        rows = [held(user), held(user)]

        first, second = messages_of(client, confirm(client, "approve_hold", *rows))

        assert first == "1 hold was approved."
        assert "limit per user, 10 USD" in second
        assert rows[1].order_id in second
        assert approved == [rows[0].order_id]

    def test_a_hold_is_left_to_run_out(self, client, approved, user):
        row = held(user)
        assert "No money is moved now" in send(client, "leave_hold", row).content.decode()

        response = confirm(client, "leave_hold", row, note="new here")

        assert messages_of(client, response) == ["1 hold is left to run out."]
        row.refresh_from_db()
        assert (row.hold_decision, row.status, approved) == ("leave", "in_hold", [])
        assert row.changes.get().note == "new here"
        assert LogEntry.objects.get().user == client.user

    @pytest.mark.parametrize("action", ["approve_hold", "leave_hold"])
    def test_a_form_that_is_sent_twice_decides_once(self, client, approved, user, action):
        row = held(user)
        seen = seen_on(send(client, action, row))
        send(client, action, row, confirmed="yes", seen=seen)

        again = messages_of(client, send(client, action, row, confirmed="yes", seen=seen))

        assert any("it has changed since you looked at it" in text for text in again)
        assert StatusChange.objects.exclude(decision="").count() == 1
        assert LedgerEntry.objects.count() == (action == "approve_hold")

    @pytest.mark.parametrize("action", ["approve_hold", "leave_hold"])
    @pytest.mark.parametrize("seen", [[], ["1:forged"], ["x"]])
    def test_a_form_without_what_was_shown_decides_nothing(self, client, approved, user, action, seen):
        send(client, action, held(user), confirmed="yes", seen=seen)

        assert (approved, StatusChange.objects.count()) == ([], 0)

    def test_a_page_from_before_another_persons_decision_decides_nothing(self, client, approved, user, operator):
        row = held(user)
        seen = seen_on(send(client, "approve_hold", row))
        deposits.leave_hold(row, operator)

        text = messages_of(client, send(client, "approve_hold", row, confirmed="yes", seen=seen))

        assert "changed since you looked at it" in text[0]
        assert approved == []

    def test_a_note_that_is_too_long_is_refused_before_anything_is_done(self, client, approved, user):
        row = held(user)

        page = confirm(client, "approve_hold", row, note="x" * 1001)

        assert "at most 1000 characters" in page.content.decode()
        assert approved == []

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"action": "settle", "_selected_action": "1"},
            {"_selected_action": ["x", "9" * 30, "\N{ARABIC-INDIC DIGIT THREE}"]},
        ],
    )
    def test_a_form_without_a_selection_or_with_another_action_does_nothing(self, client, approved, user, fields):
        held(user)
        response = client.post(url(), {"action": "approve_hold", **fields})

        assert messages_of(client, response) == ["Select at least one deposit. Nothing was done."]

    def test_an_approval_without_a_result_yet_says_that_it_is_under_way(self, client, user, monkeypatch, approved):
        monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda *_args, **_ids: None)

        texts = messages_of(client, confirm(client, "approve_hold", held(user)))

        assert len(texts) == 1
        assert "is under way" in texts[0]

    def test_the_page_of_a_row_offers_both_decisions(self, client, user):
        text = client.get(page_url(held(user))).content.decode()

        assert 'value="approve_hold"' in text
        assert 'value="leave_hold"' in text
