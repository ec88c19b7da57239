"""The outcomes of purchases: error reasons, trade tokens that select an outcome, and planned outcomes."""

from dataclasses import dataclass

from django_skinsback.exceptions import InvalidTradeURL
from django_skinsback.steam import TradeURL

OUTCOMES = {
    "accepted": "The user accepts the trade.",
    "canceled": "The user declines the trade.",
    "timeout": "The user does not answer for ten minutes.",
    "invalid_trade_token": "Steam does not know the trade token.",
    "user_not_tradable": "The user may not trade.",
    "trade_create_error": "The trade offer cannot be created.",
    "rollback_user": "The user accepts the trade and later rolls it back.",
    "rollback_supplier": "The user accepts the trade. Later the supplier rolls it back.",
}
"""Outcome -> what happens. The outcome of a purchase is also its last status."""

ROLLBACKS = frozenset({"rollback_user", "rollback_supplier"})

ERROR_REASONS = {
    "user_cant_trade": "user_not_tradable",
    "private_inventory": "user_not_tradable",
    "user_trade_ban": "user_not_tradable",
    "user_inventory_is_full": "user_not_tradable",
    "too_many_failed_attempts": "trade_create_error",
    "skin_unavailable": "trade_create_error",
}
"""``error_reason`` -> outcome. The pairs are a guess: SkinsBack does not document which status has which reason."""

DEFAULT_REASONS = {"user_not_tradable": "user_cant_trade", "trade_create_error": "skin_unavailable"}
"""Outcome -> the ``error_reason`` of a purchase if no reason was chosen. Other outcomes have no default reason."""

TOKEN_OUTCOMES = {
    "DECLINED": "canceled",
    "TIMEOUT0": "timeout",
    "OLDTOKEN": "invalid_trade_token",
    "NOTRADES": "user_not_tradable",
    "OFFERERR": "trade_create_error",
    "ROLLBACK": "rollback_user",
    "SUPPLIER": "rollback_supplier",
    "PRIVATE0": "user_not_tradable",
    "TRADEBAN": "user_not_tradable",
    "FULLINV0": "user_not_tradable",
    "ATTEMPTS": "trade_create_error",
}
"""Trade token -> the outcome of every purchase for a trade URL with this token."""

TOKEN_REASONS = {
    "NOTRADES": "user_cant_trade",
    "OFFERERR": "skin_unavailable",
    "PRIVATE0": "private_inventory",
    "TRADEBAN": "user_trade_ban",
    "FULLINV0": "user_inventory_is_full",
    "ATTEMPTS": "too_many_failed_attempts",
}
"""Trade token -> the ``error_reason`` of every purchase for a trade URL with this token."""

TOKEN_REFUSALS = {
    "BADTOKEN": (9, "invalid_token_value"),
    "TOOMANY0": (10, "too_many_failed_attempts_for_user"),
}
"""Trade token -> the API error that refuses every purchase for a trade URL with this token."""

_PLACEHOLDER = "AAAAAAAA"
"""A valid trade token. It is used to check the partner of a trade URL without its token."""


def is_partner(partner: str) -> bool:
    """Return whether ``partner`` is a valid partner of a trade URL."""
    return is_trade_url(partner, _PLACEHOLDER)


def is_trade_url(partner: str, token: str) -> bool:
    """Return whether ``partner`` and ``token`` are valid values of a trade URL."""
    try:
        TradeURL(partner, token)
    except InvalidTradeURL:
        return False
    return True


def check_outcome(outcome: str, error_reason: str) -> None:
    """Raise ValueError for an unknown outcome, an unknown reason, or a reason for the outcome ``accepted``."""
    if outcome not in OUTCOMES:
        raise ValueError(f"Unknown outcome: use one of {', '.join(OUTCOMES)}.")
    if error_reason and error_reason not in ERROR_REASONS:
        raise ValueError(f"Unknown error reason: use one of {', '.join(ERROR_REASONS)}.")
    if error_reason and outcome == "accepted":
        raise ValueError(f"The outcome accepted has no error reason. {', '.join(ERROR_REASONS)} need another outcome.")


@dataclass(slots=True)
class PlannedOutcome:
    """The outcome of the next ``times`` purchases for ``partner``. If ``partner`` is None, for any partner."""

    outcome: str
    times: int = 1
    partner: str | None = None
    error_reason: str = ""


class PlannedOutcomes:
    """The planned outcomes of the next purchases, in the order in which they were added."""

    def __init__(self) -> None:
        self._plans: list[PlannedOutcome] = []

    def add(self, outcome: str, *, times: int = 1, partner: str | None = None, error_reason: str = "") -> None:
        """Plan the outcome of the next purchases. Raise ValueError for an invalid outcome, reason or partner."""
        check_outcome(outcome, error_reason)
        if partner and not is_partner(partner):
            raise ValueError("A partner is the number in a trade URL, with up to 10 digits.")
        self._plans.append(PlannedOutcome(outcome, max(times, 1), partner or None, error_reason))

    def active(self) -> list[PlannedOutcome]:
        """Return the plans that are not used up."""
        return list(self._plans)

    def clear(self) -> None:
        """Remove every plan."""
        self._plans.clear()

    def consume(self, partner: str) -> PlannedOutcome | None:
        """Use the first plan for this partner, and return the plan. Return None if there is no such plan.

        The use is counted: after its last use, a plan is removed.
        """
        for plan in self._plans:
            if plan.partner in (None, partner):
                plan.times -= 1
                if plan.times < 1:
                    self._plans.remove(plan)
                return plan
        return None
