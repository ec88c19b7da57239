from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from ...flows.monitoring.balance import lasting
from ...flows.monitoring.health import AccountHealth, Health, Verdict, health
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
        return {Verdict.DEGRADED: NEEDS_PERSON, Verdict.FAILING: NOT_DONE}.get(found.verdict)

    def _lines(self, found: Health) -> list[str]:
        style = {
            Verdict.OK: self.style.SUCCESS,
            Verdict.DEGRADED: self.style.WARNING,
            Verdict.FAILING: self.style.ERROR,
        }
        lines = [style[found.verdict](found.verdict)]
        lines += [style[reason.verdict](f"  {reason.verdict}: {reason.text}") for reason in found.reasons]
        lines.append(f"  last delivery: {_moment(found.last_delivery_at) or 'none yet'}")
        return lines + [f"  {account.account}: {_words(account)}" for account in found.accounts]


def _words(account: AccountHealth) -> str:
    said = (
        ["SkinsBack answers" if account.answers else "SkinsBack does not answer"] if account.answers is not None else []
    )
    if account.balance is None:
        said.append("no balance known yet")
    else:
        said += [f"{amount_text(account.balance)} USD on {_moment(account.balance_at)}", lasting(account.days_left)]
    return ", ".join(filter(None, said))


def _moment(time: datetime | None) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else ""
