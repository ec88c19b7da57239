"""Forms of the admin page that buys skins."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import conf
from ..error_texts import text_for
from ..exceptions import InvalidInput
from ..money import parse_amount
from ..steam import GAMES, TradeURL
from ..wire.types import Skin
from . import display

SKINS_AT_ONCE = 50


class SearchForm(forms.Form):
    """The form that searches SkinsBack's market: account, game and name of the skin."""

    account = forms.ChoiceField(label=gettext_lazy("Account"), required=False)
    game = forms.ChoiceField(label=gettext_lazy("Game"), choices=[(code, game.name) for code, game in GAMES.items()])
    name = forms.CharField(
        label=gettext_lazy("Skin"),
        min_length=3,
        max_length=255,
        help_text=gettext_lazy("The name of the skin or a part of it, in English."),
        widget=forms.TextInput(attrs={"class": "vTextField", "type": "search"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        aliases = conf.accounts()
        cast(forms.ChoiceField, self.fields["account"]).choices = [(alias, alias) for alias in aliases]
        if len(aliases) == 1:
            self.fields["account"].widget = forms.HiddenInput()

    def clean_account(self) -> str:
        return self.cleaned_data["account"] or conf.DEFAULT_ACCOUNT


class BuyForm(forms.Form):
    """The form that buys skins: the selected skins, their price caps in US dollars, the trade URL, optionally a user.

    ``skins`` are the results of the search. The form has a price cap field for each of them.
    """

    skin = forms.MultipleChoiceField(
        label=gettext_lazy("Skins"),
        error_messages={
            "required": gettext_lazy("Select at least one skin."),
            "invalid_choice": gettext_lazy("A selected skin is not for sale any more. Select again."),
        },
    )
    trade_url = forms.CharField(
        label=gettext_lazy("Trade URL"),
        max_length=300,
        help_text=gettext_lazy("Trade URL of the receiver: https://steamcommunity.com/tradeoffer/new/…"),
        widget=forms.TextInput(attrs={"class": "vLargeTextField", "autocomplete": "off"}),
    )
    username = forms.CharField(
        label=gettext_lazy("User"),
        required=False,
        help_text=gettext_lazy("Optional: login name of the user who receives the skins. The user is not charged."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, skins: Sequence[Skin], **options: Any) -> None:
        super().__init__(*args, **options)
        self.skins = {skin.skin_id: skin for skin in skins}
        cast(forms.ChoiceField, self.fields["skin"]).choices = [(skin.skin_id, skin.market_hash_name) for skin in skins]
        for skin in skins:
            self.fields[_cap_name(skin.skin_id)] = forms.CharField(
                label=_("Price cap of %(name)s, US dollars") % {"name": skin.market_hash_name},
                required=False,
                max_length=20,
                initial=display.field_amount(skin.price),
                widget=forms.TextInput(attrs={"inputmode": "decimal", "size": 10, "autocomplete": "off"}),
            )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a dict of template values for each skin of the table.

        ``above_limit`` is True if the price is above ``BUY_MAX_PRICE``. ``cap`` is the form field of the price cap.
        """
        selected = set(self["skin"].value() or ())
        allowed = conf.buy_max_price()
        for skin in self.skins.values():
            yield {
                "skin": skin,
                "price": display.money(skin.price),
                "selected": skin.skin_id in selected,
                "above_limit": allowed is not None and skin.price > allowed,
                "cap": self[_cap_name(skin.skin_id)],
            }

    def clean_skin(self) -> list[str]:
        skin_ids: list[str] = self.cleaned_data["skin"]
        if len(skin_ids) > SKINS_AT_ONCE:
            raise forms.ValidationError(_("Select at most %(count)s skins.") % {"count": SKINS_AT_ONCE})
        return skin_ids

    def clean_trade_url(self) -> TradeURL:
        try:
            return TradeURL.parse(self.cleaned_data["trade_url"])
        except InvalidInput as error:
            raise forms.ValidationError(text_for(error)) from None

    def clean_username(self) -> Any:
        """Return the user with this login name. Return None if the field is empty. Refuse an unknown name."""
        name = self.cleaned_data["username"]
        if not name:
            return None
        model = get_user_model()
        user = model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()
        if user is None:
            raise forms.ValidationError(_("There is no user with this name."))
        return user

    def clean(self) -> None:
        """Convert the price caps of the selected skins to Decimal.

        Add a form error if a cap is not a number above zero, or is above ``BUY_MAX_PRICE``.
        """
        allowed = conf.buy_max_price()
        for skin_id in self.cleaned_data.get("skin", ()):
            name = _cap_name(skin_id)
            try:
                cap = parse_amount(self.cleaned_data.get(name, "").strip().replace(",", "."))
            except InvalidInput:
                cap = Decimal(0)
            if not cap:
                self.add_error(name, _("Enter a price cap above zero, such as 8.28."))
            elif allowed is not None and cap > allowed:
                text = _("The limit in the settings (BUY_MAX_PRICE) is %(allowed)s.")
                self.add_error(name, text % {"allowed": display.money(allowed)})
            self.cleaned_data[name] = cap

    def caps(self) -> dict[str, Decimal]:
        """Return a dict: ID of each selected skin -> price cap in US dollars. Call it only if the form is valid."""
        return {skin_id: self.cleaned_data[_cap_name(skin_id)] for skin_id in self.cleaned_data["skin"]}


def _cap_name(skin_id: str) -> str:
    return f"max_price-{skin_id}"
