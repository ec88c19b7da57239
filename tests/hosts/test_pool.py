"""A site with one database connection per process: no thread of the package may need a second one."""

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from django_skinsback import purchases
from django_skinsback.models import BalanceSnapshot, Purchase
from tests.integration.commands.test_listen_command import TRADE_URL, listening

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

SITE = "tests.hosts.sites.pool_of_one"
WAIT_SECONDS = 2


@pytest.fixture(autouse=True)
def only_on_postgresql():
    if connection.vendor != "postgresql":
        pytest.skip("Django has connection pools only for PostgreSQL")


@pytest.fixture
def bought(user, skinsback_sandbox):
    """An accepted purchase. SkinsBack's answer about it takes longer than the timeout of the connection pool."""
    item = next(item for item in skinsback_sandbox.state.stock.values() if not item.sold and item.price < 10)
    purchase = purchases.submit(purchases.buy(user=user, trade_url=TRADE_URL, skin_id=str(item.skin_id), max_price=20))
    skinsback_sandbox.end_purchase(purchase.custom_id, "accepted")
    Purchase.objects.update(next_poll_at=timezone.now())
    skinsback_sandbox.faults.add("slow", "market_getinfo", value=WAIT_SECONDS + 2)
    return purchase


def test_row_72_the_listener_needs_one_connection(skinsback_sandbox, bought):
    with listening("--json", settings=SITE) as command:
        command.wait_for('"connected"')
        skinsback_sandbox.change_balance(Decimal(1))  # during the poll for missed events
        event = json.loads(command.wait_for('"balance_change"'))
        if '"caught_up"' not in "".join(command.printed):
            command.wait_for('"caught_up"')
        code, _out, errors = command.end(signal.SIGTERM)

    assert (event["outcome"], code, errors) == ("applied", 0, "")
    assert BalanceSnapshot.objects.exists()
    bought.refresh_from_db()
    assert bought.status == "accepted"


def test_row_72_a_sweep_needs_one_connection(skinsback_sandbox, bought):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": SITE,
        "TEST_DATABASE_NAME": str(django_settings.DATABASES["default"]["NAME"]),
        "TEST_API_URL": django_settings.SKINSBACK["API_URL"],
    }
    command = [sys.executable, "-m", "django", "skinsback_poll", "--skip-checks"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    bought.refresh_from_db()
    assert bought.status == "accepted"
