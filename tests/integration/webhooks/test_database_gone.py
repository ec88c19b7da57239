"""The database fails while a delivery is applied: no 200 without a commit, and one credit when it is back."""

import select
import socket
import threading
from contextlib import ExitStack, suppress
from datetime import timedelta
from unittest import mock

import pytest
from django.db import OperationalError, connection

from django_skinsback.flows.webhooks.replay import apply_kept
from django_skinsback.models import LedgerEntry, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from tests.settings import DATABASE
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

STATEMENTS = {
    "before the first statement": "FROM {skinsback_deposit}",
    "when it is stored": "INSERT INTO {skinsback_webhookevent}",
    "when its deposit is written": "UPDATE {skinsback_deposit}",
    "when the entry is posted": "INSERT INTO {skinsback_ledgerentry}",
    "when the wallet is filled": "UPDATE {wallet_wallet}",
}
COMMIT, COMMITTED = "before the commit arrives", "after the commit, before its answer"
QUOTE = {"mariadb": "`"}.get(DATABASE, '"')


class Outage:
    """Breaks the connection once, at one point. With ``for_longer``, reconnecting fails until the outage ends."""

    def __init__(self, point: str, for_longer: bool):
        statement = STATEMENTS.get(point, "COMMIT")
        self.trigger = statement.replace("{", QUOTE).replace("}", QUOTE)
        self.commits_first = point == COMMITTED
        self.for_longer = for_longer
        self.struck = False

    @property
    def lasts(self) -> bool:
        return self.struck and self.for_longer

    def strikes(self, statement: str) -> bool:
        """Whether the outage begins with this statement of the site."""
        # The end is compared, because PyMySQL begins with "SET AUTOCOMMIT = 1"; PostgreSQL's statements end with NUL.
        commits = statement.rstrip("\0").endswith("COMMIT")
        found = not self.struck and (commits if self.trigger == "COMMIT" else self.trigger in statement)
        self.struck = self.struck or found
        return found


class Proxy:
    """A proxy between the site and a database server. It closes connections as the outage defines."""

    def __init__(self, outage: Outage, server: tuple[str, int]):
        self.outage, self.server = outage, server
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._hang_up(self._listener, *self._open)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                site, _ = self._listener.accept()
                if self.outage.lasts:
                    site.close()
                    continue
                database = socket.create_connection(self.server)
                self._open += [site, database]
                threading.Thread(target=self._carry, args=(site, database), daemon=True).start()

    def _carry(self, site: socket.socket, database: socket.socket) -> None:
        with suppress(OSError, ValueError):  # ValueError: select() was given a socket that __exit__ has closed
            while True:
                for ready in select.select([site, database], [], [])[0]:
                    data = ready.recv(1 << 20)
                    if not data:
                        return self._hang_up(site, database)
                    if ready is database:
                        site.sendall(data)
                    elif not self.outage.strikes(data.decode("latin-1")):
                        database.sendall(data)
                    else:
                        if self.outage.commits_first:
                            database.sendall(data)
                            database.recv(1 << 20)  # the answer that the site never sees
                        return self._hang_up(site, database)

    @staticmethod
    def _hang_up(*sockets: socket.socket) -> None:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def through_proxy(stack: ExitStack, outage: Outage) -> None:
    """Send the site's connection through a proxy. Open connections are closed before and after."""
    settings = connection.settings_dict
    proxy = stack.enter_context(Proxy(outage, (settings["HOST"], int(settings["PORT"]))))
    connection.close()
    options = {**settings["OPTIONS"], **({"sslmode": "disable"} if DATABASE == "postgresql" else {})}
    stack.enter_context(mock.patch.dict(settings, HOST="127.0.0.1", PORT=proxy.port, OPTIONS=options))


