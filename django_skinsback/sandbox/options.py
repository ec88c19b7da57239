"""Options of a sandbox, for what SkinsBack lets a merchant choose or does not document."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

MINUTE, HOUR, DAY = 60, 3600, 86400

HOLD_SECONDS = 8 * DAY
"""How long Steam's Trade Protection holds a trade, see ``/docs/api/v1/offers_with_hold``."""

OFFER_SECONDS = 10 * MINUTE
"""After this time a trade offer ends with ``timeout``, see ``/docs/api/v1/market_getinfo``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Options of one sandbox. Times are seconds of its clock, except those marked as real seconds."""

    holds: Literal["marked", "always", "never"] = "marked"
    """Which CS2 deposits are held: those with a trade-protected skin, all, or none."""
    notification_format: Literal["form", "json", "json-numbers"] = "form"
    """Format of Result URL notifications: a form, JSON with text only, or JSON with numbers."""
    notify_pending: bool = True
    """Whether a notification with the status ``pending`` is sent when the user gets the trade offer."""
    retry_after: tuple[float, ...] = (10, 60, 600)
    """Delays after which a failed notification is sent again."""
    delivery_timeout: float = 10
    """Timeout in real seconds for the merchant's answer to a notification."""
    ping_within: float = 60
    """Real seconds after which a websocket that sent no ping is closed."""
    creating_seconds: float = 2
    """Time from a purchase to its trade offer."""
    accepting_seconds: float = 5
    """Time from a purchase's trade offer to the user's decision."""
    rollback_after: float = HOUR
    """Time from the acceptance of a purchase to its rollback, if its outcome is a rollback."""
    rate_limit: int | None = 500
    """API calls per minute and project; None for no limit."""
    page_size: int = 1000
    """Rows on one page of a list."""
    minimum_usd: Decimal = Decimal("0.50")
    """The smallest deposit in every game. SkinsBack does not publish the real amounts."""
