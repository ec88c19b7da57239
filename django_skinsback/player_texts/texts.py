"""The types of the values that the pages and the REST API show: StatusText, Step, Tone and NextStep."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REFRESH_FAST, REFRESH_SLOW = 2, 60
"""Seconds until a page reads the status again. Slow is for statuses that last for days, such as a hold."""


class Tone(StrEnum):
    """How a status looks: the player must wait, the player must act, the row is good, or the row has failed."""

    WAIT = "wait"
    ACT = "act"
    GOOD = "good"
    BAD = "bad"


class NextStep(StrEnum):
    """Codes of what the player can do next. A page shows a link or a button for most codes. The codes do not change."""

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
"""Code of the next step -> text of the link or button. The code ``none`` has no text."""


def next_text(step: NextStep) -> str:
    """Return the text of the link or button for a next step in the active language; empty for ``none``."""
    return str(NEXT_TEXTS.get(step, ""))


class StepState(StrEnum):
    """The state of a step: done, current, failed, or not reached yet."""

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
    """What a page shows about one deposit or purchase. The texts are already translated.

    ``tone`` selects the colour. ``next_step`` is a code. ``next_text`` is the text of the link or button for this code,
    or empty. ``steps`` are the steps of the progress bar. ``notes`` are further sentences, for example about a hold or
    a refund. A page reads the status again after ``refresh_seconds``. If ``refresh_seconds`` is None, no further change
    is expected.
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
    """The texts of one status, in a table such as DEPOSIT_TEXTS. ``step`` is the number of steps that are done."""

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
    """Return the texts of ``entry`` in the active language, with the steps that have these ``labels``.

    If ``text`` is not empty, it replaces the text of ``entry``. If ``next_step`` is not None, it replaces the next step
    of ``entry``.
    """
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
    """Return the steps. The first ``entry.step`` steps are done. The step after them is current or failed."""
    current = StepState.FAILED if entry.tone is Tone.BAD else StepState.NOW
    states = [StepState.DONE] * entry.step + [current] + [StepState.TODO] * len(labels)
    return tuple(Step(str(label), state) for label, state in zip(labels, states, strict=False))
