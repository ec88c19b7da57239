"""Slow and faulty senders against a real server. Its site has no database, so any query would be answered 500."""

import hashlib
import logging
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.urls import resolve

from django_skinsback.models import Deposit
from django_skinsback.testing import signed_notification

LIMIT = 262_144
PATH = "/skinsback/result/"
FORM = "application/x-www-form-urlencoded"


class Site:
    """A running gunicorn with one worker process."""

    def __init__(self, listener, process):
        self.address = listener.getsockname()
        self.process = process

    def connect(self):
        return Sender(socket.create_connection(self.address, timeout=30))

    def peak_memory(self):
        """Return the highest memory use of any of its processes so far, in bytes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        peaks = [re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()) for pid in children]
        return max(int(peak[1]) for peak in peaks if peak) * 1024


class Sender:
    """One connection to the site that a test writes to and reads from."""

    def __init__(self, connection):
        self.connection = connection

    def head(self, *headers, path=PATH, content_type=FORM):
        lines = [f"POST {path} HTTP/1.1", "Host: shop.example", f"Content-Type: {content_type}", *headers]
        return self.send("\r\n".join([*lines, "", ""]).encode())

    def send(self, data):
        self.connection.sendall(data)
        return self

    def chunk(self, data):
        return self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        """Close the sending side of the connection."""
        self.connection.shutdown(socket.SHUT_WR)
        return self

    def status(self):
        """Return the status of the answer; 0 if the server closed the connection without one."""
        return self.answer()[0]

    def answer(self):
        """Return status and headers of the answer, with names in lower case; 0 and {} if there is no answer."""
        answer = b""
        while b"\r\n\r\n" not in answer:
            try:
                data = self.connection.recv(65536)
            except ConnectionError:
                break
            if not data:
                break
            answer += data
        self.connection.close()
        if not answer:
            return 0, {}
        first, *lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}


@contextmanager
def serving(**environment):
    """Start a site and yield it once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = [
            "--workers",
            "1",
            "--threads",
            "4",
            "--timeout",
            "60",
            "--log-level",
            "critical",
            "--no-control-socket",
        ]
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-b",
            f"fd://{listener.fileno()}",
            *options,
            "tests.hosts.wsgi:application",
        ]
        process = subprocess.Popen(
            command,
            pass_fds=[listener.fileno()],
            env={**os.environ, "PYTHONWARNINGS": "ignore", **environment},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            site = Site(listener, process)
            assert post(site, b"")
            yield site
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="module")
def site():
    with serving() as site:
        assert post(site, b"") == 403
        yield site


@pytest.fixture(scope="module")
def stored_site(tmp_path_factory):
    """A site with a database, whose middleware reads the body after the view."""
    database = tmp_path_factory.mktemp("stored") / "site.sqlite3"
    with serving(LIVE_SITE="tests.hosts.site_with_database", LIVE_DATABASE=str(database)) as site:
        yield site


@pytest.fixture
def message():
    return urlencode(signed_notification(Deposit(order_id="1", transaction_id="13"))).encode()


def post(site, body, **options):
    return site.connect().head(f"Content-Length: {len(body)}", **options).send(body).status()


def test_a_verified_delivery_queries_the_database(site, message):
    """This proves that the other answers in this module come without a query."""
    assert post(site, message) == 500


def test_a_body_shorter_than_announced_is_refused_without_a_query(site, message):
    assert site.connect().head(f"Content-Length: {len(message)}").send(message[:-1]).end().status() in {400, 403}


def test_a_body_longer_than_announced_is_cut_there_and_refused(site, message):
    assert site.connect().head(f"Content-Length: {len(message) - 1}").send(message).status() in {400, 403}


@pytest.mark.parametrize("length", ["-1", "+5", "0x10", "5 5", "5, 6", "\xb2", "9" * 5000, "1e3"])
def test_an_invalid_length_is_refused(site, message, length):
    answer = site.connect().head(f"Content-Length: {length}").send(message).end().status()

    assert answer in {400, 403, 413}


def test_two_lengths_or_a_length_and_chunks_are_refused(site, message):
    right = f"Content-Length: {len(message)}"
    assert site.connect().head(right, "Content-Length: 3").send(message).end().status() == 400
    assert site.connect().head(right, "Transfer-Encoding: chunked").chunk(message).chunk(b"").end().status() == 400


def body_of(sender):
    """Return the status, and the length and digest of the body that a middleware read after the view."""
    status, headers = sender.answer()
    return status, headers["x-body"]


def length_and_digest(body):
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}"


def test_row_76_a_middleware_that_reads_the_body_after_the_view_gets_what_was_delivered(stored_site, message):
    sender = stored_site.connect().head(f"Content-Length: {len(message)}").send(message)

    assert body_of(sender) == (200, length_and_digest(message))


