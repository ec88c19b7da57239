"""Writes the tables of ``explanation/money.md`` from the code: ``python docs/tables.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from django_skinsback import statuses

PAGE = Path(__file__).parent / "explanation" / "money.md"
BEGIN, END = "<!-- {} from the code: python docs/tables.py -->", "<!-- end of {} -->"

ENTRIES = {
    statuses.EntryKind.CREDIT: "`credit`, if there is none yet",
    statuses.EntryKind.REVERSAL: "`reversal` of the credit, if there is a credit",
    statuses.EntryKind.REFUND: "`refund` of the charge, if there is a charge",
}
EXCEPTIONS = {
    "requested": "`charge`, if `buy` was called with one; a receiver that raises vetoes the purchase",
    "rollback_user": "`refund` if `REFUND_USER_ROLLBACK` is on; else an operator decides",
}


def table(words: type[statuses.DepositStatus | statuses.PurchaseStatus], posts: dict[str, statuses.EntryKind]) -> str:
    """Each status, the ledger entry that reaching it posts, and the statuses that may follow."""
    lines = ["| status | posts | may be followed by |", "|---|---|---|"]
    for status in words:
        entry = EXCEPTIONS.get(status) or (ENTRIES[posts[status]] if status in posts else "-")
        advance = statuses.Verdict.ADVANCE
        later = [f"`{other}`" for other in words if statuses.judge(status, other) is advance]
        lines.append(f"| `{status}` | {entry} | {', '.join(later) or '-'} |")
    return "\n".join(lines)


def tables() -> dict[str, str]:
    """Name of a table -> its text."""
    return {
        "deposits": table(statuses.DepositStatus, statuses.DEPOSIT_ENTRY),
        "purchases": table(statuses.PurchaseStatus, statuses.PURCHASE_ENTRY),
    }


def written(page: str) -> str:
    """The page with its tables rewritten from the code."""
    for name, text in tables().items():
        before, _, rest = page.partition(BEGIN.format(name))
        _, _, after = rest.partition(END.format(name))
        page = f"{before}{BEGIN.format(name)}\n{text}\n{END.format(name)}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
