"""What a report or a decision changes about one row: collected, and written once."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils.translation import gettext as _

from ..models import Deposit, LedgerEntry, Purchase, StatusChange, WebhookEvent
from ..models.fields import WORD_LENGTH
from ..signals import deposit_changed, entry_posted, purchase_changed, review_needed
from ..statuses import EntryKind
from .database import database

logger = logging.getLogger("django_skinsback")

Source = StatusChange.Source
Row = TypeVar("Row", Deposit, Purchase)

_TICK = timedelta(microseconds=1)


class Overtaken(Exception):
    """The row was changed between being read and being written; nothing of this was."""


@dataclass
class Edit(Generic[Row]):
    """Changes of one row, its history and its ledger entries: collected, and written once by ``save``.

    Every change moves the row's ``updated_at`` forward, by which ``save`` knows that it is still the row it was.
    """

    row: Row
    now: datetime
    source: StatusChange.Source
    event: WebhookEvent | None = None
    actor: Any = None
    locked: bool = True
    changed: dict[str, Any] = field(default_factory=dict)
    history: list[StatusChange] = field(default_factory=list)
    posted: list[LedgerEntry] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._as_read = {"updated_at": self.row.updated_at}
        self._owner_as_read = {"user_id": self.row.user_id}

    def set(self, **values: Any) -> None:
        """Take new values; what is equal already is not written."""
        for name, value in values.items():
            if getattr(self.row, name) != value:
                setattr(self.row, name, value)
                self.changed[name] = value

    def lines(self) -> QuerySet[StatusChange]:
        """The row's history as it is stored."""
        return StatusChange.objects.using(database()).filter(**_reference(self.row))

    def is_settled(self, reason: str = "") -> bool:
        """Whether an operator has decided about the row, for this reason."""
        return self.lines().filter(source=Source.OPERATOR, note__contains=reason).exists()

    def is_open_since_moved(self) -> bool:
        """Whether the history shows how the row came to its status, and no decision of an operator's since."""
        lines = self.lines().order_by("-pk").values_list("source", "from_status", "to_status")
        for source, from_status, to_status in lines:
            if source == Source.OPERATOR:
                return False
            if from_status != to_status == self.row.status:
                return True
        return False

    def flag(self, reason: str) -> None:
        """Put the row to review. Reasons add up; one that stands there, or that an operator has settled, does not."""
        reason = " ".join(reason.splitlines())
        reasons: list[str] = [line for line in self.row.review_reason.split("\n") if line]
        if (self.row.needs_review and reason in reasons) or self.is_settled(reason):
            return
        self.set(needs_review=True, review_reason="\n".join(dict.fromkeys([*reasons, reason])))
        self.reasons.append(reason)

    def move(self, to_status: str, **details: Any) -> None:
        """Go to another status, and say so in the history."""
        from_status = self.row.status
        self.set(status=to_status)
        self.note(from_status, to_status, **details)

    def note(self, from_status: str, to_status: str, **details: Any) -> None:
        """Add a line to the history. With equal statuses nothing moved."""
        self.history.append(
            StatusChange(
                from_status=from_status,
                to_status=to_status[:WORD_LENGTH],
                source=self.source,
                webhook_event=self.event,
                actor=self.actor,
                created_at=self.now,
                **_reference(self.row),
                **details,
            )
        )

    def learn_id(self, field: str, told: str, *, reason: str) -> bool:
        """Whether SkinsBack's id is this row's. A row that has none yet takes it, unless it is another row's."""
        known = getattr(self.row, field)
        if not told or told == known:
            return True
        if known is None:
            rows = type(self.row)._default_manager.using(database())
            if not rows.filter(account=self.row.account, **{field: told}).exists():
                self.set(**{field: told})
                return True
        self.flag(reason)
        return False

    def note_unknown_word(self, word: str) -> None:
        """Keep a status this version does not know, once, and have an operator look at it; nothing moves."""
        shown = word[:WORD_LENGTH]
        if shown not in self.lines().values_list("to_status", flat=True):  # some collations take A for a
            self.note(self.row.status, shown, note=_("A status this version does not know."))
        self.flag(_("SkinsBack used a status that is not known: “%(word)s”.") % {"word": shown})

    def entries(self) -> dict[str, LedgerEntry]:
        """The row's ledger entries by kind. Whoever adds one changes the row, so ``save`` knows of it."""
        stored: list[LedgerEntry] = list(LedgerEntry.objects.using(database()).filter(**_reference(self.row)))
        return {entry.kind: entry for entry in [*stored, *self.posted]}

    def post(self, kind: EntryKind, amount: Decimal, currency: str, user_id: Any) -> None:
        """Post an entry; the newest line of the history keeps its amount, so that it can be recomputed."""
        self.posted.append(
            LedgerEntry(
                kind=kind,
                amount=amount,
                currency=currency,
                user_id=user_id,
                created_at=self.now,
                **_reference(self.row),
            )
        )
        self.history[-1].credit_amount, self.history[-1].credit_currency = amount, currency

    def undo(self, kind: EntryKind, entry: LedgerEntry) -> None:
        """Post the opposite of ``entry``: same user, same amount, same currency."""
        self.post(kind, -entry.amount, entry.currency, entry.user_id)

    def settled(self, outcome: str, note: str) -> None:
        """End the review; the history keeps who decided what, and the reasons that were on the row."""
        lines = [f"{outcome}: {note}" if note else outcome, self.row.review_reason]
        self.note(self.row.status, self.row.status, note="\n".join(filter(None, lines)))
        self.set(needs_review=False, review_reason="")

    def save(self) -> None:
        """Write the row, its history and its entries, and tell the site of each entry, whose money it moves now.

        Raises Overtaken if the row is not the one any more that was read. With a locked row that happens only inside
        a database transaction of the caller's that reads what was there when it began (repeatable read).
        """
        self.save_row()
        self.save_news()

    def save_row(self) -> None:
        """The first write: the row, and with it the proof that nobody has changed it since it was read."""
        if not (self.changed or self.history or self.posted):
            return
        # A locked row may have been saved meanwhile, as this very object, by the site's CREDIT.
        as_read = {"updated_at": self.row.updated_at} if self.locked else self._as_read
        rows = type(self.row)._default_manager.using(database()).filter(pk=self.row.pk, **as_read)
        if self.posted:
            rows = rows.filter(**self._owner_as_read)
        self.set(updated_at=max(self.now, self.row.updated_at + _TICK))
        if not rows.update(**self.changed):
            raise Overtaken("This row was changed meanwhile. Begin the database transaction anew.")

    def save_news(self) -> None:
        """What goes with it: history, entries, and word of them to the site."""
        about = {"account": self.row.account, "row": type(self.row).__name__, "row_id": self.row.pk}
        for reason in self.reasons:
            log_after_commit(logging.WARNING, "skinsback.review_needed", **about, reason=reason)
            after_commit(review_needed, sender=type(self.row), row=self.row, reason=reason)
        for change in self.history:
            change.save(using=database())
            if change.from_status != change.to_status == self.row.status:
                _announce(self.row, change)
        for entry in self.posted:
            entry.save(using=database())
            entry_posted.send(sender=LedgerEntry, entry=entry)
            log_after_commit(logging.INFO, "skinsback.entry_posted", **about, kind=str(entry.kind))


def _reference(row: Deposit | Purchase) -> dict[str, Any]:
    return {"deposit": row} if isinstance(row, Deposit) else {"purchase": row}


def _announce(row: Deposit | Purchase, change: StatusChange) -> None:
    if isinstance(row, Deposit):
        after_commit(deposit_changed, sender=Deposit, deposit=row, change=change)
    else:
        after_commit(purchase_changed, sender=Purchase, purchase=row, change=change)


def after_commit(signal: Signal, **arguments: Any) -> None:
    """Send a signal once what happened is committed; its receivers cannot undo it."""
    transaction.on_commit(partial(signal.send_robust, **arguments), using=database())


def log_after_commit(level: int, event: str, **about: Any) -> None:
    """Log what happened once it is committed."""
    transaction.on_commit(partial(logger.log, level, event, extra=about), using=database())
