"""The control page: everything the sandbox knows, with buttons."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeVar

from werkzeug.wrappers import Request, Response

from ..keys import SECRETS
from ..options import DAY, HOUR, MINUTE
from ..simulation.faults import FAULTS
from ..simulation.purchases import ERROR_REASONS, OUTCOMES, TOKEN_OUTCOMES, TOKEN_REASONS, TOKEN_REFUSALS
from ..simulation.state import OPEN_PURCHASES, Delivery, Deposit, Project, Purchase
from ..simulation.store import World
from ..webhooks.websocket import address as websocket_address
from .pay_page import account_name, payer
from .rendering import Markup, html, join, page

Row = TypeVar("Row")

SHOWN_ROWS = 15
TONES = {
    "success": "good",
    "hold_approved": "good",
    "accepted": "good",
    "pending": "wait",
    "in_hold": "wait",
    "creating_trade": "wait",
    "waiting_accept": "wait",
}
SETTINGS = """SKINSBACK = {{
    "CLIENT_ID": "{client_id}",
    "CLIENT_SECRET": "{secret}",
    "API_URL": "{url}/api.php",
    "WEBSOCKET_URL": "{websocket_url}",
}}"""


def settings_text(url: str, client_id: str) -> str:
    """The dict to paste into a site's settings."""
    return SETTINGS.format(
        url=url, websocket_url=websocket_address(url), client_id=client_id, secret=SECRETS[client_id]
    )


class ControlPage:
    """``/``, for people. ``routes`` and ``methods`` are listed on it."""

    def __init__(self, world: World, methods: Iterable[str]) -> None:
        self.world = world
        self.methods = list(methods)
        self.routes: list[tuple[str, str]] = []

    @staticmethod
    def payer(deposit: Deposit, wanted: str) -> str:
        """Who pays: the wanted account if the pay page offers it, else the deposit's, else the first."""
        return payer(deposit, wanted)

    def answer(self, _request: Request) -> Response:
        """The page."""
        return self.page()

    def page(self, *, problem: str = "", http_status: int = 200) -> Response:
        """The page, perhaps with what went wrong."""
        with self.world.work() as state:
            return page(
                "control.html",
                http_status=http_status,
                now=f"{datetime.fromtimestamp(self.world.now(), UTC):%d %B %Y %H:%M:%S}",
                ahead=_ahead(self.world.clock.offset),
                alert=html("control_alert.html", problem=problem) if problem else Markup(),
                deposits=self._deposits(_newest(state.deposits)),
                purchases=self._purchases(_newest(state.purchases)),
                notifications=self._notifications(_newest(state.deliveries)),
                faults=self._faults(),
                fault_names=_options((name, name.replace("_", " ")) for name in FAULTS),
                methods=_options([("*", "everywhere"), *((name, name) for name in self.methods)]),
                outcomes=_options((name, name.replace("_", " ")) for name in OUTCOMES),
                error_reasons=_options((name, name.replace("_", " ")) for name in ERROR_REASONS),
                tokens=_tokens(),
                projects=join(_project(project) for project in state.projects.values()),
                stock=sum(not item.sold for item in state.stock.values()),
                settings=settings_text(self.world.public_url, next(iter(SECRETS))),
                fault_list=_entries((name, f"{what} ({when})") for name, (when, what) in FAULTS.items()),
                routes=_entries(self.routes),
            )

    def _deposits(self, rows: list[Deposit]) -> Markup:
        if not rows:
            return _hint("None yet. A site opens one with the API method create.")
        return _table(("Order", "Status", "Amount", "User sees", "Payer", "Opened", ""), map(_deposit_cells, rows))

    def _purchases(self, rows: list[Purchase]) -> Markup:
        if not rows:
            return _hint("None yet. A site makes one with market_buy or market_batch_buy.")
        return _table(("Custom id", "Status", "Skin", "Paid", "Bought", ""), map(_purchase_cells, rows))

    def _notifications(self, rows: list[Delivery]) -> Markup:
        if not rows:
            return _hint("None yet. They go to the Result URL and the Webhook Events URL.")
        cells = (_delivery_cells(row, self.world.now()) for row in rows)
        return _table(("Notification", "Answer", "Sent to", "Made", ""), cells)

    def _faults(self) -> Markup:
        active = self.world.faults.active()
        plans = self.world.outcomes
        if not active and not plans:
            return _hint("Nothing is switched on.")
        rows = [
            (
                f"{fault.name} {fault.value}",
                "everywhere" if fault.method == "*" else fault.method,
                _times(fault.times),
                _button(f"/_sandbox/faults/clear?name={fault.name}", "Remove"),
            )
            for fault in active
        ]
        rows += [
            (f"purchase: {plan.outcome} {plan.error_reason}", plan.partner or "anybody", _times(plan.times), Markup())
            for plan in plans
        ]
        return _table(("What", "Where", "How often", ""), rows)


def _newest(rows: dict[int, Row]) -> list[Row]:
    return list(rows.values())[: -SHOWN_ROWS - 1 : -1]


