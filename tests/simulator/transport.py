"""Requests to the sandbox and deliveries from it, without a socket and without waiting."""

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


class Line(BaseAdapter):
    """Carries API calls into the sandbox. What is sent must stand in the database, committed, before it is sent."""

    def __init__(self, sandbox: Sandbox, crashes: Crashes) -> None:
        super().__init__()
        self.sandbox = sandbox
        self.crashes = crashes
        self.misfortunes: dict[str, list[tuple[str, Sequence[str]] | None]] = {}
        self.calls: Counter[str] = Counter()
        self._denies_what_it_did = False

    def close(self) -> None:
        """Nothing is open."""

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        body = str(request.body).encode()
        fields = dict(parse_qsl(str(request.body), keep_blank_values=True))
        self._intent_is_committed(fields)
        method = fields["method"]
        self.calls[method] += 1
        self.crashes.pass_point()
        if self._is_unreachable(method):
            raise requests.ConnectionError(NewConnectionError(None, "nobody there"), request=request)
        try:
            answer = self.sandbox.app.answer(Request(self._environ(request, body)))
            if self._denies_what_it_did:
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
        """Have happen to this call what was planned for it; True: it does not even reach SkinsBack."""
        self._denies_what_it_did = False
        planned = self.misfortunes.get(method)
        misfortune = planned.pop(0) if planned else None
        if misfortune is None:
            return False
        name, errors = misfortune
        self._denies_what_it_did = name == "error_after"
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
    def _intent_is_committed(fields: dict[str, str]) -> None:
        """I3, and no database transaction is open while SkinsBack is called."""
        assert not connection.in_atomic_block, f"{fields['method']} was called inside a database transaction"
        if fields["method"] in {"create", "create_from_user_inventory"}:
            assert Deposit.objects.filter(order_id=fields["order_id"]).exists()
        elif fields["method"] in {"market_buy", "market_batch_buy"}:
            sent = {value for name, value in fields.items() if "custom_id" in name}
            assert sent
            assert set(Purchase.objects.filter(custom_id__in=sent).values_list("custom_id", flat=True)) == sent


class Postman:
    """Carries deliveries to the site's views, and remembers their bytes, so that they can come again."""

    def __init__(self, die: Callable[[], Any]) -> None:
        self.client = Client(raise_request_exception=False)
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: Counter[int] = Counter()
        self.lost: list[bytes] = []
        """Deliveries that the site answered with 2xx and did not keep. The sandbox, as SkinsBack, does not look."""
        self.die = die

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self.sent.append((url, body, headers))
        return self.post(url, body, headers)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The site's answer; 0 where it died before it gave one."""
        status = 0
        with self.die():
            others = {name: value for name, value in headers.items() if name != "Content-Type"}
            answer = self.client.post(
                urlsplit(url).path, body, content_type=headers.get("Content-Type", ""), headers=others
            )
            status = answer.status_code
        self.answers[status] += 1
        if 200 <= status < 300 and not self._is_kept(body):
            self.lost.append(body)
        return status

    @staticmethod
    def _is_kept(body: bytes) -> bool:
        """I8: 2xx is answered only once the delivery and its effect are committed."""
        kept = [event for event in WebhookEvent.objects.all() if bytes(event.body) == body]
        is_used = [event.processed_at or event.outcome == WebhookEvent.Outcome.UNMATCHED for event in kept]
        return len(kept) == 1 and bool(is_used[0]) and not connection.in_atomic_block
