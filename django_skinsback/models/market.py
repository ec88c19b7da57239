"""What the market offers and what the project's balance was."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from . import fields


class MarketItemQuerySet(models.QuerySet["MarketItem"]):
    def available(self) -> Self:
        return self.filter(available=True)


class MarketItem(models.Model):
    """One line of the grouped price list: all skins of one name, priced at the cheapest."""

    game = models.CharField(_("game"), max_length=16)
    market_hash_name = models.CharField(_("market hash name"), max_length=255)
    price = fields.amount_field(_("price"), help_text=_("US dollars"))
    count = models.PositiveIntegerField(_("count"), default=0)
    class_id = models.CharField(_("class ID"), max_length=fields.ID_LENGTH, blank=True)
    available = models.BooleanField(_("available"), default=True)
    updated_at = fields.UTCDateTimeField(_("updated at"), default=fields.utc_now)

    objects = MarketItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("market item")
        verbose_name_plural = _("market items")
        constraints = [
            models.UniqueConstraint(fields=["game", "market_hash_name"], name="skinsback_item_name"),
        ]
        indexes = [models.Index(fields=["game", "available", "price"], name="skinsback_item_price")]

    def __str__(self) -> str:
        return self.market_hash_name


class BalanceSnapshot(models.Model):
    """The project's balance at SkinsBack at one moment, US dollars."""

    account = models.CharField(_("account"), max_length=fields.ALIAS_LENGTH)
    balance = fields.amount_field(_("balance"), help_text=_("US dollars"))
    taken_at = fields.UTCDateTimeField(_("taken at"), default=fields.utc_now)

    class Meta:
        verbose_name = _("balance snapshot")
        verbose_name_plural = _("balance snapshots")
        get_latest_by = "taken_at"
        indexes = [models.Index(fields=["account", "taken_at"], name="skinsback_balance_taken")]

    def __str__(self) -> str:
        return f"{self.balance} USD"
