"""Public API of deposits: a user pays with Steam skins and is credited exactly once.

``docs/reference.md`` describes every function. Everything else in ``django_skinsback.flows`` is private.
"""

from .flows.deposits.create import create, create_from_inventory
from .flows.deposits.hold import approve_hold
from .flows.deposits.leave_hold import leave_hold
from .flows.deposits.refresh import refresh
from .flows.deposits.report import record_report
from .flows.deposits.seen import seen
from .flows.deposits.settle import Decision, settle
from .wire.types import DepositReport

__all__ = [
    "Decision",
    "DepositReport",
    "approve_hold",
    "create",
    "create_from_inventory",
    "leave_hold",
    "record_report",
    "refresh",
    "seen",
    "settle",
]
