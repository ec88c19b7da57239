"""``PROXY_URL``: everything that leaves the site for SkinsBack goes through it, and nothing shows its password."""

import io
import logging
import os
import secrets
import subprocess
import sys
from contextlib import suppress

import pytest
from django.core import checks
from django.core.management import call_command

from django_skinsback import conf, connection
from django_skinsback.connection import get_client
from django_skinsback.exceptions import ConfigurationError, SkinsBackError
from django_skinsback.flows import websocket as listening
from tests.samples import load
from tests.support.loopback import Proxy, Server, http

from ...support.error_pages import reports_of

pytestmark = pytest.mark.django_db

USER, PASSWORD = secrets.token_urlsafe(9), secrets.token_urlsafe(9)
REFUSED = http(b"", "407 Proxy Authentication Required", Connection="close")


@pytest.fixture
def through(settings, monkeypatch):
    """Set the proxy, as a site does, and SkinsBack's address to one that only the proxy knows."""
    monkeypatch.setattr("django_skinsback.client.ATTEMPTS", 1)
    monkeypatch.setattr("django_skinsback.management.commands.skinsback_check._PROBE_TIMEOUT_SECONDS", 0.3)
    settings.DEBUG = True

    def change(proxy_url, **others):
        options = {"API_URL": "http://skinsback.test/api.php", "PROXY_URL": proxy_url, "TIMEOUT": (1, 1)}
        settings.SKINSBACK = {**settings.SKINSBACK, **options, **others}

    yield change
    with suppress(ConfigurationError):
        get_client().close()


def url_of(proxy):
    return f"http://{USER}:{PASSWORD}@{proxy.address}"


def test_calls_go_through_the_proxy_of_the_settings(through):
    with Server(http(load("status").body)) as server, Proxy(server.address, user=USER, password=PASSWORD) as proxy:
        through(url_of(proxy))
        assert get_client().get_status().available
    assert proxy.asked == ["POST http://skinsback.test/api.php HTTP/1.1"]


def test_another_proxy_makes_a_new_client(through):
    through("http://proxy.example:3128")
    first = get_client()
    assert get_client() is first
    through("http://proxy.example:3129")
    assert get_client() is not first


def test_the_listener_goes_through_the_proxy_of_the_settings(through):
    through("http://proxy.example:3128")
    assert listening.address("default").proxy_url == "http://proxy.example:3128"
    through("http://proxy.example:3128", WEBSOCKET_URL="ws://127.0.0.1:8600/ws/")
    assert listening.address("default").proxy_url is None
    through(None)
    assert listening.address("default").proxy_url is None


def check_output():
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit):
        call_command("skinsback_check", stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def test_skinsback_check_calls_this_site_and_skinsback_through_the_proxy(through, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Server(http(load("balance").body)) as server, Proxy(server.address, user=USER, password=PASSWORD) as proxy:
        through(url_of(proxy), ACCOUNTS={})
        output = check_output()
    assert "default: credentials: accepted" in output
    hosts = [line.split()[1] for line in proxy.asked]
    assert hosts == ["http://skinsback.test/api.php", "shop.example:443", "shop.example:443"]


def test_skinsback_check_takes_no_proxy_from_the_environment(through, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    refused = http(b'{"status": "refused"}', "403 Forbidden")
    with Server(refused) as server:
        through(None, SITE_URL=f"http://{server.address}", API_URL="http://127.0.0.1:9/", ACCOUNTS={})
        assert "default: Result URL: http" in check_output()
    assert len(server.requests) == 2


@pytest.mark.parametrize("answer", [None, REFUSED, b"SSH-2.0\r\n\r\n"], ids=["down", "407", "no proxy"])
def test_no_output_of_skinsback_check_shows_the_proxys_password(through, caplog, answer):
    caplog.set_level(logging.DEBUG)
    with Proxy("127.0.0.1:9", answer=answer) as proxy:
        through(url_of(proxy))
        output = check_output()
    assert "TODO default: reachable" in output
    shown = output + caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert USER not in shown
    assert PASSWORD not in shown


def test_no_check_shows_a_value_that_is_not_a_proxy(through):
    through(f"socks5://{USER}:{PASSWORD}@proxy.example:1080")
    (message,) = [each for each in checks.run_checks() if each.id == "skinsback.E003"]
    assert "SOCKS is not supported" in message.msg
    assert PASSWORD not in f"{message} {vars(message)}{check_output()}"


def broken(*args, **options):
    del args, options
    raise RuntimeError("out of order")


@pytest.mark.parametrize(
    "where",
    [
        None,
        (connection.SkinsBackClient, "__init__"),
        (connection.ratelimit, "current"),
        ("django_skinsback.client.Transport", "__init__"),
        ("django_skinsback.client.transport._Session", "__init__"),
        ("django_skinsback.client.transport", "proxy_for"),
        ("django_skinsback.proxy", "is_proxy_url"),
        ("requests.adapters.HTTPAdapter", "proxy_headers"),
        ("django_skinsback.realtime", "client_digest"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_no_error_report_shows_the_proxys_password(through, rf, settings, monkeypatch, where, scheme):
    through(f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:9")
    conf.hide_proxy_url()  # as at the start of a site
    if where:
        owner, name = where
        monkeypatch.setattr(*((f"{owner}.{name}",) if isinstance(owner, str) else where), broken)

    def act():
        get_client().get_status()

    errors = []
    for use in (act, lambda: listening.address("default")):
        try:
            use()
        except (RuntimeError, SkinsBackError) as error:
            errors.append(error)
    monkeypatch.undo()
    assert errors
    for error in errors:
        for report in reports_of(error, rf, settings):
            assert "SKINSBACK" in report
            assert USER not in report
            assert PASSWORD not in report


def test_a_site_that_starts_prints_no_password_with_its_settings():
    code = f"""
import django
from django.conf import settings
from django.core.management import call_command
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_skinsback"],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    SKINSBACK={{"CLIENT_ID": "1", "CLIENT_SECRET": "123", "PROXY_URL": "http://{USER}:{PASSWORD}@proxy.example:3128"}},
)
django.setup()
print(settings.SKINSBACK)
assert settings.SKINSBACK["PROXY_URL"] == "http://{USER}:{PASSWORD}@proxy.example:3128"
"""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "PROXY_URL" in done.stdout
    assert PASSWORD not in done.stdout


def test_an_empty_proxy_is_an_error_and_no_way_around_the_proxy(through):
    through("")
    with pytest.raises(ConfigurationError, match="PROXY_URL"):
        get_client()
