"""The ledger. Each entry is an amount given to a user or taken from a user. Entries are never changed or deleted."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models, router
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..money import EXACT, exact_sum
from ..statuses import EntryKind
from . import fields
from .deposit import Deposit
from .purchase import Purchase

ENTRY_KIND_LABELS = {
    EntryKind.CREDIT: _("credit"),
    EntryKind.REVERSAL: _("reversal"),
    EntryKind.CHARGE: _("charge"),
    EntryKind.REFUND: _("refund"),
}


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def balance(self, user: Any, currency: str) -> Decimal:
        """Return the sum of the entries of ``user`` in ``currency`` as a Decimal. Return 0 if there is no entry.

        The sum may be below zero after a reversal.
        """
        amounts: Iterable[Decimal] = self._of(user, currency).values_list("amount", flat=True)
        return exact_sum(amounts)  # not in the database: SQLite adds decimals as floats

    def statement(self, user: Any, currency: str) -> "Iterator[tuple[LedgerEntry, Decimal]]":
        """Yield each entry of ``user`` in ``currency`` with the balance after it. The oldest entry is first."""
        balance = Decimal(0)
        for entry in self._of(user, currency).order_by("pk").iterator():
            balance = EXACT.add(balance, entry.amount)
            yield entry, balance

    def _of(self, user: Any, currency: str) -> "LedgerQuerySet":
        """Return the entries of ``user`` in ``currency``.

        They are read from the database that is written to, because a replica may not have the newest entry yet.
        """
        return self.using(router.db_for_write(self.model)).filter(user=user, currency=currency.lower())

    def update(self, **_changes: Any) -> NoReturn:
        raise TypeError("Ledger entries are never changed: post another entry through the flows.")

    def delete(self) -> NoReturn:
        raise TypeError("Ledger entries are never deleted.")


if TYPE_CHECKING:

    class LedgerManager(models.Manager["LedgerEntry"]):
        """The manager of LedgerEntry, for type checkers without the plugin of django-stubs."""

        def balance(self, user: Any, currency: str) -> Decimal: ...
        def statement(self, user: Any, currency: str) -> Iterator[tuple["LedgerEntry", Decimal]]: ...


class LedgerEntry(models.Model):
    """One change of a user's balance. A deposit or purchase has at most one entry of each kind.

    ``amount`` is in ``currency``. It is above zero for a credit and a refund, and below zero for a reversal and a
    charge. If code saves an entry again or deletes an entry, TypeError is raised.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        on_delete=models.PROTECT,
        related_name="skinsback_entries",
        db_index=False,  # an index of the class Meta begins with this column
    )
    deposit = models.ForeignKey(
        Deposit,
        verbose_name=_("deposit"),
        null=True,
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,  # a unique constraint begins with this column
    )
    purchase = models.ForeignKey(
        Purchase,
        verbose_name=_("purchase"),
        null=True,
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,  # a unique constraint begins with this column
    )
    kind = models.CharField(_("kind"), max_length=16, choices=list(ENTRY_KIND_LABELS.items()))
    amount = fields.amount_field(
        _("amount"), help_text=_("above zero: given to the user; below zero: taken from the user")
    )
    currency = models.CharField(_("currency"), max_length=fields.CURRENCY_LENGTH)
    created_at = fields.UTCDateTimeField(_("created at"), default=fields.utc_now, db_index=True)

    objects: "ClassVar[LedgerManager]" = LedgerQuerySet.as_manager()  # type: ignore[assignment] # see LedgerManager

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        indexes = [
            models.Index(fields=["user", "created_at"], name="skinsback_entry_user"),
            models.Index(fields=["kind", "created_at"], name="skinsback_entry_kind"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["deposit", "kind"], name="skinsback_entry_deposit_kind"),
            models.UniqueConstraint(fields=["purchase", "kind"], name="skinsback_entry_purchase_kind"),
            models.CheckConstraint(
                condition=Q(deposit__isnull=False, purchase__isnull=True, kind__in=["credit", "reversal"])
                | Q(deposit__isnull=True, purchase__isnull=False, kind__in=["charge", "refund"]),
                name="skinsback_entry_one_source",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["credit", "refund"], amount__gt=0)
                | Q(kind__in=["reversal", "charge"], amount__lt=0),
                name="skinsback_entry_sign",
            ),
        ]
        permissions = [("export_ledgerentry", _("Can export ledger entries"))]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise TypeError("Ledger entries are never changed: post another entry through the flows.")
        super().save(*args, **options)

    def delete(self, *_args: Any, **_options: Any) -> NoReturn:
        raise TypeError("Ledger entries are never deleted.")
