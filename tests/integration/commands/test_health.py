"""The health of a site: its reasons, the address for monitors, and ``skinsback_health``."""

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from django_skinsback import monitoring, ratelimit
from django_skinsback.exceptions import APIError, ConfigurationError
from django_skinsback.flows.monitoring import health as flow
from django_skinsback.flows.monitoring.health import AccountHealth, Health, HealthStatus, health, is_failing, reasons
from django_skinsback.models import BalanceSnapshot, Deposit, Discrepancy, Purchase, WebhookEvent
from django_skinsback.testing import make_deposit, make_purchase

URL = "/skinsback/health/"


def minutes_ago(minutes):
    return timezone.now() - timedelta(minutes=minutes)


def codes(found):
    return [reason.code for reason in found.reasons]


def a_failed_delivery(**values):
    known = {"account": "default", "kind": "deposit", "digest": "d", "body": b"", "outcome": "failed"}
    return WebhookEvent.objects.create(**{**known, "next_try_at": timezone.now(), **values})


class TestRules:
    """The reasons and the status of given facts."""

    def found(self, **values):
        account = {name: values.pop(name, None) for name in ("answers", "balance", "days_left", "paused_until")}
        known = {
            "checked_at": timezone.now(),
            "overdue_seconds": 0,
            "overdue_rows": 0,
            "failed_deliveries": 0,
            "last_delivery_at": None,
            "deliveries_to_review": 0,
            "rows_to_review": 0,
            "open_discrepancies": 0,
            "accounts": (AccountHealth(account="default", balance_at=None, **account),),
        }
        return Health(**{**known, **values})

    @pytest.mark.parametrize(
        ("values", "code", "status"),
        [
            ({}, None, None),
            ({"overdue_seconds": 300}, None, None),
            ({"overdue_seconds": 301, "overdue_rows": 1}, "overdue", HealthStatus.DEGRADED),
            ({"overdue_seconds": 900, "overdue_rows": 1}, "overdue", HealthStatus.DEGRADED),
            ({"overdue_seconds": 901, "overdue_rows": 1}, "overdue", HealthStatus.FAILING),
            ({"failed_deliveries": 1}, "deliveries", HealthStatus.DEGRADED),
            ({"deliveries_to_review": 1}, "deliveries_to_review", HealthStatus.DEGRADED),
            ({"rows_to_review": 1}, "review", HealthStatus.DEGRADED),
            ({"open_discrepancies": 1}, "discrepancies", HealthStatus.DEGRADED),
            ({"paused_until": timezone.now()}, "paused", HealthStatus.DEGRADED),
            ({"balance": Decimal(50)}, None, None),
            ({"balance": Decimal("49.999999")}, "low_balance", HealthStatus.DEGRADED),
            ({"balance": Decimal(60), "days_left": Decimal("1.9")}, "few_days_left", HealthStatus.DEGRADED),
            ({"balance": Decimal(60), "days_left": Decimal("2.0")}, None, None),
        ],
    )
    def test_each_reason_has_its_threshold(self, values, code, status):
        found = list(reasons(self.found(**values), Decimal(50)))
        assert [(reason.code, reason.status) for reason in found] == ([(code, status)] if code else [])

    def test_without_a_limit_no_balance_is_low(self):
        assert list(reasons(self.found(balance=Decimal(0)), None)) == []

    def test_the_worst_reason_is_the_status(self):
        from dataclasses import replace

        found = self.found(overdue_seconds=5000, rows_to_review=1)
        found = replace(found, reasons=tuple(reasons(found, None)))
        assert (found.status, codes(found)) == (HealthStatus.FAILING, ["overdue", "review"])
        assert self.found().status is HealthStatus.OK


