import pytest
from werkzeug.test import Client

from django_skinsback.sandbox import Sandbox
from tests.unit.sandbox import KEYS, START
from tests.unit.sandbox.merchant import Merchant


@pytest.fixture
def sandbox():
    return Sandbox(manual=True, start=START, send=lambda *_: 200)


@pytest.fixture
def call(sandbox):
    client = Client(sandbox.app)

    def call(method, headers=KEYS, **params):
        return client.post("/api.php", data={"method": method, **params}, headers=headers).get_json()

    return call


@pytest.fixture
def browser(sandbox):
    return Client(sandbox.app)


@pytest.fixture
def link(call):
    """Create a deposit and return the path of its pay page."""

    def link(**params):
        return call("create", **{"order_id": "1", **params})["url"].removeprefix("http://localhost")

    return link


@pytest.fixture
def merchant():
    return Merchant()
