"""The addresses of the control API, and the fields that each address accepts."""

from collections.abc import Collection
from typing import NamedTuple


class Route(NamedTuple):
    """One address of the control API. ``handler`` is the name of a method of ``ControlAPI``.

    If ``fields`` is None, the address accepts any field.
    """

    method: str
    path: str
    handler: str
    meaning: str
    fields: tuple[str, ...] | None = ()


_PROJECT_FIELDS = ("result_url", "events_url", "success_url", "fail_url", "multiplier", "balance")

ROUTES = (
    Route(
        "GET", "/_sandbox/state", "show_state", "All data: clock, projects, deposits, purchases, deliveries, faults."
    ),
    Route("GET", "/_sandbox/clock", "show_clock", "The sandbox's time in UNIX seconds."),
    Route(
        "POST",
        "/_sandbox/clock",
        "advance_clock",
        "Move the clock forward: seconds, minutes, hours, days.",
        ("seconds", "minutes", "hours", "days"),
    ),
    Route("GET", "/_sandbox/faults", "show_faults", "The faults that are switched on."),
    Route(
        "POST",
        "/_sandbox/faults",
        "add_fault",
        "Switch a fault on: name, method (*), times (1, or always), value.",
        ("name", "method", "times", "value"),
    ),
    Route("DELETE", "/_sandbox/faults", "clear_faults", "Switch all faults off, or those with this name.", ("name",)),
    Route("POST", "/_sandbox/faults/clear", "clear_faults", "The same as DELETE, for forms.", ("name",)),
    Route(
        "POST",
        "/_sandbox/outcomes",
        "plan_outcome",
        "Choose how the next purchases end: outcome, error_reason, partner, times.",
        ("outcome", "error_reason", "partner", "times"),
    ),
    Route("GET", "/_sandbox/deposits", "list_deposits", "All deposits."),
    Route(
        "GET",
        "/_sandbox/deposits/<order_id>",
        "show_deposit",
        "One deposit. The field project chooses the project (default sandbox).",
        ("project",),
    ),
    Route(
        "POST",
        "/_sandbox/deposits/<order_id>/choose",
        "choose_skins",
        "The user chooses skins: asset_ids, steam_id.",
        ("project", "asset_ids", "steam_id"),
    ),
    Route(
        "POST",
        "/_sandbox/deposits/<order_id>/<action>",
        "change_deposit",
        "Do an action. For a trade offer: accept, decline or expire. For a held deposit: return or finish-hold. "
        "With held=1, accept starts a hold of eight days.",
        ("project", "held"),
    ),
    Route(
        "POST",
        "/_sandbox/deposits/<order_id>/notify",
        "notify_deposit",
        "Send a signed notification: status, and any other fields. The values may be untrue.",
        None,
    ),
    Route("GET", "/_sandbox/purchases", "list_purchases", "All purchases."),
    Route("GET", "/_sandbox/purchases/<int:buy_id>", "show_purchase", "One purchase."),
    Route(
        "POST",
        "/_sandbox/purchases/<int:buy_id>/<outcome>",
        "finish_purchase",
        "Give the purchase this outcome now: error_reason.",
        ("error_reason",),
    ),
    Route("GET", "/_sandbox/deliveries", "list_deliveries", "The latest notifications and how they were answered."),
    Route("POST", "/_sandbox/deliveries/send", "send_due", "Send the due notifications and wait for the answers."),
    Route("POST", "/_sandbox/deliveries/<int:delivery_id>/send", "send_again", "Send one notification again."),
    Route(
        "POST",
        "/_sandbox/projects/<client_id>",
        "set_project",
        f"Change the project's settings: {', '.join(_PROJECT_FIELDS)}.",
        _PROJECT_FIELDS,
    ),
    Route("POST", "/_sandbox/stock/refill", "refill_market", "Put more skins on the market."),
)
"""Every address of the control API. The control page shows them."""


def check_fields(route: Route, fields: Collection[str]) -> None:
    """Raise ValueError if the route does not accept one of the fields. The message lists the accepted fields."""
    if route.fields is None:
        return
    unknown = [name for name in fields if name not in route.fields]
    if unknown:
        use = f"use {', '.join(route.fields)}" if route.fields else "this address takes no fields"
        raise ValueError(f"Unknown field {unknown[0]!r}: {use}.")
