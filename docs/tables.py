"""Writes the tables of ``explanation/money.md`` from the code: ``python docs/tables.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from django_skinsback import statuses

PAGE = Path(__file__).parent / "explanation" / "money.md"
BEGIN, END = "<!-- {} from the code: python docs/tables.py -->", "<!-- end of {} -->"

ENTRIES = {
    statuses.EntryKind.CREDIT: "`credit`, unless there is one",
    statuses.EntryKind.REVERSAL: "`reversal` of the credit, if there is one",
    statuses.EntryKind.REFUND: "`refund` of the charge, if there is one",
}
EXCEPTIONS = {
    "requested": "`charge`, if the site charges; a listener that raises vetoes the purchase",
    "rollback_user": "`refund` with `REFUND_USER_ROLLBACK`, else an operator decides",
}


def table(words: type[statuses.DepositStatus | statuses.PurchaseStatus], posts: dict[str, statuses.EntryKind]) -> str:
    """Each status with what reaching it posts and what may come after it."""
    lines = ["| reaches | posts | may be followed by |", "|---|---|---|"]
    for word in words:
        entry = EXCEPTIONS.get(word) or (ENTRIES[posts[word]] if word in posts else "-")
        advance = statuses.Verdict.ADVANCE
        later = [f"`{other}`" for other in words if statuses.judge(word, other) is advance]
        lines.append(f"| `{word}` | {entry} | {', '.join(later) or '-'} |")
    return "\n".join(lines)


def tables() -> dict[str, str]:
    """Name of a table -> its text."""
    return {
        "deposits": table(statuses.DepositStatus, statuses.DEPOSIT_ENTRY),
        "purchases": table(statuses.PurchaseStatus, statuses.PURCHASE_ENTRY),
    }


def written(page: str) -> str:
    """The page with its tables as the code has them now."""
    for name, text in tables().items():
        before, _, rest = page.partition(BEGIN.format(name))
        _, _, after = rest.partition(END.format(name))
        page = f"{before}{BEGIN.format(name)}\n{text}\n{END.format(name)}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
