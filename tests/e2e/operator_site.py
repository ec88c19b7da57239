"""A site with the admin, a sandbox beside it, one row in each queue, and a browser of an operator."""

from contextlib import contextmanager
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.urls import path
from django.views.generic import RedirectView

from django_skinsback import players
from example_project.shop.operator_day import make_rows
from tests.e2e import player_site
from tests.e2e.player_site import AXE, CUT, DESKTOP, FAULTS, PHONE, SHOTS, WAIT_SECONDS, PlayerSite
from tests.urls import urlpatterns as other_urls
from tests.wallet.models import Wallet

DESK = "/admin/skinsback/desk/"
PASSWORD = "operator-of-the-test"
TRADE_URLS = {
    "alice": "https://steamcommunity.com/tradeoffer/new/?partner=1038734273&token=alice-01",
    "bob": "https://steamcommunity.com/tradeoffer/new/?partner=1038734274&token=bob-0002",
}

urlpatterns = [*other_urls, path("favicon.ico", RedirectView.as_view(url="/static/skinsback/skins/gem.svg"))]


class OperatorSite(PlayerSite):
    """The running site with an operator and two users. An error in a console fails the test that uses it."""

    def __init__(self, url, sandbox, browser):
        super().__init__(url, sandbox, browser)
        users = get_user_model().objects
        self.operator = users.create_superuser("operator", password=PASSWORD)
        self.alice, self.bob = (users.create_user(name) for name in TRADE_URLS)
        for user in (self.alice, self.bob):
            players.set_trade_url(user, TRADE_URLS[user.get_username()])
            Wallet.objects.create(user=user, balance=Decimal(250))

    def make_rows(self):
        """Make one row of each queue."""
        make_rows(self.alice, self.bob, self.sandbox.url)

    def make_operator(self, name):
        """Make a member of the staff without permissions."""
        return get_user_model().objects.create_user(name, is_staff=True)

    def visit_as_stranger(self, path, **options):
        """Open a page without a login."""
        context = self._browser.new_context(base_url=self.url, locale="en-US", viewport=DESKTOP, **options)
        context.set_default_timeout(WAIT_SECONDS * 1000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.goto(path)
        return page

    def work(self, path=DESK, **options):
        """Open a page of the admin as the operator."""
        return self.visit(self.operator, path, **options)


@contextmanager
def operator_site(live_server, settings, sandbox, browser):
    """Serve the admin on ``live_server`` with ``sandbox`` as SkinsBack."""
    with player_site.player_site(live_server, settings, sandbox, browser):
        settings.ROOT_URLCONF = "tests.e2e.operator_site"
        settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": Decimal(500)}
        site = OperatorSite(live_server.url, sandbox, browser)
        try:
            yield site
        finally:
            site.close()


DJANGO_PARTS = [[".breadcrumbs"], ["#nav-sidebar"], ["#header"], ["#toolbar"], [".actions"]]
"""Parts of Django's own pages, whose faults are not the package's."""


def check_admin_page(page, name):
    """Fail if axe finds a serious fault of the package or the page is wider than the window.

    Both colour schemes and a phone are tried. A screenshot of each is kept in the temporary folder.
    """
    find_faults = FAULTS.replace("axe.run(document,", f"axe.run({{exclude: {DJANGO_PARTS}}},")
    SHOTS.mkdir(exist_ok=True)
    for scheme in ("light", "dark"):
        for kind, viewport in (("phone", PHONE), ("desktop", DESKTOP)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size(viewport)
            assert page.evaluate(CUT) == [], (name, scheme, kind)
            page.screenshot(path=SHOTS / f"operator-{name}-{scheme}-{kind}.png", full_page=True)
        page.evaluate(AXE.read_text())
        assert page.evaluate(find_faults) == [], (name, scheme)
