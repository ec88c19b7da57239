"""The texts that a player reads about deposits, purchases and errors, in the active language.

The pages and the REST API call ``for_deposit``, ``for_purchase`` and ``for_error``. The texts do not contain the prices
that the site pays, the reasons for a review, or faults of the site's keys and of its balance at SkinsBack.
"""

from .dates import hold_days_left, trade_offer_expires_at
from .deposits import expected_credit, for_deposit, is_payable
from .problems import NOT_AVAILABLE_CODE, Problem, for_code, for_error
from .purchases import for_purchase
from .texts import NEXT_TEXTS, NextStep, StatusText, Step, StepState, Tone, next_text
from .trade_offers import trade_offer_url

__all__ = [
    "NEXT_TEXTS",
    "NOT_AVAILABLE_CODE",
    "NextStep",
    "Problem",
    "StatusText",
    "Step",
    "StepState",
    "Tone",
    "expected_credit",
    "for_code",
    "for_deposit",
    "for_error",
    "for_purchase",
    "hold_days_left",
    "is_payable",
    "next_text",
    "trade_offer_expires_at",
    "trade_offer_url",
]
