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
"""Currency code -> (name, exchange rate of one US dollar)."""


def round_to_cents(amount: Decimal) -> Decimal:
    """Round to two decimals, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def is_multiplier(number: Decimal) -> bool:
    """Whether SkinsBack allows this price multiplier: 0.5 to 2."""
    return Decimal("0.5") <= number <= 2


def parse_multiplier(text: object) -> Decimal:
    """Return the price multiplier that ``text`` spells. Raises ValueError if SkinsBack does not allow it."""
    number = parse_amount(str(text).strip())
    if not is_multiplier(number):
        raise ValueError("The multiplier must be from 0.5 to 2.")
    return number


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add the amounts; 0 if there are none."""
    return sum(amounts, Decimal(0))


def total_usd(assets: Iterable[Asset]) -> Decimal:
    """Add the prices of the skins, in US dollars."""
    return total(asset.price for asset in assets)


def from_usd(amount_usd: Decimal, deposit: Deposit) -> Decimal:
    """Convert US dollars to the deposit's currency."""
    return round_to_cents(amount_usd * CURRENCIES[deposit.currency][1])


def user_amount(amount: Decimal, deposit: Deposit) -> Decimal:
    """Convert an amount in the deposit's currency to what the pay page shows.

    The result is ``amount`` times the price multiplier, in the custom currency if the deposit has one.
    """
    return round_to_cents(amount * deposit.multiplier * (deposit.custom_currency_rate or 1))


def display_currency(deposit: Deposit) -> str:
    """The currency of ``user_amount`` as the pages show it: the custom currency, else the deposit's currency."""
    return deposit.custom_currency or deposit.currency.upper()


def in_all_currencies(amount: Decimal, currency: str) -> dict[str, Decimal]:
    """Convert the amount to every currency."""
    usd = amount / CURRENCIES[currency][1]
    return {code: round_to_cents(usd * rate) for code, (_, rate) in CURRENCIES.items()}
