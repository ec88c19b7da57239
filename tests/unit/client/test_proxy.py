"""The proxy between a site and SkinsBack: it is used for every call, and nothing shows its password."""

import asyncio
import logging
import secrets
import socket
import ssl
import subprocess
import threading
import traceback
from contextlib import suppress
from urllib.parse import quote

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from django_skinsback import realtime
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import ConfigurationError, RequestNotSent, SkinsBackError, UnknownOutcome
from django_skinsback.proxy import is_proxy_url, proxy_for
from django_skinsback.realtime import Address, ConnectionLost, State, listen
from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox
from django_skinsback.steam import TradeURL
from tests.samples import load
from tests.support.loopback import Proxy, Server, hang_up, http, reset, wait

HOST = "skinsback.test"  # no name server knows it: only the proxy does
USER = secrets.token_urlsafe(9)
PASSWORD = f"{secrets.token_urlsafe(9)}@:/?#%&+ x"
CREDENTIALS = f"{USER}:{quote(PASSWORD, safe='')}"
SECRET = secrets.token_urlsafe(9)
STATUS = http(load("status").body)
HIDDEN = [USER, PASSWORD, quote(PASSWORD, safe=""), PASSWORD[:12]]
"""A text that nothing may show. It is random, because error reports quote the source of this file."""


def proxy_url(proxy, scheme="http"):
    return f"{scheme}://{CREDENTIALS}@{proxy if isinstance(proxy, str) else proxy.address}"


