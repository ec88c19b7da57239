"""The sandbox as one WSGI application: the API, the websocket, the pay pages, the control page and its API."""

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, RequestRedirect, Rule, WebsocketMismatch
from werkzeug.wrappers import Request, Response

from ...loopback import is_loopback
from ..api.endpoint import API, METHODS, CloseConnection
from ..simulation.store import Store
from ..webhooks.notifications import Notifications
from ..webhooks.webhook_sender import WebhookSender
from ..webhooks.websocket import PATH, WebsocketServer
from .control_api import ControlAPI
from .control_page import ControlPage
from .pay_page import PayPage
from .pictures import picture, steam_picture, steam_picture_of_class
from .rendering import HEADERS, static_file

logger = logging.getLogger("django_skinsback.sandbox")

_ADDRESSES = (
    "The API is POST /api.php, and the body field method names the method. "
    f"The websocket is {PATH}, with the slash at the end. The control page is /."
)

_URLS = Map(
    [
        Rule("/api.php", endpoint="api"),
        Rule(PATH, endpoint="websocket", methods=["GET"], websocket=True),
        Rule("/", endpoint="control", methods=["GET"]),
        Rule("/_/pay/<pay_hash>/", endpoint="pay", methods=["GET"]),
        Rule("/_/pay/<pay_hash>/offer", endpoint="offer", methods=["POST"]),
        Rule("/_/pay/<pay_hash>/trade", endpoint="trade", methods=["GET"]),
        Rule("/_/pay/<pay_hash>/decide", endpoint="decide", methods=["POST"]),
        Rule("/_/pay/<pay_hash>/finished", endpoint="finished", methods=["GET"]),
        Rule("/_sandbox/static/<name>", endpoint="static", methods=["GET"]),
        Rule("/_sandbox/skin/<class_id>.svg", endpoint="picture", methods=["GET"]),
        Rule("/economy/image/<icon>/<size>", endpoint="steam_picture", methods=["GET"]),
        Rule(
            "/economy/image/class/<app_id>/<class_id>/<size>",
            endpoint="steam_picture_of_class",
            methods=["GET"],
        ),
        Rule("/_sandbox/<path:path>", endpoint="control_api", methods=["GET", "POST", "DELETE"]),
    ]
)
"""Shared by all sandboxes, because compiling the rules takes most of the time that a new sandbox needs."""


class App:
    """The WSGI application.

    The Host header of a request must be a loopback name or an allowed host. Otherwise the response is 421. A POST or
    DELETE request with the Origin header of another site gets the response 403. Programs do not send an Origin header.
    """

    def __init__(
        self,
        store: Store,
        notifications: Notifications,
        websocket: WebsocketServer,
        webhook_sender: WebhookSender,
        *,
        stopping: threading.Event,
        allowed_hosts: Iterable[str],
    ) -> None:
        self.allowed_hosts = frozenset(allowed_hosts)
        self.api = API(store, stopping)
        self.websocket = websocket
        pay, control = PayPage(store), ControlPage(store, METHODS)
        control_api = ControlAPI(store, notifications, webhook_sender, control)
        self.endpoints: dict[str, Callable[..., Response]] = {
            "api": self.api.answer,
            "websocket": self.websocket.answer,
            "control": control.answer,
            "pay": pay.choose,
            "offer": pay.offer,
            "trade": pay.trade,
            "decide": pay.decide,
            "finished": pay.finished,
            "static": static_file,
            "picture": picture,
            "steam_picture": steam_picture,
            "steam_picture_of_class": steam_picture_of_class,
            "control_api": control_api.answer,
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Return the response. If CloseConnection is raised, close the connection and raise ConnectionAbortedError."""
        try:
            response = self.answer(Request(environ))
        except CloseConnection as closing:
            _close_connection(environ, closing)
            raise ConnectionAbortedError(str(closing)) from None
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Return the response, with the security headers added. An HTTPException becomes a plain text response."""
        try:
            response = self._refuse_other_hosts(request) or self._route(request)
        except RequestRedirect as error:
            response = Response(f"The address is {error.new_url}\n", error.code, {"Location": error.new_url})
        except HTTPException as error:
            response = Response(f"{error.code} {error.name}\n{error.description}\n", error.code)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _route(self, request: Request) -> Response:
        if request.path == PATH.rstrip("/"):
            raise NotFound(f"There is nothing at {request.path}. {_ADDRESSES}")
        try:
            endpoint, arguments = _URLS.bind_to_environ(request.environ).match()
        except NotFound:
            raise NotFound(f"There is nothing at {request.path}. {_ADDRESSES}") from None
        except WebsocketMismatch:
            answers = "a websocket only" if request.path == PATH else "no websocket"
            raise BadRequest(f"{request.path} opens {answers}. {_ADDRESSES}") from None
        return self.endpoints[endpoint](request, **arguments)

    def _refuse_other_hosts(self, request: Request) -> Response | None:
        host = request.headers.get("Host", "")
        name = urlsplit(f"//{host}").hostname
        if not is_loopback(name) and name not in self.allowed_hosts:
            return Response("The host name must be a loopback name or be allowed with --allow-host.\n", 421)
        origin = request.headers.get("Origin")
        if request.method not in ("GET", "HEAD") and origin is not None and origin != f"http://{host}":
            return Response("Pages of other sites may not use the sandbox.\n", 403)
        return None


def _close_connection(environ: dict[str, Any], closing: CloseConnection) -> None:
    connection = environ.get("werkzeug.socket")
    if connection is None:
        return
    try:
        if closing.sent:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {closing.announced}\r\n\r\n"
            connection.sendall(head.encode() + closing.sent)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("the client closed the connection before the sandbox did")
