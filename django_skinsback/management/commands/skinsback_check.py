"""Check the points of docs/going-live.md. The result of each check is one line: ok, TODO, or not known."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import requests
from django.core import checks
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from ... import conf
from ...client.transport import open_session
from ...connection import get_client
from ...exceptions import AccountFault, ConfigurationError, RateLimited, SkinsBackError
from ...flows.addresses import webhook_url
from ...flows.ledger.database import database
from ...flows.monitoring.balance import snapshot_balance
from ...flows.monitoring.health import FAILING_AFTER, health
from ...flows.monitoring.sweeps import is_shared, last_sweep
from ...models import BalanceSnapshot, WebhookEvent
from ...models.fields import utc_now
from ...money import amount_text
from ...ratelimit import foreground
from ..command import NEEDS_PERSON, SkinsBackCommand, described

_PROBE_TIMEOUT_SECONDS = 5

_ADVICE = {
    -2: "CLIENT_ID is not known to SkinsBack: copy it again from your project's settings.",
    -3: "CLIENT_SECRET is not the project's: copy it again from your project's settings.",
    -4: "The project is not active: finish its activation at SkinsBack.",
    -8: "Add this server's IP address to the project's addresses in its settings at SkinsBack.",
    -10: "CLIENT_SECRET is not the project's: copy it again from your project's settings.",
}


class Line(NamedTuple):
    """One line of the result. ``ok`` is True, False, or None if it is not known.

    ``text`` says what was found. If ``ok`` is False, ``text`` says what to do.
    """

    what: str
    ok: bool | None
    text: str


class Command(SkinsBackCommand):
    help = (
        "Check that this site can take deposits and buy skins. Each line begins with ok, with TODO and what to do, or "
        "with ?? if the result is not known. This command calls SkinsBack, and sends a test request to this site's own "
        "webhook URLs. Run it after installing and after each change. For monitoring, use skinsback_health."
    )
    examples = (
        ("", "check everything"),
        ("--account second", "check only this account"),
    )
    exit_codes = {NEEDS_PERSON: "at least one line is marked TODO"}
    requires_system_checks = []

    def selected_accounts(self, account: str | None) -> tuple[str, ...]:
        """Check the settings and the database first. If a check finds a problem, return no accounts.

        Otherwise return the aliases of the accounts that ``--account`` selects.
        """
        self._lines = [*_configuration(), *_database()]
        return super().selected_accounts(account) if all(line.ok for line in self._lines) else ()

    def work(self, *_args: Any, account: str | None, **_options: Any) -> int | None:
        lines = list(self._lines)
        for alias in self.accounts:
            lines += _account(alias)
        if self.accounts:
            lines += _work(account)
        marks = {True: self.style.SUCCESS("ok  "), None: self.style.WARNING("??  "), False: self.style.ERROR("TODO")}
        for line in lines:
            self.tell(f"{marks[line.ok]} {line.what}: {line.text}", **line._asdict())
        return NEEDS_PERSON if any(line.ok is False for line in lines) else None


def _configuration() -> Iterator[Line]:
    ours = [
        message for message in checks.run_checks(databases=[database()]) if (message.id or "").startswith("skinsback.")
    ]
    found = [message for message in ours if not message.is_silenced()]
    for message in found:
        yield Line(f"configuration ({message.id})", ok=False, text=f"{message.msg} {message.hint or ''}".strip())
    unusable = [] if found else list(_unusable_accounts())
    yield from unusable
    if not found and not unusable:
        yield Line("configuration", ok=True, text="the settings are complete")


def _unusable_accounts() -> Iterator[Line]:
    """Yield a line for each account whose client cannot be created.

    This is checked in addition to the system checks, because a system check can be silenced or can miss the cause.
    """
    for alias in conf.accounts():
        try:
            get_client(alias)
        except ConfigurationError as error:
            yield Line(f"configuration ({alias})", ok=False, text=str(error))


def _database() -> Iterator[Line]:
    """Yield a line if the database does not answer or if migrations are not applied. Otherwise yield nothing."""
    try:
        executor = MigrationExecutor(connections[database()])
        ours = [node for node in executor.loader.graph.leaf_nodes() if node[0] == WebhookEvent._meta.app_label]
        missing = len(executor.migration_plan(ours))
    except DatabaseError as error:
        yield Line(
            "database",
            ok=False,
            text=f"the database does not answer ({described(error)}): start it, or correct DATABASES",
        )
        return
    if missing:
        text = f"{missing} migrations are not applied yet: run manage.py migrate"
        yield Line("database", ok=False, text=text)


def _account(alias: str) -> Iterator[Line]:
    snapshot: BalanceSnapshot | None = None
    try:
        with foreground():
            snapshot = snapshot_balance(alias)
    except ConfigurationError as error:
        yield Line(f"{alias}: credentials", ok=False, text=str(error))
        return
    except AccountFault as error:
        yield Line(f"{alias}: reachable", ok=True, text=conf.api_url())
        yield Line(f"{alias}: credentials", ok=False, text=_ADVICE.get(error.code, str(error)))
    except RateLimited:
        yield Line(f"{alias}: reachable", ok=False, text="the limit of requests was reached: try again in a minute")
    except SkinsBackError as error:
        yield Line(f"{alias}: reachable", ok=False, text=f"{conf.api_url()} gives no answer: {error}")
    if snapshot is not None:
        yield Line(f"{alias}: reachable", ok=True, text=conf.api_url())
        yield Line(f"{alias}: credentials", ok=True, text="accepted")
        yield _balance(alias, snapshot)
    for name, setting in (("result", "Result URL"), ("events", "Webhook Events URL")):
        yield _callback(alias, name, setting)


def _balance(alias: str, snapshot: BalanceSnapshot) -> Line:
    text, limit = f"{amount_text(snapshot.balance)} USD", conf.low_balance()
    if limit is None or snapshot.balance >= limit:
        return Line(f"{alias}: balance", ok=True, text=text)
    text = f"{text} is below LOW_BALANCE ({amount_text(limit)}): top it up at SkinsBack"
    return Line(f"{alias}: balance", ok=False, text=text)


def _callback(alias: str, name: str, setting: str) -> Line:
    """Send an unsigned message to the site's own webhook URL and return the line about the answer.

    The line is ok if this package refused the message. A refusal by a proxy in front of the site is not ok.
    """
    what = f"{alias}: {setting}"
    try:
        url = webhook_url(name, alias)
    except ConfigurationError as error:
        return Line(what, ok=False, text=str(error))
    if url is None:
        return Line(
            what,
            ok=False,
            text="set SKINSBACK['SITE_URL'] to 'https://your.site', so that the URL is known",
        )
    try:
        with open_session(url, conf.proxy_url()) as session:
            answer = session.post(
                url,
                data=b"{}",
                headers={"Content-Type": "application/json"},
                timeout=_PROBE_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
    except requests.RequestException as error:
        return Line(what, ok=False, text=f"{url} cannot be reached from here ({type(error).__name__}): start the site")
    if answer.status_code in {400, 403} and '"refused"' in answer.text:
        return Line(what, ok=True, text=f"{url} answers; enter it in the project's settings at SkinsBack")
    hint = "check the proxy in front of the site, and its URLconf"
    return Line(
        what,
        ok=False,
        text=f"{url} answered {answer.status_code} instead of refusing an unsigned message: {hint}",
    )


def _work(account: str | None) -> Iterator[Line]:
    """Yield the lines about the worker, deliveries, review and discrepancies, with the reasons of ``health``."""
    problems = {reason.code: reason.text for reason in health(account).reasons}
    unapplied = WebhookEvent.objects.filter(processed_at=None, **({"account": account} if account else {})).count()
    if unapplied:
        problems["deliveries"] = f"{unapplied} not applied yet: see the deliveries in the admin"
    yield _worker(problems.get("overdue"))
    for what, code, ok_text in (
        ("deliveries", "deliveries", "all applied"),
        ("review", "review", "no row needs review"),
        ("discrepancies", "discrepancies", "none is open"),
    ):
        yield Line(what, ok=code not in problems, text=problems.get(code, ok_text))


def _worker(overdue: str | None) -> Line:
    """Return the line that says whether a worker polls due rows.

    ``ok`` is None if the cache contains no time of a sweep and processes do not share the cache. Then a worker may run
    in another process, and this process cannot know it.
    """
    what, start = "worker and beat", "start a Celery worker with beat, or skinsback_poll --forever"
    if overdue is not None:
        return Line(what, ok=False, text=overdue)
    last = last_sweep()
    if last is not None:
        at = f"{last:%Y-%m-%d %H:%M:%S} UTC"
        if utc_now() - last <= FAILING_AFTER:
            return Line(what, ok=True, text=f"nothing is overdue; due rows were last looked for at {at}")
        return Line(what, ok=False, text=f"due rows were last looked for at {at}: {start}")
    if is_shared():
        return Line(what, ok=False, text=f"no process has looked for due rows yet: {start}")
    text = f"not known, because processes do not share the cache {conf.get('CACHE')!r}. If none runs: {start}"
    return Line(what, ok=None, text=text)
