from typing import Any

from django.core.management.base import CommandParser

from ... import conf
from ...exceptions import SkinsBackError
from ...flows.market.prices import sync_prices
from ...steam import GAMES
from ..command import NOT_DONE, SkinsBackCommand, advised


class Command(SkinsBackCommand):
    help = (
        "Import SkinsBack's price list, so that your shop can show the skins that it can buy. New and changed rows are "
        "written. A skin that is not in the list any more is marked as not available. It is not deleted. The Celery "
        "schedule runs this every hour."
    )
    examples = (
        ("", "the price lists of all games"),
        ("--game cs2", "only the price list of Counter-Strike 2"),
        ("--json", "print one line of JSON with the counts for each game"),
    )
    exit_codes = {NOT_DONE: "at least one price list was not imported; the messages say why"}
    default_account = conf.DEFAULT_ACCOUNT

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--game", choices=list(GAMES), help="only this game (default: all)")

    def work(self, account: str, game: str | None, **_options: Any) -> int | None:
        games = [game] if game else list(GAMES)
        failures = []
        for code in games:
            try:
                with self.progress.bar(code) as on_progress:
                    counts = sync_prices(account, code, on_progress=on_progress)
            except SkinsBackError as error:
                failures.append(error)
                if len(failures) == len(games):
                    raise
                self.warn(f"{code}: {advised(error)}")
            else:
                text = f"{code}: {counts.items} names, {counts.written} written, {counts.gone} gone"
                self.tell(text, game=code, names=counts.items, written=counts.written, gone=counts.gone)
        return NOT_DONE if failures else None
