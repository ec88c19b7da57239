"""How a sandbox behaves where the real SkinsBack's behaviour depends on circumstances, or is not documented."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

MINUTE, HOUR, DAY = 60, 3600, 86400

HOLD_SECONDS = 8 * DAY
"""Steam's Trade Protection, see ``/docs/api/v1/offers_with_hold``."""

OFFER_SECONDS = 10 * MINUTE
"""How long a trade offer waits for the user, see ``timeout`` in ``/docs/api/v1/market_getinfo``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Times are seconds of the sandbox's clock unless the name says otherwise."""

    holds: Literal["marked", "always", "never"] = "marked"
    """Which CS2 deposits are held: those with a trade-protected skin, all, or none."""
    notification_format: Literal["form", "json", "json-numbers"] = "form"
    """Result URL bodies: PHP form, JSON of strings, or JSON with numbers (signed as PHP spells them)."""
    notify_pending: bool = True
    """Whether a notification with status ``pending`` is sent when the user gets his trade offer."""
    retry_after: tuple[float, ...] = (10, 60, 600)
    """Pauses before a notification that was not taken is sent again."""
    delivery_timeout: float = 10
    """Real seconds the merchant's server has to answer a notification."""
    ping_within: float = 60
    """Real seconds without a ping after which a websocket is closed."""
    creating_seconds: float = 2
    accepting_seconds: float = 5
    rollback_after: float = HOUR
    """When a trade that is to be rolled back is rolled back, counted from its acceptance."""
    rate_limit: int | None = 500
    """Calls a minute and project; None switches the limit off."""
    page_size: int = 1000
    minimum_usd: Decimal = Decimal("0.50")
    """The smallest deposit of any game. The real sums are not published."""
