"""Middleware that other sites may run in front of the package's views."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from html.parser import HTMLParser
from itertools import cycle

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from django_skinsback import conf

Answer = Callable[[HttpRequest], HttpResponse]

ODD_ADDRESSES = [
    "",
    "unix:",
    "@",
    "127.0.0.1:54321",
    "2001:db8::1%eth0",
    "[2001:db8::1]:443",
    "unknown",
    "_hidden",
    "1" * 5000,
    "адрес".encode().decode("latin-1"),
    "\xff\xfe\x80",
    "'; DROP TABLE skinsback_deposit; --",
    "%(asctime)s {0} \\u0000",
    "\t",
]
"""Values of REMOTE_ADDR that servers and proxies may set. Django sees headers decoded as Latin-1."""

ODD_CHAINS = [*ODD_ADDRESSES, ", " * 4000, "203.0.113.7, 10.0.0.1", ",".join(["10.0.0.1"] * 500)]


def read_the_form(get_response: Answer) -> Answer:
    """Read the form of every request before the view, as logging middleware may do."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.content_type != "multipart/form-data":
            with suppress(BadRequest):  # a form in another charset than UTF-8, which Django does not read
                assert request.POST is not None
        return get_response(request)

    return middleware


def log_the_body(get_response: Answer) -> Answer:
    """Read the body after the view, as logging middleware may do; add its length and digest to the answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Body"] = f"{len(request.body)} {hashlib.sha256(request.body).hexdigest()}"
        return response

    return middleware


def enforce_csrf(get_response: Answer) -> Answer:
    """Enforce CSRF checks, which Django's test client turns off."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request._dont_enforce_csrf_checks = False  # type: ignore[attr-defined] # Django's own, for its test client
        return get_response(request)

    return middleware


def content_security_policy(get_response: Answer) -> Answer:
    """Send a strict policy and check, as a browser does, that the page complies with it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = "default-src 'self'; base-uri 'none'; form-action 'self'"
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            page = Page()
            page.feed(response.content.decode())
            assert not page.violations, f"{request.path}: {page.violations}"
        return response

    return middleware


class Page(HTMLParser):
    """Collects the parts of a page that a browser blocks under a strict policy."""

    def __init__(self) -> None:
        super().__init__()
        self.violations: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        inline = tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json")
        handlers = [name for name in given if name == "style" or name.startswith("on")]
        links = [given.get(name, "").strip().lower() for name in ("src", "href", "action", "data")]
        elsewhere = [link for link in links if link.startswith(("javascript:", "data:"))]
        loaded = given.get("src", "") if tag in {"script", "img", "iframe"} else ""
        if tag == "img" and loaded.startswith(conf.picture_url() or "no pictures"):
            loaded = ""  # the policy of a site names the pictures' server: see pictures.csp_sources
        if inline or handlers or elsewhere or loaded.startswith(("http:", "https:", "//")):
            self.violations.append(self.get_starttag_text() or tag)


class OddProxies:
    """Sets another odd address and proxy chain for each request."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.addresses, self.chains = cycle(ODD_ADDRESSES), cycle(ODD_CHAINS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.META |= {
            "REMOTE_ADDR": next(self.addresses),
            "HTTP_X_FORWARDED_FOR": next(self.chains),
            "HTTP_X_FORWARDED_HOST": "shop.example",
            "HTTP_X_FORWARDED_PORT": "443",
            "HTTP_X_FORWARDED_PROTO": "https",
        }
        return self.get_response(request)
