from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import conf
from ...exceptions import SkinsBackError
from ...flows.prices import sync_prices
from ...steam import GAMES


class Command(BaseCommand):
    help = "Take over the market's price list, so that your shop can show what it may buy."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", default=conf.DEFAULT_ACCOUNT, help="whose price list (default: %(default)s)")
        parser.add_argument("--game", choices=list(GAMES), help="only this game (default: all)")

    def handle(self, *_args: Any, account: str, game: str | None, **_options: Any) -> None:
        for code in [game] if game else GAMES:
            try:
                synced = sync_prices(account, code)
            except SkinsBackError as error:
                raise CommandError(f"{code}: {error}. Run skinsback_check to see what to do.") from error
            self.stdout.write(f"{code}: {synced.items} names, {synced.written} written, {synced.gone} gone")
