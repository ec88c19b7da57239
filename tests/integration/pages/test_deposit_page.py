"""The page to start a deposit on SkinsBack's pay page, and the way back from it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_skinsback import players
from django_skinsback.models import Deposit
from django_skinsback.testing import make_deposit
from tests.integration.pages.conftest import problem_in

pytestmark = pytest.mark.django_db

START = "/skins/deposit/"


def start(player, *, game="cs2", way="redirect", key=None):
    return player.post(START, {"game": game, "way": way, "key": key or player.key(START)})


def test_a_deposit_on_the_pay_page_redirects_to_skinsback(world, player, user):
    answer = start(player, game="rust")
    deposit = Deposit.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, deposit.pay_url)
    assert (deposit.user, deposit.game, deposit.status) == (user, "rust", "pending")


def test_skinsback_leads_back_to_the_row(world, player):
    start(player)
    deposit = Deposit.objects.get()
    sent = world.sandbox.deposit(deposit.order_id)
    assert sent.success_url == sent.fail_url
    path = sent.success_url.removeprefix("https://shop.example")
    assert path.startswith("/skins/deposit/back/")
    assert player.get(path)["Location"] == f"/skins/deposit/{deposit.public_id}/"


def test_the_way_back_of_another_user_leads_to_the_form(world, player, stranger):
    start(player)
    path = world.sandbox.deposit(Deposit.objects.get().order_id).success_url.removeprefix("https://shop.example")
    assert stranger.get(path)["Location"] == START


def test_the_way_back_without_a_key_leads_to_the_newest_deposit(player, user):
    make_deposit(user=user)
    newest = make_deposit(user=user)
    make_deposit()
    assert player.get("/skins/deposit/back/")["Location"] == f"/skins/deposit/{newest.public_id}/"


def test_the_way_back_without_any_deposit_leads_to_the_form(player):
    assert player.get("/skins/deposit/back/")["Location"] == START


def test_a_deposit_in_a_frame_is_shown_in_a_frame(world, player):
    answer = start(player, way="frame")
    deposit = Deposit.objects.get()
    assert answer["Location"] == f"/skins/deposit/{deposit.public_id}/?frame=1"
    assert f'<iframe src="{deposit.pay_url}"' in player.read(answer["Location"])
    assert world.sandbox.deposit(deposit.order_id).widget


def test_without_the_frame_the_page_links_to_the_pay_page(world, player):
    start(player, way="frame")
    deposit = Deposit.objects.get()
    text = player.read(f"/skins/deposit/{deposit.public_id}/")
    assert "<iframe" not in text
    assert f'href="{deposit.pay_url}"' in text


def test_the_frame_goes_when_the_deposit_is_paid(player, user):
    deposit = make_deposit(user=user, status="success", pay_url="https://pay.example/1")
    assert "<iframe" not in player.read(f"/skins/deposit/{deposit.public_id}/?frame=1")


def test_the_end_of_the_frame_needs_no_login_and_may_be_framed(client):
    answer = client.get("/skins/deposit/done/4a9a4e5e-52cd-4d35-8a38-7c9a2f9c1c11/")
    assert answer.status_code == 200
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert 'target="_top"' in answer.content.decode()


def test_the_own_inventory_is_chosen_on_its_own_page(player):
    assert start(player, way="inventory", game="dota2")["Location"] == "/skins/deposit/inventory/?game=dota2"
    assert not Deposit.objects.exists()


def test_a_second_click_opens_no_second_deposit(world, player):
    key = player.key(START)
    first, second = start(player, key=key), start(player, key=key)
    assert first["Location"] == second["Location"]
    assert Deposit.objects.count() == 1


def test_the_back_button_and_a_new_click_open_no_second_deposit(world, player):
    """A page that no cache stores is loaded again, so its key is another rendering of the form's key."""
    first = start(player)
    second = start(player)
    assert first["Location"] == second["Location"]
    assert Deposit.objects.count() == 1


def test_another_game_is_another_deposit(world, player):
    key = player.key(START)
    start(player, key=key, game="cs2")
    start(player, key=key, game="rust")
    assert sorted(Deposit.objects.values_list("game", flat=True)) == ["cs2", "rust"]


def test_two_users_with_the_same_key_have_two_deposits(world, player, stranger):
    key = player.key(START)
    start(player, key=key)
    start(stranger, key=key)
    assert Deposit.objects.count() == 2


