"""The sandbox as one WSGI application: the API, the pay pages, the control page and its API."""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, RequestRedirect, Rule, WebsocketMismatch
from werkzeug.wrappers import Request, Response

from ..api.endpoint import API, METHODS, Hangup
from ..simulation.store import World
from ..webhooks.webhook_sender import Courier
from ..webhooks.websocket import PATH, Sockets
from .control_api import ControlAPI
from .control_page import ControlPage
from .control_routes import ROUTES
from .pay_page import PayPage
from .rendering import HEADERS, picture, static_file

logger = logging.getLogger("django_skinsback.sandbox")

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
ADDRESSES = (
    "The API is POST /api.php, and the body field method names the method. "
    f"The websocket is {PATH}, with the slash at the end. The control page is /."
)


class App:
    """Answers only under a loopback name (or one that was allowed), and POSTs only from its own pages or programs."""

    def __init__(self, world: World, courier: Courier, stopping: threading.Event, allowed_hosts: Iterable[str]) -> None:
        self.allowed_hosts = LOOPBACK | frozenset(allowed_hosts)
        self.api = API(world, stopping)
        self.sockets = Sockets(world)
        world.on_event = self.sockets.tell
        pay, control = PayPage(world), ControlPage(world, METHODS)
        control.routes = [(f"{method} {path}", meaning) for method, path, _, meaning in ROUTES]
        control_api = ControlAPI(world, courier, control)
        self.endpoints: dict[str, Callable[..., Response]] = {
            "api": self.api.answer,
            "socket": self.sockets.answer,
            "control": control.answer,
            "pay": pay.choose,
            "offer": pay.offer,
            "trade": pay.trade,
            "decide": pay.decide,
            "finished": pay.finished,
            "static": static_file,
            "picture": picture,
            "control_api": control_api.answer,
        }
        self.urls = Map(
            [
                Rule("/api.php", endpoint="api"),
                Rule(PATH, endpoint="socket", methods=["GET"], websocket=True),
                Rule("/", endpoint="control", methods=["GET"]),
                Rule("/_/pay/<pay_hash>/", endpoint="pay", methods=["GET"]),
                Rule("/_/pay/<pay_hash>/offer", endpoint="offer", methods=["POST"]),
                Rule("/_/pay/<pay_hash>/trade", endpoint="trade", methods=["GET"]),
                Rule("/_/pay/<pay_hash>/decide", endpoint="decide", methods=["POST"]),
                Rule("/_/pay/<pay_hash>/finished", endpoint="finished", methods=["GET"]),
                Rule("/_sandbox/static/<name>", endpoint="static", methods=["GET"]),
                Rule("/_sandbox/skin/<class_id>.svg", endpoint="picture", methods=["GET"]),
                Rule("/_sandbox/<path:path>", endpoint="control_api", methods=["GET", "POST", "DELETE"]),
            ]
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request; where no answer is meant to arrive, the socket is closed instead."""
        try:
            response = self.answer(Request(environ))
        except Hangup as hangup:
            _hang_up(environ, hangup)
            raise ConnectionAbortedError(str(hangup)) from None
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """The response, with the headers that keep browsers safe."""
        try:
            response = self._refuse_strangers(request) or self._route(request)
        except RequestRedirect as error:
            response = Response(f"The address is {error.new_url}\n", error.code, {"Location": error.new_url})
        except HTTPException as error:
            response = Response(f"{error.code} {error.name}\n{error.description}\n", error.code)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _route(self, request: Request) -> Response:
        if request.path == PATH.rstrip("/"):
            raise NotFound(f"There is nothing at {request.path}. {ADDRESSES}")
        try:
            endpoint, arguments = self.urls.bind_to_environ(request.environ).match()
        except NotFound:
            raise NotFound(f"There is nothing at {request.path}. {ADDRESSES}") from None
        except WebsocketMismatch:
            answers = "a websocket only" if request.path == PATH else "no websocket"
            raise BadRequest(f"{request.path} opens {answers}. {ADDRESSES}") from None
        return self.endpoints[endpoint](request, **arguments)

    def _refuse_strangers(self, request: Request) -> Response | None:
        host = request.headers.get("Host", "")
        if urlsplit(f"//{host}").hostname not in self.allowed_hosts:
            return Response("The sandbox answers under a loopback name only.\n", 421)
        origin = request.headers.get("Origin")
        if request.method not in ("GET", "HEAD") and origin is not None and origin != f"http://{host}":
            return Response("Other sites' pages may not work the sandbox.\n", 403)
        return None


def _hang_up(environ: dict[str, Any], hangup: Hangup) -> None:
    import socket

    connection = environ.get("werkzeug.socket")
    if connection is None:
        return
    try:
        if hangup.sent:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {hangup.announced}\r\n\r\n"
            connection.sendall(head.encode() + hangup.sent)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("the client had hung up before the sandbox did")