def with_failing_statements(stack: ExitStack, outage: Outage) -> None:
    """The outage on SQLite, which has no network connection: statements and commits fail."""
    commit = connection.commit

    def execute(execute, sql, params, many, context):
        if outage.lasts or outage.strikes(sql):
            raise OperationalError("disk I/O error")
        return execute(sql, params, many, context)

    def commit_or_fail():
        if outage.lasts:
            raise OperationalError("disk I/O error")
        if outage.strikes("COMMIT"):
            if outage.commits_first:
                commit()
            raise OperationalError("disk I/O error")
        commit()

    stack.enter_context(connection.execute_wrapper(execute))
    stack.enter_context(mock.patch.object(connection, "commit", commit_or_fail))


@pytest.fixture
def wallet(user):
    return Wallet.objects.create(user=user)


@pytest.fixture
def deposit(user, wallet):
    return make_deposit(user=user)


def deliver_during(outage, client, message):
    """Deliver during the outage, end the outage, and return the status code."""
    with ExitStack() as stack:
        (with_failing_statements if DATABASE == "sqlite" else through_proxy)(stack, outage)
        status = post_notification(client, message).status_code
        connection.close()
    assert outage.struck
    return status


@pytest.mark.parametrize("for_longer", [False, True], ids=["for a moment", "for longer"])
@pytest.mark.parametrize("point", [*STATEMENTS, COMMIT, COMMITTED])
@pytest.mark.parametrize("redelivered_first", [True, False], ids=["redelivered", "swept"])
def test_the_user_is_credited_once_if_the_database_fails_during_a_delivery(
    client, deposit, wallet, point, for_longer, redelivered_first
):
    message = signed_notification(deposit)

    assert deliver_during(Outage(point, for_longer), client, message) == 500

    assert LedgerEntry.objects.count() == (1 if point == COMMITTED else 0)
    stored = WebhookEvent.objects.count()
    later = utc_now() + timedelta(hours=1)
    if not redelivered_first:
        apply_kept(later)
        assert LedgerEntry.objects.count() == (1 if stored else 0)
    assert post_notification(client, message).status_code == 200
    assert apply_kept(later) == 0

    deposit.refresh_from_db()
    wallet.refresh_from_db()
    assert deposit.status == "success"
    assert [entry.amount for entry in LedgerEntry.objects.all()] == [wallet.balance]
    assert deposit.changes.filter(to_status="success").count() == 1
    event = WebhookEvent.objects.get()
    assert event.processed_at is not None
    assert event.error == ""


@pytest.mark.parametrize("point", [*list(STATEMENTS)[1:], COMMIT])
def test_a_delivery_that_a_short_outage_rolled_back_is_stored_as_failed(client, deposit, point):
    assert deliver_during(Outage(point, for_longer=False), client, signed_notification(deposit)) == 500

    event = WebhookEvent.objects.get()
    assert (event.outcome, event.error, event.processed_at) == ("failed", "OperationalError", None)


@pytest.mark.parametrize("for_longer", [False, True], ids=["for a moment", "for longer"])
def test_a_delivery_stays_applied_if_the_database_fails_right_after_the_commit(client, deposit, for_longer):
    deliver_during(Outage(COMMITTED, for_longer), client, signed_notification(deposit))

    event = WebhookEvent.objects.get()
    assert (event.outcome, event.error, event.deposit) == ("applied", "", deposit)
    assert event.processed_at is not None


def test_a_delivery_without_a_database_is_answered_500_and_its_redelivery_is_credited_once(client, deposit):
    message = signed_notification(deposit)
    outage = Outage(COMMIT, for_longer=True)
    outage.struck = True

    assert deliver_during(outage, client, message) == 500
    assert not WebhookEvent.objects.exists()
    assert post_notification(client, message).status_code == 200
    assert LedgerEntry.objects.count() == 1


def test_a_wrong_signature_is_answered_403_without_a_database(client, deposit):
    message = {**signed_notification(deposit), "sign": "0" * 40}
    outage = Outage(COMMIT, for_longer=True)
    outage.struck = True

    assert deliver_during(outage, client, message) == 403
