"""The options of a sandbox: what a merchant can choose at SkinsBack, and values that SkinsBack does not publish."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

MINUTE, HOUR, DAY = 60, 3600, 86400

HOLD_SECONDS = 8 * DAY
"""Seconds for which Steam's Trade Protection holds a trade, see ``/docs/api/v1/offers_with_hold``."""

OFFER_SECONDS = 10 * MINUTE
"""Seconds after which an open trade offer ends with ``timeout``, see ``/docs/api/v1/market_getinfo``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Options of one sandbox. Times are seconds of the sandbox's clock, unless the text says real seconds."""

    holds: Literal["marked", "always", "never"] = "marked"
    """Which CS2 deposits are held: ``marked``: those with a trade-protected skin; ``always``: all; ``never``: none."""
    notification_format: Literal["form", "json", "json-numbers"] = "form"
    """Body of Result URL notifications: a form, JSON with numbers as text, or JSON with numbers."""
    notify_pending: bool = True
    """Whether a notification with the status ``pending`` is sent together with the trade offer."""
    retry_after: tuple[float, ...] = (10, 60, 600)
    """Delay before each retry of a failed notification. The number of delays is the number of retries."""
    delivery_timeout: float = 10
    """Timeout in real seconds for the merchant's answer to a notification."""
    ping_within: float = 60
    """A websocket is closed if its client sends no ping for this many real seconds."""
    creating_seconds: float = 2
    """Time between a purchase and its trade offer."""
    accepting_seconds: float = 5
    """Time between a purchase's trade offer and the user's decision."""
    rollback_after: float = HOUR
    """Time between the acceptance of a purchase and its rollback, if the purchase's outcome is a rollback."""
    rate_limit: int | None = 500
    """Allowed API calls per minute for each project. None means no limit."""
    page_size: int = 1000
    """Rows on one page of a list."""
    minimum_usd: Decimal = Decimal("0.50")
    """The smallest deposit in USD, for every game. SkinsBack does not publish its real minimums."""
