"""The log records of deposits and purchases from start to end: only documented fields, and no secret."""

import logging
import re
from pathlib import Path

import pytest
from django.core.management import call_command

from django_skinsback import deposits, purchases
from django_skinsback.flows.monitoring.health import health
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.testing import post_notification, signed_notification
from tests.integration.site.test_leaks import TRADE_URL, broken_wallet, distinctive_keys, guarded, logged_text

pytestmark = [pytest.mark.django_db(transaction=True)]

__all__ = ["distinctive_keys"]

PAGE = Path(__file__).parents[3] / "docs/observability.md"
OF_LOGGING = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def fields_of(event):
    """The fields of an event, as the page has them."""
    row = re.search(rf"^\| `{re.escape(event)}` \| .* \| (.*) \|$", PAGE.read_text(), flags=re.MULTILINE)
    assert row, f"{event} is not documented"
    return set(re.findall(r"`(\w+)`", row[1]))


def level_of(event):
    row = re.search(rf"^\| `{re.escape(event)}` \| ([\w, ]+) \|", PAGE.read_text(), flags=re.MULTILINE)
    return {"error" if word == "exception" else word for word in row[1].split(", ")}


def test_every_record_is_as_documented_and_holds_no_secret(world, user, client, caplog, capsys):
    caplog.set_level(logging.DEBUG, "django_skinsback")
    for fault in ("html_error", "redirect", None):
        if fault:
            world.sandbox.faults.add(fault, "market_buy")
        purchases.submit(purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="x", game="rust", max_price=5))
    deposit = deposits.create(user, trade_url=TRADE_URL)
    post_notification(client, {**signed_notification(deposit), "sign": "0" * 40})
    with broken_wallet():
        world.sandbox.pay(deposit.order_id)
        with pytest.raises(AssertionError, match="answered 500"):
            world.deliver()
    for _ in range(5):
        world.advance(minutes=3)
        poll_purchases()
        poll_deposits()
    health(probe=True)
    call_command("skinsback_prune")

    records = [record for record in caplog.records if record.name == "django_skinsback"]

    assert len({record.message for record in records}) >= 5
    for record in records:
        assert set(vars(record)) - OF_LOGGING <= fields_of(record.message), record.message
        assert record.levelname.lower() in level_of(record.message), record.message
    assert not [secret for secret in guarded() if secret in logged_text(records)]
    assert "0" * 40 not in logged_text(records)
