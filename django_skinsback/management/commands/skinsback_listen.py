import asyncio
import signal
from contextlib import suppress
from typing import Any

from ...flows.listening import News, listen
from ...flows.records import Outcome
from ...models.fields import utc_now
from ...money import amount_text
from ...realtime import State
from ..command import NOT_DONE, SkinsBackCommand

SENTENCES = {
    State.CONNECTING: "connecting to {address}",
    State.CONNECTED: "connected; trades are followed as they happen",
    State.DISCONNECTED: "not connected ({reason}); next try in {pause_seconds} seconds",
    State.REFUSED: "SkinsBack refused the keys. Look at CLIENT_ID and CLIENT_SECRET, then start this again.",
    State.STOPPED: "stopped",
    "caught_up": "asked about {asked} purchases that were due or may have moved meanwhile; {changed} had",
    "catch_up_failed": "what was missed could not be asked for; the log says why, and the sweep asks later",
}


class Command(SkinsBackCommand):
    help = (
        "Listen to SkinsBack's events by websocket, so that trades are followed within a second. Runs until it is "
        "stopped, and connects again by itself. It needs no public address, and comes beside worker and beat (or "
        "skinsback_poll), not in their place: deposits are not told this way."
    )
    examples = (
        ("", "every account, until Ctrl-C"),
        ("--account second --json", "one account, a JSON object for each event and each change of the connection"),
    )
    exit_codes = {0: "it was stopped", NOT_DONE: "it could not run, or SkinsBack refused the keys of an account"}

    def work(self, *_args: Any, **_options: Any) -> int | None:
        return None if asyncio.run(self._listen()) else NOT_DONE

    async def _listen(self) -> bool:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await listen(self.accounts, self._tell_news, stop=stop)

    def _tell_news(self, news: News) -> None:
        now = utc_now().replace(microsecond=0)
        text = f"{now:%H:%M:%S}  {news.account}: {_sentence(news)}"
        if news.what == State.REFUSED and not self.as_json:
            self.warn(text)
        else:
            self.tell(text, time=now, account=news.account, state=news.what, **news.details)


def _sentence(news: News) -> str:
    details = news.details
    if news.what != "event":
        told = SENTENCES[news.what].format_map(details)
        stopped_by = details.get("stopped_by")
        return f"{told}; ended early by {stopped_by}" if stopped_by else told
    if "balance" in details:
        return f"the balance is {amount_text(details['balance'])} USD"
    about = f" purchase {details['custom_id']} is {details['status']}," if "custom_id" in details else ""
    return f"{details['event']}:{about} {Outcome(details['outcome']).label}"
