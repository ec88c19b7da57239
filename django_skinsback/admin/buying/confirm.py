"""The confirmation page: it says which skins are bought, for whom, what they cost, and what cannot be bought."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from ...pictures import picture_url, placeholder
from ...steam import GAMES
from .. import display
from .charge import split_charge
from .orders import ChosenSkin, chosen_skins, sign_order
from .page import CartPage, base_context
from .recipient import warnings_about
from .resolve import Choice, ask_market, choose

FORM_FIELDS = ("username", "total_cap", "charge", "charge_currency")


@sensitive_variables("page", "recipient", "order")
def confirmation_page(page: CartPage, model_admin: Any) -> HttpResponse:
    """Look up the skins of the cart on SkinsBack's market, and show what would be bought. All forms must be valid.

    If nothing can be bought, the page says why, and has no button to buy.
    """
    request = page.request
    values, recipient = page.recipient.cleaned_data, page.recipient.recipient
    wanted = [form.wanted() for form in page.lines]
    choices = choose(wanted, ask_market(page.account, wanted), values["total_cap"])
    chosen = chosen_skins(choices, [form.line.key for form in page.lines])
    charge, currency = values["charge"], values["charge_currency"]
    shares: Sequence[Decimal | None] = [None] * len(chosen)
    if charge is not None and chosen:
        shares = split_charge(charge, [each.skin.price for each in chosen])
    chosen = [
        ChosenSkin(each.line_key, each.game, each.skin, each.cap, share)
        for each, share in zip(chosen, shares, strict=True)
    ]
    typed = {name: str(page.recipient.data.get(name, "")) for name in FORM_FIELDS}
    order = ""
    if chosen:
        order = sign_order(
            request.user, recipient, chosen, account=page.account, form_values=typed, charge_currency=currency
        )
    context = base_context(request, model_admin, page.account) | {
        "title": _("Buy these skins?"),
        "order": order,
        "account": page.account,
        "chosen": [_chosen_row(each, currency) for each in chosen],
        "missing": [_missing_row(choice) for choice in choices if choice.missing],
        "missing_count": sum(choice.missing for choice in choices),
        "recipient": recipient,
        "steam_id": recipient.trade_url.steam_id,
        "warnings": warnings_about(recipient),
        "charge": display.money(charge, currency) if charge is not None else "",
    }
    context |= _amounts(chosen, context["balance"])
    return TemplateResponse(request, "admin/skinsback/buy/confirm.html", context)


def _amounts(chosen: Sequence[ChosenSkin], balance: Decimal | None) -> dict[str, Any]:
    """Return the sums of the current prices and of the caps, and the balance after each of them."""
    price = sum((each.skin.price for each in chosen), Decimal(0))
    most = sum((each.cap for each in chosen), Decimal(0))
    return {
        "price_sum": display.money(price),
        "cap_sum": display.money(most),
        "balance_after": None if balance is None else display.money(balance - price),
        "balance_at_least": None if balance is None else display.money(balance - most),
        "not_enough": balance is not None and balance < most,
    }


def _chosen_row(chosen: ChosenSkin, currency: str) -> dict[str, Any]:
    skin = chosen.skin
    return {
        "skin": skin,
        "game": GAMES[chosen.game].name,
        "price": display.money(skin.price),
        "cap": display.money(chosen.cap),
        "charge": display.money(chosen.charge, currency),
        "picture": picture_url(class_id=skin.class_id, game=chosen.game),
        "placeholder": placeholder(skin.market_hash_name),
    }


def _missing_row(choice: Choice) -> dict[str, Any]:
    return {
        "name": choice.wanted.market_hash_name,
        "game": GAMES[choice.wanted.game].name,
        "wanted": choice.wanted.quantity,
        "chosen": len(choice.skins),
        "reasons": choice.reasons,
    }
