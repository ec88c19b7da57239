from typing import Any

from django.core.management.base import CommandParser

from ... import conf
from ...exceptions import SkinsBackError
from ...flows.market.prices import sync_prices
from ...steam import GAMES
from ..command import NOT_DONE, SkinsBackCommand, advised


class Command(SkinsBackCommand):
    help = (
        "Take over the market's price list, so that your shop can show what it may buy. Writes what is new or has "
        "changed; a skin that is not listed any more stays and is marked as not available. Run it as often as your "
        "prices should be fresh; the Celery schedule does it every hour."
    )
    examples = (
        ("", "the price lists of all games"),
        ("--game cs2", "that of Counter-Strike 2 alone"),
        ("--json", "one line of JSON for each game, for a program that reads the counts"),
    )
    exit_codes = {NOT_DONE: "some price lists, or all, were not taken over; the messages say why"}
    default_account = conf.DEFAULT_ACCOUNT

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--game", choices=list(GAMES), help="only this game (default: all)")

    def work(self, account: str, game: str | None, **_options: Any) -> int | None:
        games = [game] if game else list(GAMES)
        failures = []
        for code in games:
            try:
                with self.progress.bar(code) as written:
                    synced = sync_prices(account, code, report=written)
            except SkinsBackError as error:
                failures.append(error)
                if len(failures) == len(games):
                    raise
                self.warn(f"{code}: {advised(error)}")
            else:
                text = f"{code}: {synced.items} names, {synced.written} written, {synced.gone} gone"
                self.tell(text, game=code, names=synced.items, written=synced.written, gone=synced.gone)
        return NOT_DONE if failures else None
