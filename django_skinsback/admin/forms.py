"""The two forms of the page that buys skins."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import conf
from ..exceptions import InvalidInput
from ..money import parse_amount
from ..steam import GAMES, TradeURL
from ..wire.types import Skin
from . import display

SKINS_AT_ONCE = 50


class SearchForm(forms.Form):
    """What to look for on SkinsBack's market."""

    account = forms.ChoiceField(label=gettext_lazy("Account"), required=False)
    game = forms.ChoiceField(label=gettext_lazy("Game"), choices=[(code, game.name) for code, game in GAMES.items()])
    name = forms.CharField(
        label=gettext_lazy("Skin"),
        min_length=3,
        max_length=255,
        help_text=gettext_lazy("Its name, or part of it, in English."),
        widget=forms.TextInput(attrs={"class": "vTextField", "type": "search"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        aliases = conf.accounts()
        self.fields["account"].choices = [(alias, alias) for alias in aliases]  # type: ignore[attr-defined] # ChoiceField
        if len(aliases) == 1:
            self.fields["account"].widget = forms.HiddenInput()

    def clean_account(self) -> str:
        return self.cleaned_data["account"] or conf.DEFAULT_ACCOUNT


class BuyForm(forms.Form):
    """Which of the found skins to buy, for whom, and for how much at most."""

    skin = forms.MultipleChoiceField(
        label=gettext_lazy("Skins"),
        error_messages={
            "required": gettext_lazy("Choose at least one skin."),
            "invalid_choice": gettext_lazy("A chosen skin is not for sale any more. Choose again."),
        },
    )
    trade_url = forms.CharField(
        label=gettext_lazy("Trade URL"),
        max_length=300,
        help_text=gettext_lazy("Where SkinsBack sends the trade offer: https://steamcommunity.com/tradeoffer/new/…"),
        widget=forms.TextInput(attrs={"class": "vLargeTextField", "autocomplete": "off"}),
    )
    username = forms.CharField(
        label=gettext_lazy("User"),
        required=False,
        help_text=gettext_lazy("Whose purchase it is, by the name he logs in with. He is not charged. May stay empty."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, skins: Sequence[Skin], **options: Any) -> None:
        super().__init__(*args, **options)
        self.skins = {skin.skin_id: skin for skin in skins}
        self.fields["skin"].choices = [  # type: ignore[attr-defined] # a MultipleChoiceField, see above
            (skin.skin_id, skin.market_hash_name) for skin in skins
        ]
        for skin in skins:
            self.fields[_cap_name(skin.skin_id)] = forms.CharField(
                label=_("Price cap of %(name)s, US dollars") % {"name": skin.market_hash_name},
                required=False,
                max_length=20,
                initial=display.plain(skin.price),
                widget=forms.TextInput(attrs={"inputmode": "decimal", "size": 10, "autocomplete": "off"}),
            )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each found skin with its place in the form."""
        chosen = set(self["skin"].value() or ())
        allowed = conf.buy_max_price()
        for skin in self.skins.values():
            yield {
                "skin": skin,
                "price": display.money(skin.price),
                "chosen": skin.skin_id in chosen,
                "too_dear": allowed is not None and skin.price > allowed,
                "cap": self[_cap_name(skin.skin_id)],
            }

    def clean_skin(self) -> list[str]:
        skin_ids: list[str] = self.cleaned_data["skin"]
        if len(skin_ids) > SKINS_AT_ONCE:
            raise forms.ValidationError(_("Choose at most %(count)s skins.") % {"count": SKINS_AT_ONCE})
        return skin_ids

    def clean_trade_url(self) -> TradeURL:
        try:
            return TradeURL.parse(self.cleaned_data["trade_url"])
        except InvalidInput as error:
            raise forms.ValidationError(str(error)) from None

    def clean_username(self) -> Any:
        """The user of that name; None if none was given."""
        name = self.cleaned_data["username"]
        if not name:
            return None
        model = get_user_model()
        user = model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()
        if user is None:
            raise forms.ValidationError(_("There is no user of that name."))
        return user

    def clean(self) -> None:
        """Read the price caps of the chosen skins."""
        allowed = conf.buy_max_price()
        for skin_id in self.cleaned_data.get("skin", ()):
            name = _cap_name(skin_id)
            try:
                cap = parse_amount(self.cleaned_data.get(name, "").strip().replace(",", "."))
            except InvalidInput:
                cap = Decimal(0)
            if not cap:
                self.add_error(name, _("Write the price cap as a number above zero, such as 8.28."))
            elif allowed is not None and cap > allowed:
                self.add_error(name, _("The settings allow at most %(allowed)s.") % {"allowed": display.money(allowed)})
            self.cleaned_data[name] = cap

    def caps(self) -> dict[str, Decimal]:
        """Price cap of each chosen skin, US dollars."""
        return {skin_id: self.cleaned_data[_cap_name(skin_id)] for skin_id in self.cleaned_data["skin"]}


def _cap_name(skin_id: str) -> str:
    return f"max_price-{skin_id}"
