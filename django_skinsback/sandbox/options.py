"""The options of a sandbox: settings that a merchant has at SkinsBack, and values that SkinsBack does not document."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

MINUTE, HOUR, DAY = 60, 3600, 86400

HOLD_SECONDS = 8 * DAY
"""How many seconds Steam's Trade Protection holds a trade (``/docs/api/v1/offers_with_hold``)."""

OFFER_SECONDS = 10 * MINUTE
"""After this many seconds, an open trade offer ends with ``timeout`` (``/docs/api/v1/market_getinfo``)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The options of one sandbox. Times are in seconds of the sandbox's clock, except those in real seconds."""

    holds: Literal["marked", "always", "never"] = "marked"
    """Which CS2 deposits are held: ``always`` all, ``never`` none, ``marked`` those with a trade-protected skin."""
    notification_format: Literal["form", "json", "json-numbers"] = "form"
    """The body of Result URL notifications: a form, JSON with numbers as text, or JSON with numbers."""
    notify_pending: bool = True
    """Whether a notification with the status ``pending`` is sent together with the trade offer."""
    retry_after: tuple[float, ...] = (10, 60, 600)
    """The delays before the retries of a failed notification. There are as many retries as delays."""
    delivery_timeout: float = 10
    """The real seconds to wait for the site's answer to a notification."""
    ping_within: float = 60
    """If a websocket client sends no ping for this many real seconds, the websocket is closed."""
    creating_seconds: float = 2
    """The time from the purchase to its trade offer."""
    accepting_seconds: float = 5
    """The time from the trade offer of a purchase to the user's decision."""
    rollback_after: float = HOUR
    """The time from the acceptance of a purchase to its rollback, if its planned outcome is a rollback."""
    rate_limit: int | None = 500
    """The number of API calls per minute that each project may send. None means no limit."""
    page_size: int = 1000
    """The number of rows on one page of a list."""
    minimum_usd: Decimal = Decimal("0.50")
    """The smallest deposit in USD, for every game. SkinsBack does not document its real minimums."""
