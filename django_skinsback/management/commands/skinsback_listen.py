from typing import Any

from ...flows.ledger.record import Outcome
from ...flows.websocket import GRACE_SECONDS, News, listen
from ...models.fields import utc_now
from ...money import amount_text
from ...realtime import State
from ..command import NOT_DONE, SkinsBackCommand
from ..output import stop_signals

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
        with stop_signals(grace_seconds=GRACE_SECONDS) as stopped:
            try:
                return None if listen(self.accounts, self._tell_news, stopped=stopped) else NOT_DONE
            except KeyboardInterrupt:  # what was cut off is asked for by the sweep
                if not stopped():
                    raise
        return None

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
