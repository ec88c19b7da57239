"""``manage.py skinsback_listen`` as a supervisor runs it: its output, its exit codes, and secrets it never prints."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from django_skinsback import purchases
from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET
from django_skinsback.sandbox.api.endpoint import API
from django_skinsback.wire.signing import client_digest

SECONDS = 60
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"

pytestmark = [pytest.mark.django_db(transaction=True)]


class Running:
    """The command, running in its own process."""

    def __init__(self, process):
        self.process = process
        self.printed = []

    def wait_for(self, text):
        for line in self.process.stdout:
            self.printed.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was never printed: {self.printed} {self.process.stderr.read()}")

    def end(self, number=None):
        """Send a signal, if any. Returns the exit code and everything that was printed."""
        if number is not None:
            self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, "".join([*self.printed, out]), errors


@contextmanager
def listening(*arguments, settings="tests.settings"):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings,
        "TEST_DATABASE_NAME": str(django_settings.DATABASES["default"]["NAME"]),
        "TEST_API_URL": django_settings.SKINSBACK["API_URL"],
        "PYTHONUNBUFFERED": "1",
    }
    listen = ["skinsback_listen", "--skip-checks", "--account", "default"]
    command = [sys.executable, "-m", "django", *listen, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


@pytest.mark.database
def test_it_prints_events_as_json_until_a_signal(skinsback_sandbox, user):
    item = next(item for item in skinsback_sandbox.state.stock.values() if not item.sold and item.price < 10)
    bought = purchases.buy(user=user, trade_url=TRADE_URL, skin_id=str(item.skin_id), max_price=20)
    purchases.submit(bought)
    with listening("--json") as command:
        command.wait_for('"caught_up"')
        skinsback_sandbox.end_purchase(bought.custom_id, "accepted")
        line = json.loads(command.wait_for('"accepted"'))
        assert line["custom_id"] == bought.custom_id
        code, out, errors = command.end(signal.SIGTERM)
    bought.refresh_from_db()
    assert (code, errors, bought.status) == (0, "", "accepted")
    states = [json.loads(line)["state"] for line in out.splitlines()]
    assert states[:2] == ["connecting", "connected"]
    assert states[-1] == "stopped"
    assert skinsback_sandbox.listeners() == 0


def test_without_json_it_prints_sentences_and_ctrl_c_is_no_error(skinsback_sandbox):
    with listening() as command:
        command.wait_for("connected; events are recorded as they arrive")
        command.wait_for("polled 0 purchases")
        code, out, errors = command.end(signal.SIGINT)
    assert (code, errors) == (0, "")
    assert out.splitlines()[-1].endswith("default: stopped")
    assert skinsback_sandbox.websocket_url in out
    for secret in (client_digest(CLIENT_ID, CLIENT_SECRET), CLIENT_SECRET, "signature="):
        assert secret not in out


def test_refused_keys_end_it_with_4_and_a_message(skinsback_sandbox):
    """Row 62: even then the digest is not shown."""
    skinsback_sandbox.faults.add("ws_auth_failed", times=None)
    with listening("-v", "3", "--traceback") as command:
        code, out, errors = command.end()
    assert code == 4
    assert "SkinsBack refused the keys. Correct CLIENT_ID and CLIENT_SECRET" in errors
    assert "Traceback" not in errors
    for secret in (client_digest(CLIENT_ID, CLIENT_SECRET), CLIENT_SECRET, "signature="):
        assert secret not in out + errors


def test_it_reconnects_during_an_outage_and_stops_at_once_on_a_signal(skinsback_sandbox):
    skinsback_sandbox.stop()
    with listening() as command:
        command.wait_for("not connected (connection refused); next try in")
        code, out, errors = command.end(signal.SIGTERM)
    assert (code, errors) == (0, "")
    assert out.splitlines()[-1].endswith("default: stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_before_a_running_call_ends(skinsback_sandbox, user, number, monkeypatch):
    answered, wait = [], API._wait

    def wait_and_note(api, fault):
        wait(api, fault)
        answered.append(fault)

    monkeypatch.setattr(API, "_wait", wait_and_note)
    item = next(item for item in skinsback_sandbox.state.stock.values() if not item.sold and item.price < 10)
    purchases.submit(purchases.buy(user=user, trade_url=TRADE_URL, skin_id=str(item.skin_id), max_price=20))
    skinsback_sandbox.faults.add("slow", "market_getinfo", value=18)
    with listening() as command:
        command.wait_for("connected; events are recorded as they arrive")
        time.sleep(0.5)
        code, out, errors = command.end(number)
    assert not answered
    assert (code, errors) == (0, "")
    assert out.splitlines()[-1].endswith("default: stopped")


def test_a_missing_library_is_an_error_that_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    with pytest.raises(CommandError, match=r"pip install 'django-skinsback\[realtime\]'") as refused:
        call_command("skinsback_listen")
    assert refused.value.returncode == 4


def test_an_unknown_account_is_an_error():
    with pytest.raises(CommandError, match="has no account 'third'"):
        call_command("skinsback_listen", account="third")
