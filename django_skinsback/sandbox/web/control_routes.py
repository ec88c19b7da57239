"""The addresses of the control API and the fields that each takes."""

from collections.abc import Collection

ROUTES = (
    ("GET", "/_sandbox/state", "show_state", "Everything: clock, projects, deposits, purchases, deliveries, faults."),
    ("GET", "/_sandbox/clock", "show_clock", "The sandbox's time in UNIX seconds."),
    ("POST", "/_sandbox/clock", "advance_clock", "Move it forward: seconds, minutes, hours, days."),
    ("GET", "/_sandbox/faults", "show_faults", "The faults that are switched on."),
    ("POST", "/_sandbox/faults", "add_fault", "Switch one on: name, method (*), times (1, or always), value."),
    ("DELETE", "/_sandbox/faults", "clear_faults", "Switch off: all, or those called name."),
    ("POST", "/_sandbox/faults/clear", "clear_faults", "The same for forms."),
    (
        "POST",
        "/_sandbox/outcomes",
        "plan_outcome",
        "How the next purchases end: outcome, error_reason, partner, times.",
    ),
    ("GET", "/_sandbox/deposits", "list_deposits", "All deposits."),
    ("GET", "/_sandbox/deposits/<order_id>", "show_deposit", "One deposit; project says whose (sandbox)."),
    ("POST", "/_sandbox/deposits/<order_id>/choose", "choose_skins", "The user picks skins: asset_ids, steam_id."),
    (
        "POST",
        "/_sandbox/deposits/<order_id>/<step>",
        "step_deposit",
        "accept, decline or expire a trade offer; return or finish-hold a held deposit.",
    ),
    (
        "POST",
        "/_sandbox/deposits/<order_id>/notify",
        "notify_deposit",
        "Send a signed notification that need not be true: status, and any other fields.",
    ),
    ("GET", "/_sandbox/purchases", "list_purchases", "All purchases."),
    ("GET", "/_sandbox/purchases/<int:buy_id>", "show_purchase", "One purchase."),
    (
        "POST",
        "/_sandbox/purchases/<int:buy_id>/<outcome>",
        "end_purchase",
        "Bring it to that end now, see outcomes: error_reason.",
    ),
    ("GET", "/_sandbox/deliveries", "list_deliveries", "The last notifications with the answers they got."),
    ("POST", "/_sandbox/deliveries/send", "send_due", "Send what is due and wait for it."),
    ("POST", "/_sandbox/deliveries/<int:delivery_id>/send", "send_again", "Send one again."),
    (
        "POST",
        "/_sandbox/projects/<client_id>",
        "set_project",
        "Project settings: result_url, events_url, success_url, fail_url, multiplier, balance.",
    ),
    ("POST", "/_sandbox/stock/refill", "refill_market", "Put more skins on the market."),
)
"""Method, address, handler, meaning. The control page shows them."""

FIELDS: dict[str, tuple[str, ...]] = {
    "advance_clock": ("seconds", "minutes", "hours", "days"),
    "add_fault": ("name", "method", "times", "value"),
    "clear_faults": ("name",),
    "plan_outcome": ("outcome", "error_reason", "partner", "times"),
    "show_deposit": ("project",),
    "choose_skins": ("project", "asset_ids", "steam_id"),
    "step_deposit": ("project",),
    "end_purchase": ("error_reason",),
    "set_project": ("result_url", "events_url", "success_url", "fail_url", "multiplier", "balance"),
}
"""Handler -> the fields it takes. Handlers that are not here take none."""

TAKES_ANY = frozenset({"notify_deposit"})


def check_fields(handler: str, fields: Collection[str]) -> None:
    """ValueError that names the known fields, if there is an unknown one."""
    known = FIELDS.get(handler, ())
    unknown = [name for name in fields if name not in known]
    if unknown and handler not in TAKES_ANY:
        use = f"use {', '.join(known)}" if known else "this address takes no fields"
        raise ValueError(f"Unknown field {unknown[0]!r}: {use}.")
