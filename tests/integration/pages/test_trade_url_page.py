"""The form of the trade URL."""

import secrets
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from django.views.debug import ExceptionReporter

from django_skinsback.flows.players import steam_profiles
from django_skinsback.models import SteamProfile
from tests.integration.pages.conftest import STEAM_ID, TRADE_URL

pytestmark = pytest.mark.django_db

PAGE = "/skins/trade-url/"
OTHER = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=other-01"


def test_a_trade_url_is_saved_and_the_page_says_so(player, user):
    answer = player.post(PAGE, {"trade_url": f"  {TRADE_URL} "})
    assert answer.status_code == 302
    profile = SteamProfile.objects.get()
    assert (profile.user, profile.trade_url) == (user, TRADE_URL)
    text = player.read(answer["Location"])
    assert "Your trade URL is saved." in text
    assert TRADE_URL.replace("&", "&amp;") in text
    assert STEAM_ID in text


@pytest.mark.parametrize(
    ("entered", "text"),
    [
        ("", "Enter your trade URL."),
        ("https://steamcommunity.com/id/me", "not a trade URL"),
        (TRADE_URL[:-3], "8 letters"),
        ("https://evil.example/tradeoffer/new/?partner=90382795&token=i1ArBZey", "trade URL"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(player, entered, text):
    answer = player.post(PAGE, {"trade_url": entered})
    shown = answer.content.decode()
    error = shown.split('id="id_trade_url_error"')[1].split("</p>")[0]
    assert text in error
    assert 'aria-describedby="id_trade_url_error"' in shown
    assert not SteamProfile.objects.exists()


def test_a_report_of_an_error_does_not_show_the_trade_url(player, admins, monkeypatch):
    token = secrets.token_urlsafe(6)  # not a constant: a report quotes the source of this file too

    def broken(block):
        del block  # this frame is in the reports too
        raise RuntimeError("out of order")

    monkeypatch.setattr(steam_profiles, "run", broken)
    with pytest.raises(RuntimeError) as caught:
        player.post(PAGE, {"trade_url": TRADE_URL.replace("i1ArBZey", token)})
    assert "trade_url" in mail.outbox[0].body
    assert token not in mail.outbox[0].body
    frames = ExceptionReporter(None, caught.type, caught.value, caught.tb).get_traceback_data()["frames"]
    shown = [str(value) for frame in frames if "django_skinsback" in frame["filename"] for _, value in frame["vars"]]
    assert shown
    assert not [value for value in shown if token in value]


def test_the_page_says_where_to_find_it(player):
    assert 'href="https://steamcommunity.com/id/me/tradeoffers/privacy"' in player.read(PAGE)


def test_the_page_leads_back_to_where_the_player_came_from(player):
    back = "/skins/deposit/inventory/?game=cs2"
    assert f'name="next" value="{back}"' in player.read(f"{PAGE}?next=%2Fskins%2Fdeposit%2Finventory%2F%3Fgame%3Dcs2")
    assert player.post(PAGE, {"trade_url": TRADE_URL, "next": back})["Location"] == back


@pytest.mark.parametrize("back", ["history", "?show=all", "a b", "admin:index"])
def test_an_address_without_a_slash_is_not_taken_for_the_name_of_a_url(player, back):
    answer = player.post(PAGE, {"trade_url": TRADE_URL, "next": back})
    assert answer.status_code == 302
    assert "/admin/" not in answer["Location"]


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example"]
)
def test_the_page_never_leads_to_another_site(player, address):
    assert "evil" not in player.read(f"{PAGE}?next={address}").replace("<title>", "")
    answer = player.post(PAGE, {"trade_url": TRADE_URL, "next": address})
    assert answer["Location"] == f"{PAGE}?saved=1"


def test_a_broken_trade_url_is_explained_and_not_filled_in(player, profile):
    SteamProfile.objects.update(broken_at=timezone.now(), broken_reason="invalid_token_value")
    text = player.read(PAGE)
    assert "does not work any more" in text
    assert "i1ArBZey" not in text


def test_the_broken_trade_url_is_refused_again(player, profile):
    SteamProfile.objects.update(broken_at=timezone.now(), broken_reason="invalid_token_value")
    answer = player.post(PAGE, {"trade_url": TRADE_URL})
    assert "does not work any more" in answer.content.decode().split('id="id_trade_url_error"')[1]
    assert player.post(PAGE, {"trade_url": OTHER}).status_code == 302


def test_the_cooldown_after_a_change_is_told(player, profile, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "TRADE_URL_COOLDOWN_HOURS": 24}
    assert "blocked until" not in player.read(PAGE)
    player.post(PAGE, {"trade_url": OTHER})
    assert "blocked until" in player.read(PAGE)
    SteamProfile.objects.update(trade_url_changed_at=timezone.now() - timedelta(hours=25))
    assert "blocked until" not in player.read(PAGE)


def test_a_trade_url_of_another_account_is_explained(player, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "STEAM_ID": "tests.integration.pages.test_trade_url_page.steam_id"}
    assert "account that you log in with" in player.read(PAGE)
    answer = player.post(PAGE, {"trade_url": TRADE_URL})
    assert "another Steam account" in answer.content.decode()


def steam_id(_user):
    return "76561198827262007"


def test_the_trade_url_of_another_user_is_not_shown(stranger, profile):
    assert "i1ArBZey" not in stranger.read(PAGE)
