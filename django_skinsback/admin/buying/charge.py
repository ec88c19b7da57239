"""Divides the charge of an order among its purchases."""

from collections.abc import Sequence
from decimal import Decimal

from ...money import EXACT, PLACES

CENT = Decimal("0.01")


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
