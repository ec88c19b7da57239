"""Operators freeze and unfreeze users in the admin."""

import pytest
from django.contrib.auth import get_user_model

from django_skinsback import players
from django_skinsback.models import Freeze, SteamProfile

from ...support.admin_staff import browser_of, list_url, page_url

pytestmark = pytest.mark.django_db

ADD = "/admin/skinsback/freeze/add/"


@pytest.fixture
def player():
    return get_user_model().objects.create_user("player")


def test_an_operator_freezes_a_user_with_a_reason(player):
    browser = browser_of("freeze_user")

    answer = browser.post(ADD, {"user": player.pk, "reason": "Stolen account"})

    freeze = Freeze.objects.get()
    assert answer.status_code == 302
    assert (freeze.user, freeze.reason, freeze.by.username) == (player, "Stolen account", browser.user.username)


def test_a_freeze_needs_a_reason(player):
    assert browser_of("freeze_user").post(ADD, {"user": player.pk, "reason": " "}).status_code == 200
    assert not players.is_frozen(player)


def test_a_user_is_unfrozen_on_the_page_of_the_freeze_and_in_the_list(player):
    browser = browser_of("freeze_user")
    freeze = players.freeze(player, by=None, reason="Stolen account")

    browser.post(page_url(freeze).replace("change", "delete"), {"post": "yes"})
    assert not players.is_frozen(player)

    freeze = players.freeze(player, by=None, reason="Stolen account")
    selected = {"action": "delete_selected", "_selected_action": [freeze.pk], "post": "yes"}
    browser.post(list_url("freeze"), selected)
    assert not players.is_frozen(player)


def test_view_permission_shows_frozen_users_and_changes_nothing(player):
    freeze = players.freeze(player, by=None, reason="Stolen account")
    browser = browser_of("view_freeze")

    assert b"Stolen account" in browser.get(list_url("freeze")).content
    assert browser.post(ADD, {"user": player.pk, "reason": "x"}).status_code == 403
    assert browser.post(page_url(freeze).replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert players.is_frozen(player)


def test_the_admin_shows_no_trade_token(player):
    profile = SteamProfile.objects.create(
        user=player, steam_id="76561198050648523", partner="90382795", token="SeCr3tTk"
    )
    browser = browser_of("view_steamprofile")

    for page in (browser.get(list_url("steamprofile")), browser.get(page_url(profile))):
        assert page.status_code == 200
        assert b"76561198050648523" in page.content
        assert b"SeCr3tTk" not in page.content
