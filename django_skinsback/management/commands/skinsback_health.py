from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from ...flows.monitoring.balance import days_left_text
from ...flows.monitoring.health import AccountHealth, Health, HealthStatus, health
from ...money import amount_text
from ..command import NEEDS_PERSON, NOT_DONE, SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Print the health of this site for monitoring: ok, degraded or failing, and each reason. Reasons are overdue "
        "rows, rows that need review, and a balance that will not last long. Without --probe, SkinsBack is not called, "
        "so a monitoring system may run this command every few seconds. To check a new installation, use "
        "skinsback_check."
    )
    examples = (
        ("", "the health, from the database and the cache"),
        ("--probe", "also call SkinsBack, once for each account"),
        ("--json", "one line of JSON with all figures"),
    )
    exit_codes = {
        NEEDS_PERSON: "degraded: the site works, but a person must look at something today",
        NOT_DONE: "failing: due rows are not polled, or SkinsBack does not answer",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--probe", action="store_true", help="call SkinsBack, once for each account")

    def work(self, *_args: Any, account: str | None, probe: bool, **_options: Any) -> int | None:
        found = health(account, probe=probe)
        self.tell("\n".join(self._lines(found)), **found.as_dict())
        return {HealthStatus.DEGRADED: NEEDS_PERSON, HealthStatus.FAILING: NOT_DONE}.get(found.status)

    def _lines(self, found: Health) -> list[str]:
        style = {
            HealthStatus.OK: self.style.SUCCESS,
            HealthStatus.DEGRADED: self.style.WARNING,
            HealthStatus.FAILING: self.style.ERROR,
        }
        lines = [style[found.status](found.status)]
        lines += [style[reason.status](f"  {reason.status}: {reason.text}") for reason in found.reasons]
        lines.append(f"  last delivery: {_time_text(found.last_delivery_at) or 'none yet'}")
        return lines + [f"  {account.account}: {_account_text(account)}" for account in found.accounts]


def _account_text(account: AccountHealth) -> str:
    parts = []
    if account.answers is not None:
        parts.append("SkinsBack answers" if account.answers else "SkinsBack does not answer")
    if account.balance is None:
        parts.append("no balance known yet")
    else:
        parts += [
            f"{amount_text(account.balance)} USD on {_time_text(account.balance_at)}",
            days_left_text(account.days_left),
        ]
    return ", ".join(filter(None, parts))


def _time_text(time: datetime | None) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else ""
