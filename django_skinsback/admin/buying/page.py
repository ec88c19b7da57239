"""The page of the cart: the search and its results, the lines of the cart, the recipient."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from ... import conf
from ...connection import get_client
from ...error_texts import text_for
from ...exceptions import InvalidInput, SkinsBackError
from ...flows.monitoring.balance import days_left_text, estimate_days_left
from ...money import parse_amount
from ...pictures import picture_url, placeholder
from ...steam import GAMES
from .. import display
from ..actions import changelist_url
from .cart import SKINS_AT_ONCE, Cart, CartLine, line_key
from .forms import SEARCHES, LineForm, RecipientForm, SearchForm
from .market import FoundSkin, SearchResult, listed_items, search_live, search_price_list
from .recipient import describe, find_user, warnings_about
from .urls import buy_url


class CartPage:
    """The forms of one request. Each button of the page sends all of them.

    ``is_checked`` is True if the errors of the recipient and of the cart as a whole are shown.
    """

    def __init__(self, request: HttpRequest, initial: dict[str, Any] | None = None) -> None:
        """``initial`` are values to show instead of the values that were sent."""
        sent = request.GET if request.method == "GET" else request.POST
        self.request = request
        self.action = sent.get("action", "")
        self.cart = Cart(request.session)
        self.search_kind = next((kind for kind in (self.action, sent.get("search_kind")) if kind in SEARCHES), "search")
        letters = SEARCHES[self.search_kind]
        is_search = self.action in SEARCHES or (request.method == "GET" and "q" in sent)
        values = {name: sent.get(name, "") for name in ("q", "game", "account")} | (initial or {})
        self.search = SearchForm(values, letters=letters if is_search else 0)
        self._must_search = is_search or len(values["q"].strip()) >= letters
        self._sent_lines = sent if request.method == "POST" and initial is None else None
        self.lines = self._lines()
        # Errors of the recipient are shown only if the operator has finished typing.
        self.is_checked = request.method == "POST" and self.action == "review" and initial is None
        # A link cannot fill in the recipient or the charge: an operator might confirm what somebody else has chosen.
        posted = request.POST
        typed = {name: posted[name] for name in RecipientForm.base_fields if name in posted}
        typed = typed if initial is None else initial
        self.recipient = RecipientForm(
            sent if self.is_checked else None,
            initial={"charge_currency": conf.quote_currency(), **typed},
            use_required_attribute=False,
        )

    def _lines(self) -> list[LineForm]:
        return [LineForm(self._sent_lines, line) for line in self.cart.lines]

    @property
    def account(self) -> str:
        self.search.is_valid()
        return self.search.cleaned_data.get("account") or conf.DEFAULT_ACCOUNT

    def _search(self) -> SearchResult | None:
        if not self._must_search or not self.search.is_valid():
            return None
        words, games = self.search.cleaned_data["q"], self.search.games
        if self.search_kind == "live":
            return search_live(self.account, words, games)
        return search_price_list(words, games)

    def press_button(self) -> bool:
        """Do what the button that was pressed says. Return True if the confirmation page must be shown."""
        self.cart.change(
            {
                form.line.key: (form.cleaned_data["quantity"], display.field_amount(form.cleaned_data["cap"]))
                for form in self.lines
                if form.is_bound and form.is_valid()
            }
        )
        sent = self.request.POST
        if "add" in sent:
            self._add(sent["add"])
        elif "remove" in sent:
            self.cart.remove(sent["remove"])
        elif self.action == "clear":
            self.cart.clear()
        elif self.action == "review":
            return self._is_valid()
        self.lines = self._lines()
        return False

    def _add(self, text: str) -> None:
        """Add the skin of a button to the cart. ``text`` is the JSON that ``_found_row`` makes."""
        try:
            game, name, price, class_id = json.loads(text)
            if game not in GAMES or not isinstance(name, str) or not name or not isinstance(class_id, str):
                return
            is_added = self.cart.add(game, name[:255], parse_amount(price), class_id[:64])
        except (ValueError, TypeError, InvalidInput):
            return
        if is_added:
            messages.success(self.request, _("In the cart: %(skin)s") % {"skin": name})
        else:
            values = {"count": SKINS_AT_ONCE, "skin": name}
            messages.error(self.request, _("%(skin)s: an order has at most %(count)s skins.") % values)

    def _is_valid(self) -> bool:
        """Check all forms. Return whether the confirmation page can be shown."""
        lines_are_valid = all(form.is_valid() or not form.is_bound for form in self.lines)
        return all([lines_are_valid, self.recipient.is_valid(), self.search.is_valid(), not self.cart_problem()])

    def cart_problem(self) -> str:
        """Return why the cart cannot be ordered. Return an empty text if it can."""
        if not self.cart.lines:
            return _("The cart is empty. Search for a skin and add it.")
        if self.cart.count > SKINS_AT_ONCE:
            text = _("The cart has %(count)s skins. An order has at most %(most)s.")
            return text % {"count": self.cart.count, "most": SKINS_AT_ONCE}
        return ""

    def render(self, model_admin: Any) -> HttpResponse:
        context = base_context(self.request, model_admin, self.account)
        listed = listed_items((line.game, line.market_hash_name) for line in self.cart.lines)
        in_cart = {line.key for line in self.cart.lines}
        result = self._search()
        context |= {
            "title": _("Buy skins"),
            "page": self,
            "result": result,
            "found": [_found_row(skin, in_cart) for skin in result.found] if result else [],
            "lines": [_cart_row(form, listed) for form in self.lines],
            "cart_problem": self.cart_problem() if self.is_checked else "",
            "has_errors": self.is_checked and not self._is_valid(),
            **self._user_context(),
        }
        return TemplateResponse(self.request, "admin/skinsback/buy/cart.html", context)

    def _user_context(self) -> dict[str, Any]:
        """Return the values about the user whose login name is in the form, and the warnings about the recipient."""
        name = self.recipient["username"].value() or ""
        user = find_user(name) if name and "\0" not in name else None
        if user is None:
            return {"user_problem": _("There is no user with this name.") if name and not self.is_checked else ""}
        check = RecipientForm({"username": name, "trade_url": self.recipient["trade_url"].value() or ""})
        return {
            "chosen_user": user,
            "profile": describe(user),
            "warnings": warnings_about(check.recipient) if check.is_valid() else [],
        }


def first_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the cart. ``?user=`` with a primary key fills in the user's login name."""
    initial: dict[str, Any] = {}
    if key := request.GET.get("user"):
        user = find_user(key, "pk")
        if user is None:
            messages.warning(request, _("There is no such user."))
        else:
            initial["username"] = user.get_username()
    return CartPage(request, initial or None).render(model_admin)


