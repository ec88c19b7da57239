"""The Celery message that sends a purchase at once. Without it, the next sweep sends the purchase."""

import socket

import pytest
from celery import Celery, current_app
from celery._state import _set_current_app

from django_skinsback import purchases
from django_skinsback.models import Purchase
from tests.support import services

pytestmark = pytest.mark.django_db

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
QUEUE = "skinsback-tests"


def broker(service, url):
    skip = pytest.mark.skipif(
        not services.REQUIRED and not services.answers(service), reason=f"{service} does not answer on 127.0.0.1"
    )
    return pytest.param(url, marks=[skip, pytest.mark.xdist_group(service)], id=service)


@pytest.fixture
def app(request):
    """The site's Celery app with the broker the test names."""
    before = current_app._get_current_object()
    options = {}
    if request.param.startswith("filesystem"):
        folder = str(request.getfixturevalue("tmp_path"))
        options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": f"{folder}/control"}
    app = Celery("site", broker=request.param)
    app.conf.update(broker_transport_options=options, task_default_queue=QUEUE)
    app.set_current()
    yield app
    _set_current_app(before)


def buy():
    return purchases.buy(trade_url=TRADE_URL, market_hash_name="AK-47", max_price=1)


@pytest.mark.parametrize(
    "app",
    [
        broker("redis", "redis://127.0.0.1:6379/15"),
        broker("rabbitmq", "amqp://guest:guest@127.0.0.1:5672//"),
        pytest.param("filesystem://", id="filesystem"),
    ],
    indirect=True,
)
def test_the_message_is_sent_after_the_commit(app, django_capture_on_commit_callbacks):
    with app.connection_for_read() as connection, connection.SimpleQueue(QUEUE) as queue:
        queue.clear()
        with django_capture_on_commit_callbacks(execute=True):
            purchase = buy()
            with pytest.raises(queue.Empty):
                queue.get_nowait()

        message = queue.get(timeout=10)
        message.ack()
    assert message.headers["task"] == "skinsback.submit_purchase"
    assert message.payload[0] == [purchase.pk]


@pytest.fixture
def silent_port():
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@pytest.mark.parametrize("port_kind", ["closed", "silent"])
def test_a_message_that_cannot_be_sent_is_logged_and_the_purchase_stands(
    scheme, port_kind, silent_port, request, caplog, django_capture_on_commit_callbacks
):
    before = current_app._get_current_object()
    port = silent_port if port_kind == "silent" else 9
    Celery("site", broker=f"{scheme}://127.0.0.1:{port}").set_current()
    request.addfinalizer(lambda: _set_current_app(before))

    with django_capture_on_commit_callbacks(execute=True):
        buy()

    assert Purchase.objects.get().status == "requested"
    assert "skinsback.celery_enqueue_failed" in caplog.messages


def test_without_a_broker_no_message_is_sent(request, caplog, django_capture_on_commit_callbacks):
    before = current_app._get_current_object()
    Celery("site", broker=None).set_current()
    request.addfinalizer(lambda: _set_current_app(before))

    with django_capture_on_commit_callbacks(execute=True):
        buy()

    assert not caplog.messages
