"""What happened to one deposit or purchase, in words for its user."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from django_skinsback.models import Deposit, Purchase
from django_skinsback.schedule import hold_until
from django_skinsback.statuses import CANCELLED, PURCHASE_FAILURES, DepositStatus, EntryKind, PurchaseStatus

from . import error_texts, status_texts
from .status_texts import DEPOSIT_CHAPTERS, PURCHASE_CHAPTERS, Chapter, Tone

HELD = frozenset({DepositStatus.IN_HOLD, DepositStatus.HOLD_APPROVED})

DELAYED_AFTER = timedelta(seconds=10)
"""An order is sent within a second or two; one that waits longer has met a market that does not answer."""


@dataclass(frozen=True, slots=True)
class Step:
    label: str | Promise
    state: str


@dataclass(frozen=True, slots=True)
class Story:
    """A chapter told of one row, with what only this row knows."""

    chapter: Chapter
    steps: list[Step]
    notes: list[str]
    reason: str = ""

    @property
    def text(self) -> str:
        """The reason where there is one: it says more than the status."""
        return self.reason or str(self.chapter.text)

    @property
    def moving(self) -> bool:
        return self.chapter.refresh_seconds is not None


def deposit_chapter(deposit: Deposit) -> Chapter:
    """What happened to a deposit: its status, and what its ledger entries say about the user's money."""
    kinds = {entry.kind for entry in deposit.entries.all()}
    status = deposit.status
    if EntryKind.REVERSAL in kinds:
        return (
            DEPOSIT_CHAPTERS[status] if status == DepositStatus.HOLD_RETURNED else status_texts.DEPOSIT_REVERSED_BY_US
        )
    calls_for_credit = status in {DepositStatus.SUCCESS, DepositStatus.HOLD_APPROVED}
    if EntryKind.CREDIT in kinds:
        return DEPOSIT_CHAPTERS[status] if calls_for_credit else status_texts.DEPOSIT_CREDITED_BY_US
    if calls_for_credit:
        return status_texts.DEPOSIT_NOT_CREDITED
    if status == DepositStatus.HOLD_RETURNED or (status == DepositStatus.FAIL and was_held(deposit)):
        return status_texts.DEPOSIT_RETURNED_UNCREDITED
    if status == DepositStatus.ABANDONED and not deposit.pay_url:
        return status_texts.DEPOSIT_NEVER_OPENED
    return DEPOSIT_CHAPTERS[status]


def was_held(deposit: Deposit) -> bool:
    """Whether Steam Trade Protection ever held it."""
    return any(change.to_status in HELD for change in deposit.changes.all())


def deposit_story(deposit: Deposit) -> Story:
    chapter = deposit_chapter(deposit)
    notes = []
    if deposit.needs_review:
        notes.append(_("Our team is looking at this deposit."))
    return Story(
        chapter,
        _steps(status_texts.HELD_DEPOSIT_STEPS if was_held(deposit) else status_texts.DEPOSIT_STEPS, chapter),
        notes,
    )


def purchase_chapter(purchase: Purchase) -> Chapter:
    """What happened to a purchase: its status, and what the user should know beyond it."""
    if purchase.status == PurchaseStatus.REFUSED and purchase.error_message == CANCELLED:
        return status_texts.PURCHASE_CANCELLED
    waits = timezone.now() - purchase.created_at
    if purchase.status == PurchaseStatus.REQUESTED and (purchase.poll_count or waits > DELAYED_AFTER):
        return status_texts.PURCHASE_DELAYED
    return PURCHASE_CHAPTERS[purchase.status]


def purchase_story(purchase: Purchase, *, refunded: bool) -> Story:
    """``refunded``: whether the user has his money back."""
    chapter = purchase_chapter(purchase)
    notes = _hold_notes(purchase)
    if refunded:
        notes.append(_("Your money is back in your wallet."))
    if purchase.needs_review:
        notes.append(_("Our team is looking at this order."))
    reason = ""
    if purchase.status in PURCHASE_FAILURES:
        reason = error_texts.why(purchase.error_message, purchase.error_reason)
    return Story(chapter, _steps(status_texts.PURCHASE_STEPS, chapter), notes, reason)


def _hold_notes(purchase: Purchase) -> list[str]:
    """Until when an accepted skin can be taken back; SkinsBack does not always name the end."""
    if purchase.status != PurchaseStatus.ACCEPTED:
        return []
    now = timezone.now()
    until = hold_until(purchase.game, purchase.in_hold, purchase.in_hold_until, purchase.accepted_at or now)
    if until is None or until <= now:
        return []
    values = {"date": date_format(timezone.localtime(until), "DATE_FORMAT")}
    if purchase.in_hold_until is not None:
        return [_("Steam Trade Protection: until %(date)s the trade can be taken back.") % values]
    return [_("Steam Trade Protection lasts 8 days: until about %(date)s the trade can be taken back.") % values]


def _steps(labels: list[str], chapter: Chapter) -> list[Step]:
    """Steps before the chapter's are done; the one it stands at is being done, or is where it ended."""
    here = "failed" if chapter.tone is Tone.BAD else "now"
    states = ["done"] * chapter.step + [here] + ["todo"] * len(labels)
    return [Step(label, state) for label, state in zip(labels, states, strict=False)]
