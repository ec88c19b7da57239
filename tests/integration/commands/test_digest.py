"""The daily digest: what it says, to whom it is mailed, and that it is mailed once a day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import translation

from django_skinsback.flows.monitoring import digest
from django_skinsback.models import BalanceSnapshot, DigestMail
from django_skinsback.testing import make_deposit, make_purchase

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 3, 10, 8, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def site(settings):
    settings.TIME_ZONE = "UTC"
    settings.SKINSBACK = {
        **settings.SKINSBACK,
        "DIGEST_RECIPIENTS": ["ops@shop.example", "boss@shop.example"],
        "SITE_URL": "https://shop.example",
    }
    return settings


def run(*arguments):
    out = StringIO()
    call_command("skinsback_digest", *arguments, stdout=out)
    return out.getvalue()


def test_it_is_mailed_to_every_address_once_a_day():
    assert digest.send_digest_if_due(MORNING)
    assert not digest.send_digest_if_due(MORNING + timedelta(hours=1))
    [message] = mail.outbox
    assert message.to == ["ops@shop.example", "boss@shop.example"]
    assert DigestMail.objects.get().sent_at is not None

    assert digest.send_digest_if_due(MORNING + timedelta(days=1))
    assert len(mail.outbox) == 2


@pytest.mark.parametrize(("zone", "hour", "due"), [("UTC", 6, False), ("UTC", 7, True), ("Asia/Tokyo", 22, True)])
def test_it_is_due_after_seven_o_clock_of_the_site(site, zone, hour, due):
    site.TIME_ZONE = zone
    assert digest.send_digest_if_due(MORNING.replace(hour=hour)) is due


def test_without_recipients_nothing_is_mailed(site):
    site.SKINSBACK = {**site.SKINSBACK, "DIGEST_RECIPIENTS": ()}
    assert not digest.send_digest_if_due(MORNING)
    with pytest.raises(CommandError, match="DIGEST_RECIPIENTS"):
        run()
    assert mail.outbox == []
    assert not DigestMail.objects.exists()


def test_after_an_error_of_the_mail_server_the_next_run_tries_again(monkeypatch):
    def refuse(*_args, **_options):
        raise OSError("no mail server")

    with monkeypatch.context() as broken:
        broken.setattr(digest, "send_mail", refuse)
        with pytest.raises(OSError, match="no mail server"):
            digest.send_digest_if_due(MORNING)
    assert digest.send_digest_if_due(MORNING)
    assert len(mail.outbox) == 1


def test_it_says_that_nothing_waits():
    subject, text = digest.digest_text(MORNING)
    assert subject == "SkinsBack, 2026-03-10: nothing waits for you"
    assert "What needs you\n  Nothing." in text
    assert "The desk: https://shop.example/admin/skinsback/desk/" in text


def test_it_counts_the_queues_and_shows_the_money(user):
    make_deposit(needs_review=True, review_reasons=[{"code": "stuck", "data": {}}])
    make_purchase(needs_review=True, status="accepted", review_reasons=[{"code": "stuck", "data": {}}])
    make_deposit(status="in_hold", user=user, amount=Decimal(9), user_amount=Decimal(10), amount_currency="eur")
    make_purchase(status="unknown", max_price=Decimal("12.50"))
    BalanceSnapshot.objects.create(account="default", balance=Decimal(100))

    subject, text = digest.digest_text()

    assert subject.endswith("3 rows wait for you")
    assert "  2 rows need review" in text
    assert "  1 hold waits for a decision" in text
    assert "default: balance 100 USD" in text
    assert "reserved for purchases that are not sent: 12.5 USD, at least free: 87.5 USD" in text
    assert "waiting in holds: 10 EUR" in text
    assert user.username not in text


def test_it_is_written_in_the_language_of_the_site(site):
    with translation.override("de"):
        subject, _text = digest.digest_text(MORNING)
        assert translation.get_language() == "de"
    assert subject.endswith("nothing waits for you")


class TestCommand:
    def test_it_mails_once_and_again_on_request(self):
        assert "mailed to 2 addresses" in run()
        assert "was mailed before" in run()
        assert "mailed to 2 addresses" in run("--again")
        assert len(mail.outbox) == 2

    def test_show_prints_and_mails_nothing(self):
        assert "What needs you" in run("--show")
        assert mail.outbox == []
        assert not DigestMail.objects.exists()
