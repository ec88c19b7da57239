import gzip
import itertools
import logging
import re
import shutil
import socket
import ssl
import subprocess
import traceback
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal

import pytest
import requests
from urllib3.util import connection as urllib3_connection

from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import (
    ConfigurationError,
    InvalidInput,
    PurchaseNotFound,
    RateLimited,
    RequestNotSent,
    SkinsBackError,
    SkinUnavailable,
    UnknownOutcome,
)
from django_skinsback.steam import TradeURL
from django_skinsback.wire.signing import sign
from django_skinsback.wire.types import (
    Balance,
    BatchResult,
    DepositLink,
    DepositReport,
    Inventory,
    InventoryDeposit,
    Page,
    PriceList,
    PurchaseReport,
    ServiceStatus,
)
from tests.samples import load
from tests.support.loopback import Server, hang_up, http, reset, wait

CLIENT_ID = "client-7391"
SECRET = "kept-secret-5521"
TOKEN = "tOkEn-42"
STEAM_ID = "76561198827262007"
TRADE_URL = TradeURL("90382795", TOKEN)
SUCCESS = http(b'{"status":"success"}')


@pytest.fixture
def sleeps():
    return []


@pytest.fixture
def client_of(sleeps):
    """Returns a client of a server or an address whose ``sleep`` does not wait."""
    with ExitStack() as stack:

        def make(server, **options):
            url = server if isinstance(server, str) else server.url
            options = {"timeout": (2, 2), "sleep": sleeps.append, "random": lambda: 0.5, "api_url": url} | options
            return stack.enter_context(SkinsBackClient(CLIENT_ID, SECRET, **options))

        yield make


def sample(case):
    return http(load(case).body)


CALLS = {
    "create": (lambda client: client.create_deposit("1"), DepositLink),
    "create_from_user_inventory": (
        lambda client: client.create_deposit_from_inventory(
            "1", game="cs2", steam_id=STEAM_ID, trade_token=TOKEN, item_asset_ids=["30469208292"]
        ),
        InventoryDeposit,
    ),
    "orderstatus": (lambda client: client.get_deposit(order_id="1"), DepositReport),
    "orders": (lambda client: client.list_deposits(1, 2), Page),
    "offer_approve": (lambda client: client.approve_hold(transaction_id="13"), type(None)),
    "callback_error_list": (lambda client: client.list_failed_notifications(), Page),
    "user_inventory": (lambda client: client.get_inventory("cs2", STEAM_ID, TOKEN), Inventory),
    "market_pricelist": (lambda client: client.get_price_list("cs2"), PriceList),
    "market_search": (lambda client: client.search_skins("cs2", "SSG"), list),
    "market_buy": (
        lambda client: client.buy_skin(TRADE_URL, "10000", skin_id="62696971", max_price="9"),
        PurchaseReport,
    ),
    "market_batch_buy": (
        lambda client: client.buy_skins(
            TRADE_URL, [{"skin_id": "62696971", "max_price": Decimal(9), "custom_id": "10000"}]
        ),
        BatchResult,
    ),
    "market_getinfo": (lambda client: client.get_purchase(buy_id="9"), PurchaseReport),
    "market_history": (lambda client: client.list_purchases(1, 2), Page),
    "balance": (lambda client: client.get_balance(), Balance),
    "currencies": (lambda client: client.list_currencies(), list),
    "status": (lambda client: client.get_status(), ServiceStatus),
}
SAMPLES = {"orderstatus": "orderstatus_success"}
EFFECTS = ["create", "create_from_user_inventory", "offer_approve", "market_buy", "market_batch_buy"]
READS = [method for method in CALLS if method not in EFFECTS]


@pytest.mark.parametrize("method", CALLS)
def test_every_call_is_sent_and_its_answer_read(method, client_of):
    call, kind = CALLS[method]
    with Server(sample(SAMPLES.get(method, method))) as server:
        assert isinstance(call(client_of(server)), kind)
    (received,) = server.requests
    assert received.fields["method"] == method


