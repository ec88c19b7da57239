"""JSON for pages that show a status. The script ``status_updates.js`` of these pages requests it."""

from typing import Any

from django.http import HttpRequest

from example_project.wallet.context import wallet

from ..progress import Progress
from ..templatetags.shop import money


def page_update(request: HttpRequest, progress: Progress, html: str, **more: Any) -> dict[str, Any]:
    """Return the HTML that may have changed, the balance as text, and the seconds until the script asks again.

    ``refresh_seconds`` is None if the script stops asking. ``more`` is added to the dict.
    """
    current = wallet(request)["wallet"]
    return {
        "html": html,
        "balance": money(current.balance, current.currency),
        "refresh_seconds": progress.status.refresh_seconds,
        **more,
    }
