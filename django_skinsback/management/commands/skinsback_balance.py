from typing import Any

from ... import conf
from ...flows.monitoring.balance import days_left_text, estimate_days_left, snapshot_balance
from ...money import amount_text
from ...ratelimit import foreground
from ..command import NEEDS_PERSON, SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Ask SkinsBack for the project's balance in US dollars, store it, and print it. Also print how many days the "
        "balance will last, at the average spending of the last seven days and without top-ups."
    )
    examples = (
        ("", "the balance of every account"),
        ("--account second --json", "the balance of one account, as JSON"),
    )
    exit_codes = {NEEDS_PERSON: "a balance is below LOW_BALANCE"}

    def work(self, *_args: Any, **_options: Any) -> int | None:
        limit, low = conf.low_balance(), 0
        for alias in self.accounts:
            with foreground():
                balance = snapshot_balance(alias).balance
            days = estimate_days_left(alias)
            text = ", ".join(filter(None, [f"{alias}: {amount_text(balance)} USD", days_left_text(days)]))
            is_low = False
            if limit is not None and balance < limit:
                is_low, low = True, low + 1
                text += self.style.WARNING(f" - below LOW_BALANCE ({amount_text(limit)} USD): top it up at SkinsBack")
            self.tell(text, account=alias, balance=balance, currency="usd", low=is_low, days_left=days)
        return NEEDS_PERSON if low else None
