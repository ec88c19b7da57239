"""Make the pictures of docs/operators.md: ``make pictures``.

A site with the settings of the example project runs in this process, with a sandbox beside it and its data in a
temporary folder. Chromium takes the pictures. The history of the last month is the same in every run. IDs and times
differ.
"""

import os
import random
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
DAYS = 30
COLOURS = 48
"""Colours of a picture. Fewer colours make smaller files."""

sys.path.insert(0, str(ROOT))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "example_project.config.settings",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "true",  # Playwright has an event loop in this thread
            "SKINSBACK_DEMO_DIR": folder,
            "SITE_PORT": "8010",
            "SANDBOX_PORT": "8610",
        }
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        take_pictures()


def take_pictures() -> None:
    from django.conf import settings
    from django.core.management import call_command

    from django_skinsback.flows.monitoring.sweeps import note_sweep
    from django_skinsback.sandbox import Sandbox
    from django_skinsback.tasks import snapshot_balance

    call_command("migrate", verbosity=0)
    call_command("seed")
    with Sandbox(port=settings.SANDBOX_PORT), serve(settings.SITE_PORT):
        call_command("skinsback_sync_prices", stdout=StringIO())
        make_month()
        call_command("seed_desk")
        snapshot_balance()
        note_sweep()  # the desk then shows a running worker
        with browser() as chromium:
            Camera(chromium, settings.SITE_URL).take_all()


@contextmanager
def serve(port: int) -> Iterator[None]:
    """Serve the site, with its static files, on this port."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.wsgi import get_wsgi_application
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_arguments: Any) -> None:
            pass

    application = StaticFilesHandler(get_wsgi_application())
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()


@contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    from tests.support import services

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=services.chromium(), args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        )
        yield chromium
        chromium.close()


def make_month() -> None:
    """Write deposits, purchases and balances of the last month, for the figures and charts of the desk."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from django_skinsback.models import BalanceSnapshot, LedgerEntry, MarketItem
    from django_skinsback.tasks import daily_figures
    from django_skinsback.testing import make_deposit, make_purchase

    chance, now = random.Random(7), timezone.now()  # noqa: S311 - protects nothing
    names = {game: list(MarketItem.objects.filter(game=game).order_by("pk")) for game in ("cs2", "rust")}
    users = [User.objects.create_user(name) for name in ("carol", "dave", "erin", "frank")]
    for days in range(DAYS, 0, -1):
        at = now - timedelta(days=days)
        for _each in range(chance.randint(4, 11)):
            amount, is_paid = Decimal(chance.randint(300, 9000)) / 100, chance.random() < 0.7
            common = {
                "user": chance.choice(users),
                "game": chance.choice(["cs2", "cs2", "rust", "dota2"]),
                "created_at": at,
                "next_poll_at": None,
            }
            if not is_paid:
                make_deposit(**common, status=chance.choice(["fail", "abandoned"]), finished_at=at)
                continue
            money = {"amount": amount, "user_amount": amount, "amount_currency": "usd"}
            row = make_deposit(**common, **money, status="success", finished_at=at)
            LedgerEntry.objects.create(
                user=row.user, deposit=row, kind="credit", amount=amount, currency="usd", created_at=at
            )
        for _each in range(chance.randint(2, 7)):
            price, user = Decimal(chance.randint(300, 6000)) / 100, chance.choice(users)
            game = chance.choice(["cs2", "cs2", "rust"])
            charge = (price * Decimal("1.1")).quantize(Decimal("0.01"))
            row = make_purchase(
                user=user,
                game=game,
                market_hash_name=chance.choice(names[game]).market_hash_name,
                status="accepted",
                price=price,
                debited_amount=price,
                charge_amount=charge,
                charge_currency="usd",
                created_at=at,
                accepted_at=at + timedelta(seconds=chance.randint(40, 300)),
                finished_at=at,
                next_poll_at=None,
            )
            LedgerEntry.objects.create(
                user=user, purchase=row, kind="charge", amount=-charge, currency="usd", created_at=at
            )
        BalanceSnapshot.objects.create(account="default", balance=Decimal(1020 + 20 * days), taken_at=at)
    daily_figures()


class Camera:
    """Takes the pictures of the pages as the operator sees them, and stores them with few colours."""

    def __init__(self, chromium: Any, site: str) -> None:
        self._chromium, self._site = chromium, site

    def take_all(self) -> None:
        from django.contrib.auth.models import User

        from django_skinsback.models import Purchase

        PICTURES.mkdir(exist_ok=True)
        wide, phone = self._log_in(1280, 800), self._log_in(390, 844)
        bob, reviewed = User.objects.get(username="bob"), Purchase.objects.get(needs_review=True)
        admin = f"{self._site}/admin/skinsback"
        self._take(wide, f"{admin}/desk/", "desk", height=1250)
        self._take(phone, f"{admin}/desk/", "desk-phone", height=844)
        self._take(wide, f"{admin}/purchase/?queue=review", "queue", height=620)
        wide.get_by_role("button", name="Settle…").first.click()
        self._shoot(wide, "settle", height=900)
        self._take(wide, f"{admin}/deposit/holds/", "holds", height=860)
        self._take(wide, f"{admin}/deposit/customer/{bob.pk}/", "customer", height=900)
        wide.goto(f"{admin}/purchase/buy/?user={bob.pk}")
        wide.get_by_label("Skin:").fill("tide")
        wide.get_by_role("button", name="Search the price list").click()
        wide.get_by_role("button", name="Add").first.click()
        self._shoot(wide, "buy", height=1000)
        self._take(wide, f"{admin}/purchase/{reviewed.pk}/change/", "row", height=700)
        self._take(wide, f"{admin}/ledgerentry/?created=7", "list", height=620)

    def _log_in(self, width: int, height: int) -> Any:
        context = self._chromium.new_context(viewport={"width": width, "height": height}, locale="en-US")
        page = context.new_page()
        page.goto(f"{self._site}/admin/login/?next=/admin/")
        page.get_by_label("Username:").fill("operator")
        page.get_by_label("Password:").fill("operator-demo")
        page.get_by_role("button", name="Log in").click()
        return page

    def _take(self, page: Any, url: str, name: str, *, height: int) -> None:
        page.goto(url)
        self._shoot(page, name, height=height)

    def _shoot(self, page: Any, name: str, *, height: int) -> None:
        page.wait_for_load_state("networkidle")
        width = page.viewport_size["width"]
        page.set_viewport_size({"width": width, "height": height})
        file = PICTURES / f"{name}.png"
        page.screenshot(path=file, animations="disabled")
        reduce_colours(file)
        sys.stdout.write(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} KiB\n")


def reduce_colours(file: Path) -> None:
    """Make the file of a picture smaller: store it with a palette."""
    from PIL import Image

    with Image.open(file) as picture:
        smaller = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    smaller.save(file, optimize=True)


if __name__ == "__main__":
    main()
