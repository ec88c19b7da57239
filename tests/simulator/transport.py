"""Carries API calls to the sandbox and webhook deliveries to the site, without sockets or waiting."""

from collections import Counter
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from django.db import connection
from django.test import Client
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import NewConnectionError
from werkzeug.wrappers import Request

from django_skinsback.models import Deposit, Purchase, WebhookEvent
from django_skinsback.sandbox import Sandbox
from django_skinsback.sandbox.api.endpoint import CloseConnection

from .crashes import Crashes


class SandboxAdapter(BaseAdapter):
    """Passes API calls to the sandbox. Checks first that the intent of each call is committed."""

    def __init__(self, sandbox: Sandbox, crashes: Crashes) -> None:
        super().__init__()
        self.sandbox = sandbox
        self.crashes = crashes
        self.planned_faults: dict[str, list[tuple[str, Sequence[str]] | None]] = {}
        self.calls: Counter[str] = Counter()
        self._answers_error_after_success = False

    def close(self) -> None:
        """There is nothing to close."""

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        body = str(request.body).encode()
        fields = dict(parse_qsl(str(request.body), keep_blank_values=True))
        self._check_intent_is_committed(fields)
        method = fields["method"]
        self.calls[method] += 1
        self.crashes.pass_point()
        if self._is_unreachable(method):
            raise requests.ConnectionError(NewConnectionError(None, "unreachable"), request=request)
        try:
            answer = self.sandbox.app.answer(Request(self._environ(request, body)))
            if self._answers_error_after_success:
                answer.set_data(b'{"status":"error","error_code":11,"error_message":"something_new"}')
        except CloseConnection:
            raise requests.ConnectionError("hung up", request=request) from None
        finally:
            self.crashes.pass_point()
        response = requests.Response()
        response.status_code, response.request = answer.status_code, request
        response.headers.update(answer.headers)
        response.raw = HTTPResponse(
            BytesIO(answer.get_data()), headers=dict(answer.headers), status=answer.status_code, preload_content=False
        )
        return response

    def _is_unreachable(self, method: str) -> bool:
        """Apply the fault that is planned for this call. Returns True if the call does not reach SkinsBack."""
        self._answers_error_after_success = False
        planned = self.planned_faults.get(method)
        fault = planned.pop(0) if planned else None
        if fault is None:
            return False
        name, errors = fault
        self._answers_error_after_success = name == "error_after"
        if name not in {"unreachable", "error_after"}:
            value = errors[self.calls.total() % len(errors)] if name == "error" else ""
            self.sandbox.faults.add(name, method, value=value)
        return name == "unreachable"

    @staticmethod
    def _environ(request: requests.PreparedRequest, body: bytes) -> dict[str, Any]:
        headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
        return {
            **headers,
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/api.php",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "CONTENT_TYPE": request.headers["Content-Type"],
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
        }

    @staticmethod
    def _check_intent_is_committed(fields: dict[str, str]) -> None:
        """Check invariant I3, and that no database transaction is open during the call."""
        assert not connection.in_atomic_block, f"{fields['method']} was called inside a database transaction"
        if fields["method"] in {"create", "create_from_user_inventory"}:
            assert Deposit.objects.filter(order_id=fields["order_id"]).exists()
        elif fields["method"] in {"market_buy", "market_batch_buy"}:
            sent = {value for name, value in fields.items() if "custom_id" in name}
            assert sent
            assert set(Purchase.objects.filter(custom_id__in=sent).values_list("custom_id", flat=True)) == sent


class WebhookDelivery:
    """Passes deliveries to the site's views and keeps their bytes, so that they can be repeated."""

    def __init__(self, crash_point: Callable[[], Any]) -> None:
        self.client = Client(raise_request_exception=False)
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: Counter[int] = Counter()
        self.lost: list[bytes] = []
        """Deliveries that the site answered with 2xx and did not store."""
        self.crash_point = crash_point

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self.sent.append((url, body, headers))
        return self.post(url, body, headers)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Return the status of the site's answer; 0 if the site died before it answered."""
        status = 0
        with self.crash_point():
            others = {name: value for name, value in headers.items() if name != "Content-Type"}
            answer = self.client.post(
                urlsplit(url).path, body, content_type=headers.get("Content-Type", ""), headers=others
            )
            status = answer.status_code
        self.answers[status] += 1
        if 200 <= status < 300 and not self._is_stored(body):
            self.lost.append(body)
        return status

    @staticmethod
    def _is_stored(body: bytes) -> bool:
        """Invariant I8: the site answers 2xx only after the delivery and its effect are committed."""
        stored = [event for event in WebhookEvent.objects.all() if bytes(event.body) == body]
        is_used = [event.processed_at or event.outcome == WebhookEvent.Outcome.UNMATCHED for event in stored]
        return len(stored) == 1 and bool(is_used[0]) and not connection.in_atomic_block
