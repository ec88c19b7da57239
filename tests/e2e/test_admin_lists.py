"""The lists of the admin in a browser, with rows of the greatest length."""

from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders

from django_skinsback.models import (
    BalanceSnapshot,
    Deposit,
    Discrepancy,
    LedgerEntry,
    MarketItem,
    Purchase,
    StatusChange,
    WebhookEvent,
)
from django_skinsback.testing import make_deposit, make_purchase
from tests.e2e.conftest import open_browser
from tests.support.admin_staff import browser_of, list_url

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]

SKIN = "★ StatTrak™ Butterfly Knife | Crimson Web (Minimal Wear)"
LARGE = Decimal("12345.67")
MODELS = [Deposit, Purchase, LedgerEntry, StatusChange, WebhookEvent, MarketItem, BalanceSnapshot, Discrepancy]

CUT_COLUMNS = """() => {
    const box = document.querySelector("#result_list").closest(".results").getBoundingClientRect();
    const cells = [...document.querySelectorAll("#result_list th, #result_list td, #result_list .skinsback-badge")];
    const isCut = (cell) => cell.getBoundingClientRect().right > Math.min(box.right, window.innerWidth) + 1;
    return [...new Set(cells.filter(isCut).map((cell) => cell.innerText))];
}"""


@pytest.fixture
def _long_rows(django_user_model):
    user = django_user_model.objects.create_user("a.rather.long.name@mail.shop.example")
    deposit = make_deposit(
        user=user,
        status="hold_returned",
        needs_review=True,
        game="dota2",
        amount=LARGE,
        user_amount=LARGE,
        amount_currency="usd",
    )
    purchase = make_purchase(
        user=user,
        status="rollback_supplier",
        needs_review=True,
        game="dota2",
        market_hash_name=SKIN,
        max_price=LARGE,
        charge_amount=LARGE,
        charge_currency="usd",
    )
    LedgerEntry.objects.create(user=user, purchase=purchase, kind="charge", amount=-LARGE, currency="usd")
    steps = {"from_status": "waiting_accept", "to_status": "trade_create_error", "source": "list"}
    StatusChange.objects.create(purchase=purchase, by=user, note=f"{SKIN}, for a long reason. " * 3, **steps)
    WebhookEvent.objects.create(
        account="default",
        kind="deposit",
        digest="0" * 64,
        body=b"{}",
        outcome="conflict",
        error="django.db.utils.OperationalError",
        purchase=purchase,
        deliveries=1000,
    )
    MarketItem.objects.create(game="dota2", market_hash_name=SKIN, price=LARGE, count=12345)
    BalanceSnapshot.objects.create(account="default", balance=LARGE)
    Discrepancy.objects.create(
        account="default",
        found_in="orders",
        kind="missed",
        state="closed",
        digest="1" * 64,
        deposit=deposit,
        our_id=deposit.order_id,
        ours={"status": "trade_create_error"},
        theirs={"status": "rollback_supplier"},
    )


@contextmanager
def opened(pages):
    """Open rendered pages in a browser: while Playwright runs in a thread, Django's ORM cannot be used there."""

    def answer(route):
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            route.fulfill(path=Path(finders.find(path.removeprefix("/static/"))))
        else:
            route.fulfill(body=pages.get(path, ""), content_type="text/html; charset=utf-8")

    with open_browser() as browser:
        context = browser.new_context(base_url="http://testserver", viewport={"width": 1280, "height": 900})
        context.route("**/*", answer)
        yield context.new_page()


@pytest.mark.usefixtures("_long_rows")
def test_no_list_cuts_a_column_at_1280_pixels(settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {"second": {"CLIENT_ID": "2", "CLIENT_SECRET": "2"}}}
    client = browser_of(superuser=True)
    pages = {url: client.get(url).content for url in [list_url(model._meta.model_name) for model in MODELS]}

    cut = {}
    with opened(pages) as page:
        for url in pages:
            page.goto(url)
            cut[url] = page.evaluate(CUT_COLUMNS) if page.locator("#result_list tbody tr").count() else "no rows"

    assert not any(cut.values()), cut
