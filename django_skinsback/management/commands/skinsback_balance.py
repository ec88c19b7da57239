from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import conf
from ...exceptions import SkinsBackError
from ...flows.balance import snapshot_balance


class Command(BaseCommand):
    help = "Show the project's balance at SkinsBack in US dollars, and keep it as a snapshot."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="only this account of SKINSBACK (default: all)")

    def handle(self, *_args: Any, account: str | None, **_options: Any) -> None:
        for alias in [account] if account else conf.accounts():
            try:
                snapshot = snapshot_balance(alias)
            except SkinsBackError as error:
                raise CommandError(f"{alias}: {error}. Run skinsback_check to see what to do.") from error
            self.stdout.write(f"{alias}: {snapshot.balance.normalize():f} USD")
