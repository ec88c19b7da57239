"""What an operator does between the queues: pages of rows, pages of users, searches, filters and sums."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from playwright.sync_api import expect

from django_skinsback import players
from django_skinsback.models import Deposit, LedgerEntry, MarketItem, Purchase, WebhookEvent
from django_skinsback.sandbox import Sandbox
from tests.e2e import player_site
from tests.e2e.operator_site import operator_site
from tests.support.admin_staff import page_url

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

ADMIN = "/admin/skinsback/"


@pytest.fixture(scope="module")
def browser(django_db_setup):
    with player_site.open_player_browser() as browser:
        yield browser


@pytest.fixture
def site(live_server, settings, browser):
    with Sandbox() as sandbox, operator_site(live_server, settings, sandbox, browser) as site:
        site.make_rows()
        yield site
        assert site.errors == []


def timeline(page):
    return page.locator(".skinsback-timeline")


def test_a_failed_delivery_is_applied_again_on_the_page_of_its_deposit(site):
    deposit = WebhookEvent.objects.get(outcome="failed").deposit
    page = site.work(page_url(deposit))
    expect(timeline(page)).to_contain_text("ShopError")
    page.get_by_role("button", name="Apply failed deliveries again").click()
    expect(page.get_by_text("1 delivery was applied again.")).to_be_visible()
    expect(timeline(page)).to_contain_text("credited to alice")
    assert LedgerEntry.objects.filter(deposit=deposit, kind="credit").count() == 1


def test_skinsback_is_asked_about_a_hold_and_the_answer_is_in_the_timeline(site):
    hold = Deposit.objects.get(status="in_hold")
    page = site.work(page_url(hold))
    site.sandbox.clock.advance(days=9)
    page.get_by_role("button", name="Ask SkinsBack now").click()
    expect(page.locator(".skinsback-status")).to_contain_text("success")
    expect(timeline(page)).to_contain_text("credited to alice")
    assert LedgerEntry.objects.filter(deposit=hold, kind="credit").count() == 1


def test_a_purchase_is_settled_on_its_page_which_shows_the_debit_before(site):
    purchase = Purchase.objects.get()
    page = site.work(page_url(purchase))
    page.get_by_role("button", name="Settle…").click()
    expect(page.get_by_text("SkinsBack does not report whether it has returned a debit.")).to_be_visible()
    page.get_by_label("Refund the charge").check()
    page.get_by_label("Note:").fill("The skin went back.")
    page.get_by_role("button", name="Settle").click()
    expect(page.get_by_text("1 row was settled.")).to_be_visible()
    expect(timeline(page).locator("li").first).to_contain_text("The skin went back.")
    expect(timeline(page).locator("li").first).to_contain_text("12.50 USD refunded to bob")


def test_a_user_is_frozen_and_unfrozen_on_his_page(site):
    page = site.work(page_url(Purchase.objects.get()))
    page.get_by_role("link", name="Customer page of bob").click()
    expect(page.get_by_role("heading", name="Customer bob")).to_be_visible()
    page.get_by_role("link", name="Freeze…").click()
    page.get_by_label("Reason").fill("Stolen account")
    page.get_by_role("button", name="Freeze this user").click()
    expect(page.get_by_text("Stolen account")).to_be_visible()
    assert players.is_frozen(site.bob)
    page.get_by_role("link", name="Unfreeze…").click()
    page.get_by_label("Reason").fill("The account is his again")
    page.get_by_role("button", name="Unfreeze this user").click()
    expect(page.get_by_role("link", name="Freeze…", exact=True)).to_be_visible()
    assert not players.is_frozen(site.bob)


def test_one_search_box_finds_a_deposit_by_id_beginning_user_and_steam_id(site):
    hold = Deposit.objects.get(status="in_hold")
    page = site.work(reverse("admin:skinsback_deposit_changelist"))
    for text, count in [(hold.order_id, 1), (hold.order_id[:8], 1), ("alice", 2), (hold.payer_steam_id, 2), ("bob", 0)]:
        page.locator("#searchbar").fill(text)
        page.get_by_role("button", name="Search").click()
        expect(page.locator("#result_list tbody tr")).to_have_count(count)


def test_the_beginning_of_an_id_and_words_of_the_skin_find_a_purchase(site):
    purchase = Purchase.objects.get()
    MarketItem.objects.create(game="rust", market_hash_name=purchase.market_hash_name, price=16, count=1)
    page = site.work(reverse("admin:skinsback_purchase_changelist"))
    last_word, *_others, first_word = reversed(purchase.market_hash_name.split())
    for text in (purchase.custom_id[:10], f"{last_word} {first_word}".lower()):
        page.locator("#searchbar").fill(text)
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("link", name=purchase.market_hash_name)).to_be_visible()
    page.locator("#searchbar").fill("no such skin")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(0)


def test_a_filtered_list_shows_its_sums(site):
    page = site.work(reverse("admin:skinsback_purchase_changelist"))
    page.get_by_role("link", name="Rust").click()
    expect(page.get_by_text("Sum: charge").locator("..")).to_contain_text("12.50")
    page.get_by_role("link", name="Dota 2").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(0)


def test_an_operator_who_may_only_look_sees_no_button(site):
    looker = site.make_operator("looker")
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    for address in ("desk/", "purchase/?queue=review", "deposit/holds/", "webhookevent/?queue=deliveries"):
        page = site.visit(looker, ADMIN + address)
        expect(page.locator("#content")).to_be_visible()
        expect(page.locator("#content .skinsback-buttons, #content .submit-row, #content .actions")).to_have_count(0)


def test_a_filtered_list_is_exported(site):
    page = site.work(reverse("admin:skinsback_purchase_changelist") + "?game=rust")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export", exact=True).first.click()
    lines = download.value.path().read_text().splitlines()
    assert download.value.suggested_filename.endswith(".csv")
    assert len(lines) == 2
    assert Purchase.objects.get().custom_id in lines[1]


def test_the_movements_of_a_day_are_added_up(site):
    page = site.work(reverse("admin:skinsback_ledgerentry_changelist"))
    page.get_by_role("link", name="Daily movements").click()
    expect(page.get_by_label("Movements through SkinsBack")).to_contain_text("12.50")
