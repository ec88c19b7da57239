from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from ...flows.monitoring.balance import days_left_text
from ...flows.monitoring.health import AccountHealth, Health, HealthStatus, health
from ...money import amount_text
from ..command import NEEDS_PERSON, NOT_DONE, SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Say whether this site keeps up with SkinsBack: whether work is overdue, what waits for a person, how long the "
        "balance lasts. For monitors, as often as they like: without --probe it calls nobody. "
        "To find out what is missing in a new installation, use skinsback_check."
    )
    examples = (
        ("", "how it stands, from what is in the database"),
        ("--probe", "ask SkinsBack too whether it answers, one call for each account"),
        ("--json", "one line with everything, for a monitor"),
    )
    exit_codes = {
        NEEDS_PERSON: "degraded: it works, but needs a person today",
        NOT_DONE: "failing: it does not do its work",
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
        lines.append(f"  last delivery: {_moment(found.last_delivery_at) or 'none yet'}")
        return lines + [f"  {account.account}: {_words(account)}" for account in found.accounts]


def _words(account: AccountHealth) -> str:
    said = (
        ["SkinsBack answers" if account.answers else "SkinsBack does not answer"] if account.answers is not None else []
    )
    if account.balance is None:
        said.append("no balance known yet")
    else:
        said += [
            f"{amount_text(account.balance)} USD on {_moment(account.balance_at)}",
            days_left_text(account.days_left),
        ]
    return ", ".join(filter(None, said))


def _moment(time: datetime | None) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else ""