def test_keys_are_sent_in_headers(client_of):
    with Server(sample("status")) as server:
        client_of(server).get_status()
    (received,) = server.requests
    assert received.headers["x-client-id"] == CLIENT_ID
    assert received.headers["x-client-secret"] == SECRET
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    assert received.fields == {"method": "status"}


@pytest.mark.parametrize("method", CALLS)
def test_a_signature_covers_the_request_and_the_secret_is_not_sent(method, client_of):
    with Server(sample(SAMPLES.get(method, method))) as server:
        CALLS[method][0](client_of(server, authentication="signature"))
    (received,) = server.requests
    fields = received.fields
    assert fields["shopid"] == CLIENT_ID
    assert fields["sign"] == sign(fields, SECRET)
    assert not any(name.startswith("x-client") for name in received.headers)
    assert SECRET not in received.body.decode() + str(received.headers)


def test_text_arrives_as_it_was_signed(client_of):
    with Server(SUCCESS) as server:
        client_of(server, authentication="signature").call("market_search", name="★ M9 & 'x' + 100% = ü;")
    (received,) = server.requests
    assert received.fields["name"] == "★ M9 & 'x' + 100% = ü;"
    assert received.fields["sign"] == sign(received.fields, SECRET)


def test_one_connection_serves_many_calls(client_of):
    with Server(sample("status")) as server:
        client = client_of(server)
        for _ in range(3):
            client.get_status()
    assert (len(server.requests), server.connections) == (3, 1)


def test_call_returns_the_answer_unchanged(client_of):
    with Server(http(b'{"status":"success","rows":[0.10]}')) as server:
        answer = client_of(server).call("money_history", start_from=5, flags=[True])
    assert answer == {"status": "success", "rows": ["0.10"]}
    assert server.requests[0].fields == {"method": "money_history", "start_from": "5", "flags[0]": "1"}