@pytest.mark.django_db
@pytest.mark.database
class TestFacts:
    def test_a_site_without_rows_is_ok(self):
        found = health()
        assert (found.status, found.reasons, found.overdue_seconds) == (HealthStatus.OK, (), 0)
        assert [account.account for account in found.accounts] == ["default", "second"]

    def test_each_figure_is_counted(self, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(50)}
        make_deposit(next_poll_at=minutes_ago(20), needs_review=True)
        make_purchase(next_poll_at=minutes_ago(6))
        make_purchase(next_poll_at=minutes_ago(4))
        event = a_failed_delivery(received_at=minutes_ago(9))
        a_failed_delivery(digest="e", outcome="unmatched", received_at=minutes_ago(30))
        a_failed_delivery(digest="f", next_try_at=None, received_at=minutes_ago(30))
        Discrepancy.objects.create(account="default", found_in="orders", kind="unknown", digest="d")
        Discrepancy.objects.create(account="default", found_in="orders", kind="unknown", digest="e", state="closed")
        BalanceSnapshot.objects.create(account="default", balance=60, taken_at=minutes_ago(60))
        BalanceSnapshot.objects.create(account="default", balance=40, taken_at=minutes_ago(30))

        found = health()

        assert 1200 <= found.overdue_seconds <= 1260
        assert (found.overdue_rows, found.failed_deliveries, found.rows_to_review, found.open_discrepancies) == (
            2,
            1,
            1,
            1,
        )
        assert found.last_delivery_at == event.received_at
        assert (found.accounts[0].balance, found.accounts[1].balance) == (40, None)
        assert codes(found) == ["overdue", "deliveries", "review", "discrepancies", "low_balance"]
        assert found.status is HealthStatus.FAILING

    def test_the_health_of_one_account_ignores_other_accounts(self):
        make_deposit(next_poll_at=minutes_ago(20))
        make_purchase(needs_review=True)
        a_failed_delivery()
        found = health("second")
        assert (found.status, found.last_delivery_at) == (HealthStatus.OK, None)
        assert [account.account for account in found.accounts] == ["second"]
        with pytest.raises(ConfigurationError):
            health("third")

    def test_the_number_of_queries_is_the_same_however_many_rows_there_are(self, django_assert_max_num_queries):
        with django_assert_max_num_queries(14):
            health()
        for number in range(30):
            make_deposit(next_poll_at=minutes_ago(number), needs_review=True)
            make_purchase(next_poll_at=minutes_ago(number))
            a_failed_delivery(digest=str(number))
            BalanceSnapshot.objects.create(account="default", balance=number)
        with django_assert_max_num_queries(14):
            health()

    def test_is_failing_takes_two_queries(self, django_assert_num_queries):
        make_deposit(next_poll_at=minutes_ago(14))
        with django_assert_num_queries(2):
            assert is_failing() is False
        make_purchase(next_poll_at=minutes_ago(16))
        assert is_failing() is True

    def test_a_pause_is_a_reason_with_its_end(self, monkeypatch):
        until = timezone.now() + timedelta(seconds=40)
        monkeypatch.setattr(ratelimit, "pause_until", lambda account: until if account == "second" else None)
        found = health()
        assert [account.paused_until for account in found.accounts] == [None, until]
        assert codes(found) == ["paused"]
        assert found.reasons[0].text.startswith("second: ")


@pytest.mark.django_db
class TestProbe:
    def test_without_it_no_call_is_made(self, world):
        world.sandbox.stop()
        assert [account.answers for account in health().accounts] == [None, None]

    def test_with_it_the_balance_of_each_account_is_asked_for_once_and_stored(self, world):
        found = health(probe=True)
        assert [account.answers for account in found.accounts] == [True, True]
        assert [account.balance for account in found.accounts] == [
            world.sandbox.balance(),
            world.sandbox.balance("sandbox-2"),
        ]
        assert BalanceSnapshot.objects.count() == 2

    def test_a_skinsback_that_does_not_answer_is_failing(self, world):
        world.sandbox.stop()
        found = health(probe=True)
        assert (found.status, codes(found)) == (HealthStatus.FAILING, ["no_answer", "no_answer"])
        assert [account.answers for account in found.accounts] == [False, False]

    def test_the_limit_of_requests_is_only_degraded(self, monkeypatch):
        def refuse(_account):
            raise APIError.for_answer("balance", -7, "request_limit_reached")

        monkeypatch.setattr(flow, "snapshot_balance", refuse)
        assert health(probe=True).status is HealthStatus.DEGRADED


