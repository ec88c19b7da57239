"""The values that pages and REST show: a status with its steps, and the codes of what a player can do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REFRESH_FAST, REFRESH_SLOW = 2, 60
"""Seconds until a page asks for the status again: for statuses that change quickly, and for holds, which last days."""


class Tone(StrEnum):
    """How a status looks: the player waits, must act, is done, or the row has failed."""

    WAIT = "wait"
    ACT = "act"
    GOOD = "good"
    BAD = "bad"


class NextStep(StrEnum):
    """What the player can do next. A page shows a link or a button for each code. The codes do not change."""

    OPEN_PAY_PAGE = "open_pay_page"
    ACCEPT_TRADE = "accept_trade"
    ENTER_TRADE_URL = "enter_trade_url"
    WAIT = "wait"
    SEE_NEW_PRICE = "see_new_price"
    CHOOSE_ANOTHER = "choose_another"
    DEPOSIT = "deposit"
    CONTACT_SUPPORT = "contact_support"
    TRY_AGAIN = "try_again"
    NONE = "none"


NEXT_TEXTS: dict[str, Promise] = {
    NextStep.OPEN_PAY_PAGE: _("Open the pay page"),
    NextStep.ACCEPT_TRADE: _("Open the trade offer on Steam"),
    NextStep.ENTER_TRADE_URL: _("Enter your trade URL"),
    NextStep.WAIT: _("You do not have to do anything"),
    NextStep.SEE_NEW_PRICE: _("See the new price"),
    NextStep.CHOOSE_ANOTHER: _("Choose another skin"),
    NextStep.DEPOSIT: _("Deposit skins"),
    NextStep.CONTACT_SUPPORT: _("Contact the support of this site"),
    NextStep.TRY_AGAIN: _("Try again"),
}
"""Code of the next step -> text of the link or button. ``none`` has no text."""


def next_text(step: NextStep) -> str:
    """Return the text of the link or button for a next step in the active language; empty for ``none``."""
    return str(NEXT_TEXTS.get(step, ""))


class StepState(StrEnum):
    """Whether a step is behind the player, is the current one, has failed, or comes later."""

    DONE = "done"
    NOW = "now"
    FAILED = "failed"
    TODO = "todo"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the progress bar."""

    label: str
    state: StepState


@dataclass(frozen=True, slots=True)
class StatusText:
    """What a page shows about one deposit or purchase. All texts are in the language that was active.

    ``tone`` selects the colour. ``next_step`` is a code, and ``next_text`` is the text of its link or button, empty if
    there is none. ``steps`` are the steps of the progress bar. ``notes`` are further sentences, such as the end of a
    hold or a refund. ``refresh_seconds`` is the time until a page asks again; None if nothing will change.
    """

    tone: Tone
    title: str
    text: str
    next_step: NextStep
    next_text: str
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    refresh_seconds: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether a page must ask for the status again."""
        return self.refresh_seconds is not None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the tables of texts. ``step`` is the number of steps that are done."""

    tone: Tone
    title: str | Promise
    text: str | Promise
    step: int
    next_step: NextStep = NextStep.NONE
    refresh_seconds: int | None = None


def status_text(
    entry: Entry,
    labels: Sequence[str | Promise],
    *,
    text: str = "",
    next_step: NextStep | None = None,
    notes: Sequence[str] = (),
) -> StatusText:
    """Return the entry in the active language. ``text`` and ``next_step`` replace those of the entry if given."""
    step = entry.next_step if next_step is None else next_step
    return StatusText(
        tone=entry.tone,
        title=str(entry.title),
        text=text or str(entry.text),
        next_step=step,
        next_text=next_text(step),
        steps=_steps(labels, entry),
        notes=tuple(notes),
        refresh_seconds=entry.refresh_seconds,
    )


def _steps(labels: Sequence[str | Promise], entry: Entry) -> tuple[Step, ...]:
    """Return the steps with their states: those before the current step are done, those after it are to do."""
    current = StepState.FAILED if entry.tone is Tone.BAD else StepState.NOW
    states = [StepState.DONE] * entry.step + [current] + [StepState.TODO] * len(labels)
    return tuple(Step(str(label), state) for label, state in zip(labels, states, strict=False))
