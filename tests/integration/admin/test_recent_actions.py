"""Django's "Recent actions" list each successful action of an operator, once for each row."""

from decimal import Decimal

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.urls import reverse

from django_skinsback import deposits, players, purchases
from django_skinsback.exceptions import RequestNotSent
from django_skinsback.models import Discrepancy, Freeze, Purchase, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification

from ...support.admin_staff import VIEW_ALL, act, browser_of, seen_on
from ...support.buy_pages import TOKEN, change_line, confirm, review, wanted_skins
from .test_actions import buy, decide, paid_deposit
from .test_discrepancies import close, make_discrepancy

pytestmark = pytest.mark.django_db


def logged(client):
    """Return row, kind of action and message of each log entry of this operator, oldest first."""
    entries = LogEntry.objects.filter(user=client.user).order_by("pk")
    return [(entry.get_edited_object(), entry.action_flag, entry.get_change_message()) for entry in entries]


def shown(client):
    """Return the HTML of "Recent actions" on the admin's first page."""
    return client.get(reverse("admin:index")).content.decode().partition("recent-actions-module")[2]


def test_an_approved_hold_is_logged_once(world, user):
    held = deposits.create(user, steam_id="76561198050648523")
    world.sandbox.pay(held.order_id, held=True)
    world.deliver()
    client = browser_of(*VIEW_ALL, "approve_hold")

    seen = seen_on(act(client, "approve_hold", held))
    assert logged(client) == []
    for _ in range(2):
        act(client, "approve_hold", held, confirmed="yes", seen=seen)

    assert logged(client) == [(held, CHANGE, "Hold approved.")]
    assert held.order_id in shown(client)


def test_a_hold_that_was_not_approved_is_not_logged_as_approved(world, user):
    held = deposits.create(user, steam_id="76561198050648523")
    world.sandbox.pay(held.order_id, held=True)
    world.deliver()
    world.sandbox.give_back(held.order_id)
    client = browser_of(*VIEW_ALL, "approve_hold")

    act(client, "approve_hold", held, confirmed="yes", seen=seen_on(act(client, "approve_hold", held)))

    assert logged(client) == []


def test_each_settled_row_is_logged_with_its_decision(user):
    rows = [paid_deposit(user=user), paid_deposit(user=user)]
    client = browser_of(*VIEW_ALL, "settle_deposit")

    decide(client, "credit", *rows)

    assert logged(client) == [(row, CHANGE, "Settled: Credit the user.") for row in rows]


def test_a_decision_that_failed_is_not_logged(user):
    client = browser_of(*VIEW_ALL, "settle_deposit")

    decide(client, "credit", paid_deposit(user=user, amount_currency=""))

    assert logged(client) == []


def test_a_settled_purchase_is_logged():
    purchase = make_purchase(
        status="rollback_user", needs_review=True, review_reasons=[{"code": "rollback_by_user", "data": {}}]
    )
    client = browser_of(*VIEW_ALL, "settle_purchase")

    decide(client, "keep", purchase)

    assert logged(client) == [(purchase, CHANGE, "Settled: Keep as it is (no money is moved).")]


def test_a_cancelled_purchase_is_logged_once():
    purchase = make_purchase()
    client = browser_of(*VIEW_ALL, "cancel_purchase")

    seen = seen_on(act(client, "cancel", purchase))
    for _ in range(2):
        act(client, "cancel", purchase, confirmed="yes", seen=seen)

    assert logged(client) == [(purchase, CHANGE, "Cancelled.")]


def test_each_bought_skin_is_logged_as_an_addition_even_if_the_form_is_sent_twice(world):
    client = browser_of(*VIEW_ALL, "buy_skins")
    wanted_skins(client, count=2)
    asked = review(client)

    for _ in range(2):
        confirm(client, asked)

    rows = list(Purchase.objects.order_by("pk"))
    assert [row for row, flag, _message in logged(client) if flag == ADDITION] == rows
    assert len(logged(client)) == len(rows) == 2
    assert all("Bought for at most" in message for _row, _flag, message in logged(client))
    assert all(row.market_hash_name in shown(client) for row in rows)


def test_a_purchase_that_could_not_be_sent_is_logged_too(world, monkeypatch):
    def unreachable(_purchase):
        raise RequestNotSent

    monkeypatch.setattr(purchases, "submit", unreachable)
    client = browser_of(*VIEW_ALL, "buy_skins")

    wanted_skins(client)
    confirm(client, review(client))

    assert [row for row, *_rest in logged(client)] == [Purchase.objects.get()]


