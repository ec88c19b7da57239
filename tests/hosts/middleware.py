"""What stands in front of the views of other people's sites."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from html.parser import HTMLParser
from itertools import cycle

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

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
"""What a server or a proxy may say about where a request comes from; headers are Latin-1 by the time we see them."""

ODD_CHAINS = [*ODD_ADDRESSES, ", " * 4000, "203.0.113.7, 10.0.0.1", ",".join(["10.0.0.1"] * 500)]


def read_the_form(get_response: Answer) -> Answer:
    """Looks at the form of every request, as middleware that logs or counts does."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.content_type != "multipart/form-data":
            with suppress(BadRequest):  # a form in another charset than UTF-8, which Django does not read
                assert request.POST is not None
        return get_response(request)

    return middleware


def log_the_body(get_response: Answer) -> Answer:
    """Reads the body after the view, as middleware that logs requests does; sends its length and digest along."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Body"] = f"{len(request.body)} {hashlib.sha256(request.body).hexdigest()}"
        return response

    return middleware


def enforce_csrf(get_response: Answer) -> Answer:
    """Takes back what Django's test client does: it exempts its requests."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request._dont_enforce_csrf_checks = False  # type: ignore[attr-defined] # Django's own, for its test client
        return get_response(request)

    return middleware


def content_security_policy(get_response: Answer) -> Answer:
    """Sends the policy and sees, as a browser would, that the page keeps it."""

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
    """Collects what a browser under a strict policy does not run or load."""

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
        if inline or handlers or elsewhere or loaded.startswith(("http:", "https:", "//")):
            self.violations.append(self.get_starttag_text() or tag)


class OddProxies:
    """Gives each request another origin, in turn."""

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
