"""Forms of the page that buys skins: the search, the lines of the cart, the recipient and the charge."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ... import conf
from ...error_texts import text_for
from ...exceptions import InvalidInput
from ...flows.players.steam_profiles import get_profile
from ...money import parse_amount, parse_currency
from ...sensitive import hide
from ...steam import GAMES, TradeURL
from .. import display
from .cart import SKINS_AT_ONCE, CartLine
from .market import LETTERS, LIVE_LETTERS, WantedSkin
from .recipient import Recipient, find_user, profile_trade_url

_DECIMAL_COMMA = re.compile(r"([0-9]+),([0-9]{1,2})")
AMOUNT_WIDGET = {"inputmode": "decimal", "size": 9, "autocomplete": "off"}


def read_amount(text: str) -> Decimal:
    """Return the amount that an operator has typed. A comma before one or two digits is read as a decimal comma.

    Raise a form error if the text is not an amount above zero. "1,000" is refused, because it may mean 1 or 1000.
    """
    text = text.strip()
    if with_comma := _DECIMAL_COMMA.fullmatch(text):
        text = ".".join(with_comma.groups())
    try:
        amount = parse_amount(text)
    except InvalidInput:
        amount = Decimal(0)
    if not amount:
        raise forms.ValidationError(_("Enter an amount above zero, such as 8.28, without thousands separators."))
    return amount


def read_cap(text: str) -> Decimal:
    """Return a price cap in US dollars. Raise a form error if it is not an amount, or is above ``BUY_MAX_PRICE``."""
    cap, allowed = read_amount(text), conf.buy_max_price()
    if allowed is not None and cap > allowed:
        message = _("The limit in the settings (BUY_MAX_PRICE) is %(allowed)s.")
        raise forms.ValidationError(message % {"allowed": display.money(allowed)})
    return cap


class SearchForm(forms.Form):
    """The search form: words of the name, a game or all games, and the account.

    The market of this account is searched, and this account pays.
    """

    q = forms.CharField(
        label=gettext_lazy("Skin"),
        required=False,
        max_length=255,
        help_text=gettext_lazy(
            "The name or a part of it, in English: 2 letters for the price list, 3 letters for SkinsBack's market."
        ),
        widget=forms.TextInput(attrs={"class": "vTextField", "type": "search", "autocomplete": "off"}),
    )
    game = forms.ChoiceField(
        label=gettext_lazy("Game"),
        required=False,
        choices=[("", gettext_lazy("All games")), *((code, game.name) for code, game in GAMES.items())],
    )
    account = forms.ChoiceField(
        label=gettext_lazy("Account"),
        required=False,
        help_text=gettext_lazy("The project at SkinsBack that pays for the whole cart."),
    )

    def __init__(self, *args: Any, letters: int = 0, **options: Any) -> None:
        """``letters`` is the lowest number of letters to search for. 0 means that nothing is searched."""
        super().__init__(*args, **options)
        self._letters = letters
        aliases = conf.accounts()
        cast(forms.ChoiceField, self.fields["account"]).choices = [(alias, alias) for alias in aliases]
        if len(aliases) == 1:
            self.fields["account"].widget = forms.HiddenInput()

    def clean_account(self) -> str:
        return self.cleaned_data["account"] or conf.DEFAULT_ACCOUNT

    def clean_q(self) -> str:
        words: str = self.cleaned_data["q"]
        if len(words) < self._letters:
            raise forms.ValidationError(_("Enter at least %(count)s letters.") % {"count": self._letters})
        return words

    @property
    def games(self) -> Sequence[str]:
        """The games to search."""
        game = self.cleaned_data.get("game")
        return [game] if game else list(GAMES)


SEARCHES = {"search": LETTERS, "live": LIVE_LETTERS}
"""Value of the search button -> the lowest number of letters."""


class LineForm(forms.Form):
    """The fields of one line of the cart: quantity, and price cap of each skin in US dollars."""

    quantity = forms.IntegerField(
        min_value=1,
        max_value=SKINS_AT_ONCE,
        widget=forms.NumberInput(attrs={"min": 1, "max": SKINS_AT_ONCE, "class": "skinsback-quantity"}),
    )
    cap = forms.CharField(max_length=20, widget=forms.TextInput(attrs=AMOUNT_WIDGET))

    def __init__(self, data: Any, line: CartLine) -> None:
        is_posted = data is not None and f"{line.key}-quantity" in data
        super().__init__(
            data if is_posted else None,
            prefix=line.key,
            initial={"quantity": line.quantity, "cap": line.cap},
            use_required_attribute=False,
        )
        self.line = line
        names = {"skin": line.market_hash_name}
        self.fields["quantity"].label = _("Quantity of %(skin)s") % names
        self.fields["cap"].label = _("Price cap of %(skin)s, US dollars each") % names

    def clean_cap(self) -> Decimal:
        return read_cap(self.cleaned_data["cap"])

    def wanted(self) -> WantedSkin:
        """Return the line as a WantedSkin. Call this method only if the form is valid or was not sent."""
        line = self.line
        quantity = self.cleaned_data["quantity"] if self.is_bound else line.quantity
        cap = self.cleaned_data["cap"] if self.is_bound else parse_amount(line.cap)
        return WantedSkin(line.game, line.market_hash_name, quantity, cap, line.class_id)


class RecipientForm(forms.Form):
    """The recipient, the total price cap, and the total charge. Nothing is charged if ``charge`` is empty."""

    username = forms.CharField(
        label=gettext_lazy("User"),
        required=False,
        max_length=255,
        help_text=gettext_lazy("Optional: login name of the user who gets the skins."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    trade_url = forms.CharField(
        label=gettext_lazy("Trade URL"),
        required=False,
        max_length=300,
        help_text=gettext_lazy(
            "Empty: the trade URL of the user's Steam profile, which is not shown. Otherwise: "
            "https://steamcommunity.com/tradeoffer/new/…"
        ),
        widget=forms.TextInput(attrs={"class": "vLargeTextField", "autocomplete": "off"}),
    )
    total_cap = forms.CharField(
        label=gettext_lazy("Total price cap, US dollars"),
        required=False,
        max_length=20,
        help_text=gettext_lazy("Optional: the price caps of all skins together are not above this amount."),
        widget=forms.TextInput(attrs=AMOUNT_WIDGET),
    )
    charge = forms.CharField(
        label=gettext_lazy("Total charge of the user"),
        required=False,
        max_length=20,
        help_text=gettext_lazy(
            "Optional: what this site takes from the user for all skins together. Empty: the user is not charged."
        ),
        widget=forms.TextInput(attrs=AMOUNT_WIDGET),
    )
    charge_currency = forms.CharField(
        label=gettext_lazy("Currency of the charge"),
        required=False,
        max_length=8,
        widget=forms.TextInput(attrs={"size": 8, "autocomplete": "off"}),
    )

    recipient: Recipient
    """Set if the form is valid."""

    def clean_username(self) -> Any:
        """Return the user with this login name. Return None if the field is empty. Refuse an unknown name."""
        name = self.cleaned_data["username"]
        if not name:
            return None
        user = find_user(name)
        if user is None:
            raise forms.ValidationError(_("There is no user with this name."))
        return user

    def clean_trade_url(self) -> TradeURL | None:
        text = hide(self.cleaned_data["trade_url"])
        try:
            return TradeURL.parse(text) if text else None
        except InvalidInput as error:
            raise forms.ValidationError(text_for(error)) from None

    def clean_total_cap(self) -> Decimal | None:
        text = self.cleaned_data["total_cap"]
        return read_amount(text) if text.strip() else None

    def clean_charge(self) -> Decimal | None:
        text = self.cleaned_data["charge"]
        return read_amount(text) if text.strip() else None

    def clean_charge_currency(self) -> str:
        text = self.cleaned_data["charge_currency"]
        try:
            return parse_currency(text) if text else ""
        except InvalidInput:
            raise forms.ValidationError(_('Enter a currency code such as "usd".')) from None

    def clean(self) -> None:
        """Find the recipient. A charge needs a user and a currency."""
        values = self.cleaned_data
        user = values.get("username")
        if values.get("charge") is not None:
            if not user and "username" not in self.errors:
                self.add_error("username", _("Enter the user who is charged."))
            if not values.get("charge_currency") and "charge_currency" not in self.errors:
                self.add_error("charge_currency", _("Enter the currency of the charge."))
        if "trade_url" in self.errors or "username" in self.errors:
            return
        entered = values.get("trade_url")
        trade_url = entered or (profile_trade_url(get_profile(user)) if user else None)
        if trade_url is not None:
            self.recipient = Recipient(trade_url, user, is_from_profile=entered is None)
        elif user:
            self.add_error(
                "trade_url", _("%(user)s has no trade URL in the Steam profile. Enter one.") % {"user": user}
            )
        else:
            self.add_error("trade_url", _("Enter a trade URL, or the user who gets the skins."))
