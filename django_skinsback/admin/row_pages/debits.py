"""What the project's balance shows about the debit of a purchase.

SkinsBack does not report whether it returned a debit.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F

from ...models import BalanceSnapshot, Purchase
from ...models.fields import utc_now
from ...money import EXACT
from .. import display


@dataclass
class Debit:
    """The debit of a purchase, and the balances of its account before and after the purchase's last change.

    ``before`` is the newest balance that was read until ``changed_at``. ``after`` is the first balance that was read
    later. Each of them is None if there is no such balance, or if the operator may not see balances.
    """

    amount: Decimal | None
    changed_at: datetime
    may_see_balances: bool
    before: BalanceSnapshot | None = None
    after: BalanceSnapshot | None = None

    @property
    def shown_amount(self) -> str:
        return display.money(self.amount)

    @property
    def shown_before(self) -> str:
        return display.money(self.before.balance if self.before else None)

    @property
    def shown_after(self) -> str:
        return display.money(self.after.balance if self.after else None)

    @property
    def shown_difference(self) -> str:
        """The later balance minus the earlier one. Empty if one of them is missing."""
        if self.before is None or self.after is None:
            return ""
        difference = EXACT.subtract(self.after.balance, self.before.balance)
        return f"{'+' if difference > 0 else ''}{display.money(difference)}"


def read_debit(purchase: Purchase, *, may_see_balances: bool) -> Debit:
    """Return what is known about the debit of a purchase. This takes three short queries."""
    changes = purchase.changes.exclude(from_status=F("to_status")).order_by("-pk")
    changed_at = changes.values_list("created_at", flat=True).first() or purchase.updated_at or utc_now()
    debit = Debit(purchase.debited_amount, changed_at, may_see_balances)
    if may_see_balances:
        snapshots = BalanceSnapshot.objects.filter(account=purchase.account)
        debit.before = snapshots.filter(taken_at__lte=changed_at).order_by("-taken_at", "-pk").first()
        debit.after = snapshots.filter(taken_at__gt=changed_at).order_by("taken_at", "pk").first()
    return debit