def protected(target):
    return Proxy(target if isinstance(target, str) else target.address, user=USER, password=PASSWORD)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def client_of():
    clients = []

    def make(proxy=None, *, scheme="http", host=HOST, **options):
        options = {"timeout": (2, 2), "sleep": lambda _seconds: None} | options
        if proxy is not None:
            options["proxy_url"] = proxy
        clients.append(SkinsBackClient("client", SECRET, api_url=f"{scheme}://{host}/api.php", **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=proxy"
    names = f"subjectAltName=DNS:{HOST},IP:127.0.0.1"
    options = ["-addext", names, "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{path}.crt", path)
    return context, f"{path}.crt"


@pytest.fixture
def secure(certificate):
    """Return the TLS context of a server, and the certificate that makes a client trust it."""

    def greet(connection):
        with suppress(OSError):
            return certificate[0].wrap_socket(connection, server_side=True)
        return None

    def trust(client):
        client._transport._session.verify = certificate[1]
        return client

    return greet, trust


def buy(client):
    return client.buy_skin(TradeURL("90382795", "i1ArBZey"), "10000", skin_id="62696971", max_price="9")


def everything_about(error):
    """What an error report may show: the message, its attributes, causes and contexts, all local variables."""
    seen = [repr(error), str(error), repr(vars(error)), repr(error.args)]
    seen += traceback.format_exception(error)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for value in [] if frame.f_code.co_filename == __file__ else frame.f_locals.values():
            with suppress(AttributeError):  # an object whose __init__ did not finish
                seen.append(repr(value))
    for other in (error.__cause__, error.__context__):
        if other is not None:
            seen.append(everything_about(other))
    return "\n".join(seen)


def shown(text):
    return [secret for secret in HIDDEN if secret in text]


# Calls


def test_a_call_goes_through_the_proxy(client_of):
    with Server(STATUS) as server, protected(server) as proxy:
        assert client_of(proxy_url(proxy)).get_status().available
    assert proxy.asked == [f"POST http://{HOST}/api.php HTTP/1.1"]
    assert len(server.requests) == 1


def test_a_call_over_tls_goes_through_a_tunnel_that_never_sees_the_keys(client_of, secure):
    greet, trust = secure
    with Server(STATUS, greet=greet) as server, protected(server) as proxy:
        client = trust(client_of(proxy_url(proxy), scheme="https"))
        assert client.get_status().available
        assert client.get_status().available
    assert [line.split()[:2] for line in proxy.asked] == [["CONNECT", f"{HOST}:443"]]
    assert server.requests[0].headers["x-client-secret"] == SECRET
    assert "proxy-authorization" not in server.requests[0].headers
    assert len(server.requests) == 2


def test_a_proxy_without_a_password_is_used_as_well(client_of):
    with Server(STATUS) as server, Proxy(server.address) as proxy:
        assert client_of(f"http://{proxy.address}/").get_status().available
    assert len(proxy.asked) == 1


def test_a_proxy_may_be_reached_over_tls(client_of, secure):
    greet, trust = secure
    with Server(STATUS, greet=greet) as server, protected(server) as inner:

        def tunnel(connection):
            with greet(connection) as encrypted:
                inner._serve(encrypted)

        with Server(STATUS, greet=tunnel) as proxy:
            assert trust(client_of(proxy_url(proxy, "https"), scheme="https")).get_status().available
    assert [line.split()[:2] for line in inner.asked] == [["CONNECT", f"{HOST}:443"]]


def test_the_environment_chooses_no_proxy(client_of, monkeypatch):
    with Server(STATUS) as server, Proxy(server.address) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{closed_port()}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "*")
        assert client_of(f"http://{proxy.address}").get_status().available
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_sandbox_on_this_machine_is_called_without_the_proxy(client_of, name):
    with Server(STATUS) as server:
        host = server.address.replace("127.0.0.1", name)
        assert client_of(proxy_url(closed_port()), host=host).get_status().available


def test_a_session_of_the_sites_own_and_a_proxy_are_refused_together(client_of):
    with requests.Session() as session, pytest.raises(ConfigurationError, match="session"):
        client_of(proxy_url("proxy.example:3128"), session=session)


# Failures: what is certain, and what they show

NOT_SENT = {
    "down": lambda: None,
    "407": http(b"", "407 Proxy Authentication Required"),
    "502": http(b"", "502 Bad Gateway"),
    "hangs up": b"",
    "no HTTP": b"SSH-2.0\r\n\r\n",
}


@pytest.mark.parametrize("answer", NOT_SENT.values(), ids=NOT_SENT)
def test_without_a_tunnel_nothing_was_sent(client_of, answer):
    with Proxy("127.0.0.1:9", answer=None if callable(answer) else answer) as proxy:
        address = closed_port() if callable(answer) else proxy.address
        with pytest.raises(RequestNotSent):
            buy(client_of(proxy_url(address), scheme="https"))


def test_without_a_connection_to_the_proxy_nothing_was_sent(client_of):
    with pytest.raises(RequestNotSent):
        buy(client_of(proxy_url(closed_port())))


def test_a_failed_handshake_in_the_tunnel_means_that_nothing_was_sent(client_of, secure):
    with Server(STATUS, greet=secure[0]) as server, protected(server) as proxy, pytest.raises(RequestNotSent):
        buy(client_of(proxy_url(proxy), scheme="https"))
    assert server.requests == []


@pytest.mark.parametrize("deed", [hang_up, reset, wait])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_breaks_behind_the_proxy_is_an_unknown_outcome(client_of, secure, deed, scheme):
    greet, trust = secure
    with Server(deed, greet=greet if scheme == "https" else None) as server, protected(server) as proxy:
        client = trust(client_of(proxy_url(proxy), scheme=scheme, timeout=(2, 0.2)))
        with pytest.raises(UnknownOutcome):
            buy(client)
    assert len(server.requests) == 1


def test_a_proxy_that_refuses_the_password_is_reported_with_its_status(client_of):
    with Proxy("127.0.0.1:9", user="somebody", password="else") as proxy, pytest.raises(RequestNotSent) as raised:
        client_of(proxy_url(proxy), scheme="https").get_status()
    assert str(raised.value) == "status: the proxy answered 407."


FAILURES = {
    "down": None,
    "407": http(b"", "407 Proxy Authentication Required", Proxy_Authenticate="Basic realm=x"),
    "502": http(b"<html>", "502 Bad Gateway"),
    "redirect": http(b"", "302 Found", Location="http://elsewhere.test/"),
    "hangs up": b"",
    "no HTTP": b"SSH-2.0\r\n\r\n",
    "no proxy": http(b'{"status":"success"}'),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_no_failure_of_a_call_shows_the_proxys_password(client_of, caplog, scheme, answer):
    caplog.set_level(logging.DEBUG)
    with Proxy("127.0.0.1:9", answer=answer) as proxy:
        address = closed_port() if answer is None else proxy.address
        client = client_of(proxy_url(address), scheme=scheme)
        with pytest.raises(SkinsBackError) as raised:
            buy(client)
    assert not shown(everything_about(raised.value))
    assert not shown(caplog.text + "".join(str(vars(record)) for record in caplog.records))
    assert not shown(repr(client) + repr(vars(client)) + repr(client._transport))


class Interrupted(Exception):
    """Like Celery's soft time limit: it may be raised at any line."""


@pytest.mark.parametrize("error", [Interrupted(), KeyboardInterrupt(), MemoryError()])
def test_an_exception_of_another_kind_contains_no_key(client_of, monkeypatch, error):
    """The frames of the libraries contain headers, fields and the proxy's address."""

    def interrupted(*_args, **_options):
        try:
            raise OSError("busy")
        finally:
            raise error

    monkeypatch.setattr("urllib3.connection.HTTPConnection.request", interrupted)
    with Server(STATUS) as server, protected(server) as proxy, pytest.raises(type(error)) as raised:
        buy(client_of(proxy_url(proxy)))
    report = everything_about(raised.value)
    assert not shown(report)
    assert SECRET not in report
    assert "i1ArBZey'" not in report


BAD = [
    "",
    5,
    b"http://proxy.example:3128",
    "proxy.example:3128",
    "http://",
    "http://:3128",
    "http://proxy.example:port",
    "http://proxy.example:0",
    "http://proxy.example:99999",
    "http://proxy.example:3128/path",
    "http://proxy.example:3128?a=b",
    "http://proxy.example:3128#a",
    "http:// proxy.example:3128",
    "http://proxy.example:3128\n",
    "http://пример.example:3128",
    "socks5://{}@proxy.example:1080",
    "socks5h://{}@proxy.example:1080",
    "socks4://{}@proxy.example:1080",
    "ftp://{}@proxy.example:21",
    "http://{}@",
    "http://{}@a@proxy.example:3128",
    "http://{}%0A@proxy.example:3128",
    "http://{}%E2%82%AC@proxy.example:3128",
    "http://{}%FF@proxy.example:3128",
    "http://user@proxy.example:3128",
    "http://user:@proxy.example:3128",
    "http://us%3Aer:password@proxy.example:3128",
    "http://{}@[::1",
]


@pytest.mark.parametrize("value", BAD)
def test_an_address_that_is_no_http_proxy_is_refused_and_not_shown(client_of, value):
    address = value.format(CREDENTIALS) if isinstance(value, str) else value
    assert not is_proxy_url(address)
    with pytest.raises(ConfigurationError, match=r"HTTP proxy, such as http://.*SOCKS is not supported") as refused:
        client_of(address)
    assert not shown(everything_about(refused.value))
    assert SECRET not in everything_about(refused.value)
    with pytest.raises(ConfigurationError, match="HTTP proxy") as refused:
        Address("wss://skinsback.com/ws/", "1", SECRET, proxy_url=address)
    assert not shown(everything_about(refused.value))
    assert SECRET not in everything_about(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://proxy.example",
        "http://proxy.example:3128/",
        "https://proxy.example:8443",
        "http://[2001:db8::1]:3128",
        "http://{}@10.0.0.1:3128",
    ],
)
def test_an_address_of_an_http_proxy_is_accepted(address):
    address = address.format(CREDENTIALS)
    assert is_proxy_url(address)
    assert proxy_for("https://skinsback.com/api.php", address) == address
    assert not shown(repr(proxy_for("https://skinsback.com/api.php", address)))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8600/api.php", "ws://localhost:8600/ws/", "http://[::1]:8600/"])
def test_an_address_on_this_machine_needs_no_proxy(url):
    assert proxy_for(url, "http://proxy.example:3128") is None


# The websocket


def heard(address):
    """Listen until the connection is open or could not be opened; return the changes."""
    changes = []

    async def main():
        def note(change):
            changes.append(change)
            if change.state in {State.CONNECTED, State.DISCONNECTED, State.REFUSED}:
                listening.cancel()

        async def ignore(_event):
            pass

        listening = asyncio.ensure_future(listen(address, ignore, note))
        with suppress(asyncio.CancelledError):
            await listening

    asyncio.run(main(), debug=True)
    return changes


def address_through(proxy, host=HOST, **options):
    options = {"allow_plain": True, "proxy_url": proxy} | options
    return Address(f"ws://{host}/ws/", CLIENT_ID, CLIENT_SECRET, **options)


def test_the_websocket_goes_through_the_proxy():
    def greet(line):
        line.send('{"event":"auth_success"}')
        with suppress(ConnectionClosed):
            line.recv(timeout=10)

    with serve(greet, "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        with protected(f"127.0.0.1:{server.socket.getsockname()[1]}") as proxy:
            changes = heard(address_through(proxy_url(proxy)))
        server.shutdown()
        serving.join()
    assert State.CONNECTED in [change.state for change in changes]
    assert [line.split()[0] for line in proxy.asked] == ["CONNECT"]
    assert HOST in proxy.asked[0]


def test_the_websocket_takes_no_proxy_from_the_environment(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "all_proxy", "socks_proxy", "ws_proxy"):
        monkeypatch.setenv(name, f"http://{closed_port()}")
    with Sandbox(manual=True) as sandbox:
        changes = heard(address_through(None, sandbox.websocket_url.split("/")[2]))
    assert State.CONNECTED in [change.state for change in changes]


def test_the_websocket_of_the_sandbox_on_this_machine_needs_no_proxy():
    with Sandbox(manual=True) as sandbox:
        changes = heard(address_through(proxy_url(closed_port()), sandbox.websocket_url.split("/")[2]))
    assert State.CONNECTED in [change.state for change in changes]


REASONS = {
    "down": "connection refused",
    "407": "the proxy answered HTTP 407",
    "502": "the proxy answered HTTP 502",
    "redirect": "the proxy answered HTTP 302",
}


@pytest.mark.parametrize("answer", [name for name in FAILURES if name != "no proxy"])
def test_no_failure_of_the_websocket_shows_the_proxys_password(caplog, answer):
    caplog.set_level(logging.DEBUG)
    with Proxy("127.0.0.1:9", answer=FAILURES[answer]) as proxy:
        address = address_through(proxy_url(closed_port() if answer == "down" else proxy))
        changes = heard(address)

        async def connect():
            async with realtime.open_socket(address.url, address.proxy_url):
                pass

        with pytest.raises(ConnectionLost) as lost:
            asyncio.run(connect())
    report = everything_about(lost.value)
    assert not shown(report + repr(changes) + repr(address) + repr(vars(address)))
    assert not shown(caplog.text + "".join(str(vars(record)) for record in caplog.records))
    assert "signature=" not in report
    assert str(lost.value).startswith(REASONS.get(answer, ""))
