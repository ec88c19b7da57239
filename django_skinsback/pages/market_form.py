"""The form with the filters of the market page. The filters have the same names as the REST API's parameters."""

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from ..models.fields import TEXT_LENGTH
from ..models.market import WEAR_LABELS, Quality

QUALITIES = [
    (Quality.NORMAL, _("Normal")),
    (Quality.STATTRAK, Quality.STATTRAK.label),
    (Quality.SOUVENIR, Quality.SOUVENIR.label),
]
SORTS = [("price", _("Lowest price")), ("-price", _("Highest price")), ("name", _("Name"))]


class MarketForm(forms.Form):
    """The form for search words, prices in the site's currency, wear, quality and order. Invalid values are ignored."""

    search = forms.CharField(label=_("Search"), required=False, max_length=100)
    min = forms.DecimalField(label=_("Price from"), required=False, min_value=0, max_digits=12, decimal_places=2)
    max = forms.DecimalField(label=_("Price to"), required=False, min_value=0, max_digits=12, decimal_places=2)
    sort = forms.ChoiceField(label=_("Order"), required=False, choices=SORTS)
    wear = forms.MultipleChoiceField(
        label=_("Wear"), required=False, choices=list(WEAR_LABELS.items()), widget=forms.CheckboxSelectMultiple
    )
    quality = forms.MultipleChoiceField(
        label=_("Quality"), required=False, choices=QUALITIES, widget=forms.CheckboxSelectMultiple
    )

    def arguments(self, game: str) -> dict[str, Any]:
        """Return the valid filters as arguments of ``search_market``.

        If ``game`` is not ``cs2``, wear and quality are ignored, because other skins have neither.
        """
        self.is_valid()
        found = self.cleaned_data
        has_facets = game == "cs2"
        return {
            "search": found.get("search", ""),
            "lowest": _price(found.get("min")),
            "highest": _price(found.get("max")),
            "sort": found.get("sort") or "price",
            "wears": tuple(found.get("wear", ())) if has_facets else (),
            "qualities": tuple(found.get("quality", ())) if has_facets else (),
        }

    @property
    def has_facets(self) -> bool:
        """Whether the user has chosen a wear or a quality."""
        query = cast(QueryDict, self.data)
        return bool(query.getlist("wear") or query.getlist("quality"))


def _price(value: Decimal | None) -> Decimal | None:
    """Return a price, and 0 for every spelling of 0: a form accepts ``-0`` and ``0E+9999``, and flows do not."""
    return Decimal(0) if value is not None and not value else value


class SkinForm(forms.Form):
    """The skin of the market that the user has chosen. ``name`` is the market hash name of the skin."""

    game = forms.CharField(max_length=16)
    name = forms.CharField(max_length=TEXT_LENGTH, strip=False)
