"""The control page ``/``. It shows the sandbox's data and has buttons that call the control API."""

from collections.abc import Iterable
from typing import TypeVar

from werkzeug.wrappers import Request, Response

from ..keys import SECRETS
from ..options import DAY, HOUR, MINUTE
from ..simulation.currencies import display_currency
from ..simulation.faults import FAULTS
from ..simulation.outcomes import ERROR_REASONS, OUTCOMES, TOKEN_OUTCOMES, TOKEN_REASONS, TOKEN_REFUSALS
from ..simulation.state import HELD_DEPOSITS, OPEN_PURCHASES, Deposit, Purchase
from ..simulation.store import Store
from ..webhooks.websocket import websocket_url
from .control_routes import ROUTES
from .pay_page import account_name
from .rendering import page

Row = TypeVar("Row")

_SHOWN_ROWS = 15
_GOOD = frozenset({"success", "hold_approved", "accepted"})
_SETTINGS = """SKINSBACK = {{
    "CLIENT_ID": "{client_id}",
    "CLIENT_SECRET": "{secret}",
    "API_URL": "{url}/api.php",
    "WEBSOCKET_URL": "{websocket_url}",
    "PICTURE_URL": "{url}/economy/image/",
}}"""


def settings_text(url: str, client_id: str) -> str:
    """Return Python code for the settings of a site that uses this sandbox."""
    return _SETTINGS.format(url=url, websocket_url=websocket_url(url), client_id=client_id, secret=SECRETS[client_id])


class ControlPage:
    """The control page. ``api_methods`` are the API methods to which the page can limit a fault."""

    def __init__(self, store: Store, api_methods: Iterable[str]) -> None:
        self.store = store
        self.api_methods = list(api_methods)

    def answer(self, _request: Request) -> Response:
        """Return the control page."""
        return self.page()

    def page(self, *, problem: str = "", http_status: int = 200) -> Response:
        """Return the control page. If ``problem`` is not empty, the page shows ``problem`` as an error message."""
        with self.store.locked() as state:
            return page(
                "control.html",
                http_status=http_status,
                now=self.store.now(),
                ahead=_ahead(self.store.clock.offset),
                problem=problem,
                deposits=_newest(state.deposits),
                deposit_actions=_deposit_actions,
                purchases=_newest(state.purchases),
                purchase_actions=_purchase_actions,
                deliveries=_newest(state.deliveries),
                faults=self.store.faults.active(),
                plans=self.store.planned_outcomes.active(),
                how_often=_how_often,
                fault_meanings={name: f"{what} ({when})" for name, (when, what) in FAULTS.items()},
                api_methods=self.api_methods,
                outcomes=OUTCOMES,
                error_reasons=ERROR_REASONS,
                tokens=_tokens(),
                projects=list(state.projects.values()),
                secrets=SECRETS,
                skins_for_sale=sum(not item.sold for item in state.stock.values()),
                settings=settings_text(self.store.public_url, next(iter(SECRETS))),
                routes=[(f"{route.method} {route.path}", route.meaning) for route in ROUTES],
                account_name=account_name,
                display_currency=display_currency,
                tone=_tone,
            )


def _newest(rows: dict[int, Row]) -> list[Row]:
    return list(rows.values())[: -_SHOWN_ROWS - 1 : -1]


def _tone(status: str) -> str:
    """Return the CSS class of a status: ``good``, ``wait`` or ``bad``."""
    if status in _GOOD:
        return "good"
    return "wait" if status in {"pending", "in_hold"} | OPEN_PURCHASES else "bad"


def _deposit_actions(deposit: Deposit) -> list[tuple[str, str]]:
    """Return the buttons of a deposit as pairs: (action of the control API, label)."""
    if deposit.status == "pending":
        if deposit.trade_offer_id:
            return [("accept", "Accept"), ("decline", "Decline")]
        return [("choose", "Choose skins")]
    if deposit.status in HELD_DEPOSITS:
        return [("finish-hold", "Finish hold"), ("return", "Return skins")]
    return []


def _purchase_actions(purchase: Purchase) -> list[tuple[str, str]]:
    """Return the buttons of a purchase as pairs: (outcome, label)."""
    if purchase.status in OPEN_PURCHASES:
        return [("accepted", "Accept"), ("canceled", "Decline"), ("timeout", "Time out")]
    if purchase.status == "accepted":
        return [("rollback_user", "User rolls back"), ("rollback_supplier", "Supplier rolls back")]
    return []


def _how_often(times: int | None) -> str:
    return "until removed" if times is None else "once" if times == 1 else f"{times} times"


def _tokens() -> str:
    effects = {token: f"{outcome} {TOKEN_REASONS.get(token, '')}".strip() for token, outcome in TOKEN_OUTCOMES.items()}
    effects |= {token: f"error {code}" for token, (code, _) in TOKEN_REFUSALS.items()}
    return ", ".join(f"{token} → {effect}" for token, effect in effects.items())


def _ahead(seconds: float) -> str:
    for size, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= size:
            return f"UTC, {seconds / size:.3g} {name} ahead"
    return "UTC"
