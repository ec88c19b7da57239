"""The control API under ``/_sandbox/``. The buttons of the control page and other programs call it."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from django_skinsback.money import parse_amount

from ..api import php
from ..api.calls import is_web_address, whole_number
from ..keys import CLIENT_ID, SECRETS
from ..simulation import deposits, market, purchases
from ..simulation.currencies import parse_multiplier
from ..simulation.state import Delivery, Deposit, Project, Purchase
from ..simulation.store import Impossible, Store
from ..webhooks.notifications import Notifications
from ..webhooks.webhook_sender import WebhookSender
from .control_page import ControlPage
from .control_routes import ROUTES, Route, check_fields

_DEPOSIT_ACTIONS: dict[str, deposits.Action] = {
    "accept": deposits.accept,
    "decline": deposits.decline,
    "expire": deposits.expire,
    "return": deposits.give_back,
    "finish-hold": deposits.finish_hold,
}
_MAX_CONTROL_BODY_BYTES = 64 * 1024
_URLS = Map([Rule(route.path, methods=[route.method], endpoint=route) for route in ROUTES])

Fields = Mapping[str, Any]


class ControlAPI:
    """The control API. It accepts forms and JSON.

    After a form, a browser is redirected to the control page. Other clients get JSON.
    """

    def __init__(
        self, store: Store, notifications: Notifications, webhook_sender: WebhookSender, page: ControlPage
    ) -> None:
        self.store, self.notifications, self.webhook_sender, self.page = store, notifications, webhook_sender, page

    def answer(self, request: Request, path: str) -> Response:
        """Call the handler for the address and return the response.

        After an error, a browser gets the control page with the error message. Other clients get ``{"error": …}``.
        """
        is_browser = "text/html" in request.headers.get("Accept", "") and request.method == "POST"
        try:
            route, arguments = self._match(request)
            fields = _read_fields(request)
            check_fields(route, fields)
            handler: Callable[..., Any] = getattr(self, route.handler)
            result = handler(fields, **arguments)
        except (HTTPException, ValueError, RecursionError, Impossible, KeyError) as error:
            status, message = _status_and_message(error)
            if is_browser:
                return self.page.page(problem=message, http_status=status)
            return _json({"error": message}, status)
        return redirect("/", 303) if is_browser else _json(result)

    def _match(self, request: Request) -> tuple[Route, Mapping[str, Any]]:
        try:
            return _URLS.bind_to_environ(request.environ).match()
        except NotFound:
            known = ", ".join(dict.fromkeys(route.path for route in ROUTES))
            raise NotFound(f"Unknown address: use one of {known}.") from None

    def show_state(self, _fields: Fields) -> dict[str, Any]:
        with self.store.locked() as state:
            return {
                "clock": self.show_clock({}),
                "projects": _plain(state.projects),
                "deposits": _plain(list(state.deposits.values())),
                "purchases": _plain(list(state.purchases.values())),
                "deliveries": [_delivery(row) for row in state.deliveries.values()],
                "failed_callbacks": _plain(list(state.failed_callbacks.values())),
                "faults": self.show_faults({}),
                "skins_for_sale": sum(not item.sold for item in state.stock.values()),
            }

    def show_clock(self, _fields: Fields) -> dict[str, Any]:
        clock = self.store.clock
        return {"now": clock.now(), "ahead_seconds": round(clock.offset), "frozen": clock.frozen}

    def advance_clock(self, fields: Fields) -> dict[str, Any]:
        steps = {unit: _number(fields.get(unit, "0")) for unit in ("seconds", "minutes", "hours", "days")}
        self.store.clock.advance(**{unit: float(step) for unit, step in steps.items()})
        return self.show_clock({})

    def show_faults(self, _fields: Fields) -> list[dict[str, Any]]:
        return [
            {"name": fault.name, "method": fault.method, "times": fault.times, "value": fault.value}
            for fault in self.store.faults.active()
        ]

    def add_fault(self, fields: Fields) -> list[dict[str, Any]]:
        times = str(fields.get("times", "1"))
        self.store.faults.add(
            str(fields.get("name", "")),
            str(fields.get("method") or "*"),
            times=None if times in ("None", "", "always") else _whole(times),
            value=fields.get("value", ""),
        )
        return self.show_faults({})

    def clear_faults(self, fields: Fields) -> list[dict[str, Any]]:
        self.store.faults.remove(str(fields.get("name", "")))
        return self.show_faults({})

    def plan_outcome(self, fields: Fields) -> dict[str, Any]:
        outcome, partner = str(fields.get("outcome", "")), str(fields.get("partner") or "")
        times, error_reason = _whole(fields.get("times", "1")), str(fields.get("error_reason") or "")
        with self.store.locked():
            self.store.planned_outcomes.add(outcome, times=times, partner=partner, error_reason=error_reason)
        return {"outcome": outcome, "error_reason": error_reason, "partner": partner or None, "times": times}

    def list_deposits(self, _fields: Fields) -> list[Any]:
        with self.store.locked() as state:
            return [_plain(row) for row in state.deposits.values()]

    def show_deposit(self, fields: Fields, order_id: str) -> Any:
        with self.store.locked():
            return _plain(self._deposit(fields, order_id))

    def change_deposit(self, fields: Fields, order_id: str, action: str) -> Any:
        if action not in _DEPOSIT_ACTIONS:
            raise NotFound(f"Unknown action: use one of {', '.join(_DEPOSIT_ACTIONS)}, choose, notify.")
        with self.store.locked():
            deposit = self._deposit(fields, order_id)
            if action == "accept" and fields.get("held"):
                deposits.accept(self.store, deposit, held=True)
            else:
                _DEPOSIT_ACTIONS[action](self.store, deposit)
            return _plain(deposit)

    def notify_deposit(self, fields: Fields, order_id: str) -> Any:
        overrides = {name: value for name, value in fields.items() if name not in ("project", "status")}
        with self.store.locked() as state:
            deposit = self._deposit(fields, order_id)
            if not (deposit.result_url or state.projects[deposit.client_id].result_url):
                raise Impossible("There is no Result URL to notify: set result_url of the project.")
            self.notifications.notify_deposit(deposit, status=str(fields.get("status") or ""), **overrides)
            return _plain(deposit)

    def choose_skins(self, fields: Fields, order_id: str) -> Any:
        with self.store.locked():
            deposit = self._deposit(fields, order_id)
            account = str(fields.get("steam_id") or "")
            steam_id = deposits.choose_payer(deposit, account)
            if account not in ("", steam_id):
                known = [*deposits.STEAM_ACCOUNTS, *filter(None, [deposit.steam_id])]
                raise ValueError(f"Unknown steam_id: use one of {', '.join(known)}.")
            asset_ids = fields.get("asset_ids") or [deposits.find_payment(self.store, deposit, steam_id).asset_id]
            deposits.send_trade_offer(self.store, deposit, steam_id, [str(asset_id) for asset_id in asset_ids])
            return _plain(deposit)

    def list_purchases(self, _fields: Fields) -> list[Any]:
        with self.store.locked() as state:
            return [_plain(row) for row in state.purchases.values()]

    def show_purchase(self, _fields: Fields, buy_id: int) -> Any:
        with self.store.locked():
            return _plain(self._purchase(buy_id))

    def finish_purchase(self, fields: Fields, buy_id: int, outcome: str) -> Any:
        with self.store.locked():
            purchase = self._purchase(buy_id)
            purchases.finish(self.store, purchase, outcome, error_reason=str(fields.get("error_reason") or ""))
            return _plain(purchase)

    def list_deliveries(self, _fields: Fields) -> list[Any]:
        with self.store.locked() as state:
            return [_delivery(row) for row in state.deliveries.values()]

    def send_due(self, _fields: Fields) -> dict[str, int]:
        return {"sent": self.webhook_sender.deliver_due()}

    def send_again(self, _fields: Fields, delivery_id: int) -> Any:
        with self.store.locked() as state:
            if delivery_id not in state.deliveries:
                raise NotFound("There is no such notification.")
            delivery = state.deliveries[delivery_id]
            delivery.due_at = self.store.clock.now()
            self.store.mark_changed()
            return _delivery(delivery)

    def set_project(self, fields: Fields, client_id: str) -> Any:
        with self.store.locked() as state:
            if client_id not in state.projects:
                raise NotFound(f"Unknown project: use one of {', '.join(state.projects)}.")
            project = state.projects[client_id]
            for name in ("result_url", "events_url", "success_url", "fail_url"):
                if name in fields:
                    setattr(project, name, _address(fields[name]))
            _set_amounts(project, fields)
            self.store.mark_changed()
            return _plain(project)

    def refill_market(self, _fields: Fields) -> dict[str, int]:
        with self.store.locked() as state:
            for item in market.new_stock(state.next_id):
                state.stock[self.store.new_id()] = item
            return {"skins_for_sale": sum(not item.sold for item in state.stock.values())}

    def _deposit(self, fields: Fields, order_id: str) -> Deposit:
        project = str(fields.get("project") or CLIENT_ID)
        if project not in SECRETS:
            raise BadRequest(f"Unknown project: use one of {', '.join(SECRETS)}.")
        deposit = self.store.deposit(project, order_id)
        if deposit is None:
            raise NotFound("There is no such deposit.")
        return deposit

    def _purchase(self, buy_id: int) -> Purchase:
        if buy_id not in self.store.state.purchases:
            raise NotFound("There is no such purchase.")
        return self.store.state.purchases[buy_id]


def _read_fields(request: Request) -> dict[str, Any]:
    request.max_content_length = _MAX_CONTROL_BODY_BYTES
    fields: dict[str, Any] = dict(request.args)
    if request.mimetype == "application/json":
        body = json.loads(request.get_data() or b"{}", parse_float=Decimal)
        if not isinstance(body, dict):
            raise BadRequest("The body must be a JSON object.")
        return fields | body
    fields |= php.parse_form(request.form.items(multi=True))
    if chosen := fields.get("asset_ids"):
        fields["asset_ids"] = list(chosen.values()) if isinstance(chosen, dict) else request.form.getlist("asset_ids")
    return fields


def _status_and_message(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        return error.code or 400, error.description or ""
    return (409 if isinstance(error, Impossible) else 400), str(error) or "The request is wrong."


def _number(text: object) -> Decimal:
    return parse_amount(str(text).strip() or "0")


def _whole(text: object) -> int:
    number = whole_number(str(text))
    if number is None:
        raise BadRequest("A whole number is needed.")
    return number


def _address(text: object) -> str:
    address = str(text).strip()
    if address and not is_web_address(address):
        raise BadRequest("An address must begin with http:// or https://.")
    return address


def _set_amounts(project: Project, fields: Fields) -> None:
    if "multiplier" in fields:
        project.multiplier = parse_multiplier(fields["multiplier"])
    if "balance" in fields:
        project.balance = _number(fields["balance"])


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True)


def _delivery(delivery: Delivery) -> dict[str, Any]:
    fields: dict[str, Any] = _plain(delivery)
    return {**fields, "body": delivery.body.decode()}


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, mimetype="application/json")
