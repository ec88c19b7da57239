"""A site with the pages for users, a sandbox beside it, and a browser of a logged-in user."""

import re
import tempfile
import time
from contextlib import contextmanager
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from playwright.sync_api import expect

from django_skinsback import conf
from django_skinsback.pictures import csp_sources
from tests.e2e.conftest import open_browser
from tests.urls import urlpatterns as other_urls
from tests.wallet.models import Wallet

AXE = files("axe_playwright_python") / "axe.min.js"
SHOTS = Path(tempfile.gettempdir(), "skinsback-screenshots")
WAIT_SECONDS = 60
"""Long enough for a slow machine: the pages ask more and more seldom, up to once a minute, while nothing changes."""
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

FAULTS = """async () => {
    const {violations} = await axe.run(document, {resultTypes: ["violations"]});
    const serious = violations.filter(({impact}) => impact === "serious" || impact === "critical");
    return serious.flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}"""
CUT = """() => {
    const width = document.documentElement.clientWidth;
    return document.documentElement.scrollWidth > width
        ? [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > width + 1)
            .map((one) => one.outerHTML.slice(0, 120))
        : [];
}"""


def login(request):
    icon = '<link rel="icon" href="/static/skinsback/skins/gem.svg">'  # otherwise browsers ask for /favicon.ico
    return HttpResponse(f"{icon}<title>Log in</title><h1>Log in</h1>")


urlpatterns = [
    *other_urls,
    path("accounts/login/", login),
    path("skins/", include("django_skinsback.pages.urls")),
]


def balance(user, _currency):
    """The function ``BALANCE`` of the site."""
    wallet = Wallet.objects.filter(user_id=user.pk).first()
    return wallet.balance if wallet else Decimal(0)


def content_security_policy(get_response):
    """A middleware with the strictest policy that the pages need."""
    sources = "".join(f"; {name} 'self' {' '.join(origins)}" for name, origins in csp_sources().items())

    def middleware(request):
        response = get_response(request)
        response.headers["Content-Security-Policy"] = f"default-src 'self'{sources}; base-uri 'none'; object-src 'none'"
        return response

    return middleware


class PlayerSite:
    """The running site. ``visit`` opens it in a browser; an error in a console fails the test that uses it."""

    def __init__(self, url, sandbox, browser):
        self.url, self.sandbox, self._browser = url, sandbox, browser
        self.errors, self._contexts = [], []

    def visit(self, user, path="/skins/deposit/", *, javascript=True, dark=False, viewport=DESKTOP):
        client = Client()
        client.force_login(user)
        context = self._browser.new_context(
            base_url=self.url,
            locale="en-US",
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            viewport=viewport,
        )
        context.set_default_timeout(WAIT_SECONDS * 1000)
        self._contexts.append(context)
        cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": self.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.goto(path)
        return page

    def close(self):
        for context in self._contexts:
            context.close()


@contextmanager
def open_player_browser():
    """Open Chromium. Django's database may be used meanwhile, although the driver has an event loop in this thread.

    Open it after the databases of the test run were created.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with open_browser() as browser:
            yield browser


@contextmanager
def player_site(live_server, settings, sandbox, browser):
    """Serve the pages on ``live_server`` with ``sandbox`` as SkinsBack, and close the browser's pages at the end."""
    settings.SKINSBACK = {
        **conf.raw(),
        **sandbox.credentials(),
        "SITE_URL": live_server.url,
        "API_URL": sandbox.api_url,
        "WEBSOCKET_URL": sandbox.websocket_url,
        "PICTURE_URL": sandbox.picture_url,
        "BALANCE": "tests.e2e.player_site.balance",
        "ACCOUNTS": {},
    }
    settings.ROOT_URLCONF = "tests.e2e.player_site"
    settings.MIDDLEWARE = ["tests.e2e.player_site.content_security_policy", *settings.MIDDLEWARE]
    expect.set_options(timeout=WAIT_SECONDS * 1000)
    site = PlayerSite(live_server.url, sandbox, browser)
    try:
        yield site
    finally:
        site.close()


def wait_for(condition, what):
    """Call ``condition`` until it is true; fail after ``WAIT_SECONDS``."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.1)


def make_player(name="alice"):
    return get_user_model().objects.create_user(name)


def check_page(page, name):
    """Fail if axe finds a serious fault or the page is wider than the window, in both colour schemes and on a phone.

    A screenshot of each is kept in the temporary folder for people to look at.
    """
    SHOTS.mkdir(exist_ok=True)
    for scheme in ("light", "dark"):
        for kind, viewport in (("phone", PHONE), ("desktop", DESKTOP)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size(viewport)
            assert page.evaluate(CUT) == [], (name, scheme, kind)
            page.screenshot(path=SHOTS / f"{name}-{scheme}-{kind}.png", full_page=True)
        page.evaluate(AXE.read_text())
        assert page.evaluate(FAULTS) == [], (name, scheme)


def amounts_in(text):
    """Return the amounts in US dollars in a text."""
    return [Decimal(found.replace(",", "")) for found in re.findall(r"\$([\d,.]*\d)", text)]
