"""The table of deposits. In a deposit, a user pays with skins."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..statuses import DEPOSIT_OPEN, DepositStatus
from . import fields
from .row import Row, RowQuerySet

DEPOSIT_STATUS_LABELS = {
    DepositStatus.CREATED: _("created"),
    DepositStatus.PENDING: _("pending"),
    DepositStatus.IN_HOLD: _("in hold"),
    DepositStatus.HOLD_APPROVED: _("hold approved"),
    DepositStatus.SUCCESS: _("success"),
    DepositStatus.FAIL: _("failed"),
    DepositStatus.HOLD_RETURNED: _("returned from hold"),
    DepositStatus.ABANDONED: _("abandoned"),
}


class HoldDecision(models.TextChoices):
    """What was decided about a held deposit. An empty value means that nothing was decided yet."""

    APPROVE = "approve", _("approve the hold")
    LEAVE = "leave", _("leave the hold to run out")


class DepositQuerySet(RowQuerySet["Deposit"]):
    def open(self) -> "DepositQuerySet":
        """Return the deposits that are neither final nor abandoned. Only these deposits are polled."""
        return self.filter(status__in=DEPOSIT_OPEN)


class Deposit(Row):
    """One payment of a user with skins. Only functions of ``django_skinsback.deposits`` change its status.

    ``order_id`` is this site's ID, and ``transaction_id`` is SkinsBack's ID. ``amount`` and ``user_amount`` are in
    ``amount_currency``. ``min_amount`` and ``max_amount`` are in ``currency`` (``/docs/api/v1/createorder``).
    """

    order_id = models.CharField(_("order ID"), max_length=fields.ID_LENGTH)
    transaction_id = models.CharField(_("transaction ID"), max_length=fields.ID_LENGTH, null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=32, default=DepositStatus.CREATED, choices=list(DEPOSIT_STATUS_LABELS.items())
    )
    payer_steam_id = models.CharField(_("payer's Steam ID"), max_length=fields.STEAM_ID_LENGTH, blank=True)
    currency = models.CharField(
        _("currency"), max_length=fields.CURRENCY_LENGTH, blank=True, help_text=_("of the minimum and maximum amount")
    )
    min_amount = fields.amount_field(
        _("minimum amount"), null=True, blank=True, help_text=_("in the requested currency")
    )
    max_amount = fields.amount_field(
        _("maximum amount"), null=True, blank=True, help_text=_("in the requested currency")
    )
    pay_url = models.URLField(_("pay URL"), max_length=fields.URL_LENGTH, blank=True)
    amount = fields.amount_field(
        _("amount"), null=True, blank=True, help_text=_("what the site earns, in the amount's currency")
    )
    amount_currency = models.CharField(_("amount's currency"), max_length=fields.CURRENCY_LENGTH, blank=True)
    user_amount = fields.amount_field(
        _("user amount"),
        null=True,
        blank=True,
        help_text=_("amount times price multiplier, in the amount's currency; SkinsBack showed it to the user"),
    )
    skins = models.JSONField(_("skins"), default=list, blank=True, help_text=_("not signed; for display only"))
    user_risk = models.JSONField(_("user risk"), default=dict, blank=True, help_text=_("not signed; for display only"))
    trade_offer_expires_at = fields.UTCDateTimeField(_("trade offer expires at"), null=True, blank=True)

    held_since = fields.UTCDateTimeField(
        _("held since"), null=True, blank=True, help_text=_("when SkinsBack first reported the hold")
    )
    hold_decision = models.CharField(
        _("decision about the hold"),
        max_length=16,
        blank=True,
        choices=HoldDecision,
        help_text=_("empty while the hold waits for a decision"),
    )
    reserved_amount = fields.amount_field(
        _("reserved amount"),
        null=True,
        blank=True,
        help_text=_("what an approval that is under way may credit, in the reserved currency"),
    )
    reserved_currency = models.CharField(_("reserved currency"), max_length=fields.CURRENCY_LENGTH, blank=True)
    reserved_at = fields.UTCDateTimeField(_("reserved at"), null=True, blank=True)

    bot_name = models.CharField(_("bot's name"), max_length=fields.ID_LENGTH, blank=True)
    bot_steam_id = models.CharField(_("bot's Steam ID"), max_length=fields.STEAM_ID_LENGTH, blank=True)

    objects = DepositQuerySet.as_manager()

    class Meta(Row.Meta):
        verbose_name = _("deposit")
        verbose_name_plural = _("deposits")
        indexes = [
            *Row.Meta.indexes,
            models.Index(fields=["payer_steam_id", "created_at"], name="skinsback_deposit_payer"),
            models.Index(fields=["status", "hold_decision", "id"], name="skinsback_deposit_hold"),
        ]
        constraints = [
            *Row.Meta.constraints,
            # The ID comes first, so that an operator's search for an ID finds the rows of all accounts.
            models.UniqueConstraint(fields=["order_id", "account"], name="skinsback_deposit_order_id"),
            models.UniqueConstraint(fields=["transaction_id", "account"], name="skinsback_deposit_transaction_id"),
        ]
        permissions = [
            ("approve_hold", _("Can approve held deposits")),
            ("settle_deposit", _("Can settle deposits under review")),
            ("refresh_deposit", _("Can refresh deposits from SkinsBack")),
            ("export_deposit", _("Can export deposits")),
        ]

    def __str__(self) -> str:
        return self.order_id


class HoldGuard(models.Model):
    """One row per account and currency. An approval of a hold locks this row by a write before it compares sums.

    Without this lock, two approvals at the same time could together exceed ``HOLD_APPROVE_MAX``.
    """

    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH)
    currency = models.CharField(_("currency"), max_length=fields.CURRENCY_LENGTH)
    updated_at = fields.UTCDateTimeField(_("updated at"), default=fields.utc_now)

    class Meta:
        verbose_name = _("hold guard")
        verbose_name_plural = _("hold guards")
        constraints = [models.UniqueConstraint(fields=["account", "currency"], name="skinsback_hold_guard")]

    def __str__(self) -> str:
        return f"{self.account}: {self.currency}"
