"""Row 50 of the fault model: all workers are killed and the broker is emptied, and all due work is done."""

import os
import signal
import subprocess
import sys
import time

import pytest
from celery import Celery
from django.conf import settings as django_settings
from django.utils import timezone

from django_skinsback import schedule
from django_skinsback.models import Purchase
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_purchase
from tests.support import services

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not services.REQUIRED and not services.answers("redis"), reason="redis does not answer on 127.0.0.1"
    ),
    pytest.mark.xdist_group("redis"),
]

BROKER = "redis://127.0.0.1:6379/14"
PATIENCE_SECONDS = 90


@pytest.fixture
def sandbox(settings):
    with Sandbox(manual=True, send=lambda *_message: 200) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url, "ACCOUNTS": {}}
        yield sandbox


@pytest.fixture
def app():
    app = Celery("site", broker=BROKER, set_as_current=False)
    app.conf.task_default_queue = f"skinsback-tests-{os.getpid()}"
    with app.connection_for_write() as connection:
        yield app
        connection.default_channel.queue_purge(app.conf.task_default_queue)


@pytest.fixture
def start(app):
    """Start a worker process; whatever was started is killed in the end."""
    started = []

    def start():
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_DATABASE_NAME": str(django_settings.DATABASES["default"]["NAME"]),
            "TEST_API_URL": django_settings.SKINSBACK["API_URL"],
            "TEST_BROKER": BROKER,
            "TEST_QUEUE": app.conf.task_default_queue,
        }
        command = [
            sys.executable,
            "-m",
            "celery",
            "--app",
            "tests.support.celery_worker",
            "worker",
            "--pool",
            "solo",
            "-l",
            "ERROR",
        ]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"the deadline passed before {what}"
        time.sleep(0.02)


def beat(app, times=1):
    for _ in range(times):
        app.send_task("skinsback.poll_purchases")


def waiting(app):
    with app.connection_for_read() as connection:
        return connection.default_channel._size(app.conf.task_default_queue)


def bought(sandbox, count):
    """Purchases that have changed at SkinsBack while no webhook was received."""
    from django_skinsback import purchases
    from django_skinsback.connection import get_client

    skins = sorted(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)[:count]
    rows = [
        make_purchase(game="rust", market_hash_name="", skin_id=skin.skin_id, max_price=skin.price) for skin in skins
    ]
    for row in rows:
        purchases.submit(row)
        sandbox.end_purchase(row.custom_id, "canceled")
    Purchase.objects.update(next_poll_at=timezone.now())
    return rows


def test_row_50_after_killed_workers_and_an_emptied_broker_the_next_sweeps_do_all_work(sandbox, app, start):
    rows = bought(sandbox, 6)
    sandbox.faults.add("slow", "market_getinfo", value=30)
    first = start()
    beat(app, times=5)
    until(lambda: Purchase.objects.filter(next_poll_at__gt=timezone.now()).count() == 6, "a worker has taken the rows")

    first.send_signal(signal.SIGKILL)
    first.wait(timeout=20)
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge(app.conf.task_default_queue)
    assert waiting(app) == 0
    assert not Purchase.objects.filter(status="canceled").exists()
    sandbox.faults.remove()
    now = timezone.now()
    assert Purchase.objects.filter(next_poll_at__lte=now + schedule.CLAIM).count() == len(rows)
    Purchase.objects.update(next_poll_at=now)  # two minutes later

    start()

    def done():
        if not waiting(app):  # the beat that comes back, in a hurry
            beat(app)
        return Purchase.objects.filter(status="canceled").count() == len(rows)

    until(done, "all purchases are settled")

    assert {row.changes.filter(to_status="canceled").count() for row in rows} == {1}
