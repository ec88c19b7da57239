"""Walks the list of docs/going-live.md: each line is ok, or says what to do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import requests
from django.core import checks
from django.core.management.base import BaseCommand, CommandParser

from ... import conf
from ...exceptions import AccountFault, ConfigurationError, RateLimited, SkinsBackError
from ...flows.addresses import webhook_url
from ...flows.balance import snapshot_balance
from ...models import BalanceSnapshot, Deposit, Purchase, WebhookEvent
from ...models.fields import utc_now

_OVERDUE = timedelta(minutes=5)
_PROBE_TIMEOUT_SECONDS = 5

_ADVICE = {
    -2: "CLIENT_ID is not known to SkinsBack: copy it again from your project's settings.",
    -3: "CLIENT_SECRET is not the project's: copy it again from your project's settings.",
    -4: "The project is not active: finish its activation at SkinsBack.",
    -8: "Add this server's IP address to the project's addresses in its settings at SkinsBack.",
    -10: "CLIENT_SECRET is not the project's: copy it again from your project's settings.",
}


class Line(NamedTuple):
    """One thing looked at: what, whether it is in order, and what was found or is to be done."""

    what: str
    ok: bool
    text: str


class Command(BaseCommand):
    help = "Check that this site can take deposits and buy skins; each line is ok or says what to do."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="only this account of SKINSBACK (default: all)")

    def handle(self, *_args: Any, account: str | None, **_options: Any) -> None:
        lines = list(_configuration())
        if all(line.ok for line in lines):
            for alias in [account] if account else conf.accounts():
                lines += _account(alias)
            lines += _sweep()
        for line in lines:
            mark = self.style.SUCCESS("ok  ") if line.ok else self.style.ERROR("TODO")
            self.stdout.write(f"{mark} {line.what}: {line.text}")
        if not all(line.ok for line in lines):
            raise SystemExit(1)


def _configuration() -> Iterator[Line]:
    ours = [message for message in checks.run_checks() if (message.id or "").startswith("skinsback.")]
    found = [message for message in ours if not message.is_silenced()]
    for message in found:
        yield Line(f"configuration ({message.id})", ok=False, text=f"{message.msg} {message.hint or ''}".strip())
    if not found:
        yield Line("configuration", ok=True, text="the settings are complete")


def _account(alias: str) -> Iterator[Line]:
    try:
        snapshot: BalanceSnapshot | None = snapshot_balance(alias)
    except ConfigurationError as error:
        yield Line(f"{alias}: credentials", ok=False, text=str(error))
        return
    except AccountFault as error:
        yield Line(f"{alias}: reachable", ok=True, text=conf.api_url())
        yield Line(f"{alias}: credentials", ok=False, text=_ADVICE.get(error.code, str(error)))
        snapshot = None
    except RateLimited:
        yield Line(f"{alias}: reachable", ok=False, text="over the limit of requests; try again in a minute")
        snapshot = None
    except SkinsBackError as error:
        yield Line(f"{alias}: reachable", ok=False, text=f"{conf.api_url()} gives no answer: {error}")
        snapshot = None
    if snapshot is not None:
        yield Line(f"{alias}: reachable", ok=True, text=conf.api_url())
        yield Line(f"{alias}: credentials", ok=True, text="accepted")
        yield _balance(alias, snapshot)
    for name, setting in (("result", "Result URL"), ("events", "Webhook Events URL")):
        yield _callback(alias, name, setting)


def _balance(alias: str, snapshot: BalanceSnapshot) -> Line:
    text, limit = f"{snapshot.balance.normalize():f} USD", conf.low_balance()
    if limit is not None and snapshot.balance < limit:
        return Line(
            f"{alias}: balance",
            ok=False,
            text=f"{text} is below LOW_BALANCE ({limit}): top it up at SkinsBack",
        )
    return Line(f"{alias}: balance", ok=True, text=text)


def _callback(alias: str, name: str, setting: str) -> Line:
    """Knock at our own webhook address from outside: an unsigned message must be refused by us, not by a proxy."""
    what = f"{alias}: {setting}"
    try:
        url = webhook_url(name, alias)
    except ConfigurationError as error:
        return Line(what, ok=False, text=str(error))
    if url is None:
        return Line(what, ok=False, text="set SKINSBACK['SITE_URL'] to 'https://your.site', so that it can be told")
    try:
        answer = requests.post(
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
    hint = "is something in front of the site, or its URLconf, in the way?"
    return Line(
        what,
        ok=False,
        text=f"{url} answered {answer.status_code} instead of refusing an unsigned message: {hint}",
    )


def _sweep() -> Iterator[Line]:
    limit = utc_now() - _OVERDUE
    late = Purchase.objects.due(limit).count() + Deposit.objects.due(limit).count()
    if late:
        text = f"{late} rows are overdue: start a Celery worker with beat, or run skinsback_poll every minute"
        yield Line("worker and beat", ok=False, text=text)
    else:
        yield Line("worker and beat", ok=True, text="nothing is overdue")
    failed = WebhookEvent.objects.filter(processed_at=None).count()
    yield Line(
        "deliveries",
        ok=not failed,
        text=f"{failed} wait to be applied: look at them in the admin" if failed else "all applied",
    )
    review = Deposit.objects.to_review().count() + Purchase.objects.to_review().count()
    yield Line(
        "review",
        ok=not review,
        text=f"{review} rows wait for an operator in the admin" if review else "none waits",
    )
