from typing import Any

from ...flows.ledger.audit import Difference, audit
from ...models import Deposit, Purchase
from ..command import NEEDS_PERSON, SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Recompute from the history what the ledger should hold and compare it with what it holds, for every deposit "
        "and purchase. Changes nothing. Run it once a day."
    )
    examples = (
        ("", "look at every deposit and purchase"),
        ("--json", "one line for each difference, none where everything is right"),
    )
    exit_codes = {NEEDS_PERSON: "something differs: look at these rows in the admin"}

    def work(self, *_args: Any, account: str | None, **_options: Any) -> int | None:
        differences = 0
        with self.progress.bar("audit", total=lambda: _rows(account)) as advance:
            for difference in audit(account, report=advance):
                differences += 1
                self.tell(self.style.ERROR(_as_text(difference)), **difference.as_dict())
        if not self.as_json:
            self.tell(f"{differences} differences" if differences else "The ledger is what the history says.")
        return NEEDS_PERSON if differences else None


def _rows(account: str | None) -> int:
    only = {} if account is None else {"account": account}
    return Deposit.objects.filter(**only).count() + Purchase.objects.filter(**only).count()


def _as_text(difference: Difference) -> str:
    expected, found = (
        ", ".join(f"{kind} {amount}" for kind, amount in sums.items()) or "nothing"
        for sums in (difference.expected, difference.found)
    )
    return f"{difference.row} {difference.reference}: {difference.problem} (history: {expected}; ledger: {found})"
