"""What the market offers and what the project's balance was."""

from contextlib import suppress
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..exceptions import ConfigurationError, InvalidAmount
from ..money import PLACES, parse_amount
from . import fields

# A site may have set a smaller precision for the whole process.
_EXACT = Context(prec=64)


class MarketItemQuerySet(models.QuerySet["MarketItem"]):
    """For a shop's pages. One game's available items, in any of the three orders, are read from an index in that
    order, so a page costs the same wherever it is: give the last item of a page as ``after`` to get the next one.
    """

    def available(self) -> Self:
        # Not available=True: Django writes that as a bare column, for which SQLite uses no index.
        return self.filter(available__in=[True])

    def for_game(self, game: str) -> Self:
        """Items of ``cs2``, ``dota2`` or ``rust``."""
        return self.filter(game=game)

    def search(self, words: str) -> Self:
        """Items whose name holds every one of the words, anywhere and in any case.

        No index helps with that: the names of the game are read until the page is full. Case is ignored for A to Z;
        for other letters that is up to the database.
        """
        found = self
        for word in words.split():
            found = found.filter(market_hash_name__icontains=word)
        return found

    def priced(self, lowest: Decimal | None = None, highest: Decimal | None = None) -> Self:
        """Items within these market prices, in US dollars; the limits belong to the range."""
        found = self
        if lowest is not None:
            found = found.filter(price__gte=lowest)
        if highest is not None:
            found = found.filter(price__lte=highest)
        return found

    def cheapest_first(self, after: "MarketItem | None" = None) -> Self:
        """By price; ``after`` is the last item of the page before."""
        rows = self.order_by("price", "pk")
        if after is None:
            return rows
        beyond = Q(price__gt=after.price) | Q(pk__gt=after.pk)
        return rows.filter(beyond, price__gte=after.price)

    def dearest_first(self, after: "MarketItem | None" = None) -> Self:
        """By price, from the highest down; ``after`` is the last item of the page before."""
        rows = self.order_by("-price", "-pk")
        if after is None:
            return rows
        beyond = Q(price__lt=after.price) | Q(pk__lt=after.pk)
        return rows.filter(beyond, price__lte=after.price)

    def by_name(self, after: "MarketItem | None" = None) -> Self:
        """In the order of the names, which a game has once each; ``after`` is the last item of the page before."""
        rows = self.order_by("market_hash_name")
        return rows if after is None else rows.filter(market_hash_name__gt=after.market_hash_name)


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
        indexes = [models.Index(fields=["game", "available", "price", "id"], name="skinsback_item_order")]

    def __str__(self) -> str:
        return self.market_hash_name

    @property
    def site_price(self) -> Decimal:
        """What the site asks for it: the market's price, or what ``PRICE_MARKUP`` makes of it; US dollars.

        More than six decimals are cut off. Raises ConfigurationError if ``PRICE_MARKUP`` makes no amount above zero.
        """
        markup = conf.callable_setting("PRICE_MARKUP")
        return self.price if markup is None else _checked(markup(self.price), self.price)


def _checked(made: object, price: Decimal) -> Decimal:
    amount = None
    if isinstance(made, Decimal) and made.is_finite():
        with suppress(InvalidAmount, InvalidOperation):
            amount = parse_amount(made.quantize(PLACES, rounding=ROUND_DOWN, context=_EXACT))
    if not amount:
        raise ConfigurationError(
            f"SKINSBACK['PRICE_MARKUP'] made {made!r} of the market price {price}. The function it names must return "
            "a Decimal above zero, in US dollars."
        )
    return amount


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
