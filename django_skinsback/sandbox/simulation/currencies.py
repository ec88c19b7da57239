"""The sandbox's currencies and the amounts of a deposit in each of them."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from django_skinsback.money import parse_amount

from .state import Asset, Deposit

CENT = Decimal("0.01")

CURRENCIES = {
    "usd": ("US dollar", Decimal(1)),
    "eur": ("Euro", Decimal("0.92")),
    "rub": ("Russian rouble", Decimal("90.5")),
    "uah": ("Ukrainian hryvnia", Decimal("41.4")),
    "cny": ("Chinese yuan", Decimal("7.2")),
    "kzt": ("Kazakh tenge", Decimal("512")),
    "brl": ("Brazilian real", Decimal("5.6")),
    "cad": ("Canadian dollar", Decimal("1.37")),
    "aud": ("Australian dollar", Decimal("1.52")),
    "nzd": ("New Zealand dollar", Decimal("1.68")),
}
"""Currency code -> (name, amount of this currency for one US dollar)."""


def round_to_cents(amount: Decimal) -> Decimal:
    """Return the amount rounded to two decimals, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def is_multiplier(number: Decimal) -> bool:
    """Return whether SkinsBack allows this price multiplier: 0.5 to 2."""
    return Decimal("0.5") <= number <= 2


def parse_multiplier(text: object) -> Decimal:
    """Return the price multiplier in ``text``. Raise ValueError if it is not a number from 0.5 to 2."""
    number = parse_amount(str(text).strip())
    if not is_multiplier(number):
        raise ValueError("The multiplier must be from 0.5 to 2.")
    return number


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum of the amounts, 0 if there are none."""
    return sum(amounts, Decimal(0))


def total_usd(assets: Iterable[Asset]) -> Decimal:
    """Return the sum of the skins' prices in US dollars."""
    return total(asset.price for asset in assets)


def from_usd(amount_usd: Decimal, deposit: Deposit) -> Decimal:
    """Return the amount in the deposit's currency, rounded to two decimals."""
    return round_to_cents(amount_usd * CURRENCIES[deposit.currency][1])


def user_amount(amount: Decimal, deposit: Deposit) -> Decimal:
    """Return the amount that the pay page shows for ``amount`` in the deposit's currency.

    It is ``amount`` times the price multiplier, times the rate of the custom currency if the deposit has one. It is
    rounded to two decimals.
    """
    return round_to_cents(amount * deposit.multiplier * (deposit.custom_currency_rate or 1))


def display_currency(deposit: Deposit) -> str:
    """Return the currency of ``user_amount`` for the pages: the custom currency, or else the deposit's currency."""
    return deposit.custom_currency or deposit.currency.upper()


def in_all_currencies(amount: Decimal, currency: str) -> dict[str, Decimal]:
    """Return currency code -> the amount in this currency, rounded to two decimals."""
    usd = amount / CURRENCIES[currency][1]
    return {code: round_to_cents(usd * rate) for code, (_, rate) in CURRENCIES.items()}
