import gc
import importlib.util
from datetime import timedelta

import django
import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from hypothesis import settings as hypothesis_settings

hypothesis_settings.register_profile("default", deadline=None)  # a slow machine is not a failure
hypothesis_settings.load_profile("default")

pytest_plugins = ["django_skinsback.testing" if importlib.util.find_spec("factory") else "tests.core.rows"]


def pytest_report_header(config):
    """Print the database of the run."""
    return f"database: {connection.vendor}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Run slow tests first, so that no worker is left with them at the end."""
    items.sort(key=lambda item: item.path.parent.name not in {"e2e", "hosts", "simulator", "races"})


def pytest_collection_finish():
    """Exclude all tests and Django from garbage collection: they stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def empty_cache():
    """Clear the cache, so that pauses and stalled work of one test do not reach the next."""
    cache.clear()


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_user("alice")


@pytest.fixture
def operator(django_user_model):
    return django_user_model.objects.create_superuser("operator")


@pytest.fixture
def admins(settings):
    """One administrator, who gets the mails of ``AdminEmailHandler``."""
    address = "ada@shop.example"
    settings.ADMINS = [address if django.VERSION >= (6, 0) else ("Ada", address)]


class World:
    """A site and a sandbox with one clock, which the test moves."""

    def __init__(self, sandbox, traveller):
        self.sandbox = sandbox
        self._traveller = traveller

    def advance(self, **delta):
        """Move the clock of both, and deliver what the sandbox sends."""
        self._traveller.shift(timedelta(**delta))
        self.sandbox.clock.advance(**delta)
        self.deliver()

    def deliver(self):
        """Let the sandbox send what is due."""
        while self.sandbox.deliver_pending():
            pass


@pytest.fixture
def world(db, skinsback_sandbox):
    """A sandbox that delivers to this site without a network, with the clock of the test."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        skinsback_sandbox.clock.advance(seconds=timezone.now().timestamp() - skinsback_sandbox.clock.now())
        skinsback_sandbox.configure(events_url="https://shop.example/skinsback/events/")
        yield World(skinsback_sandbox, traveller)