def test_a_refreshed_deposit_is_logged_and_an_unknown_one_is_not(world, user):
    known, unknown = deposits.create(user), make_deposit()
    client = browser_of(*VIEW_ALL, "refresh_deposit")

    act(client, "refresh", known, unknown)

    assert logged(client) == [(known, CHANGE, "Refreshed from SkinsBack.")]


def test_a_refreshed_purchase_is_logged_and_an_unsent_one_is_not(world, user):
    sent, unsent = purchases.submit(buy(user)), buy(user)
    client = browser_of(*VIEW_ALL, "refresh_purchase")

    act(client, "refresh", sent, unsent)

    assert logged(client) == [(sent, CHANGE, "Refreshed from SkinsBack.")]


def test_a_closed_discrepancy_is_logged_and_a_changed_one_is_not():
    closed, changed = make_discrepancy(0), make_discrepancy(1)
    client = browser_of(*VIEW_ALL, "close_discrepancy")
    seen = seen_on(act(client, "close", closed, changed))
    Discrepancy.objects.filter(pk=changed.pk).update(theirs={"status": "fail"})

    act(client, "close", closed, changed, confirmed="yes", seen=seen, note="their rounding")

    assert logged(client) == [(closed, CHANGE, "Closed: their rounding")]


def test_a_delivery_applied_again_is_logged_and_a_skipped_one_is_not(client, user):
    def refuse(**_options):
        raise RuntimeError("the wallet is closed")

    applied, failed = make_deposit(user=user), make_deposit(user=user)
    post_notification(client, signed_notification(applied))
    entry_posted.connect(refuse)
    post_notification(client, signed_notification(failed))
    entry_posted.disconnect(refuse)
    browser = browser_of(*VIEW_ALL, "replay_webhookevent")

    act(browser, "replay", *WebhookEvent.objects.order_by("pk"))

    event = WebhookEvent.objects.get(deposit=failed)
    assert logged(browser) == [(event, CHANGE, "Applied again: applied.")]


def test_a_dismissed_delivery_is_logged_once_with_its_note(client, user):
    def refuse(**_options):
        raise RuntimeError("the wallet is closed")

    entry_posted.connect(refuse)
    try:
        post_notification(client, signed_notification(make_deposit(user=user)))
    finally:
        entry_posted.disconnect(refuse)
    event = WebhookEvent.objects.get()
    browser = browser_of(*VIEW_ALL, "dismiss_webhookevent")

    seen = seen_on(act(browser, "dismiss", event))
    assert logged(browser) == []
    for _ in range(2):
        act(browser, "dismiss", event, confirmed="yes", seen=seen, note="paid by hand")

    assert logged(browser) == [(event, CHANGE, "Dismissed: paid by hand")]


def test_a_frozen_user_is_logged_with_the_operator_and_an_empty_reason_is_not(user):
    browser = browser_of("freeze_user")
    url = reverse("admin:skinsback_freeze_add")

    browser.post(url, {"user": user.pk, "reason": " "})
    assert logged(browser) == []
    browser.post(url, {"user": user.pk, "reason": "stolen account"})

    assert [(row, flag) for row, flag, _message in logged(browser)] == [(Freeze.objects.get(), ADDITION)]


@pytest.mark.parametrize("door", ["page", "list"])
def test_an_unfrozen_user_is_logged_once(user, door):
    browser = browser_of("freeze_user")
    freeze = players.freeze(user, by=None, reason="stolen account")
    page = reverse("admin:skinsback_freeze_delete", args=[freeze.pk])

    for _ in range(2):
        if door == "page":
            browser.post(page, {"post": "yes"})
        else:
            act(browser, "delete_selected", freeze, post="yes")

    entries = LogEntry.objects.filter(user=browser.user)
    assert [(entry.object_id, entry.action_flag) for entry in entries] == [(str(freeze.pk), DELETION)]


def test_no_secret_of_a_row_is_in_the_log(world):
    client = browser_of(*VIEW_ALL, "buy_skins")
    wanted_skins(client)
    confirm(client, review(client))

    for entry in LogEntry.objects.all():
        assert TOKEN not in f"{entry.object_repr}{entry.change_message}"


def test_the_amount_of_a_bought_skin_is_its_cap(world):
    client = browser_of(*VIEW_ALL, "buy_skins")
    wanted_skins(client)
    confirm(client, review(client, **change_line(client, cap="8.28")))

    purchase = Purchase.objects.get()
    cap = f"{purchase.max_price.quantize(Decimal('0.01'))}"
    assert cap in logged(client)[0][2]


def test_a_note_that_looks_like_json_is_kept_as_it_is():
    row = make_discrepancy()
    client = browser_of(*VIEW_ALL, "close_discrepancy")

    close(client, row, note='[{"added": {}}]')

    assert logged(client) == [(row, CHANGE, 'Closed: [{"added": {}}]')]
