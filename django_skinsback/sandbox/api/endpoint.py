"""POST /api.php: authentication, rate limit, faults, then one of the methods (``/docs/api/v1/main``)."""

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
from ..simulation.purchases import Refusal
from ..simulation.state import Project
from ..simulation.store import World
from . import deposit_methods, market_methods, php
from .calls import Call

logger = logging.getLogger("django_skinsback.sandbox")

METHODS = {**deposit_methods.METHODS, **market_methods.METHODS}
MAX_BODY_BYTES = 4 * 1024 * 1024
PATIENCE_SECONDS = 30
BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>"
    b"\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class Hangup(Exception):
    """The socket is to be closed after these bytes: none at all, or an answer that breaks off."""

    def __init__(self, sent: bytes = b"", announced: int = 0) -> None:
        super().__init__("the sandbox closed the connection on purpose")
        self.sent = sent
        self.announced = announced


class API:
    """The one address of the API. ``stopping`` cuts deliberate waiting short."""

    def __init__(self, world: World, stopping: threading.Event) -> None:
        self.world = world
        self.stopping = stopping

    def answer(self, request: Request) -> Response:
        """The answer as SkinsBack gives it: HTTP 200 whatever happened. Hangup if it should never arrive."""
        method, refused = "?", False
        try:
            if request.method != "POST":
                raise Refusal(-1, "please_use_post_method")
            values = _read_body(request)
            method = _scalar(values, "method") or "?"
            project = self._authenticate(request, values)
            if not self.world.within_rate_limit(project.client_id):
                raise Refusal(-7, "request_limit_reached")
            if method not in METHODS:
                raise Refusal(-5, "invalid_method")
            spoilt = self._fault_before(method)
            if spoilt is not None:
                return spoilt
            body = self._work(project, method, values)
            outcome = "ok"
        except Refusal as refusal:
            refused = True
            body = php.json_text(
                {"status": "error", "error_code": refusal.code, "error_message": refusal.message}
            ).encode()
            outcome = f"error {refusal.code} {refusal.message}"
        method = method if method in METHODS else "unknown method"
        logger.info("api %s: %s", method, outcome)
        # The faults after the work wait for a call that did some.
        return Response(body, mimetype="application/json") if refused else self._deliver(method, body)

    def _authenticate(self, request: Request, values: Mapping[str, Any]) -> Project:
        client_id = request.headers.get("X-CLIENT-ID", "")
        if client_id:
            secret = self._secret_of(client_id)
            if not _same(request.headers.get("X-CLIENT-SECRET", ""), secret):
                raise Refusal(-10, "invalid_client_secret")
        else:
            client_id = _scalar(values, "shopid")
            secret = self._secret_of(client_id)
            if signed_text(values, values.get("sign"), [secret]) is None:
                raise Refusal(-3, "invalid_signature")
        return self.world.state.projects[client_id]

    @staticmethod
    def _secret_of(client_id: str) -> str:
        if client_id not in SECRETS:
            raise Refusal(-2, "invalid_shopid")
        return SECRETS[client_id]

    def _work(self, project: Project, method: str, values: Mapping[str, Any]) -> bytes:
        with self.world.work():
            answer = METHODS[method](Call(self.world, project, method, values))
        return php.json_text({"status": "success", **answer}).encode()

    def _fault_before(self, method: str) -> Response | None:
        take = self.world.faults.take
        for name, (code, message) in ERROR_FAULTS.items():
            if (name != "market_disabled" or method.startswith("market_")) and take(name, method):
                raise Refusal(code, message)
        if fault := take("error", method):
            error_code, _, error_message = fault.value.partition(" ")
            raise Refusal(int(error_code), error_message)
        if take("drop_request", method):
            raise Hangup
        if take("html_error", method):
            return Response(BAD_GATEWAY, 502, mimetype="text/html")
        if take("redirect", method):
            return Response(b"", 302, {"Location": f"{self.world.public_url}/elsewhere/api.php"})
        if fault := take("slow", method):
            self._wait(fault)
        return None

    def _deliver(self, method: str, body: bytes) -> Response:
        take = self.world.faults.take
        if take("lose_answer", method):
            raise Hangup
        if take("cut_off", method):
            raise Hangup(body[: len(body) // 2], len(body))
        if take("html_error_after", method):
            return Response(BAD_GATEWAY, 502, mimetype="text/html")
        if fault := take("slow_answer", method):
            self._wait(fault)
        if take("empty_answer", method):
            body = b""
        elif take("truncated", method):
            body = body[: len(body) // 2]
        elif take("garbage", method):
            body = b"\xff\xfe\x00{" + bytes(range(128, 256)) + body[:20]
        elif take("huge", method):
            pieces = (b" " * 2**20 for _ in range(64))
            return Response((*pieces, body), mimetype="application/json")
        return Response(body, mimetype="application/json")

    def _wait(self, fault: Fault) -> None:
        self.stopping.wait(fault.seconds(PATIENCE_SECONDS))


def _read_body(request: Request) -> dict[str, Any]:
    request.max_content_length = MAX_BODY_BYTES
    request.max_form_parts = 100_000
    try:
        if request.mimetype != "application/json":
            return php.parse_form(request.form.items(multi=True))
        values = json.loads(request.get_data(), parse_float=Number)
    except (HTTPException, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _scalar(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    return "" if isinstance(value, dict | list) else php.scalar_text(value)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