def _deposit_cells(deposit: Deposit) -> tuple[object, ...]:
    buttons = [html("control_link.html", url=f"/_/pay/{deposit.pay_hash}/", text="Pay page")]
    base = f"/_sandbox/deposits/{deposit.order_id}/"
    steps: dict[str, str] = {}
    if deposit.status == "pending":
        steps = {"accept": "Accept", "decline": "Decline"} if deposit.trade_offer_id else {"choose": "Choose skins"}
    elif deposit.status in ("in_hold", "hold_approved"):
        steps = {"finish-hold": "Finish hold", "return": "Return skins"}
    buttons += [_button(base + step, label, deposit.client_id) for step, label in steps.items()]
    unit = deposit.custom_currency or deposit.currency.upper()
    return (
        _two(deposit.order_id, f"{deposit.client_id} · {deposit.transaction_id}"),
        _pill(deposit.status, TONES.get(deposit.status, "bad")),
        "" if deposit.amount is None else f"{deposit.amount} {deposit.currency.upper()}",
        "" if deposit.user_amount is None else f"{deposit.user_amount} {unit}",
        account_name(deposit.steam_id) if deposit.steam_id else "",
        _moment(deposit.created_at),
        join(buttons),
    )


def _purchase_cells(purchase: Purchase) -> tuple[object, ...]:
    base = f"/_sandbox/purchases/{purchase.buy_id}/"
    steps: dict[str, str] = {}
    if purchase.status in OPEN_PURCHASES:
        steps = {"accepted": "Accept", "canceled": "Decline", "timeout": "Time out"}
    elif purchase.status == "accepted":
        steps = {"rollback_user": "User rolls back", "rollback_supplier": "Supplier rolls back"}
    status = _pill(purchase.status, TONES.get(purchase.status, "bad"))
    if purchase.in_hold and purchase.in_hold_until:
        status = join([status, html("control_two.html", main="", detail=f"held to {_moment(purchase.in_hold_until)}")])
    if purchase.error_reason:
        status = join([status, html("control_two.html", main="", detail=purchase.error_reason)])
    return (
        _two(purchase.custom_id or "(none)", f"{purchase.client_id} · {purchase.buy_id}"),
        status,
        _two(purchase.skin.market_hash_name, f"for partner {purchase.partner}"),
        _two(f"{purchase.debited} USD", "refunded" if purchase.refunded else ""),
        _moment(purchase.created_at),
        join(_button(base + step, label) for step, label in steps.items()),
    )


def _delivery_cells(delivery: Delivery, now: float) -> tuple[object, ...]:
    if delivery.http_code is None:
        answer = _pill("waiting", "wait")
    else:
        answer = _pill(delivery.http_code or "no answer", "good" if delivery.delivered else "bad")
    attempts = f"{delivery.attempts} sent" if delivery.attempts else "not sent yet"
    if delivery.due_at is not None and delivery.due_at > now:
        attempts += f", next at {_moment(delivery.due_at)}"
    return (
        _two(delivery.summary, attempts),
        answer,
        delivery.url,
        _moment(delivery.created_at),
        _button(f"/_sandbox/deliveries/{delivery.delivery_id}/send", "Send again"),
    )


def _project(project: Project) -> Markup:
    return html(
        "control_project.html",
        client_id=project.client_id,
        secret=SECRETS[project.client_id],
        name=project.name,
        balance=f"{project.balance:,.2f}",
        result_url=project.result_url,
        events_url=project.events_url,
        multiplier=project.multiplier,
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Markup:
    return html(
        "control_table.html",
        heads=join(html("control_head.html", text=text) for text in heads),
        rows=join(html("control_row.html", cells=_cells(row)) for row in rows),
    )


def _cells(values: Iterable[object]) -> Markup:
    return join(html("control_cell.html", value=value) for value in values)


def _times(times: int | None) -> str:
    return "until removed" if times is None else "once" if times == 1 else f"{times} times"


def _button(action: str, label: str, project: str = "") -> Markup:
    return html(
        "control_button.html",
        action=action,
        label=label,
        project=html("control_hidden.html", name="project", value=project) if project else Markup(),
    )


def _pill(text: object, tone: str) -> Markup:
    return html("control_pill.html", text=text, tone=tone)


def _two(main: str, detail: str) -> Markup:
    return html("control_two.html", main=main, detail=detail)


def _hint(text: str) -> Markup:
    return html("control_hint.html", text=text)


def _options(pairs: Iterable[tuple[str, str]]) -> Markup:
    return join(html("control_option.html", value=value, text=text) for value, text in pairs)


def _entries(pairs: Iterable[tuple[str, str]]) -> Markup:
    return join(html("control_entry.html", name=name, meaning=meaning) for name, meaning in pairs)


def _tokens() -> str:
    named = {token: f"{outcome} {TOKEN_REASONS.get(token, '')}".strip() for token, outcome in TOKEN_OUTCOMES.items()}
    named |= {token: f"error {code}" for token, (code, _) in TOKEN_REFUSALS.items()}
    return ", ".join(f"{token} → {outcome}" for token, outcome in named.items())


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%d %b %H:%M:%S}"


def _ahead(seconds: float) -> str:
    for size, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= size:
            return f"UTC, {seconds / size:.3g} {name} ahead"
    return "UTC"
