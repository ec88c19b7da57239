"""JSON for pages that show a status: their script ``status_updates.js`` asks for it."""

from typing import Any

from django.http import HttpRequest

from example_project.wallet.context import wallet

from ..progress import Progress
from ..templatetags.shop import money


def page_update(request: HttpRequest, progress: Progress, html: str, **more: Any) -> dict[str, Any]:
    """Return the parts of the page that may have changed, the balance, and in how many seconds to ask again."""
    current = wallet(request)["wallet"]
    return {
        "html": html,
        "balance": money(current.balance, current.currency),
        "refresh_seconds": progress.status.refresh_seconds,
        **more,
    }
