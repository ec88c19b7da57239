from typing import Any

from ...flows.ledger.record import Outcome
from ...flows.websocket import GRACE_SECONDS, ListenerUpdate, listen
from ...models.fields import utc_now
from ...money import amount_text
from ...realtime import State
from ..command import NOT_DONE, SkinsBackCommand
from ..output import stop_signals

SENTENCES = {
    State.CONNECTING: "connecting to {address}",
    State.CONNECTED: "connected; events are recorded as they arrive",
    State.DISCONNECTED: "not connected ({reason}); next try in {pause_seconds} seconds",
    State.REFUSED: "SkinsBack refused the keys. Correct CLIENT_ID and CLIENT_SECRET, then start this command again.",
    State.STOPPED: "stopped",
    "caught_up": "polled {asked} purchases that were due or may have changed without an event; {changed} had changed",
    "catch_up_failed": "the purchases could not be polled; the log contains the error, and the sweep polls them later",
}


class Command(SkinsBackCommand):
    help = (
        "Receive SkinsBack's events by websocket, so that changes of purchases are recorded within a second. This "
        "command runs until you stop it, and reconnects automatically. The site needs no public address. Also run "
        "worker and beat, or skinsback_poll --forever: the websocket has no events about deposits."
    )
    examples = (
        ("", "every account, until Ctrl-C"),
        ("--account second --json", "one account, one JSON object for each event and each change of the connection"),
    )
    exit_codes = {
        0: "stopped by a signal",
        NOT_DONE: "the command could not run, or SkinsBack refused the keys of an account",
    }

    def work(self, *_args: Any, **_options: Any) -> int | None:
        with stop_signals(grace_seconds=GRACE_SECONDS) as stopped:
            try:
                return None if listen(self.accounts, self._print_update, stopped=stopped) else NOT_DONE
            except KeyboardInterrupt:  # purchases that were not polled here are polled by the sweep
                if not stopped():
                    raise
        return None

    def _print_update(self, update: ListenerUpdate) -> None:
        now = utc_now().replace(microsecond=0)
        text = f"{now:%H:%M:%S}  {update.account}: {_sentence(update)}"
        if update.kind == State.REFUSED and not self.as_json:
            self.warn(text)
        else:
            self.tell(text, time=now, account=update.account, state=update.kind, **update.details)


def _sentence(update: ListenerUpdate) -> str:
    details = update.details
    if update.kind != "event":
        text = SENTENCES[update.kind].format_map(details)
        stopped_by = details.get("stopped_by")
        return f"{text}; ended early by {stopped_by}" if stopped_by else text
    if "balance" in details:
        return f"the balance is {amount_text(details['balance'])} USD"
    about = f" purchase {details['custom_id']} is {details['status']}," if "custom_id" in details else ""
    return f"{details['event']}:{about} {Outcome(details['outcome']).label}"
