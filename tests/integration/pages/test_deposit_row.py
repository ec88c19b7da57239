"""The page of one deposit and its live status."""

import re
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.utils import timezone, translation

from django_skinsback.models import Deposit, LedgerEntry, StatusChange
from django_skinsback.testing import make_deposit

pytestmark = pytest.mark.django_db


def page(deposit):
    return f"/skins/deposit/{deposit.public_id}/"


def tag_in(text):
    return re.search(r'data-skinsback-tag="([^"]+)"', text).group(1).replace("&quot;", '"')


def poll(player, deposit, tag, **headers):
    return player.get(f"{page(deposit)}status/", headers={"If-None-Match": tag, **headers})


def make_own_inventory_deposit(user, **values):
    defaults = {
        "trade_offer_id": "6828703963",
        "trade_offer_expires_at": timezone.now() + timedelta(minutes=10),
        "bot_name": "Dragonfly",
        "bot_steam_id": "76561199390042107",
    }
    return make_deposit(user=user, **{**defaults, **values})


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ({"status": "created"}, ["Opening your deposit"]),
        ({"status": "pending", "pay_url": "https://pay.example/1"}, ["Waiting for your skins", "Open the pay page"]),
        ({"status": "pending"}, ["Waiting for SkinsBack", 'href="/skins/deposit/"']),
        ({"status": "in_hold"}, ["on hold", "8 more days"]),
        ({"status": "success"}, ["We are checking your deposit"]),
        ({"status": "fail"}, ["Deposit not completed", "You keep your skins", 'href="/skins/deposit/"']),
        ({"status": "abandoned", "pay_url": "https://pay.example/1"}, ["has expired", 'href="/skins/deposit/"']),
        ({"status": "abandoned"}, ["could not be opened", 'href="/skins/deposit/"']),
        ({"status": "hold_returned"}, ["taken back", "nothing was credited"]),
    ],
)
def test_every_status_has_its_words_and_its_way_out(player, user, values, texts):
    deposit = make_deposit(user=user, **values)
    shown = player.read(page(deposit))
    for text in texts:
        assert text in shown
    assert shown.count("<h1") == 1


def test_the_pay_page_is_not_offered_once_the_skins_have_arrived(player, user):
    deposit = make_deposit(user=user, status="in_hold", pay_url="https://pay.example/1")
    assert "https://pay.example/1" not in player.read(page(deposit))


def test_the_credited_amount_is_shown(player, user):
    deposit = make_deposit(user=user, status="success", user_amount="987.65")
    LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=Decimal("12.6"), currency="usd")
    text = player.read(page(deposit))
    assert "+$12.60" in text
    assert "987.65" not in text  # "987" alone may be part of a random ID


def test_a_reversal_is_shown_instead_of_the_credit(player, user):
    deposit = make_deposit(user=user, status="hold_returned")
    for kind, amount in (("credit", "12.6"), ("reversal", "-12.6")):
        LedgerEntry.objects.create(user=user, deposit=deposit, kind=kind, amount=Decimal(amount), currency="usd")
    text = player.read(page(deposit))
    assert "\N{MINUS SIGN}$12.60" in text
    assert "+$12.60" not in text


def test_a_trade_offer_shows_link_bot_and_time_without_javascript(player, user):
    deposit = make_own_inventory_deposit(user)
    text = player.read(page(deposit))
    assert 'href="https://steamcommunity.com/tradeoffer/6828703963/"' in text
    assert "Dragonfly" in text
    assert "76561199390042107" in text
    assert f"{deposit.trade_offer_expires_at:%H:%M} UTC" in text
    assert "9 minutes left" in text


def test_a_trade_offer_that_is_over_is_not_called_failed(player, user):
    deposit = make_own_inventory_deposit(user, trade_offer_expires_at=timezone.now() - timedelta(seconds=1))
    text = player.read(page(deposit))
    assert "Waiting for the result of the trade" in text
    assert "steamcommunity.com" not in text
    assert "fail" not in text.lower()
    assert "data-skinsback-countdown" not in text


@pytest.mark.parametrize("trade_offer_id", ["1/../../x", '"><script>', "javascript:alert(1)"])
def test_an_odd_trade_offer_id_becomes_no_link(player, user, trade_offer_id):
    deposit = make_own_inventory_deposit(user, trade_offer_id=trade_offer_id)
    text = player.read(page(deposit))
    assert "tradeoffer" not in text
    assert "<script>" not in text


def test_names_of_skins_are_escaped(player, user):
    deposit = make_deposit(user=user, skins=[{"name": "<b>AK</b>"}, {"price": 1}])
    assert "&lt;b&gt;AK&lt;/b&gt;" in player.read(page(deposit))


def test_without_javascript_the_page_is_loaded_again_by_a_link(player, user):
    deposit = make_deposit(user=user, pay_url="https://pay.example/1")
    text = player.read(f"{page(deposit)}?frame=1")
    assert f'<a href="{page(deposit)}?frame=1">Check again</a>' in text
    assert "http-equiv" not in text


def test_a_final_deposit_is_not_polled(player, user):
    deposit = make_deposit(user=user, status="fail")
    text = player.read(page(deposit))
    assert 'data-skinsback-refresh=""' in text
    assert "Check again" not in text


def test_a_poll_without_a_change_is_answered_304_with_one_query(player, user, django_assert_num_queries):
    deposit = make_deposit(user=user)
    tag = tag_in(player.read(page(deposit)))
    with django_assert_num_queries(3):  # session, user, and the tag
        answer = poll(player, deposit, tag)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["ETag"] == tag