@sensitive_variables("order")
def page_from_order(request: HttpRequest, model_admin: Any, order: dict[str, Any]) -> HttpResponse:
    """Show the page again with the fields of an order that the operator wants to change."""
    initial = {**order["form"], "account": order["account"], "trade_url": order["trade_url"]}
    return CartPage(request, initial).render(model_admin)


def base_context(request: HttpRequest, model_admin: Any, account: str) -> dict[str, Any]:
    """Return the template values that all pages that buy skins need, with the project's balance.

    If the balance cannot be read, ``balance`` is None and ``balance_problem`` is the error text. The operator can still
    buy.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "list_url": changelist_url(model_admin),
        "buy_url": buy_url(model_admin, request),
    }
    try:
        usd = get_client(account).get_balance().usd
    except SkinsBackError as error:
        return {**context, "balance": None, "balance_problem": text_for(error)}
    low = conf.low_balance()
    return {
        **context,
        "balance": usd,
        "shown_balance": display.money(usd),
        "balance_low": low is not None and usd < low,
        "balance_lasts": days_left_text(estimate_days_left(account)),
    }


def _found_row(skin: FoundSkin, in_cart: set[str]) -> dict[str, Any]:
    limit = conf.buy_max_price()
    price = display.field_amount(skin.price)
    return {
        "skin": skin,
        "game": GAMES[skin.game].name,
        "price": display.money(skin.price),
        "picture": picture_url(class_id=skin.class_id, game=skin.game),
        "placeholder": placeholder(skin.market_hash_name),
        "value": json.dumps([skin.game, skin.market_hash_name, price, skin.class_id]),
        "is_in_cart": line_key(skin.game, skin.market_hash_name) in in_cart,
        "above_limit": display.money(limit) if limit is not None and skin.price > limit else "",
    }


def _cart_row(form: LineForm, listed: Any) -> dict[str, Any]:
    line: CartLine = form.line
    item = listed.get((line.game, line.market_hash_name))
    return {
        "form": form,
        "line": line,
        "game": GAMES[line.game].name if line.game in GAMES else line.game,
        "price": display.money(item.price if item else parse_amount(line.price)),
        "count": item.count if item else None,
        "picture": picture_url(class_id=line.class_id, game=line.game),
        "placeholder": placeholder(line.market_hash_name),
    }
