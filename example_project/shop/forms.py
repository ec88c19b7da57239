"""Forms of the shop."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_skinsback.exceptions import InvalidTradeURL
from django_skinsback.steam import GAMES, TradeURL

from .models import Profile


class MarketForm(forms.Form):
    """Filters of the market page.

    ``min`` and ``max`` are prices of the shop in US dollars. ``after`` is the primary key of the last skin on the
    previous page.
    """

    game = forms.ChoiceField(required=False, choices=[(code, game.name) for code, game in GAMES.items()])
    q = forms.CharField(required=False, max_length=100)
    min = forms.DecimalField(required=False, min_value=0, max_digits=8, decimal_places=2)
    max = forms.DecimalField(required=False, min_value=0, max_digits=8, decimal_places=2)
    order = forms.ChoiceField(required=False, choices=[(order, order) for order in ("price", "-price", "name")])
    after = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class DepositForm(forms.Form):
    """The game, the limits of the amount in the shop's currency, and whether the pay page is shown in a frame."""

    game = forms.ChoiceField(
        label=_("Game"),
        choices=[(code, game.name) for code, game in GAMES.items()],
        widget=forms.RadioSelect,
        initial="cs2",
    )
    min_amount = forms.DecimalField(
        label=_("At least"), required=False, min_value=Decimal("0.01"), max_digits=8, decimal_places=2
    )
    max_amount = forms.DecimalField(
        label=_("At most"), required=False, min_value=Decimal("0.01"), max_digits=8, decimal_places=2
    )
    where = forms.ChoiceField(
        label=_("Pay page"),
        choices=[("redirect", _("Go to SkinsBack and come back")), ("widget", _("Stay here, in a frame"))],
        widget=forms.RadioSelect,
        initial="redirect",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        lowest, highest = cleaned.get("min_amount"), cleaned.get("max_amount")
        if lowest and highest and lowest >= highest:
            self.add_error("max_amount", _("The upper limit must be above the lower one."))
        return cleaned


class TradeURLForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs alone
    class Meta:
        model = Profile
        fields = ["trade_url"]
        widgets = {"trade_url": forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url"})}
        help_texts = {"trade_url": _("On Steam: Inventory, Trade Offers, Who can send me Trade Offers?")}

    def clean_trade_url(self) -> str:
        """Return the trade URL in Steam's format. Return "" for an empty field, which deletes the trade URL.

        Raise ValidationError if the text is not a trade URL.
        """
        pasted = self.cleaned_data["trade_url"]
        if not pasted:
            return ""
        try:
            return TradeURL.parse(pasted).url
        except InvalidTradeURL as error:
            raise forms.ValidationError(str(error)) from None


class ConfirmForm(forms.Form):
    """``key`` is the idempotency key: a second click buys nothing. ``price`` is the price that the user saw."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    price = forms.DecimalField(widget=forms.HiddenInput)
