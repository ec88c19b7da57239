"""The class Edit. It collects the changes of one locked row, writes them once, and verifies that they are stored."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils.translation import gettext as _

from ...exceptions import RolledBack
from ...models import Deposit, LedgerEntry, Purchase, StatusChange, WebhookEvent
from ...models.fields import TICK, WORD_LENGTH, UTCDateTimeField, utc_now
from ...models.reasons import Reason, make_reason, reason_text
from ...signals import deposit_changed, entry_posted, purchase_changed, review_needed
from ...statuses import DepositStatus, EntryKind
from .database import (
    after_commit,
    current,
    database,
    lock,
    log_after_commit,
    raise_if_rolled_back,
    read_back,
    read_locked,
    update,
)
from .queues import announce_queue_entered, queue_entered_by

Source = StatusChange.Source
Row = TypeVar("Row", Deposit, Purchase)

_as_stored = UTCDateTimeField("").get_prep_value


@dataclass
class Edit(Generic[Row]):
    """Collects the changes of one locked row, its history and its ledger entries. ``save`` writes all of them at once.

    ``save`` always makes the row's ``updated_at`` later. Flows compare ``updated_at`` to detect a change.
    """

    row: Row
    now: datetime
    source: StatusChange.Source
    event: WebhookEvent | None = None
    by: Any = None
    changed: dict[str, Any] = field(default_factory=dict)
    history: list[StatusChange] = field(default_factory=list)
    posted: list[LedgerEntry] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)

    def set(self, **values: Any) -> None:
        """Set columns of the row. A column that already has this value is not written."""
        for name, value in values.items():
            if getattr(self.row, name) != value:
                setattr(self.row, name, value)
                self.changed[name] = value

    def stored_history(self) -> QuerySet[StatusChange]:
        """Return a query of the stored StatusChange rows of this row. The query reads their newest version."""
        return current(StatusChange.objects.using(database()).filter(**_reference(self.row)))

    def is_settled(self, reason: Reason) -> bool:
        """Return whether a person has settled this reason before, with the same code and the same data."""
        return any(reason in settled for settled in self._decisions().values_list("settled_reasons", flat=True))

    def is_silenced(self, code: str, since: datetime) -> bool:
        """Return whether a person has settled a reason with this code at ``since`` or later. Its data may differ."""
        settled = self._decisions().filter(created_at__gte=since).values_list("settled_reasons", flat=True)
        return any(reason.get("code") == code for reasons in settled for reason in reasons)

    def _decisions(self) -> QuerySet[StatusChange]:
        return self.stored_history().filter(source=Source.OPERATOR)

    def undecided_since_last_change(self) -> bool:
        """Return True if the row got its present status after the last decision of an operator.

        Return False if an operator has decided since then, or if the history does not contain the change to the
        present status.
        """
        changes = self.stored_history().order_by("-pk").values_list("source", "from_status", "to_status")
        for source, from_status, to_status in changes:
            if source == Source.OPERATOR:
                return False
            if from_status != to_status == self.row.status:
                return True
        return False

    def flag(self, code: str, **data: object) -> None:
        """Flag the row for manual review. Do nothing if the row has this reason already, or if it was settled."""
        reason = make_reason(code, data)
        if (self.row.needs_review and reason in self.row.review_reasons) or self.is_settled(reason):
            return
        self._add_reason(reason)

    def flag_for_a_time(self, code: str, silence: timedelta, **data: object) -> None:
        """Flag the row for manual review with a reason that can come back after it was settled.

        Does nothing if the row already has a reason with this code, or if a person has settled a reason with this code
        within the last ``silence``. The data of the reasons may differ.
        """
        has_it = self.row.needs_review and any(reason["code"] == code for reason in self.row.review_reasons)
        if not has_it and not self.is_silenced(code, self.now - silence):
            self._add_reason(make_reason(code, data))

    def _add_reason(self, reason: Reason) -> None:
        others: list[Reason] = [each for each in self.row.review_reasons if each != reason]
        self.set(needs_review=True, review_reasons=[*others, reason])
        self.reasons.append(reason)

    def move(self, to_status: str, **details: Any) -> None:
        """Change the status of the row, and add the change to the history."""
        from_status = self.row.status
        self.set(status=to_status)
        self.note(from_status, to_status, **details)

    def note(self, from_status: str, to_status: str, **details: Any) -> None:
        """Add a StatusChange to the history. With two equal statuses, the history line is only a note."""
        self.history.append(
            StatusChange(
                from_status=from_status,
                to_status=to_status[:WORD_LENGTH],
                source=self.source,
                webhook_event=self.event,
                by=self.by,
                created_at=self.now,
                **_reference(self.row),
                **details,
            )
        )

    def accept_id(self, column: str, reported: str) -> bool:
        """Return True if the ID that SkinsBack reported belongs to this row, or if SkinsBack reported no ID.

        If the row has no ID and no other row of the account has this ID, store the ID and return True. Otherwise, flag
        the row and return False.
        """
        known = getattr(self.row, column)
        if not reported or reported == known:
            return True
        if known is None:
            rows = type(self.row)._default_manager.using(database())
            if not rows.filter(account=self.row.account, **{column: reported}).exists():
                self.set(**{column: reported})
                return True
        self.flag(f"other_{column}", id=reported)
        return False

    def note_unknown_status(self, status: str) -> None:
        """Add a status that this version does not know to the history, and flag the row. No money is moved.

        The same unknown status is added to the history only once.
        """
        shown = status[:WORD_LENGTH]
        if shown not in self.stored_history().values_list("to_status", flat=True):  # collations may ignore case
            self.note(self.row.status, shown, note=_("This version of the package does not know the status."))
        self.flag("unknown_status", status=shown)

    def entries(self) -> dict[str, LedgerEntry]:
        """Return the row's ledger entries by kind: the entries in the database and the unsaved entries of this edit."""
        stored: list[LedgerEntry] = read_locked(LedgerEntry, **{f"{self.row._meta.model_name}_id": self.row.pk})
        return {entry.kind: entry for entry in [*stored, *self.posted]}

    def post(self, kind: EntryKind, amount: Decimal, currency: str, user_id: Any) -> None:
        """Post a ledger entry. The amount is also written into the newest StatusChange of this edit, for the audit."""
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
        """Post an entry that cancels ``entry``: the same user and currency, and the negative amount."""
        self.post(kind, entry.amount.copy_negate(), entry.currency, entry.user_id)

    def settle(self, decision: str, note: str) -> None:
        """End the review of the row. The history stores the decision, the note, the person and the settled reasons."""
        reasons = self.row.review_reasons if self.row.needs_review else []
        self.note(self.row.status, self.row.status, decision=decision, settled_reasons=reasons, note=note)
        self.set(needs_review=False, review_reasons=[])

    def save(self, *, verify: bool = True) -> None:
        """Write the row, its history and its entries. Call the receivers of each entry. Verify that all is stored.

        Raises RolledBack if a part is not stored. With ``verify=False``, nothing is verified here: the caller calls
        ``verify_saved`` after saving several rows.
        """
        if not (self.changed or self.history or self.posted):
            return
        as_locked = {"pk": self.row.pk, "updated_at": self.row.updated_at}
        self.set(updated_at=max(self.now, self.row.updated_at + TICK))
        if not update(type(self.row), self.changed, **as_locked):
            raise RolledBack  # a CREDIT function has saved the row, or swallowed a deadlock that released the lock
        about = {"account": self.row.account, "row": type(self.row).__name__, "row_id": self.row.pk}
        for reason in self.reasons:
            code, text = reason["code"], reason_text(reason)
            log_after_commit(logging.WARNING, "skinsback.review_needed", **about, code=code, reason=text)
            after_commit(review_needed, sender=type(self.row), row=self.row, reason=text, code=code)
        if self.row.needs_review or self.row.status == DepositStatus.IN_HOLD:
            queue = queue_entered_by(self.row, self.changed)
            if queue is not None:
                announce_queue_entered(self.row, queue)
        for change in self.history:
            change.save(using=database())
            if change.from_status != change.to_status == self.row.status:
                signal, name = _CHANGED[type(self.row)]
                after_commit(signal, sender=type(self.row), **{name: self.row}, change=change)
        for entry in self.posted:
            entry.save(using=database())
            with raise_if_rolled_back():
                entry_posted.send(sender=LedgerEntry, entry=entry)
            log_after_commit(logging.INFO, "skinsback.entry_posted", **about, kind=str(entry.kind))
        if verify:
            verify_saved([self])


