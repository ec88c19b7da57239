"""Send one request over HTTP and return its answer. If the request fails, find out whether any byte was sent."""

import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError

from .. import __version__
from ..exceptions import ConfigurationError, RequestNotSent, UnknownOutcome
from ..proxy import proxy_for
from ..sensitive import hide, is_key
from ..wire.answers import bounded
from ..wire.requests import Request
from ..wire.signing import sign

_CHUNK_BYTES = 1 << 16
_BROKEN = (requests.RequestException, HTTPError, OSError)
_REFUSED_TUNNEL = re.compile("Tunnel connection failed: ([0-9]{3}) ")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[\x21-\x7e]*)?")


class Transport:
    """Sends requests that are authenticated by headers or by a signature. Redirects are not followed."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        api_url: str,
        authentication: str,
        timeout: tuple[float, float],
        session: requests.Session | None,
        proxy_url: str | None,
    ) -> None:
        client_secret, proxy_url = hide(client_secret), hide(proxy_url)
        if not is_key(client_id) or not is_key(client_secret):
            raise ConfigurationError("Client ID and client secret must be given, without blanks.")
        if authentication not in {"headers", "signature"}:
            raise ConfigurationError('authentication must be "headers" or "signature".')
        if not _URL.fullmatch(api_url):
            raise ConfigurationError("api_url must be a complete address that begins with https://.")
        self.client_id = client_id
        self.api_url = api_url
        self._client_secret = client_secret
        self._authentication = authentication
        self._timeout = timeout
        if session is not None and proxy_url is not None:
            raise ConfigurationError("Give either session or proxy_url: a session has its own proxies.")
        self._session = session or open_session(api_url, proxy_url)

    def __repr__(self) -> str:
        return f"<Transport of {self.client_id} to {self.api_url}>"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def post(self, request: Request) -> requests.Response:
        """Send the request once and return the response when its headers have arrived.

        The caller must close the response. Raises RequestNotSent if no byte of the request was sent. Raises
        UnknownOutcome if the request failed and a byte may have been sent. A redirect raises UnknownOutcome too.
        """
        failure: BaseException
        _progress.connected = True  # _Adapter sets False until the connection is open; the site's own session does not
        try:
            # No local variable contains a secret here, because error reports show local variables.
            response = self._session.post(
                self.api_url,
                data=urlencode(self._signed(request)),
                headers=self._headers(),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except _BROKEN as error:
            kind = RequestNotSent if _is_unsent(error) else UnknownOutcome
            failure = kind(f"{request.method}: {_failure_text(error)}.")
        except BaseException as error:  # noqa: BLE001 - such as a task's time limit; raised again below
            failure = error.with_traceback(None)
        else:
            if not 300 <= response.status_code < 400:
                return response
            response.close()
            failure = UnknownOutcome(f"{request.method}: SkinsBack answered with a redirect, which is not followed.")
        # Raised outside except, so that the traceback has no frames of requests. Their variables contain the keys,
        # the fields and the proxy's password.
        failure.__context__ = None
        raise failure

    def _signed(self, request: Request) -> dict[str, str]:
        if self._authentication == "headers":
            return request.fields
        fields = {**request.fields, "shopid": self.client_id}
        return {**fields, "sign": sign(fields, self._client_secret)}

    def _headers(self) -> dict[str, str]:
        common = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": f"django-skinsback/{__version__}",
        }
        if self._authentication == "signature":
            return common
        return {**common, "X-CLIENT-ID": self.client_id, "X-CLIENT-SECRET": self._client_secret}


def open_session(url: str, proxy_url: str | None) -> requests.Session:
    """Return a session for calls to ``url``. The session uses only the proxy ``proxy_url``, or no proxy for None.

    Proxies from environment variables are ignored. Raises ConfigurationError for a proxy address that cannot be used.
    """
    proxy = proxy_for(url, proxy_url)
    session = _Session()
    if proxy is not None:
        session.proxies = {"http": proxy, "https": proxy}
    return session


def chunks(response: requests.Response, limit: int) -> Iterator[bytes]:
    """Yield the decompressed body in chunks. Raises UnknownOutcome if the body is incomplete or larger than ``limit``.

    ``limit`` is in decompressed bytes. The library requests would decompress the body without a limit.
    """
    failure = ""
    try:
        packed = response.raw.stream(_CHUNK_BYTES, decode_content=False)
        yield from bounded(packed, response.headers.get("Content-Encoding", ""), limit)
    except _BROKEN as error:
        failure = type(error).__name__
    if failure:
        raise UnknownOutcome(f"The answer ended too early: {failure}.")


class _Progress(threading.local):
    """The state of the current request of this thread.

    If ``connected`` is False, the connection for the request is not open yet. So nothing was sent.
    """

    connected = True


_progress = _Progress()


class _Connection(HTTPSConnection):
    """Sets ``_progress.connected`` to True after the TLS handshake, before the request is written."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        _progress.connected = True
        super().request(*args, **kwargs)


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


_POOLS = {"http": HTTPConnectionPool, "https": _Pool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        # Plain HTTP has no TLS handshake: only the type of the exception shows whether anything was sent.
        _progress.connected = not (request.url or "").startswith("https:")
        return super().send(request, *args, **kwargs)


class _Session(requests.Session):
    """A session for one address. Proxies and passwords of the environment are ignored. Redirects are not followed."""

    def __init__(self) -> None:
        super().__init__()
        self._template: requests.PreparedRequest | None = None
        self.trust_env = False
        self.mount("https://", _Adapter())
        self.mount("http://", _Adapter())

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        # Address and headers are the same for every call. They are prepared once, because preparing them is slow.
        if self._template is None:
            self._template = super().prepare_request(request)
        prepared = self._template.copy()
        prepared.prepare_body(request.data, None)
        return prepared

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # If this method returned an address, the library requests would read the whole body of the redirect.
        return None


def _failure_text(error: Exception) -> str:
    """Return a short text for an error: the proxy's HTTP status, or the name of the exception's class.

    The messages of the libraries are not used, because they may contain keys or addresses.
    """
    refused = _REFUSED_TUNNEL.search(str(error))
    return f"the proxy answered {refused[1]}" if refused else type(error).__name__


def _is_unsent(error: Exception) -> bool:
    """Return True if certainly no byte of the request was sent. Return False if a byte may have been sent.

    The result is False if the connection was open from an earlier call and broke.
    """
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    first = reason.original_error if isinstance(reason, ProxyError) else reason
    if isinstance(first, NewConnectionError | ConnectTimeoutError):
        return True
    return isinstance(reason, HTTPError) and not _progress.connected
