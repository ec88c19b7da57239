"""``POST /api.php`` (``/docs/api/v1/main``): check the keys and the rate limit, apply faults, run the API method."""

import hmac
import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from django_skinsback.wire.fields import Number
from django_skinsback.wire.signing import signed_text

from ..keys import SECRETS
from ..simulation.faults import ERROR_FAULTS, Fault
from ..simulation.state import Project
from ..simulation.store import Store
from . import deposit_methods, market_methods, php
from .calls import Call, Refusal, scalar

logger = logging.getLogger("django_skinsback.sandbox")

METHODS = {**deposit_methods.METHODS, **market_methods.METHODS}
_MAX_BODY_BYTES = 4 * 1024 * 1024
_DEFAULT_WAIT_SECONDS = 30
_BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>"
    b"\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class CloseConnection(Exception):
    """Raised to make the server close the connection before it has sent a complete answer.

    ``sent`` is the part of the answer's body that the server sends first. If ``sent`` is empty, the server sends
    nothing. ``announced`` is the Content-Length of the answer.
    """

    def __init__(self, sent: bytes = b"", announced: int = 0) -> None:
        super().__init__("the sandbox closed the connection on purpose")
        self.sent = sent
        self.announced = announced


class API:
    """Answers requests to ``/api.php``.

    The faults ``slow`` and ``slow_answer`` delay an answer. The delay ends early if the event ``stopping`` is set.
    """

    def __init__(self, store: Store, stopping: threading.Event) -> None:
        self.store = store
        self.stopping = stopping

    def answer(self, request: Request) -> Response:
        """Run the API method and return the answer. An API error has the HTTP status 200, as at SkinsBack.

        Raise CloseConnection if an active fault closes the connection.
        """
        method, refused = "?", False
        try:
            if request.method != "POST":
                raise Refusal(-1, "please_use_post_method")
            values = _read_body(request)
            method = scalar(values, "method") or "?"
            project = self._authenticate(request, values)
            if not self.store.within_rate_limit(project.client_id):
                raise Refusal(-7, "request_limit_reached")
            if method not in METHODS:
                raise Refusal(-5, "invalid_method")
            answer = self._fault_before(method)
            if answer is not None:
                return answer
            body = self._run(project, method, values)
            outcome = "ok"
        except Refusal as refusal:
            refused = True
            body = php.json_text(
                {"status": "error", "error_code": refusal.code, "error_message": refusal.message}
            ).encode()
            outcome = f"error {refusal.code} {refusal.message}"
        method = method if method in METHODS else "unknown method"
        logger.info("api %s: %s", method, outcome)
        if refused:  # the method did not run, so faults that apply after the method are not used
            return Response(body, mimetype="application/json")
        return self._answer_with_faults(method, body)

    def _authenticate(self, request: Request, values: Mapping[str, Any]) -> Project:
        client_id = request.headers.get("X-CLIENT-ID", "")
        if client_id:
            secret = self._secret_of(client_id)
            given = request.headers.get("X-CLIENT-SECRET", "").encode("utf-8", "replace")
            if not hmac.compare_digest(given, secret.encode()):
                raise Refusal(-10, "invalid_client_secret")
        else:
            client_id = scalar(values, "shopid")
            secret = self._secret_of(client_id)
            if signed_text(values, values.get("sign"), [secret]) is None:
                raise Refusal(-3, "invalid_signature")
        return self.store.state.projects[client_id]

    @staticmethod
    def _secret_of(client_id: str) -> str:
        if client_id not in SECRETS:
            raise Refusal(-2, "invalid_shopid")
        return SECRETS[client_id]

    def _run(self, project: Project, method: str, values: Mapping[str, Any]) -> bytes:
        with self.store.locked():
            answer = METHODS[method](Call(self.store, project, values))
        return php.json_text({"status": "success", **answer}).encode()

    def _fault_before(self, method: str) -> Response | None:
        consume = self.store.faults.consume
        for name, (code, message) in ERROR_FAULTS.items():
            if (name != "market_disabled" or method.startswith("market_")) and consume(name, method):
                raise Refusal(code, message)
        if fault := consume("error", method):
            error_code, _, error_message = fault.value.partition(" ")
            raise Refusal(int(error_code), error_message)
        if consume("drop_request", method):
            raise CloseConnection
        if consume("html_error", method):
            return Response(_BAD_GATEWAY, 502, mimetype="text/html")
        if consume("redirect", method):
            return Response(b"", 302, {"Location": f"{self.store.public_url}/elsewhere/api.php"})
        if fault := consume("slow", method):
            self._wait(fault)
        return None

    def _answer_with_faults(self, method: str, body: bytes) -> Response:
        consume = self.store.faults.consume
        if consume("lose_answer", method):
            raise CloseConnection
        if consume("cut_off", method):
            raise CloseConnection(body[: len(body) // 2], len(body))
        if consume("html_error_after", method):
            return Response(_BAD_GATEWAY, 502, mimetype="text/html")
        if fault := consume("slow_answer", method):
            self._wait(fault)
        if consume("empty_answer", method):
            body = b""
        elif consume("truncated", method):
            body = body[: len(body) // 2]
        elif consume("garbage", method):
            body = b"\xff\xfe\x00{" + bytes(range(128, 256)) + body[:20]
        elif consume("huge", method):
            pieces = (b" " * 2**20 for _ in range(64))
            return Response((*pieces, body), mimetype="application/json")
        return Response(body, mimetype="application/json")

    def _wait(self, fault: Fault) -> None:
        self.stopping.wait(fault.seconds(_DEFAULT_WAIT_SECONDS))


def _read_body(request: Request) -> dict[str, Any]:
    request.max_content_length = _MAX_BODY_BYTES
    request.max_form_parts = 100_000
    try:
        if request.mimetype != "application/json":
            return php.parse_form(request.form.items(multi=True))
        values = json.loads(request.get_data(), parse_float=Number)
    except (HTTPException, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
