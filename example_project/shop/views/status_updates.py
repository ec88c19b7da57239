"""Pages that follow a status: the script ``status_updates.js`` asks, this answers."""

from typing import Any

from django.http import HttpRequest

from example_project.wallet.context import wallet

from ..progress import Story
from ..templatetags.shop import money


def live_state(request: HttpRequest, story: Story, html: str, **more: Any) -> dict[str, Any]:
    """What may have changed on the page, the balance in its head, and in how many seconds to ask again."""
    purse = wallet(request)["wallet"]
    return {
        "html": html,
        "balance": money(purse.balance, purse.currency),
        "refresh_seconds": story.chapter.refresh_seconds,
        **more,
    }
