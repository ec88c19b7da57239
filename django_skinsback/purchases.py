"""Public API of purchases: the site buys a skin on SkinsBack's market, and SkinsBack sends the skin to the user.

``docs/reference.md`` describes every function. Everything else in ``django_skinsback.flows`` is private.
"""

from .flows.purchases.ask import refresh
from .flows.purchases.buy import BatchItem, buy, buy_batch
from .flows.purchases.report import record_report
from .flows.purchases.seen import seen
from .flows.purchases.send import submit
from .flows.purchases.settle import Decision, cancel, settle
from .wire.types import PurchaseReport

__all__ = [
    "BatchItem",
    "Decision",
    "PurchaseReport",
    "buy",
    "buy_batch",
    "cancel",
    "record_report",
    "refresh",
    "seen",
    "settle",
    "submit",
]