def test_row_76_a_body_in_chunks_without_a_length_is_accepted(stored_site, message):
    sender = stored_site.connect().head("Transfer-Encoding: chunked")

    assert body_of(sender.chunk(message[:20]).chunk(message[20:]).chunk(b"")) == (200, length_and_digest(message))


def test_a_body_that_is_refused_can_be_read_after_the_view_too(stored_site):
    sender = stored_site.connect().head("Content-Length: 3").send(b"a=1")

    assert body_of(sender) == (403, length_and_digest(b"a=1"))


def test_a_body_that_is_too_large_is_413_and_middleware_reads_an_empty_body(stored_site):
    assert body_of(stored_site.connect().head("Content-Length: 1000000000")) == (413, length_and_digest(b""))
    chunked = stored_site.connect().head("Transfer-Encoding: chunked")
    assert body_of(chunked.chunk(b"a" * (LIMIT + 1))) == (413, length_and_digest(b""))


def test_a_body_in_chunks_is_read_and_verified_before_any_query(site, message):
    sender = site.connect().head("Transfer-Encoding: chunked")
    assert sender.chunk(message[:20]).chunk(message[20:]).chunk(b"").status() == 500
    sender = site.connect().head("Transfer-Encoding: chunked")
    assert sender.chunk(message[:20]).chunk(b"").status() == 403


def test_chunks_above_the_limit_are_413(site):
    assert site.connect().head("Transfer-Encoding: chunked").chunk(b"a" * (LIMIT + 1)).status() == 413


def test_chunks_up_to_the_limit_are_read(site):
    assert site.connect().head("Transfer-Encoding: chunked").chunk(b"a" * LIMIT).chunk(b"").status() == 400


@pytest.mark.parametrize(
    "rest", [b"zz\r\n", b"5\r\nabc", b"0\r\nname: a\r\n b\x00\r\n\r\n", b"0\r\n: \r\n\r\n", b"0\r\na\nb"]
)
def test_chunks_that_the_server_cannot_read_are_refused_without_an_error(site, message, rest):
    sender = site.connect().head("Transfer-Encoding: chunked").chunk(message)

    assert sender.send(rest).end().status() == 400


def test_chunks_without_end_do_not_fill_the_memory(site):
    before = site.peak_memory()
    sender = site.connect().head("Transfer-Encoding: chunked")
    try:
        for _ in range(64):
            sender.chunk(b"a" * LIMIT)
    except ConnectionError:
        pass  # the server has answered and closed the connection

    assert sender.status() in {0, 400, 403, 411, 413}
    assert site.peak_memory() - before < 8 * LIMIT


def test_a_large_body_is_413_before_it_is_sent(site):
    assert site.connect().head("Content-Length: 1000000000").status() == 413


def test_bodies_around_the_limit_do_not_fill_the_memory(site):
    assert {post(site, b"a" * LIMIT) for _ in range(12)} == {400}  # each of the threads has had one
    before = site.peak_memory()

    assert [post(site, b"a" * LIMIT) for _ in range(20)] == [400] * 20
    assert post(site, b"a" * (LIMIT + 1)) in {0, 413}
    assert site.peak_memory() - before < 8 * LIMIT


def test_a_deep_or_crowded_body_does_not_fill_the_memory(site):
    before = site.peak_memory()

    for body in (b"[" * LIMIT, b'{"a":' * (LIMIT // 5), b"a=1&" * (LIMIT // 4), b'{"a":' + b"9" * (LIMIT - 6) + b"}"):
        assert post(site, body) in {400, 403}
    assert site.peak_memory() - before < 60 * LIMIT


def test_a_slow_sender_blocks_no_other_request(site, message):
    slow = [site.connect().head(f"Content-Length: {len(message)}").send(message[:half]) for half in (0, 1, 100)]

    assert post(site, b"a=1") == 403
    assert [sender.end().status() for sender in slow] == [400] * 3


class Disconnected:
    """The body of a request whose sender has disconnected, as uWSGI and mod_wsgi pass it to Django."""

    def read(self, *_size):
        raise OSError("client disconnected")


@pytest.mark.parametrize("path", [PATH, "/skinsback/events/"])
def test_a_sender_that_disconnects_is_refused_without_an_error_record(rf, caplog, path):
    """Otherwise anyone could fill the error log and mail the administrators by disconnecting."""
    request = rf.post(path, b"a=1", content_type=FORM)
    request._stream = Disconnected()

    view = resolve(path)
    response = view.func(request, *view.args, **view.kwargs)

    assert response.status_code == 400
    assert [record.levelname for record in caplog.records if record.levelno > logging.WARNING] == []
