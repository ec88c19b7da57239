"""What the page of one deposit or purchase shows about its progress: title, text, steps and notes."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from django_skinsback.models import Deposit, Purchase
from django_skinsback.statuses import CANCELLED, PURCHASE_FAILURES, DepositStatus, EntryKind, PurchaseStatus

from . import error_texts
from .status_texts import (
    DEPOSIT_CREDITED_BY_OPERATOR,
    DEPOSIT_NEVER_OPENED,
    DEPOSIT_NOT_CREDITED,
    DEPOSIT_RETURNED_UNCREDITED,
    DEPOSIT_REVERSED_BY_OPERATOR,
    DEPOSIT_STEPS,
    DEPOSIT_TEXTS,
    HELD_DEPOSIT_STEPS,
    PURCHASE_CANCELLED,
    PURCHASE_DELAYED,
    PURCHASE_STEPS,
    PURCHASE_TEXTS,
    StatusText,
    Tone,
)

HELD = frozenset({DepositStatus.IN_HOLD, DepositStatus.HOLD_APPROVED})

DELAYED_AFTER = timedelta(seconds=10)
"""A worker usually sends an order within two seconds. After this time the page says that the market does not answer."""

TRADE_PROTECTION = timedelta(days=8)
"""Maximum duration of Steam Trade Protection."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the progress bar. ``state`` is ``done``, ``now``, ``failed`` or ``todo``."""

    label: str | Promise
    state: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What the page of one deposit or purchase shows: the status, the steps, the notes, and the reason of a failure."""

    status: StatusText
    steps: list[Step]
    notes: list[str]
    reason: str = ""

    @property
    def text(self) -> str:
        """Return the reason of the failure. Return the text of the status if there is no reason."""
        return self.reason or str(self.status.text)

    @property
    def is_open(self) -> bool:
        """Return True if the page must ask for the status again."""
        return self.status.refresh_seconds is not None


def deposit_text(deposit: Deposit) -> StatusText:
    """Return title and text for a deposit. They depend on its status and on its ledger entries."""
    kinds = {entry.kind for entry in deposit.entries.all()}
    status = deposit.status
    if EntryKind.REVERSAL in kinds:
        return DEPOSIT_TEXTS[status] if status == DepositStatus.HOLD_RETURNED else DEPOSIT_REVERSED_BY_OPERATOR
    is_credited_status = status in {DepositStatus.SUCCESS, DepositStatus.HOLD_APPROVED}
    if EntryKind.CREDIT in kinds:
        return DEPOSIT_TEXTS[status] if is_credited_status else DEPOSIT_CREDITED_BY_OPERATOR
    if is_credited_status:
        return DEPOSIT_NOT_CREDITED
    if status == DepositStatus.HOLD_RETURNED or (status == DepositStatus.FAIL and was_held(deposit)):
        return DEPOSIT_RETURNED_UNCREDITED
    if status == DepositStatus.ABANDONED and not deposit.pay_url:
        return DEPOSIT_NEVER_OPENED
    return DEPOSIT_TEXTS[status]


def was_held(deposit: Deposit) -> bool:
    """Return True if the deposit is or was in hold under Steam Trade Protection."""
    return any(change.to_status in HELD for change in deposit.changes.all())


def deposit_progress(deposit: Deposit) -> Progress:
    """Return what the page of the deposit shows."""
    status = deposit_text(deposit)
    notes = []
    if deposit.needs_review:
        notes.append(_("Our team is looking at this deposit."))
    steps = HELD_DEPOSIT_STEPS if was_held(deposit) else DEPOSIT_STEPS
    return Progress(status, _steps(steps, status), notes)


def purchase_text(purchase: Purchase) -> StatusText:
    """Return title and text for a purchase. Delayed and cancelled orders have their own text."""
    if purchase.status == PurchaseStatus.REFUSED and purchase.error_message == CANCELLED:
        return PURCHASE_CANCELLED
    age = timezone.now() - purchase.created_at
    if purchase.status == PurchaseStatus.REQUESTED and (purchase.poll_count or age > DELAYED_AFTER):
        return PURCHASE_DELAYED
    return PURCHASE_TEXTS[purchase.status]


def purchase_progress(purchase: Purchase, *, refunded: bool) -> Progress:
    """Return what the page of the purchase shows. ``refunded`` is True if the user got the money back."""
    status = purchase_text(purchase)
    notes = _hold_notes(purchase)
    if refunded:
        notes.append(_("Your money is back in your wallet."))
    if purchase.needs_review:
        notes.append(_("Our team is looking at this order."))
    reason = ""
    if purchase.status in PURCHASE_FAILURES:
        reason = error_texts.error_text(purchase.error_message, purchase.error_reason)
    return Progress(status, _steps(PURCHASE_STEPS, status), notes, reason)


def _hold_notes(purchase: Purchase) -> list[str]:
    """Return a list with one note that says until when an accepted trade can be taken back, or [] if it cannot.

    The time is an estimate if SkinsBack did not report it.
    """
    if purchase.status != PurchaseStatus.ACCEPTED:
        return []
    now = timezone.now()
    is_protected = purchase.in_hold or (purchase.in_hold is None and purchase.game == "cs2")
    until = purchase.in_hold_until or (purchase.accepted_at or now) + TRADE_PROTECTION
    if until <= now or not (is_protected or purchase.in_hold_until):
        return []
    values = {"date": date_format(timezone.localtime(until), "DATE_FORMAT")}
    if purchase.in_hold_until is not None:
        return [_("Steam Trade Protection: until %(date)s the trade can be taken back.") % values]
    return [_("Steam Trade Protection lasts 8 days: until about %(date)s the trade can be taken back.") % values]


def _steps(labels: list[str], status: StatusText) -> list[Step]:
    """Return the steps with their states.

    Steps before the current step are done. The current step is failed if the status is a failure.
    """
    current = "failed" if status.tone is Tone.BAD else "now"
    states = ["done"] * status.step + [current] + ["todo"] * len(labels)
    return [Step(label, state) for label, state in zip(labels, states, strict=False)]
