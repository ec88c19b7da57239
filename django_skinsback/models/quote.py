"""The table of quotes. A quote is a price that is shown to a user. The user may buy at this price for a short time."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields
from .purchase import Purchase


class Quote(models.Model):
    """The price at which one user may buy one skin until ``expires_at``. A quote is used for at most one purchase.

    ``charge`` is in ``currency``. ``market_price`` and ``max_price`` are in US dollars. Do not show ``market_price``
    and ``max_price`` to the user.
    """

    public_id = models.UUIDField(_("public ID"), default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="skinsback_quotes"
    )
    game = models.CharField(_("game"), max_length=16)
    market_hash_name = models.CharField(_("market hash name"), max_length=fields.TEXT_LENGTH)
    market_price = fields.amount_field(_("market price"), help_text=_("US dollars, from the price list"))
    max_price = fields.amount_field(_("price cap"), help_text=_("US dollars"))
    charge = fields.amount_field(_("charge"), help_text=_("what the user pays, in the quote's currency"))
    currency = models.CharField(_("currency"), max_length=fields.CURRENCY_LENGTH)
    created_at = fields.UTCDateTimeField(_("created at"), default=fields.utc_now, editable=False)
    expires_at = fields.UTCDateTimeField(_("expires at"), db_index=True)
    purchase = models.OneToOneField(
        Purchase,
        verbose_name=_("purchase"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="quote",
        help_text=_("the purchase that was made with this quote"),
    )
    idempotency_digest = models.CharField(
        _("idempotency digest"),
        max_length=64,
        null=True,
        blank=True,
        unique=True,
        editable=False,
        help_text=_("of the key that the request to buy was sent with"),
    )

    class Meta:
        verbose_name = _("quote")
        verbose_name_plural = _("quotes")

    def __str__(self) -> str:
        return self.market_hash_name
