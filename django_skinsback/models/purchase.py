"""The table of purchases. In a purchase, the site buys a skin for a user."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..statuses import PURCHASE_FINAL, PurchaseStatus
from . import fields
from .row import Row, RowQuerySet

PURCHASE_STATUS_LABELS = {
    PurchaseStatus.REQUESTED: _("requested"),
    PurchaseStatus.UNKNOWN: _("outcome unknown"),
    PurchaseStatus.CREATING_TRADE: _("creating the trade"),
    PurchaseStatus.WAITING_ACCEPT: _("waiting for the user"),
    PurchaseStatus.ACCEPTED: _("accepted"),
    PurchaseStatus.CANCELED: _("declined by the user"),
    PurchaseStatus.TIMEOUT: _("not accepted in time"),
    PurchaseStatus.INVALID_TRADE_TOKEN: _("trade URL invalid"),
    PurchaseStatus.USER_NOT_TRADABLE: _("user cannot trade"),
    PurchaseStatus.TRADE_CREATE_ERROR: _("trade could not be created"),
    PurchaseStatus.REFUSED: _("refused"),
    PurchaseStatus.ROLLBACK_USER: _("rolled back by the user"),
    PurchaseStatus.ROLLBACK_SUPPLIER: _("rolled back by the supplier"),
}


class PurchaseQuerySet(RowQuerySet["Purchase"]):
    def open(self) -> "PurchaseQuerySet":
        """Return the purchases that are not final. Such a purchase is sent or polled when it is due."""
        return self.exclude(status__in=PURCHASE_FINAL)


class Purchase(Row):
    """One skin bought for one user. Only functions of ``django_skinsback.purchases`` change its status.

    ``custom_id`` is this site's ID, and ``buy_id`` is SkinsBack's ID. ``by`` is the operator who requested the
    purchase. ``max_price``, ``price`` and ``debited_amount`` are in US dollars. ``charge_amount`` is in
    ``charge_currency`` (``/docs/api/v1/market_getinfo``).
    """

    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("the operator who requested the purchase; empty if the user or the site did"),
    )
    custom_id = models.CharField(_("custom ID"), max_length=fields.ID_LENGTH)
    batch_id = models.CharField(_("batch ID"), max_length=fields.ID_LENGTH, blank=True)
    buy_id = models.CharField(_("buy ID"), max_length=fields.ID_LENGTH, null=True, blank=True)
    status = models.CharField(
        _("status"),
        max_length=32,
        default=PurchaseStatus.REQUESTED,
        choices=list(PURCHASE_STATUS_LABELS.items()),
    )
    error_code = models.IntegerField(_("error code"), null=True, blank=True)
    error_message = models.CharField(_("error message"), max_length=200, blank=True)
    error_reason = models.CharField(_("error reason"), max_length=fields.WORD_LENGTH, blank=True)
    partner = models.CharField(_("partner"), max_length=10)
    token = models.CharField(_("token"), max_length=8, blank=True, help_text=_("deleted when the purchase is final"))
    skin_id = models.CharField(_("skin ID"), max_length=fields.ID_LENGTH, blank=True)
    market_hash_name = models.CharField(_("market hash name"), max_length=fields.TEXT_LENGTH, blank=True)
    class_id = models.CharField(_("class ID"), max_length=fields.ID_LENGTH, blank=True)
    max_price = fields.amount_field(_("price cap"), help_text=_("US dollars"))
    price = fields.amount_field(_("price"), null=True, blank=True, help_text=_("US dollars, as SkinsBack reported it"))
    debited_amount = fields.amount_field(
        _("debited amount"), null=True, blank=True, help_text=_("US dollars taken from the project's balance")
    )
    charge_amount = fields.amount_field(
        _("charge"), null=True, blank=True, help_text=_("what the user pays, in the charge's currency")
    )
    charge_currency = models.CharField(_("charge's currency"), max_length=fields.CURRENCY_LENGTH, blank=True)
    in_hold = models.BooleanField(_("in hold"), null=True, blank=True)
    in_hold_until = fields.UTCDateTimeField(_("in hold until"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("times sent"), default=0)
    submitted_at = fields.UTCDateTimeField(_("last sent at"), null=True, blank=True)
    accepted_at = fields.UTCDateTimeField(_("accepted at"), null=True, blank=True)

    objects = PurchaseQuerySet.as_manager()

    class Meta(Row.Meta):
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        indexes = [
            *Row.Meta.indexes,
            models.Index(fields=["batch_id"], name="skinsback_purchase_batch"),
            models.Index(fields=["market_hash_name", "created_at"], name="skinsback_purchase_name"),
            models.Index(fields=["accepted_at"], name="skinsback_purchase_accepted"),
        ]
        constraints = [
            *Row.Meta.constraints,
            # The ID comes first, so that an operator's search for an ID finds the rows of all accounts.
            models.UniqueConstraint(fields=["custom_id", "account"], name="skinsback_purchase_custom_id"),
            models.UniqueConstraint(fields=["buy_id", "account"], name="skinsback_purchase_buy_id"),
        ]
        permissions = [
            ("buy_skins", _("Can buy skins")),
            ("settle_purchase", _("Can settle purchases under review")),
            ("refresh_purchase", _("Can refresh purchases from SkinsBack")),
            ("cancel_purchase", _("Can cancel purchases that were not sent")),
            ("export_purchase", _("Can export purchases")),
        ]

    def __str__(self) -> str:
        return self.market_hash_name or self.custom_id
