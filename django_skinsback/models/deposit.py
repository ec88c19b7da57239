"""A user pays with skins."""

from datetime import datetime

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


class DepositQuerySet(RowQuerySet["Deposit"]):
    def due(self, now: datetime) -> "DepositQuerySet":
        """Rows SkinsBack is to be asked about, in the order in which a walk by key visits them."""
        return self.filter(next_poll_at__lte=now).order_by("pk")

    def open(self) -> "DepositQuerySet":
        return self.filter(status__in=DEPOSIT_OPEN)


class Deposit(Row):
    """One order of a user to pay with skins. Its status changes only through ``flows.deposits``."""

    order_id = models.CharField(_("order ID"), max_length=fields.ID_LENGTH)
    transaction_id = models.CharField(_("transaction ID"), max_length=fields.ID_LENGTH, null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=32, default=DepositStatus.CREATED, choices=list(DEPOSIT_STATUS_LABELS.items())
    )
    payer_steam_id = models.CharField(_("payer's Steam ID"), max_length=fields.STEAM_ID_LENGTH, blank=True)
    currency = models.CharField(
        _("currency"), max_length=fields.CURRENCY_LENGTH, blank=True, help_text=_("asked for with the limits")
    )
    min_amount = fields.amount_field(_("minimum amount"), null=True, blank=True)
    max_amount = fields.amount_field(_("maximum amount"), null=True, blank=True)
    pay_url = models.URLField(_("pay URL"), max_length=2000, blank=True)
    amount = fields.amount_field(
        _("amount"), null=True, blank=True, help_text=_("what the site earns, signed by SkinsBack")
    )
    amount_currency = models.CharField(_("amount's currency"), max_length=fields.CURRENCY_LENGTH, blank=True)
    user_amount = fields.amount_field(
        _("user amount"),
        null=True,
        blank=True,
        help_text=_("what the user was shown: amount times multiplier"),
    )
    skins = models.JSONField(_("skins"), default=list, blank=True, help_text=_("not signed, for show"))
    user_risk = models.JSONField(_("user risk"), default=dict, blank=True, help_text=_("not signed, for show"))
    trade_offer_expires_at = fields.UTCDateTimeField(_("trade offer expires at"), null=True, blank=True)

    bot_name = models.CharField(_("bot's name"), max_length=fields.ID_LENGTH, blank=True)
    bot_steam_id = models.CharField(_("bot's Steam ID"), max_length=fields.STEAM_ID_LENGTH, blank=True)

    objects = DepositQuerySet.as_manager()

    class Meta:
        verbose_name = _("deposit")
        verbose_name_plural = _("deposits")
        constraints = [
            models.UniqueConstraint(fields=["account", "order_id"], name="skinsback_deposit_order_id"),
            models.UniqueConstraint(fields=["account", "transaction_id"], name="skinsback_deposit_transaction_id"),
        ]
        permissions = [
            ("approve_hold", _("Can approve held deposits")),
            ("settle_deposit", _("Can settle deposits under review")),
            ("refresh_deposit", _("Can ask SkinsBack about deposits")),
        ]

    def __str__(self) -> str:
        return self.order_id