@pytest.mark.django_db
class TestView:
    @pytest.fixture
    def staff(self, client, django_user_model):
        user = django_user_model.objects.create_user("ada", is_staff=True)
        client.force_login(user)
        return user

    def may_see(self, user):
        user.user_permissions.add(Permission.objects.get(codename="view_balancesnapshot"))

    def test_an_anonymous_caller_sees_only_the_status_for_two_queries(self, client, django_assert_num_queries):
        make_deposit(needs_review=True)
        with django_assert_num_queries(2):
            answer = client.get(URL)
        assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (200, {"status": "ok"}, "no-store")

    def test_failing_is_a_503(self, client, mailoutbox, admins):
        make_deposit(next_poll_at=minutes_ago(16))
        answer = client.get(URL)
        assert (answer.status_code, answer.json()) == (503, {"status": "failing"})
        assert mailoutbox == []

    @pytest.mark.parametrize(("is_staff", "permitted"), [(False, False), (True, False), (False, True)])
    def test_users_without_the_permission_see_only_the_status(self, client, django_user_model, is_staff, permitted):
        user = django_user_model.objects.create_user("bob", is_staff=is_staff)
        if permitted:
            self.may_see(user)
        client.force_login(user)
        assert client.get(URL).json() == {"status": "ok"}

    def test_staff_with_the_permission_see_everything_but_secrets(self, client, staff, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": "1-own-5ecret"}
        self.may_see(staff)
        make_purchase(needs_review=True, review_reasons=[{"code": "unknown_status", "data": {"status": "odd"}}])
        a_failed_delivery(body=b"sign=5ecret", error="ValueError")
        BalanceSnapshot.objects.create(account="default", balance="12.500000")

        answer = client.get(URL)

        found = answer.json()
        assert (answer.status_code, found["status"], answer["Cache-Control"]) == (200, "degraded", "no-store")
        assert [reason["code"] for reason in found["reasons"]] == ["deliveries", "review"]
        assert found["accounts"][0]["balance"] == "12.5"
        assert set(found) == {"status", *Health.__slots__}
        assert not [secret for secret in ("5ecret", "i1ArBZey", "odd") if secret in answer.content.decode()]

    def test_it_can_only_be_read(self, client):
        assert client.head(URL).status_code == 200
        assert client.post(URL).status_code == 405
        assert (Deposit.objects.count(), Purchase.objects.count()) == (0, 0)

    def test_it_needs_no_login_and_no_middleware(self, client, settings):
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
        assert client.get(URL).status_code == 200
        settings.MIDDLEWARE = []
        assert client.get(URL).json() == {"status": "ok"}

    def test_a_database_that_does_not_answer_is_failing(self, client, monkeypatch):
        def gone(*_args, **_options):
            raise DatabaseError("server closed the connection")

        monkeypatch.setattr(monitoring, "_may_see_details", gone)
        answer = client.get(URL)
        assert (answer.status_code, answer.json()) == (503, {"status": "failing"})

    def test_it_makes_no_call(self, client, staff, world):
        self.may_see(staff)
        world.sandbox.stop()
        assert client.get(URL).json()["status"] == "ok"


@pytest.mark.django_db
class TestCommand:
    def run(self, *arguments):
        out, code = StringIO(), 0
        try:
            call_command("skinsback_health", *arguments, stdout=out, stderr=out, no_color=True)
        except SystemExit as end:
            code = end.code
        return out.getvalue(), code

    def test_a_site_without_rows_is_ok(self):
        assert self.run() == (
            "ok\n  last delivery: none yet\n  default: no balance known yet\n  second: no balance known yet\n",
            0,
        )

    def test_each_reason_says_what_to_do(self):
        make_purchase(next_poll_at=minutes_ago(17))
        make_purchase(needs_review=True)
        printed, code = self.run()
        lines = printed.splitlines()
        assert code == 4
        assert lines[0] == "failing"
        assert lines[1].startswith("  failing: 1 row is overdue by 17 minutes. Start a Celery worker")
        assert lines[2] == "  degraded: 1 row needs review: look at it in the admin."

    def test_a_probe_shows_the_balance_and_that_skinsback_answers(self, world):
        printed, code = self.run("--probe", "--account", "default")
        assert code == 0
        assert "  default: SkinsBack answers, 1000 USD on " in printed

    def test_its_json_has_all_fields(self):
        make_purchase(needs_review=True)
        printed, code = self.run("--json")
        found = json.loads(printed)
        assert (found["status"], found["reasons"][0]["status"], code) == ("degraded", "degraded", 3)
        assert set(found) == {"status", *Health.__slots__}
