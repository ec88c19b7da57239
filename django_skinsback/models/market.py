"""The tables of the market's price list and of snapshots of the project's balance."""

from contextlib import suppress
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.db.models.lookups import IContains
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..exceptions import ConfigurationError, InvalidAmount
from ..money import EXACT, PLACES, parse_amount
from . import fields


class Quality(models.TextChoices):
    """The quality of a skin: StatTrak, Souvenir or normal. The quality is part of the skin's name."""

    NORMAL = "normal", _("normal")
    STATTRAK = "stattrak", _("StatTrak™")
    SOUVENIR = "souvenir", _("Souvenir")


WEAR_LABELS = {
    "factory_new": _("Factory New"),
    "minimal_wear": _("Minimal Wear"),
    "field_tested": _("Field-Tested"),
    "well_worn": _("Well-Worn"),
    "battle_scarred": _("Battle-Scarred"),
}
"""Wear of a CS2 skin -> label, best first."""


PRICE_BANDS = tuple(map(Decimal, ("0.08", "0.32", "1.28", "5.12", "20.48", "81.92", "327.68", "1310.72")))
"""The lowest market prices of the price bands 1 to 8, in US dollars. Band 0 contains all lower prices."""


def _price_band() -> models.Case:
    bands = [models.When(price__lt=end, then=models.Value(band)) for band, end in enumerate(PRICE_BANDS)]
    return models.Case(*bands, default=models.Value(len(PRICE_BANDS)))


_UPPER_CASE = str.maketrans(ascii_lowercase, ascii_uppercase)


class _PlainName(models.Func):
    """A text column for a search that ignores upper and lower case.

    On PostgreSQL, the collation ``C`` is used: only the case of A to Z is ignored. This search takes half the time.
    """

    template = "%(expressions)s"
    arity = 1

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='(%(expressions)s COLLATE "C")', **context)


class _ContainsWord(IContains):
    """Whether a ``_PlainName`` contains a word. PostgreSQL changes the case of A to Z only, also in the word."""

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        column, parameters = self.process_lhs(compiler, connection)
        word = connection.ops.prep_for_like_query(self.rhs.translate(_UPPER_CASE))
        return f"{column} LIKE %s", [*parameters, f"%{word}%"]


class MarketItemQuerySet(models.QuerySet["MarketItem"]):
    """Queries for the pages of a shop.

    There is an index for each of the three orders, for the available items of one game. So the last page is read as
    fast as the first page. To get the next page, pass the last item of the present page as ``after``.
    """

    def available(self) -> Self:
        """Return the items that were in the last price list."""
        # Not available=True: Django writes that as a bare column, for which SQLite uses no index.
        return self.filter(available__in=[True])

    def for_game(self, game: str) -> Self:
        """Return the items of one game: ``cs2``, ``dota2`` or ``rust``."""
        return self.filter(game=game)

    def search(self, words: str) -> Self:
        """Return the items whose name contains all the words, in any order.

        Upper and lower case are equal for the letters A to Z. For other letters, the database decides. No index is
        used: the database reads names until the page is full.
        """
        return self.filter(*(_ContainsWord(_PlainName("market_hash_name"), word) for word in words.split()))

    def priced(self, lowest: Decimal | None = None, highest: Decimal | None = None) -> Self:
        """Return the items with a market price from ``lowest`` to ``highest``, both included, in US dollars."""
        found = self
        if lowest is not None:
            found = found.filter(price__gte=lowest)
        if highest is not None:
            found = found.filter(price__lte=highest)
        return found

    def cheapest_first(self, after: "MarketItem | None" = None) -> Self:
        """Order by price, lowest first. ``after`` is the last item of the previous page, or None for the first page."""
        rows = self.order_by("price", "pk")
        if after is None:
            return rows
        beyond = Q(price__gt=after.price) | Q(pk__gt=after.pk)
        return rows.filter(beyond, price__gte=after.price)

    def dearest_first(self, after: "MarketItem | None" = None) -> Self:
        """Order by price, highest first. ``after`` is the last item of the previous page; None for the first page."""
        rows = self.order_by("-price", "-pk")
        if after is None:
            return rows
        beyond = Q(price__lt=after.price) | Q(pk__lt=after.pk)
        return rows.filter(beyond, price__lte=after.price)

    def by_name(self, after: "MarketItem | None" = None) -> Self:
        """Order by name. In one game, names are unique.

        ``after`` is the last item of the previous page, or None for the first page.
        """
        rows = self.order_by("market_hash_name")
        return rows if after is None else rows.filter(market_hash_name__gt=after.market_hash_name)

    def by_name_backwards(self, before: "MarketItem | None" = None) -> Self:
        """Order by name, the last name first.

        ``before`` is the first item of the next page, or None for the last page.
        """
        rows = self.order_by("-market_hash_name")
        return rows if before is None else rows.filter(market_hash_name__lt=before.market_hash_name)


