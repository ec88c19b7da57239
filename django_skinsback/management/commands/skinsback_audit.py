from typing import Any

from ...flows.ledger.audit import LedgerDifference, audit
from ...models import Deposit, Purchase
from ..command import NEEDS_PERSON, SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Compare the ledger entries of each deposit and purchase with its history. Print the differences. Change "
        "nothing. Run this command once a day."
    )
    examples = (
        ("", "compare every deposit and purchase"),
        ("--json", "print one line of JSON for each difference; none if there is no difference"),
    )
    exit_codes = {NEEDS_PERSON: "there are differences: look at these rows in the admin"}

    def work(self, *_args: Any, account: str | None, **_options: Any) -> int | None:
        differences = 0
        with self.progress.bar("audit", total=lambda: _rows(account)) as on_progress:
            for difference in audit(account, on_progress=on_progress):
                differences += 1
                self.tell(self.style.ERROR(_as_text(difference)), **difference.as_dict())
        if not self.as_json:
            self.tell(f"{differences} differences" if differences else "The ledger agrees with the history.")
        return NEEDS_PERSON if differences else None


def _rows(account: str | None) -> int:
    only = {} if account is None else {"account": account}
    return Deposit.objects.filter(**only).count() + Purchase.objects.filter(**only).count()


def _as_text(difference: LedgerDifference) -> str:
    expected, found = (
        ", ".join(f"{kind} {amount}" for kind, amount in sums.items()) or "nothing"
        for sums in (difference.expected, difference.found)
    )
    return f"{difference.row} {difference.reference}: {difference.problem} (history: {expected}; ledger: {found})"
