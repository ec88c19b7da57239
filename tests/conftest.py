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

hypothesis_settings.register_profile("default", deadline=None)  # a busy machine is no counterexample
hypothesis_settings.load_profile("default")

pytest_plugins = ["django_skinsback.testing" if importlib.util.find_spec("factory") else "tests.core.rows"]


def pytest_report_header(config):
    """Say which database the run is on."""
    return f"database: {connection.display_name}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what takes long, or one worker is left with it at the end while the others have nothing to do."""
    items.sort(key=lambda item: item.path.parent.name not in {"e2e", "hosts", "simulator", "races"})


def pytest_collection_finish():
    """Have the garbage collector leave alone what stays until the end: thousands of tests and all of Django."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def empty_cache():
    """Each test begins with an empty cache: no pause and no note about passes."""
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
    """A site and a sandbox under one clock that stands still until it is moved."""

    def __init__(self, sandbox, traveller):
        self.sandbox = sandbox
        self._traveller = traveller

    def advance(self, **delta):
        """Let time pass on both sides; what the sandbox sends meanwhile is delivered."""
        self._traveller.shift(timedelta(**delta))
        self.sandbox.clock.advance(**delta)
        self.deliver()

    def deliver(self):
        """Have the sandbox send what it has to send."""
        while self.sandbox.deliver_pending():
            pass


@pytest.fixture
def world(db, skinsback_sandbox):
    """The sandbox, delivering to this site without a socket, under the clock of the test."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        skinsback_sandbox.clock.advance(seconds=timezone.now().timestamp() - skinsback_sandbox.clock.now())
        skinsback_sandbox.configure(events_url="https://shop.example/skinsback/events/")
        yield World(skinsback_sandbox, traveller)