class MarketItem(models.Model):
    """One row of SkinsBack's grouped price list: a name, the number of skins for sale, and the lowest price.

    ``price`` is in US dollars (``/docs/api/v1/market_pricelist``).
    """

    game = models.CharField(_("game"), max_length=16)
    market_hash_name = models.CharField(_("market hash name"), max_length=fields.TEXT_LENGTH)
    price = fields.amount_field(_("price"), help_text=_("US dollars"))
    count = models.PositiveIntegerField(_("count"), default=0, help_text=_("skins for sale"))
    class_id = models.CharField(_("class ID"), max_length=fields.ID_LENGTH, blank=True)
    wear = models.CharField(_("wear"), max_length=16, blank=True, choices=list(WEAR_LABELS.items()))
    quality = models.CharField(_("quality"), max_length=16, default=Quality.NORMAL, choices=Quality.choices)
    available = models.BooleanField(_("available"), default=True)
    # In an index of prices, names are not in order. In an index of bands and names, the names of a band are in order.
    price_band = models.GeneratedField(
        verbose_name=_("price band"),
        expression=_price_band(),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    updated_at = fields.UTCDateTimeField(_("updated at"), default=fields.utc_now)

    objects = MarketItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("market item")
        verbose_name_plural = _("market items")
        constraints = [
            models.UniqueConstraint(fields=["game", "market_hash_name"], name="skinsback_item_name"),
        ]
        indexes = [
            models.Index(fields=["game", "available", "price", "id"], name="skinsback_item_order"),
            models.Index(fields=["game", "available", "wear", "quality", "price", "id"], name="skinsback_item_facet"),
            models.Index(
                fields=["game", "available", "wear", "quality", "price_band", "market_hash_name", "price"],
                name="skinsback_item_facet_name",
            ),
        ]

    def __str__(self) -> str:
        return self.market_hash_name

    @property
    def site_price(self) -> Decimal:
        """The site's price in US dollars: the result of ``PRICE_MARKUP``, or the market price if that is not set.

        The price is cut off after six decimals. Raises ConfigurationError if ``PRICE_MARKUP`` does not return a Decimal
        above zero.
        """
        markup = conf.callable_setting("PRICE_MARKUP")
        return self.price if markup is None else _valid_price(markup(self.price), self.price)


def _valid_price(returned: object, price: Decimal) -> Decimal:
    amount = None
    if isinstance(returned, Decimal) and returned.is_finite():
        with suppress(InvalidAmount, InvalidOperation):
            amount = parse_amount(returned.quantize(PLACES, rounding=ROUND_DOWN, context=EXACT))
    if not amount:
        raise ConfigurationError(
            f"SKINSBACK['PRICE_MARKUP'] returned {returned!r} for the market price {price}. It must return a Decimal "
            "above zero, in US dollars."
        )
    return amount


class PriceListImport(models.Model):
    """The time at which the price list of one game was last imported.

    No quote is made from a price list that is older than ``PRICES_MAX_AGE``.
    """

    game = models.CharField(_("game"), max_length=16, unique=True)
    imported_at = fields.UTCDateTimeField(_("imported at"), default=fields.utc_now)

    class Meta:
        verbose_name = _("price list import")
        verbose_name_plural = _("price list imports")

    def __str__(self) -> str:
        return self.game


class BalanceSnapshot(models.Model):
    """The project's balance at SkinsBack at one time, in US dollars.

    If SkinsBack reports the same balance several times in a row, only the first and the newest snapshot are kept.
    """

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