@pytest.mark.parametrize("path", ["", "status/"])
def test_a_credit_between_two_queries_is_shown_whole_or_not_at_all(player, user, path):
    deposit = make_deposit(user=user, pay_url="https://pay.example/1")
    credited = []

    def credit_before_the_entries_are_read(execute, sql, params, many, context):
        if re.search(r"FROM .skinsback_ledgerentry", sql) and not credited:
            credited.append(True)
            deposit.status = "success"
            deposit.save()
            LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=Decimal(5), currency="usd")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(credit_before_the_entries_are_read):
        text = player.read(f"{page(deposit)}{path}")
    assert credited
    assert "Deposit complete" in text
    assert "+$5.00" in text
    if not path:
        assert poll(player, deposit, tag_in(text)).status_code == 304


def test_a_row_that_changes_all_the_time_is_shown_with_a_tag_that_is_too_old(player, user):
    deposit = make_deposit(user=user, pay_url="https://pay.example/1")

    def change_before_the_entries_are_read(execute, sql, params, many, context):
        if re.search(r"FROM .skinsback_ledgerentry", sql):
            deposit.save()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(change_before_the_entries_are_read):
        text = player.read(page(deposit))
    assert "Waiting for your skins" in text
    assert poll(player, deposit, tag_in(text)).status_code == 200


def test_a_poll_after_a_change_returns_the_fragment_and_a_new_tag(player, user):
    deposit = make_deposit(user=user)
    tag = tag_in(player.read(page(deposit)))
    deposit.status = "in_hold"
    deposit.save()
    answer = poll(player, deposit, tag)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "on hold" in text
    assert "<html" not in text
    assert poll(player, deposit, answer["ETag"]).status_code == 304


def test_the_tag_changes_with_an_entry_with_the_language_and_with_the_expiry(player, user, settings):
    deposit = make_own_inventory_deposit(user)
    tags = {tag_in(player.read(page(deposit)))}
    LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=1, currency="usd")
    tags.add(poll(player, deposit, "")["ETag"])
    with translation.override("de"):
        tags.add(poll(player, deposit, "")["ETag"])
    with time_machine.travel(deposit.trade_offer_expires_at):
        tags.add(poll(player, deposit, "")["ETag"])
    assert len(tags) == 4


def test_the_fragment_of_another_user_is_not_found(stranger, user):
    deposit = make_deposit(user=user)
    assert poll(stranger, deposit, "*").status_code == 404


def test_the_fragment_brings_the_new_balance(player, user, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "BALANCE": "tests.integration.pages.test_deposit_row.balance"}
    deposit = make_deposit(user=user)
    assert 'data-skinsback-new-balance="$1,234.50"' in poll(player, deposit, "").content.decode()


def balance(_user, currency):
    assert currency == "usd"
    return Decimal("1234.5")


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_are_those_of_the_sites_time_zone(player, user, settings, use_tz):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Tokyo"
    deposit = make_own_inventory_deposit(user)
    local = deposit.trade_offer_expires_at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"{local:%H:%M} JST" in player.read(page(deposit))
    assert f"{local:%H:%M} JST" in poll(player, deposit, "").content.decode()


def test_the_answers_are_stored_by_no_cache(player, user):
    deposit = make_deposit(user=user)
    for url in (page(deposit), f"{page(deposit)}status/"):
        assert "no-store" in player.get(url)["Cache-Control"]


def test_a_hold_is_counted_in_days(player, user):
    deposit = make_deposit(user=user, status="in_hold")
    StatusChange.objects.create(
        deposit=deposit,
        from_status="pending",
        to_status="in_hold",
        source="webhook",
        created_at=timezone.now() - timedelta(days=5),
    )
    assert "3 more days" in player.read(page(deposit))


@pytest.mark.parametrize(("credit", "shown"), [("user_amount", True), ("amount", False)])
def test_a_held_deposit_says_how_much_will_be_credited(player, user, settings, credit, shown):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": credit}
    deposit = make_deposit(user=user, status="in_hold", user_amount="12.60", amount_currency="usd")
    assert ("$12.60 will be credited." in player.read(page(deposit))) is shown
    assert ("$12.60" in player.read("/skins/history/")) is shown


def test_review_reasons_and_what_the_site_earns_are_not_shown(player, user):
    deposit = make_deposit(
        user=user,
        status="in_hold",
        amount="7.77",
        amount_currency="usd",
        needs_review=True,
        review_reasons=[{"code": "payer_differs", "data": {}}],
        user_risk={"total_deposits_count": 31337},
    )
    text = player.read(page(deposit))
    for secret in ("7.77", "payer", "31337", deposit.order_id, deposit.transaction_id):
        assert secret not in text


def test_the_whole_life_of_a_deposit_from_the_own_inventory(world, player, user, profile):
    from tests.integration.pages.conftest import STEAM_ID

    assets = [a.asset_id for a in world.sandbox.inventory(STEAM_ID) if a.game == "rust" and a.tradable][:2]
    url = "/skins/deposit/inventory/?game=rust"
    answer = player.post(url, {"key": player.key(url), "item": assets})
    deposit = Deposit.objects.get()
    assert "Accept the trade offer on Steam" in player.read(answer["Location"])
    world.sandbox.pay(deposit.order_id)
    world.deliver()
    deposit.refresh_from_db()
    assert "Deposit complete" in player.read(answer["Location"])
