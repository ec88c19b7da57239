"""Currencies of the pretend world and the sums of a deposit in each of them."""

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
"""Code -> (name, how many of it a US dollar buys)."""


def cents(amount: Decimal) -> Decimal:
    """Rounded to two decimals."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def multiplier(text: object) -> Decimal:
    """A price multiplier; ValueError if SkinsBack would not allow it."""
    number = parse_amount(str(text).strip())
    if not Decimal("0.5") <= number <= 2:
        raise ValueError("The multiplier must be from 0.5 to 2.")
    return number


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, 0 for none."""
    return sum(amounts, Decimal(0))


def usd_sum(assets: Iterable[Asset]) -> Decimal:
    """What the skins are worth in US dollars."""
    return total(asset.price for asset in assets)


def local(amount_usd: Decimal, deposit: Deposit) -> Decimal:
    """In the deposit's currency."""
    return cents(amount_usd * CURRENCIES[deposit.currency][1])


def seen_by_user(amount: Decimal, deposit: Deposit) -> Decimal:
    """What the pay page shows for ``amount``: multiplied, and in the deposit's custom currency if it has one."""
    return cents(amount * deposit.multiplier * (deposit.custom_currency_rate or 1))


def in_currencies(amount: Decimal, currency: str) -> dict[str, Decimal]:
    """The same sum in every currency."""
    usd = amount / CURRENCIES[currency][1]
    return {code: cents(usd * rate) for code, (_, rate) in CURRENCIES.items()}
