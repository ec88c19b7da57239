"""The forms of the pages."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..steam import GAMES
from ..wire.limits import ID_LENGTH

MOST_ITEMS = 200
"""The highest number of items in one form. Steam allows fewer items in one trade."""

PAY_PAGE, FRAME, INVENTORY = "redirect", "frame", "inventory"


class DepositForm(forms.Form):
    """The form in which the user chooses the game and the way to deposit.

    If the form is sent twice with the same ``key``, the second request returns the deposit of the first request.
    """

    game = forms.ChoiceField(label=_("Game"), widget=forms.RadioSelect)
    way = forms.ChoiceField(
        label=_("How do you want to choose your skins?"),
        choices=[
            (INVENTORY, _("Here, from my Steam inventory")),
            (PAY_PAGE, _("On SkinsBack's page, then come back")),
            (FRAME, _("On SkinsBack's page, shown in this one")),
        ],
        widget=forms.RadioSelect,
    )
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, games: Sequence[str], key: uuid.UUID) -> None:
        super().__init__(data, initial={"game": games[0] if games else "", "way": PAY_PAGE, "key": key})
        self.fields["game"].choices = [(code, GAMES[code].name) for code in games]  # type: ignore[attr-defined] # a ChoiceField


class AssetIDsField(forms.Field):
    """A sorted list of different asset IDs. Raises ValidationError if the list is empty, too long or not valid."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> list[str]:
        asset_ids = sorted(set(value or []))
        if not asset_ids:
            raise forms.ValidationError(_("Choose at least one skin."))
        if len(asset_ids) > MOST_ITEMS or not all(map(_is_asset_id, asset_ids)):
            raise forms.ValidationError(_("Choose the skins again."))
        return asset_ids


def _is_asset_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= ID_LENGTH


class InventoryForm(forms.Form):
    """The items that the user chose from the inventory of one game."""

    key = forms.UUIDField()
    item = AssetIDsField()


class TradeURLForm(forms.Form):
    """The form for a Steam trade URL that the user has copied from Steam."""

    trade_url = forms.CharField(
        label=_("Steam trade URL"),
        max_length=500,
        error_messages={"required": _("Enter your trade URL.")},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "inputmode": "url",
                "spellcheck": "false",
                "placeholder": "https://steamcommunity.com/tradeoffer/new/?partner=…&token=…",
            }
        ),
    )