def verify_saved(edits: Sequence[Edit[Any]]) -> None:
    """Read the rows and entries that this database transaction has written. Raise RolledBack if one is missing.

    The site's receivers have run since. If a receiver has swallowed a database error, the changes are lost without an
    exception: Django rolls back at the end of the transaction (``needs_rollback``), PostgreSQL rolls back instead of
    committing, and MariaDB has undone all earlier statements after a deadlock.
    """
    with raise_if_rolled_back():
        stored = read_back(type(edits[0].row), [edit.row.pk for edit in edits])
    # The stored time is later if a receiver has saved the row. Times are compared as they are stored, because without
    # USE_TZ they are stored in local time, and one hour of local time occurs twice a year.
    times = {pk: _as_stored(time) for pk, time, _entry in stored}
    entries = {entry for _pk, _time, entry in stored}
    for edit in edits:
        is_row_stored = edit.row.pk in times and times[edit.row.pk] >= _as_stored(edit.row.updated_at)
        if not is_row_stored or not entries.issuperset(entry.pk for entry in edit.posted):
            raise RolledBack


def entries_of(row: Deposit | Purchase) -> QuerySet[LedgerEntry]:
    """Return a query of the stored ledger entries of a row, in the ledger's database."""
    return LedgerEntry.objects.using(database()).filter(**_reference(row))


def _reference(row: Deposit | Purchase) -> dict[str, Any]:
    return {"deposit": row} if isinstance(row, Deposit) else {"purchase": row}


def lock_for_edit(
    model: type[Row],
    source: StatusChange.Source | str,
    *,
    now: datetime | None = None,
    event: WebhookEvent | None = None,
    by: Any = None,
    **ids: Any,
) -> Edit[Row] | None:
    """Lock the row with these ids and return an Edit of the row. Return None if there is no such row."""
    now = now or utc_now()
    row = lock(model, **ids)
    return Edit(row, now, Source(source), event, by) if row is not None else None


_CHANGED: dict[type[Any], tuple[Signal, str]] = {
    Deposit: (deposit_changed, "deposit"),
    Purchase: (purchase_changed, "purchase"),
}
"""Model -> the signal for a changed status, and the name of the signal's argument for the row."""
