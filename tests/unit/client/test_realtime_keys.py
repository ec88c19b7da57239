"""The websocket over real sockets: no failure shows the key in its address, and every wait ends."""

import asyncio
import logging
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from django_skinsback import realtime, websocket
from django_skinsback.exceptions import ConfigurationError
from django_skinsback.realtime import Address, ConnectionLost, State, listen
from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Options, Sandbox
from django_skinsback.websocket import require_library
from django_skinsback.wire.signing import client_digest
from tests.support.loopback import Server, hang_up, http, reset

SECRET = "an-own-5ecret"


def self_signed(tmp_path):
    """A server's TLS context with an untrusted certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [*command, "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def greet(connection):
        with suppress(OSError):
            return context.wrap_socket(connection, server_side=True)
        return None

    return greet


def nonsense(connection):
    """Answer with text that is not HTTP."""
    connection.sendall(b"220 mail.example ESMTP\r\n\r\n")


def one_try(address, on_change=lambda _change: None, *, bare=True):
    """Connect once and return the changes, and the exception that ``listen`` does not raise, as text."""
    changes = []

    async def ignore(_event):
        pass

    async def main():
        def note(change):
            changes.append(change)
            on_change(change)
            if change.state is State.DISCONNECTED:
                listening.cancel()

        listening = asyncio.ensure_future(listen(address, ignore, note))
        with suppress(asyncio.CancelledError):
            await listening

    async def connect():
        async with realtime.open_socket(address.url) as connection:
            while True:
                await connection.recv()

    asyncio.run(main(), debug=True)
    if bare:
        try:
            asyncio.run(connect())
        except ConnectionLost as error:
            changes += traceback.format_exception(error)
    return changes


class TestKeysAreNotShown:
    """Row 62: with the digest of the address anyone can forge messages where X-SIGN is accepted."""

    def check(self, url, caplog, reason, keys=("1", SECRET), **options):
        caplog.set_level(logging.DEBUG)
        changes = one_try(Address(url, *keys), **options)
        assert any(reason in str(change) for change in changes if not isinstance(change, str)), changes
        logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
        for text in (logged, repr(changes)):
            assert client_digest(*keys) not in text
            assert keys[1] not in text
            assert "signature=" not in text

    def test_a_closed_port(self, caplog):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.check(f"ws://127.0.0.1:{port}/ws/", caplog, "connection refused")

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (http(b"{}", "403 Forbidden"), "HTTP 403"),
            (http(b"<html>", "502 Bad Gateway"), "HTTP 502"),
            (http(b"", "302 Found", Location="ws://127.0.0.1:9/elsewhere"), "HTTP 302"),
            (http(b"", "101 Switching Protocols"), "not a websocket's"),
            (nonsense, "not a websocket's"),
            (hang_up, "not a websocket's"),
            (reset, "not a websocket's"),
        ],
        ids=["403", "502", "redirect", "bad upgrade", "nonsense", "hung up", "reset"],
    )
    def test_the_handshake_fails(self, caplog, answer, reason):
        with Server(answer) as server:
            self.check(f"ws://{server.address}/ws/", caplog, reason)

    def test_an_untrusted_certificate(self, caplog, tmp_path):
        with Server(b"", greet=self_signed(tmp_path)) as server:
            self.check(f"wss://{server.address.replace('127.0.0.1', 'localhost')}/ws/", caplog, "certificate")

    def test_tls_where_there_is_none(self, caplog):
        with Server(b"", greet=nonsense) as server:
            self.check(f"wss://{server.address}/ws/", caplog, "SSL")

    @pytest.mark.parametrize(
        ("fault", "options", "reason"),
        [
            ("ws_drop", Options(), "broke off"),
            ("", Options(ping_within=0.05), "closed it with code 1008"),
        ],
    )
    def test_it_ends_midway(self, caplog, fault, options, reason):
        with Sandbox(manual=True, options=options) as sandbox:
            if fault:
                sandbox.faults.add(fault)

            def on_change(change):
                if change.state is State.CONNECTED:
                    sandbox.websocket.broadcast(CLIENT_ID, "{}")

            keys = (CLIENT_ID, CLIENT_SECRET)
            self.check(sandbox.websocket_url, caplog, reason, keys=keys, on_change=on_change, bare=False)

    def test_the_keys_are_refused(self, caplog):
        with Sandbox(manual=True) as sandbox:
            self.check(sandbox.websocket_url, caplog, "refused")


def test_a_redirect_is_not_followed():
    """Row 57: the address contains a key, so an answer must not send it to another address."""
    with Server(http(b"")) as elsewhere:
        there = f"ws://{elsewhere.address}/ws/"
        with Server(http(b"", "307 Temporary Redirect", Location=there)) as server:
            one_try(Address(f"ws://{server.address}/ws/", "1", SECRET))
        assert elsewhere.connections == 0


def test_no_proxy_of_the_environment_gets_the_address(monkeypatch):
    with Server(http(b"", "502 Bad Gateway")) as proxy, Sandbox(manual=True) as sandbox:
        for name in ("http_proxy", "https_proxy", "ws_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        monkeypatch.setenv("no_proxy", "")
        changes = one_try(Address(sandbox.websocket_url, "1", SECRET), bare=False)
        assert changes[-1].state is State.REFUSED
        assert proxy.connections == 0


def test_a_frame_without_end_is_cut_short():
    huge = "x" * (websocket.MAX_FRAME_BYTES + 1)
    with Sandbox(manual=True) as sandbox:

        async def main():
            address = Address(sandbox.websocket_url, CLIENT_ID, CLIENT_SECRET)
            async with realtime.open_socket(address.url) as connection:
                await connection.recv()
                sandbox.websocket.broadcast(CLIENT_ID, huge)
                await connection.recv()

        with pytest.raises(ConnectionLost):
            asyncio.run(main())


def test_stopping_sends_a_close_frame():
    codes, changes = [], []

    def greet(line):
        line.send('{"event":"auth_success"}')
        with suppress(ConnectionClosed):
            line.recv(timeout=10)
        codes.append(line.close_code)

    with serve(greet, "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()

        async def main():
            def on_change(change):
                changes.append(change.state)
                if change.state is State.CONNECTED:
                    asyncio.get_running_loop().call_soon(listening.cancel)

            address = Address(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws/", "1", SECRET)
            listening = asyncio.ensure_future(listen(address, None, on_change))
            with suppress(asyncio.CancelledError):
                await listening

        asyncio.run(main())
        server.shutdown()
        serving.join()
    assert changes[-1] is State.STOPPED
    assert codes == [1000]


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'django-skinsback\[realtime\]'"):
        require_library()
