"""The filters of the market page."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..models.market import WEAR_LABELS, Quality

SORTS = [("price", _("Lowest price")), ("-price", _("Highest price")), ("name", _("Name"))]


class MarketForm(forms.Form):
    """Search words, price range in the site's currency, wear, quality and order. An invalid filter is ignored."""

    search = forms.CharField(label=_("Search skins"), required=False, max_length=100)
    lowest = forms.DecimalField(
        label=_("Price from"), required=False, min_value=0, max_digits=12, decimal_places=2, localize=False
    )
    highest = forms.DecimalField(
        label=_("Price to"), required=False, min_value=0, max_digits=12, decimal_places=2, localize=False
    )
    wear = forms.MultipleChoiceField(
        label=_("Wear"), required=False, choices=list(WEAR_LABELS.items()), widget=forms.CheckboxSelectMultiple
    )
    quality = forms.MultipleChoiceField(
        label=_("Quality"), required=False, choices=Quality.choices, widget=forms.CheckboxSelectMultiple
    )
    sort = forms.ChoiceField(label=_("Order"), required=False, choices=SORTS)

    @property
    def filters(self) -> dict[str, Any]:
        """The valid filters, as arguments of ``search_market``."""
        self.is_valid()
        found = self.cleaned_data
        return {
            "search": found.get("search", ""),
            "lowest": found.get("lowest"),
            "highest": found.get("highest"),
            "wears": tuple(found.get("wear", ())),
            "qualities": tuple(found.get("quality", ())),
            "sort": found.get("sort") or "price",
        }
