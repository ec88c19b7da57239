"""The order that an operator confirms: it is signed, sent to the browser, and bought once.

The order contains the idempotency key of its purchases. So the skins are bought only once, even if the form is sent
twice. The order is not stored in the session, because it may contain a trade URL, which is a secret. All skins of an
order are paid by one account and are one batch, even if they are of several games: either all purchases and charges are
saved, or none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.core import signing
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from ... import purchases
from ...error_texts import text_for
from ...exceptions import InvalidInput, SkinsBackError
from ...flows.ledger.database import database
from ...flows.ledger.idempotency import key_digest
from ...flows.players.steam_profiles import get_profile
from ...models import Purchase
from ...money import EXACT, PLACES, wire_amount
from ...sensitive import hide
from ...wire.types import Skin
from .. import display
from .cart import CENT
from .market import Choice
from .recipient import Recipient, profile_trade_url, trade_url_digest

SALT = "skinsback_order"
ORDER_SECONDS = 24 * 60 * 60
"""The seconds for which a confirmation page is valid. An order that is sent later is refused."""

NAMES_KEY = "skinsback_buy_names"
_MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class ChosenSkin:
    """One skin of an order: the key of its line in the cart, its price cap, and its share of the charge or None."""

    line_key: str
    game: str
    skin: Skin
    cap: Decimal
    charge: Decimal | None = None


def split_charge(amount: Decimal, prices: Sequence[Decimal]) -> list[Decimal]:
    """Return the share of each purchase, in proportion to its price. The sum of the shares is exactly ``amount``.

    A share has two decimals, or six decimals if ``amount`` has more than two. What remains after the shares were cut
    off goes to the purchases with the largest remainders. A share may be zero if ``amount`` is very small. If all
    prices are zero, the shares are equal.
    """
    unit = CENT if amount == amount.quantize(CENT, context=EXACT) else PLACES
    units, weights = int(EXACT.divide(amount, unit)), [int(EXACT.divide(price, PLACES)) for price in prices]
    if not any(weights):
        weights = [1] * len(prices)
    total = sum(weights)
    shares = [units * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: -(units * weights[place] % total))
    for place in by_remainder[: units - sum(shares)]:
        shares[place] += 1
    return [EXACT.multiply(Decimal(share), unit) for share in shares]


@sensitive_variables("recipient", "order")
def sign_order(
    operator: Any,
    recipient: Recipient,
    chosen: Sequence[ChosenSkin],
    *,
    key: str,
    account: str,
    form_values: Mapping[str, str],
    charge_currency: str,
) -> str:
    """Return the signed order for the confirmation page. ``key`` is the idempotency key of the cart.

    ``form_values`` are the fields of the page before, which are shown again if the operator changes the order.
    """
    trade_url = recipient.trade_url
    order = {
        "key": key,
        "by": str(operator.pk),
        "account": account,
        "user": None if recipient.user is None else str(recipient.user.pk),
        "trade_url": "" if recipient.is_from_profile else trade_url.url,
        "profile": trade_url_digest(trade_url) if recipient.is_from_profile else "",
        "items": [_item(each, charge_currency) for each in chosen],
        "names": {each.skin.skin_id: each.skin.market_hash_name for each in chosen},
        "lines": [each.line_key for each in chosen],
        "form": dict(form_values),
    }
    return signing.dumps(order, salt=SALT, compress=True)


def _item(chosen: ChosenSkin, charge_currency: str) -> dict[str, str]:
    item = {"skin_id": chosen.skin.skin_id, "game": chosen.game, "max_price": wire_amount(chosen.cap)}
    if chosen.charge:
        item |= {"charge": wire_amount(chosen.charge), "charge_currency": charge_currency}
    return item


@sensitive_variables("signed", "order")
def read_order(request: HttpRequest, signed: str) -> dict[str, Any] | None:
    """Check the signature and return the order.

    Return None if the signature is wrong, if the order is older than ``ORDER_SECONDS``, or if the confirmation page was
    shown to another operator.
    """
    try:
        order: dict[str, Any] = signing.loads(signed, salt=SALT, max_age=ORDER_SECONDS)
    except signing.BadSignature:
        return None
    return {**order, "trade_url": hide(order["trade_url"])} if order["by"] == str(request.user.pk) else None


@sensitive_variables("order", "common", "trade_url")
def buy_once(operator: Any, order: dict[str, Any], cart_key: str) -> tuple[list[Purchase], bool]:
    """Save the purchases of an order. Return the purchases, and whether the same order was saved before.

    ``cart_key`` is the idempotency key of the operator's cart. If it is not that of the order, the cart has changed
    since the confirmation page was shown, so InvalidInput is raised.

    First, an UPDATE locks the operator's row. If the same form is sent twice at the same moment, the second request
    waits for this lock. Then the second request finds the purchases of the first request and saves nothing.

    Return an empty list if the user of the order was deleted. Raise InvalidInput if the order is for the trade URL
    of the Steam profile, and the profile has another one now. Raise the exceptions of ``purchases.buy_batch``.
    """
    model = get_user_model()
    users = model._default_manager.using(database())
    with transaction.atomic(using=database()):
        users.filter(pk=operator.pk).update(**{model.USERNAME_FIELD: F(model.USERNAME_FIELD)})
        user = users.filter(pk=order["user"]).first() if order["user"] else None
        if order["user"] and user is None:
            return [], False
        if earlier := find_bought(operator, order):
            return earlier, True
        if order["key"] != cart_key:
            raise InvalidInput(_("The cart has changed since this page was shown. Look at the cart again."))
        common = {
            "user": user,
            "trade_url": _trade_url_of(order, user),
            "account": order["account"],
            "by": operator,
            "idempotency_key": order["key"],
        }
        items: list[Any] = order["items"]
        if len(items) == 1:
            return [purchases.buy(**common, **items[0])], False
        return purchases.buy_batch(**common, items=items), False


@sensitive_variables("order")
def find_bought(operator: Any, order: dict[str, Any]) -> list[Purchase]:
    """Return the saved purchases of an order. Return an empty list if the order was not bought."""
    user = get_user_model()(pk=order["user"]) if order["user"] else None
    rows = Purchase.objects.using(database())
    first = rows.filter(idempotency_digest=key_digest(order["account"], user or operator, order["key"])).first()
    if first is None or not first.batch_id:
        return [] if first is None else [first]
    return list(rows.filter(account=first.account, batch_id=first.batch_id).order_by("pk"))


@sensitive_variables("order", "trade_url")
def _trade_url_of(order: dict[str, Any], user: Any) -> str:
    if not order["profile"]:
        return hide(str(order["trade_url"]))
    trade_url = profile_trade_url(get_profile(user))
    if trade_url is None or trade_url_digest(trade_url) != order["profile"]:
        raise InvalidInput(
            _(
                "The user has changed the trade URL of the Steam profile since this page was shown. Look at the cart "
                "again."
            )
        )
    return trade_url.url


def send(request: HttpRequest, bought: Sequence[Purchase]) -> None:
    """Send the purchases to SkinsBack with one call.

    If the call cannot be made, show the error. Then a sweep sends the purchases later.
    """
    try:
        purchases.submit(bought[0])
    except SkinsBackError as error:
        messages.warning(request, _("Not sent to SkinsBack yet: %(problem)s") % {"problem": text_for(error)})


def log_bought(request: HttpRequest, model_admin: Any, bought: Sequence[Purchase]) -> None:
    """Write each purchase into Django's admin log.

    The purchases are read from the database again, because only the stored rows have the names of the bought skins.
    """
    rows = Purchase.objects.using(database()).filter(pk__in=[row.pk for row in bought])
    for row in rows.defer("token").order_by("pk"):
        message = _("Bought for at most %(cap)s.") % {"cap": display.money(row.max_price)}
        if row.charge_amount is not None:
            charge = display.money(row.charge_amount, row.charge_currency)
            message = _("Bought for at most %(cap)s. The user is charged %(charge)s.") % {
                "cap": display.money(row.max_price),
                "charge": charge,
            }
        model_admin.log_addition(request, row, message)


def keep_names(session: SessionBase, names: Mapping[str, str]) -> None:
    """Store the names of skins by their IDs. A purchase that SkinsBack refuses has an ID and no name."""
    kept = {**session.get(NAMES_KEY, {}), **names}
    session[NAMES_KEY] = dict([*kept.items()][-_MOST_NAMES:])


def chosen_skins(choices: Sequence[Choice], line_keys: Sequence[str]) -> list[ChosenSkin]:
    """Return the chosen skins of all choices, without charges. ``line_keys`` are the keys of the choices' lines."""
    return [
        ChosenSkin(key, choice.wanted.game, skin, choice.wanted.cap)
        for key, choice in zip(line_keys, choices, strict=True)
        for skin in choice.skins
    ]