def test_proxies_and_passwords_of_the_environment_are_ignored(client_of, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Server(sample("status")) as server:
        client_of(server).get_status()
    assert "authorization" not in server.requests[0].headers


# What SkinsBack says


def test_an_error_of_skinsbacks_is_raised_and_not_repeated(client_of):
    with Server(sample("rate_limited")) as server, pytest.raises(RateLimited):
        client_of(server).get_balance()
    assert len(server.requests) == 1


def test_the_status_fail_is_a_valid_answer(client_of):
    with Server(sample("orderstatus_fail")) as server:
        assert client_of(server).get_deposit(transaction_id="13").status == "fail"


def test_a_purchase_is_found_by_our_id(client_of):
    with Server(sample("market_getinfo_list")) as server:
        assert client_of(server).get_purchase(custom_id="10000").buy_id == "9"
    assert server.requests[0].fields == {"method": "market_getinfo", "custom_ids[0]": "10000"}


@pytest.mark.parametrize("asked", [{"custom_id": "other"}, {"buy_id": "8"}])
def test_a_purchase_that_is_not_in_the_answer_was_not_found(asked, client_of):
    with Server(sample("market_getinfo_list")) as server, pytest.raises(PurchaseNotFound):
        client_of(server).get_purchase(**asked)


@pytest.mark.parametrize("asked", [{}, {"buy_id": "9", "custom_id": "10000"}])
def test_a_purchase_is_asked_for_by_one_id(asked, client_of):
    with pytest.raises(InvalidInput):
        client_of("http://127.0.0.1:9/").get_purchase(**asked)


def test_purchases_that_were_not_requested_are_left_out(client_of):
    rows = b",".join(b'{"buy_id":%d,"offer_status":"accepted","custom_id":"c%d"}' % (n, n) for n in (3, 1, 9))
    with Server(http(b'{"status":"success","items":[%s]}' % rows)) as server:
        client = client_of(server)
        assert [report.buy_id for report in client.get_purchases(custom_ids=["c1", "c2", "c3"])] == ["3", "1"]
        assert [report.custom_id for report in client.get_purchases(buy_ids=[9])] == ["c9"]


def test_a_batch_purchase_is_matched_by_skin(client_of):
    with Server(sample("market_batch_buy")) as server:
        result = client_of(server).buy_skins(
            TRADE_URL,
            [
                {"skin_id": "62696971", "max_price": "9", "custom_id": "10000"},
                {"skin_id": "62696979", "max_price": "9", "custom_id": "10001"},
            ],
        )
    assert [report.custom_id for report in result.purchased] == ["10000"]
    assert isinstance(result.unavailable["62696979"], SkinUnavailable)


def test_a_price_list_is_given_row_by_row_while_it_arrives(client_of):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def endless(connection):
        connection.sendall(head)
        for chunk in itertools.chain(
            [b'{"status":"success","items":['], itertools.repeat(b'{"name":"x","price":1.1},')
        ):
            connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    with Server(endless) as server:
        rows = client_of(server).iter_price_list("cs2", full=True)
        assert [row.price for row in itertools.islice(rows, 3)] == [Decimal("1.1")] * 3
        rows.close()
    assert server.requests[0].fields == {"method": "market_pricelist", "game": "cs2", "full": "1"}


def test_an_interrupted_price_list_raises(client_of):
    whole = sample("market_pricelist_full")
    with Server(lambda connection: connection.sendall(whole[:-100])) as server:
        rows = client_of(server).iter_price_list("cs2")
        with pytest.raises(UnknownOutcome):
            list(rows)
    with Server(lambda connection: connection.sendall(whole[:-100]), whole) as server:
        assert len(client_of(server).get_price_list("cs2").items) == 2


def test_a_price_list_may_be_larger_than_other_answers(client_of):
    body = b'{"status":"success","items":[' + b'{"name":"x","price":1},' * 2000 + b"{}]}"
    with Server(http(body)) as server:
        assert len(client_of(server, answer_limit=1000).get_price_list("cs2").items) == 2000
        with pytest.raises(UnknownOutcome):
            client_of(server, price_list_limit=1000).get_price_list("cs2")


# Answers that cannot be read

BOMB = gzip.compress(b" " * (20 << 20))


def cut(connection):
    connection.sendall(sample("create")[:-20])


def chunk_cut(connection):
    connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{"status":"success"}\r\n')


NO_ANSWERS = {
    "closed": hang_up,
    "reset": reset,
    "cut": cut,
    "cut between chunks": chunk_cut,
    "no HTTP": b"hello\r\n\r\n",
    "HTML": http(b"<html>Bad Gateway</html>", "502 Bad Gateway", Content_Type="text/html"),
    "empty": http(b""),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "cut JSON": http(b'{"status":"succ'),
    "other charset": http('{"status":"é"}'.encode("latin-1")),
    "bomb": http(BOMB, Content_Encoding="gzip"),
    "too large": http(b'{"status":"success","x":"' + b"x" * (9 << 20) + b'"}'),
    "wrongly packed": http(b'{"status":"success"}', Content_Encoding="gzip"),
    "packed otherwise": http(b'{"status":"success"}', Content_Encoding="br"),
    "redirect": http(b'{"status":"success"}', "302 Found", Location="/elsewhere"),
}


@pytest.mark.parametrize("method", EFFECTS)
@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_call_with_an_effect_is_never_repeated_once_it_was_sent(method, answer, client_of, sleeps):
    with Server(answer) as server, pytest.raises(UnknownOutcome):
        CALLS[method][0](client_of(server))
    assert len(server.requests) == 1
    assert sleeps == []


@pytest.mark.parametrize("method", READS)
def test_a_call_without_effect_is_repeated_once(method, client_of, sleeps):
    with Server(hang_up, sample(SAMPLES.get(method, method))) as server:
        CALLS[method][0](client_of(server))
    assert len(server.requests) == 2
    with Server(hang_up) as server, pytest.raises(UnknownOutcome):
        CALLS[method][0](client_of(server))
    assert len(server.requests) == 2
    assert len(sleeps) == 2


def test_an_unknown_method_may_have_an_effect_and_is_not_repeated(client_of):
    with Server(hang_up) as server, pytest.raises(UnknownOutcome):
        client_of(server).call("new_method")
    assert len(server.requests) == 1


def test_a_timeout_is_an_unknown_outcome(client_of):
    with Server(wait) as server, pytest.raises(UnknownOutcome):
        client_of(server, timeout=(2, 0.05)).create_deposit("1")
    assert len(server.requests) == 1


def test_a_timeout_in_the_middle_of_an_answer_is_an_unknown_outcome(client_of):
    def stop(connection):
        cut(connection)
        wait(connection)

    with Server(stop) as server, pytest.raises(UnknownOutcome):
        client_of(server, timeout=(2, 0.05)).create_deposit("1")


@pytest.mark.parametrize("deed", [hang_up, reset])
def test_a_kept_connection_that_breaks_is_an_unknown_outcome(deed, client_of):
    with Server(sample("status"), deed) as server:
        client = client_of(server)
        client.get_status()
        with pytest.raises(UnknownOutcome):
            CALLS["market_buy"][0](client)
    assert (len(server.requests), server.connections) == (2, 1)


def test_a_packed_answer_is_unpacked(client_of):
    with Server(http(gzip.compress(load("status").body), Content_Encoding="gzip")) as server:
        assert client_of(server).get_status().available
    assert server.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("authentication", ["headers", "signature"])
def test_a_redirect_is_not_followed_and_gets_no_secret(status, authentication, client_of):
    with Server(sample("create")) as other:
        redirect = http(load("create").body, status, Location=other.url)
        with Server(redirect) as server, pytest.raises(UnknownOutcome):
            client_of(server, authentication=authentication).create_deposit("1")
        assert (len(server.requests), other.connections) == (1, 0)


def test_a_session_of_the_sites_own_follows_no_redirect_either(client_of):
    with Server(sample("create")) as other, requests.Session() as session:
        with Server(http(b"", "307 Temporary", Location=other.url)) as server, pytest.raises(UnknownOutcome):
            client_of(server, session=session).create_deposit("1")
        assert (len(server.requests), other.connections) == (1, 0)


def test_the_body_of_a_redirect_is_not_read(client_of):
    def endless(connection):
        connection.sendall(b"HTTP/1.1 307 x\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            while True:
                connection.sendall(b"5\r\nxxxxx\r\n")

    with Server(endless) as server, pytest.raises(UnknownOutcome):
        client_of(server).create_deposit("1")


# Requests that were not sent


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_is_tried_three_times_and_was_never_sent(scheme, method, client_of, sleeps):
    with pytest.raises(RequestNotSent):
        CALLS[method][0](client_of(f"{scheme}://{closed_port()}/api.php"))
    assert sleeps == [0.375, 0.75]


def test_a_request_that_was_not_sent_succeeds_when_it_is_repeated(client_of, monkeypatch):
    real, refused = urllib3_connection.create_connection, iter([True, True])

    def create_connection(*args, **kwargs):
        if next(refused, False):
            raise ConnectionRefusedError
        return real(*args, **kwargs)

    monkeypatch.setattr(urllib3_connection, "create_connection", create_connection)
    with Server(sample("market_buy")) as server:
        CALLS["market_buy"][0](client_of(server))
    assert len(server.requests) == 1


def test_a_request_once_sent_is_not_repeated_after_one_that_was_not(client_of, monkeypatch):
    real, refused = urllib3_connection.create_connection, iter([True])

    def create_connection(*args, **kwargs):
        if next(refused, False):
            raise ConnectionRefusedError
        return real(*args, **kwargs)

    monkeypatch.setattr(urllib3_connection, "create_connection", create_connection)
    with Server(hang_up) as server, pytest.raises(UnknownOutcome):
        CALLS["market_buy"][0](client_of(server))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "error", [socket.gaierror(-2, "no such name"), TimeoutError(), ConnectionRefusedError(), OSError(113, "no route")]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_failure_to_connect_means_that_nothing_was_sent(scheme, error, client_of, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    where = (socket, "getaddrinfo") if isinstance(error, socket.gaierror) else (urllib3_connection, "create_connection")
    monkeypatch.setattr(*where, fail)
    with pytest.raises(RequestNotSent):
        CALLS["market_buy"][0](client_of(f"{scheme}://skinsback.example/api.php"))


def answer_in_plain_text(connection):
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("deed", [hang_up, reset, answer_in_plain_text, wait])
def test_a_failed_tls_handshake_means_that_nothing_was_sent(deed, client_of):
    def greet(connection):
        connection.recv(1)
        deed(connection)

    with Server(SUCCESS, greet=greet) as server, pytest.raises(RequestNotSent):
        CALLS["market_buy"][0](client_of(f"https://{server.address}/api.php", timeout=(0.1, 0.1)))
    assert server.requests == []


def test_a_failed_handshake_says_nothing_about_the_next_call_by_a_session_of_the_sites(certificate, client_of):
    def greet(connection):
        return certificate[0].wrap_socket(connection, server_side=True)

    def break_off(connection):
        connection.recv(1)
        hang_up(connection)

    with Server(SUCCESS, greet=break_off) as server, pytest.raises(RequestNotSent):
        CALLS["market_buy"][0](client_of(f"https://{server.address}/api.php"))
    with Server(wait, greet=greet) as server, requests.Session() as session:
        session.trust_env, session.verify = False, certificate[1]
        client = client_of(f"https://{server.address}/api.php", timeout=(2, 0.2), session=session)
        with pytest.raises(UnknownOutcome):
            CALLS["market_buy"][0](client)
    assert len(server.requests) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    options = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{path}.crt", path)
    return context, f"{path}.crt"


def test_an_unknown_certificate_means_that_nothing_was_sent(certificate, client_of):
    def greet(connection):
        return certificate[0].wrap_socket(connection, server_side=True)

    with Server(SUCCESS, greet=greet) as server, pytest.raises(RequestNotSent):
        CALLS["market_buy"][0](client_of(f"https://{server.address}/api.php"))
    assert server.requests == []


@pytest.mark.parametrize(
    "deed", [hang_up, reset, wait, b"no HTTP\r\n\r\n", lambda tls: socket.socket.send(tls, b"no TLS")]
)
def test_a_broken_tls_connection_after_the_handshake_is_an_unknown_outcome(deed, certificate, client_of):
    def greet(connection):
        return certificate[0].wrap_socket(connection, server_side=True)

    with Server(deed, greet=greet) as server:
        client = client_of(f"https://{server.address}/api.php", timeout=(2, 0.2))
        client._transport._session.verify = certificate[1]
        with pytest.raises(UnknownOutcome):
            CALLS["market_buy"][0](client)
    assert len(server.requests) == 1


def test_calls_over_tls_share_a_connection_which_may_then_break(certificate, client_of):
    def greet(connection):
        return certificate[0].wrap_socket(connection, server_side=True)

    with Server(sample("status"), hang_up, greet=greet) as server:
        client = client_of(f"https://{server.address}/api.php")
        client._transport._session.verify = certificate[1]
        client.get_status()
        with pytest.raises(UnknownOutcome):
            CALLS["market_buy"][0](client)
    assert (len(server.requests), server.connections) == (2, 1)


class Failing(requests.Session):
    """A session of the site's own, which fails."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def post(self, *args, **kwargs):
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.ConnectTimeout(), RequestNotSent),
        (requests.ReadTimeout(), UnknownOutcome),
        (requests.ConnectionError(), UnknownOutcome),
        (requests.exceptions.SSLError(), UnknownOutcome),
        (requests.exceptions.ChunkedEncodingError(), UnknownOutcome),
        (requests.TooManyRedirects(), UnknownOutcome),
        (ConnectionResetError(), UnknownOutcome),
    ],
)
def test_a_failure_that_is_not_certainly_unsent_is_an_unknown_outcome(error, kind, client_of):
    with pytest.raises(kind):
        client_of("https://skinsback.example/", session=Failing(error)).create_deposit("1")


# Waiting and limits


class Limiter:
    """A limiter that records its calls and the exceptions it gets."""

    def __init__(self, refusal=None):
        self.refusal = refusal
        self.seen = []

    @contextmanager
    def __call__(self, method):
        if self.refusal:
            raise self.refusal
        try:
            yield
        except SkinsBackError as error:
            self.seen.append((method, type(error)))
            raise
        self.seen.append((method, None))


def test_the_limiter_is_around_every_attempt_and_sees_how_it_ended(client_of):
    limiter = Limiter()
    with Server(hang_up, sample("status")) as server:
        client_of(server, limiter=limiter).get_status()
    assert limiter.seen == [("status", UnknownOutcome), ("status", None)]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_status(),
        lambda client: client.get_price_list("cs2"),
        lambda client: next(client.iter_price_list("cs2")),
    ],
)
def test_row_52_the_limiter_sees_that_skinsback_was_asked_too_often(call, client_of):
    limiter = Limiter()
    with Server(sample("rate_limited")) as server, pytest.raises(RateLimited):
        call(client_of(server, limiter=limiter))
    assert [error for _, error in limiter.seen] == [RateLimited]


def test_the_limiter_is_left_before_the_rest_of_a_price_list_arrives(client_of):
    limiter = Limiter()
    with Server(sample("market_pricelist_full")) as server:
        rows = client_of(server, limiter=limiter).iter_price_list("cs2")
        next(rows)
        assert limiter.seen == [("market_pricelist", None)]
        assert len(list(rows)) == 1


def test_nothing_is_sent_when_the_limiter_refuses(client_of):
    limiter = Limiter(refusal=RateLimited("status", -7, "request_limit_reached"))
    with Server(SUCCESS) as server, pytest.raises(RateLimited):
        client_of(server, limiter=limiter).get_status()
    assert server.connections == 0


@pytest.mark.parametrize(("random", "pauses"), [(0.0, [0.25, 0.5]), (1.0, [0.5, 1.0])])
def test_pauses_grow_and_are_random(random, pauses, client_of, sleeps):
    with pytest.raises(RequestNotSent):
        client_of(f"http://{closed_port()}/", random=lambda: random).get_status()
    assert sleeps == pauses


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"client_id": ""}, "Client ID"),
        ({"client_secret": ""}, "secret"),
        ({"client_secret": "kept secret"}, "secret"),
        ({"client_secret": "kept-secret\n"}, "secret"),
        ({"client_secret": "sécret"}, "secret"),
        ({"authentication": "both"}, "authentication"),
        ({"api_url": "skinsback.com"}, "api_url"),
        ({"api_url": "ftp://skinsback.com/"}, "api_url"),
        ({"api_url": "https://user:password@skinsback.com/"}, "api_url"),
        ({"api_url": "https:///api.php"}, "api_url"),
    ],
)
def test_a_client_with_unusable_arguments_is_refused(changes, word):
    options = {"client_id": CLIENT_ID, "client_secret": SECRET} | changes
    with pytest.raises(ConfigurationError, match=word) as refused:
        SkinsBackClient(**options)
    assert "kept" not in str(refused.value)


# Secrets


def everything_about(error):
    """What an error report may show: the message, its attributes, causes and contexts, all local variables."""
    seen = [repr(error), str(error), repr(vars(error)), repr(error.args)]
    seen += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    if error.__cause__ or error.__context__:
        seen += everything_about(error.__cause__ or error.__context__)
    return "\n".join(map(str, seen))


FAILURES = {**NO_ANSWERS, "error": sample("rate_limited"), "wrong success": SUCCESS}


@pytest.mark.parametrize("authentication", ["headers", "signature"])
@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_no_failure_shows_secret_signature_or_token(answer, authentication, client_of, caplog):
    caplog.set_level(logging.DEBUG)
    with Server(answer) as server, pytest.raises(SkinsBackError) as raised:
        CALLS["market_buy"][0](client_of(server, authentication=authentication))
    frames = everything_about(raised.value)
    # The frame of the test contains its constants only by name.
    assert SECRET not in frames
    assert TOKEN not in frames
    assert not re.search(r"\bsign['\"=]", frames)
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("authentication", ["headers", "signature"])
def test_a_request_that_was_not_sent_shows_no_secret(authentication, client_of):
    with pytest.raises(RequestNotSent) as raised:
        CALLS["market_buy"][0](client_of(f"http://{closed_port()}/", authentication=authentication))
    frames = everything_about(raised.value)
    assert SECRET not in frames
    assert TOKEN not in frames


def test_the_client_does_not_show_its_secret(client_of):
    client = client_of("https://skinsback.com/api.php")
    assert SECRET not in repr(client)
    assert SECRET not in repr(vars(client))
    assert CLIENT_ID in repr(client)
