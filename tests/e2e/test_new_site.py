"""A new site is made exactly as docs/players.md says, and its user deposits and withdraws skins in a browser."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.e2e.conftest import PAGE_SECONDS, pay_with_a_skin
from tests.e2e.new_sites import PASSWORD, Site, blocks_of

PAGE = (Path(__file__).parents[2] / "docs/players.md").read_text()
STEPS, FURTHER = re.split(r"^## The pages$", PAGE, flags=re.MULTILINE)
MOST_LINES = 40

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.stop()


def follow(site, steps, more_files=()):
    """Do what the steps say, in their order. ``more_files`` are written before the first ``migrate``."""
    for block in steps:
        if block.path:
            site.write(block)
            continue
        for line in block.lines:
            if "migrate" in line:
                for file in more_files:
                    site.write(file)
                more_files = ()
            site.run(line)


def content_security_policy():
    """Return the blocks of the section about the policy."""
    return blocks_of(FURTHER.partition("## Content-Security-Policy")[2].partition("\n## ")[0])


def test_the_five_steps_have_at_most_40_lines_of_code():
    files = [block for block in blocks_of(STEPS) if block.path]

    assert [block.path for block in files] == [
        "mysite/settings.py",
        "mysite/urls.py",
        "wallet/templates/site.html",
        "wallet/models.py",
    ]
    assert len([line for block in files for line in block.lines]) <= MOST_LINES


@pytest.fixture
def page(browser, site):
    """A page of a browser. An error in its console, such as a violation of the policy, fails the test.

    A new site has no icon: the browser's request for it is no error.
    """
    expect.set_options(timeout=PAGE_SECONDS * 1000)
    errors, exceptions = [], []
    context = browser.new_context(base_url=site.address, locale="en-US")
    context.set_default_timeout(PAGE_SECONDS * 1000)
    page = context.new_page()
    page.on("pageerror", lambda error: exceptions.append(str(error)))
    page.on("console", lambda message: errors.append(message) if message.type == "error" else None)
    yield page
    context.close()
    assert not exceptions
    assert not [error for error in errors if not error.location["url"].endswith("/favicon.ico")], [
        error.text for error in errors
    ]


def log_in(page):
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def deposit(page):
    page.get_by_label("Rust").check()
    page.get_by_role("button", name="Choose skins").click()
    pay_with_a_skin(page)
    page.get_by_role("link", name="Back to").click()


def deposit_in_a_frame(page):
    page.get_by_role("link", name="Deposit", exact=True).click()
    page.get_by_label("Dota 2").check()
    page.get_by_label("On SkinsBack's page, shown in this one").check()
    page.get_by_role("button", name="Choose skins").click()
    pay_with_a_skin(page.frame_locator("iframe"))


def enter_trade_url(page):
    page.get_by_role("link", name="Trade URL").click()
    page.get_by_label("Steam trade URL").fill(re.search(r"https://steamcommunity.com\S+(?=`)", STEPS)[0])
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your trade URL is saved.")).to_be_visible()


def withdraw(site, page):
    """Order the cheapest skin for Rust, and return its price as text. Wait until the prices are imported."""
    first = page.get_by_role("button", name="Withdraw now").first

    def is_offered():
        page.goto("/skins/withdraw/?game=rust")
        return first.count()

    site.wait_until(is_offered, "importing the prices")
    first.click()
    button = page.get_by_role("button", name="Withdraw for")
    price = button.text_content()
    button.click()
    return price


def amount(text):
    return Decimal(re.search(r"\$([\d.]+)", text)[1])


def test_on_a_new_site_made_by_the_five_steps_a_user_deposits_and_withdraws(site, page):
    follow(site, blocks_of(STEPS), more_files=content_security_policy())
    assert "no issues" in site.manage("check")
    balance = page.locator("[data-skinsback-balance]")

    policy = page.goto("/skins/deposit/").headers["content-security-policy"]
    assert policy == f"default-src 'self'; img-src 'self' {site.sandbox}; frame-src 'self' {site.sandbox}"
    log_in(page)
    deposit(page)
    expect(page.get_by_role("heading", name="Deposit complete")).to_be_visible()
    credited = amount(balance.text_content())
    assert credited > 0
    assert amount(page.locator(".skinsback-sum").text_content()) == credited

    enter_trade_url(page)
    price = amount(withdraw(site, page))
    expect(page.get_by_role("heading", name="Accepted, enjoy your skin")).to_be_visible()
    assert price > 0
    assert amount(balance.text_content()) == credited - price

    deposit_in_a_frame(page)
    expect(page.get_by_role("heading", name="Deposit complete")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
    assert amount(balance.text_content()) > credited - price


LOG_IN = """
from django.contrib.auth.models import User
from django.test import Client

user, operator = User.objects.get(username="alice"), User.objects.create(username="operator")
client = Client(headers={"host": "127.0.0.1"})
client.force_login(user)
print("session", client.cookies["sessionid"].value)
"""

DEPOSIT = """
from decimal import Decimal
from django_skinsback import deposits
from django_skinsback.wire.types import DepositReport
from wallet.models import Wallet

deposit = deposits.create(user, game="rust")
report = DepositReport(
    status="success", order_id=deposit.order_id, amount=Decimal(11), user_amount=Decimal(11), amount_currency="usd"
)
deposits.record_report(report, "webhook")
print("wallets", *Wallet.objects.values_list("currency", "balance"))
"""


def test_the_further_code_of_the_page_works(site):
    further = blocks_of(FURTHER)
    follow(site, blocks_of(STEPS), more_files=[block for block in further if block.path])
    other_code = [block.text for block in further if not block.path]
    printed = site.manage("shell", "-c", "\n".join([LOG_IN, *other_code, DEPOSIT]))
    assert "wallets ('eur', Decimal('10.000000'))" in printed
    session = re.search(r"session (\w+)", printed).group(1)

    def get(path):
        answer = requests.get(f"{site.address}{path}", cookies={"sessionid": session}, timeout=20)
        assert answer.ok, answer.text
        return answer.text

    form = get("/skins/deposit/")
    assert "We help you" in form
    assert "Trade URL</a>" in form
    assert "€10.00" in form
    assert 'value="dota2"' not in form
    assert 'value="rust"' in form

    def prices():
        return get("/skins/withdraw/?game=rust").partition("skinsback-skin-foot")[2]

    site.wait_until(prices, "importing the prices")
    assert "€" in prices()
    account = get("/account/")
    assert "skinsback/pages.css" in account
    assert "Deposit complete" in account
    assert "--skinsback-accent" in get("/static/site.css")
