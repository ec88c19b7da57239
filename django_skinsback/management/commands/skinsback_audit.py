import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...flows.audit import audit


class Command(BaseCommand):
    help = (
        "Recompute from the history what the ledger should hold and compare it with what it holds, for every deposit "
        "and purchase. Changes nothing. Exit code 1 if anything differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="only this account of SKINSBACK (default: all)")
        parser.add_argument("--json", action="store_true", help="one JSON object for each difference")

    def handle(self, *_args: Any, account: str | None, json: bool, **_options: Any) -> None:
        differences = 0
        for difference in audit(account):
            differences += 1
            self.stdout.write(_as_json(difference.as_dict()) if json else self.style.ERROR(_as_text(difference)))
        if not json:
            self.stdout.write(f"{differences} differences" if differences else "The ledger is what the history says.")
        if differences:
            raise SystemExit(1)


def _as_json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _as_text(difference: Any) -> str:
    expected, found = (
        ", ".join(f"{kind} {amount}" for kind, amount in sums.items()) or "nothing"
        for sums in (difference.expected, difference.found)
    )
    return f"{difference.row} {difference.reference}: {difference.problem} (history: {expected}; ledger: {found})"