@pytest.mark.parametrize("status", ["success", "fail", "in_hold", "abandoned"])
def test_after_a_deposit_was_paid_or_failed_the_form_opens_another_one(world, player, status):
    start(player)
    Deposit.objects.update(status=status)
    start(player)
    assert Deposit.objects.count() == 2


def test_an_old_unpaid_deposit_is_not_opened_again(world, player):
    start(player)
    Deposit.objects.update(created_at=timezone.now() - timedelta(minutes=31))
    start(player)
    assert Deposit.objects.count() == 2


@pytest.mark.parametrize("status", ["created", "pending"])
def test_a_deposit_whose_pay_page_is_lost_does_not_keep_the_form_from_opening_another_one(world, player, status):
    world.sandbox.lose_answer("create")
    start(player)
    Deposit.objects.update(status=status, created_at=timezone.now() - timedelta(minutes=3))
    assert "is still waiting" not in player.read(START)
    assert start(player)["Location"] == Deposit.objects.latest("pk").pay_url
    assert Deposit.objects.count() == 2


def test_after_a_lost_answer_the_page_of_the_deposit_waits(world, player):
    world.sandbox.lose_answer("create")
    key = player.key(START)
    answer = start(player, key=key)
    row = Deposit.objects.get()
    assert row.status == "created"
    page = player.get(answer["Location"], follow=True)
    assert page.redirect_chain[-1][0] == f"/skins/deposit/{row.public_id}/"
    text = page.content.decode()
    assert "Opening your deposit" in text
    assert "failed" not in text.lower()
    start(player, key=key)
    assert Deposit.objects.count() == 1


def test_a_request_that_was_not_sent_can_be_sent_again(world, player):
    world.sandbox.faults.add("maintenance", "create")
    key = player.key(START)
    answer = start(player, key=key)
    text = answer.content.decode()
    assert problem_in(answer) == "under_maintenance"
    assert "under maintenance" in text
    assert "Try again" in text
    assert start(player, key=key).status_code == 302


def test_the_problem_keeps_the_choices_and_the_key(world, player):
    world.sandbox.faults.add("maintenance", "create")
    key = player.key(START)
    text = start(player, key=key, game="rust").content.decode()
    assert f'value="{key}"' in text
    assert (
        'value="rust" required id="id_game_2" checked' in text or 'value="rust" id="id_game_2" required checked' in text
    )


def test_a_frozen_user_reads_why_and_where_to_go(world, player, user):
    players.freeze(user, None, "chargebacks")
    answer = start(player)
    text = answer.content.decode()
    assert problem_in(answer) == "user_frozen"
    assert "Contact the support" in text
    assert "chargebacks" not in text
    assert not Deposit.objects.exists()


def test_a_limit_is_named(world, player, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LIMITS": {"deposits": {"count": 1}}}
    start(player)
    answer = start(player, game="rust")
    assert problem_in(answer) == "limit_reached"
    assert "1 deposit a day" in answer.content.decode()


def test_a_game_that_is_switched_off_is_not_offered(player, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "DEPOSIT_GAMES": ("rust",)}
    text = player.read(START)
    assert "Rust" in text
    assert "Dota 2" not in text
    assert "Select a valid choice" in start(player, game="dota2").content.decode()
    assert not Deposit.objects.exists()


def test_switched_off_deposits_say_so_and_lead_on(player, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "DEPOSIT_GAMES": ()}
    text = player.read(START)
    assert "switched off" in text
    assert 'href="/skins/history/"' in text
    assert "<form" not in text


def test_an_open_deposit_can_be_continued(player, user):
    deposit = make_deposit(user=user, game="rust", pay_url="https://pay.example/1")
    text = player.read(START)
    assert "Rust skins is still waiting" in text
    assert f'href="/skins/deposit/{deposit.public_id}/"' in text


def test_the_keys_of_the_project_are_not_explained_to_players(world, player):
    world.sandbox.faults.add("invalid_ip", "create")
    answer = start(player)
    assert problem_in(answer) == "not_available"
    assert "address" not in answer.content.decode().split("data-skinsback-problem")[1].split("</div>")[0]


def test_an_odd_form_is_refused(player):
    answer = player.post(START, {"game": "chess", "way": "x", "key": "y"})
    assert "Select a valid choice" in answer.content.decode()
    assert not Deposit.objects.exists()


def test_the_pages_work_with_atomic_requests(world, player, settings):
    from django.db import connections

    connections["default"].settings_dict["ATOMIC_REQUESTS"] = True
    try:
        assert start(player).status_code == 302
    finally:
        connections["default"].settings_dict["ATOMIC_REQUESTS"] = False
