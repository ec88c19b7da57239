"""The HTTP server. It serves the application on a port, in threads of this process."""

import logging
import socket
import threading
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .app import App

_LISTEN_QUEUE = 128
_POLL_SECONDS = 0.02


class _Handler(WSGIRequestHandler):
    """Handles HTTP requests. Small answers are sent without Nagle's delay. Requests are not logged here."""

    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        logging.getLogger("django_skinsback.sandbox.http").debug(message, *args)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Server:
    """The HTTP server: one listening socket, and the thread that accepts its connections."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self.app, self.host, self.port = app, host, port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The server's address, without a slash at the end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - shown, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def listen(self) -> None:
        """Open the port. For port 0, the system chooses a free port. Raise OSError if the port cannot be opened."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(_LISTEN_QUEUE)
            self.port = listener.getsockname()[1]
            self._server = make_server(
                self.host, self.port, self.app, threaded=True, request_handler=_Handler, fd=listener.fileno()
            )

    def start(self) -> None:
        """Open the port if it is not open, and start the server in a background thread."""
        if self._server is None:
            self.listen()
        assert self._server is not None
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": _POLL_SECONDS},
            name="skinsback-sandbox",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the server and close the port. Do not wait for requests that are in progress."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join(timeout=5)
            self._server.server_close()
        self._server = self._thread = None
