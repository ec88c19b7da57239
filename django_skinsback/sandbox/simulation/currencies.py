"""The sandbox's currencies, and functions that convert the amounts of a deposit."""

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
    """Return whether SkinsBack allows this price multiplier. Multipliers from 0.5 to 2 are allowed."""
    return Decimal("0.5") <= number <= 2


def parse_multiplier(text: object) -> Decimal:
    """Return ``text`` as a price multiplier. Raise ValueError if ``text`` is not a number from 0.5 to 2."""
    number = parse_amount(str(text).strip())
    if not is_multiplier(number):
        raise ValueError("The multiplier must be from 0.5 to 2.")
    return number


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum of the amounts. Return 0 if there are no amounts."""
    return sum(amounts, Decimal(0))


def total_usd(assets: Iterable[Asset]) -> Decimal:
    """Return the sum of the skins' prices in US dollars."""
    return total(asset.price for asset in assets)


def from_usd(amount_usd: Decimal, deposit: Deposit) -> Decimal:
    """Convert an amount from USD to the deposit's currency, and return it rounded to two decimals."""
    return round_to_cents(amount_usd * CURRENCIES[deposit.currency][1])


def user_amount(amount: Decimal, deposit: Deposit) -> Decimal:
    """Return the amount that the pay page shows for ``amount``, which is in the deposit's currency.

    The result is ``amount`` times the price multiplier. If the deposit has a custom currency, the result is also
    multiplied by the rate of the custom currency. The result is rounded to two decimals.
    """
    return round_to_cents(amount * deposit.multiplier * (deposit.custom_currency_rate or 1))


def display_currency(deposit: Deposit) -> str:
    """Return the currency of ``user_amount`` as text for the pages.

    This is the custom currency if the deposit has one, otherwise the deposit's currency.
    """
    return deposit.custom_currency or deposit.currency.upper()


def in_all_currencies(amount: Decimal, currency: str) -> dict[str, Decimal]:
    """Return the amount in every currency, as a dict: currency code -> amount rounded to two decimals."""
    usd = amount / CURRENCIES[currency][1]
    return {code: round_to_cents(usd * rate) for code, (_, rate) in CURRENCIES.items()}
