"""The recipient of an order: a trade URL, a user and the user's Steam profile, and the warnings about them."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_skinsback import players
from django_skinsback.models import Purchase, SteamProfile
from django_skinsback.statuses import PurchaseStatus
from django_skinsback.testing import make_purchase

from ...support.admin_staff import messages_of
from ...support.buy_pages import (
    OTHER_TRADE_URL,
    STEAM_ID,
    TOKEN,
    TRADE_URL,
    buy_url,
    buyer,
    confirm,
    press,
    review,
    wanted_skins,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(world):
    client = buyer()
    wanted_skins(client)
    return client


@pytest.fixture
def profile(user):
    return players.set_trade_url(user, TRADE_URL)


def other_steam_id(_user):
    """The function ``STEAM_ID`` of a site."""
    return "76561198050648599"


def wrong_steam_id(_user):
    return "123"


def problems(page, field):
    return [str(error) for error in page.context["page"].recipient.errors.get(field, [])]


class TestForm:
    def test_a_trade_url_or_a_user_is_needed(self, client):
        assert problems(review(client, trade_url=""), "trade_url") == [
            "Enter a trade URL, or the user who gets the skins."
        ]

    @pytest.mark.parametrize(
        "trade_url", ["https://example.com/tradeoffer/new/?partner=1&token=abcdefgh", "x", TRADE_URL[:-1]]
    )
    def test_a_trade_url_that_is_none_is_refused(self, trade_url, client):
        page = review(client, trade_url=trade_url)
        assert problems(page, "trade_url")
        assert "order" not in page.context

    def test_an_unknown_user_is_refused(self, client):
        page = review(client, username="nobody")
        assert problems(page, "username") == ["There is no user with this name."]
        page = press(client, "recipient", username="nobody")
        assert "There is no user with this name." in page.content.decode()

    def test_a_user_without_a_trade_url_is_said_to_have_none(self, client, user):
        page = review(client, username="alice", trade_url="")
        assert problems(page, "trade_url") == ["alice has no trade URL in the Steam profile. Enter one."]

    def test_the_user_is_found_by_the_login_field(self, client, monkeypatch):
        monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
        wanted = get_user_model().objects.create_user("alice", email="alice@example.com")
        asked = review(client, username="alice@example.com")
        assert asked.context["recipient"].user == wanted


class TestProfile:
    def test_a_user_in_the_address_fills_in_the_recipient(self, client, user, profile):
        page = client.get(buy_url(user=user.pk))
        assert page.context["page"].recipient["username"].value() == "alice"
        assert page.context["profile"]["steam_id"] == STEAM_ID
        assert "stored" in page.context["profile"]["trade_url"]
        assert TOKEN not in page.content.decode()

    def test_an_address_cannot_fill_in_a_trade_url_or_a_charge(self, client, user, profile):
        fields = {"trade_url": OTHER_TRADE_URL, "username": "alice", "charge": "98765.4", "total_cap": "98765.3"}
        text = client.get(buy_url(**fields, action="review")).content.decode()
        assert not [value for value in ("otherTok", 'value="alice"', "98765") if value in text]

    @pytest.mark.parametrize("key", ["999999", "x", "", "9" * 40])
    def test_a_user_in_the_address_who_does_not_exist_changes_nothing(self, key, client):
        page = client.get(buy_url(user=key))
        assert page.status_code == 200
        assert not page.context["page"].recipient["username"].value()

    def test_looking_up_a_user_shows_the_steam_profile(self, client, user, profile):
        page = press(client, "recipient", username="alice")
        assert page.context["profile"]["steam_id"] == STEAM_ID
        assert not page.context["warnings"]

    def test_the_skins_are_sent_to_the_trade_url_of_the_profile_which_no_page_contains(self, client, user, profile):
        asked = review(client, username="alice", trade_url="")
        assert asked.context["steam_id"] == STEAM_ID
        assert not asked.context["warnings"]
        assert TOKEN not in asked.content.decode()
        confirm(client, asked)
        purchase = Purchase.objects.get()
        assert (purchase.user, purchase.token, purchase.steam_id) == (user, TOKEN, STEAM_ID)

    def test_an_order_for_a_trade_url_that_the_user_has_changed_since_buys_nothing(self, client, user, profile):
        asked = review(client, username="alice", trade_url="")
        players.set_trade_url(user, OTHER_TRADE_URL)
        response = confirm(client, asked)
        assert response.url == buy_url(user=user.pk)
        assert "has changed the trade URL" in messages_of(client, response)[0]
        assert not Purchase.objects.exists()

    def test_an_order_that_was_bought_can_be_sent_again_after_the_trade_url_has_changed(self, client, user, profile):
        asked = review(client, username="alice", trade_url="")
        first = confirm(client, asked)
        players.set_trade_url(user, OTHER_TRADE_URL)
        assert confirm(client, asked).url == first.url
        assert Purchase.objects.count() == 1

    def test_a_profile_whose_trade_url_was_deleted_buys_nothing(self, client, user, profile):
        asked = review(client, username="alice", trade_url="")
        SteamProfile.objects.update(partner="", token="")
        confirm(client, asked)
        assert not Purchase.objects.exists()


class TestWarnings:
    def warnings(self, client, **fields):
        """Return the warnings of the confirmation page, which are those of the page before too."""
        fields = {"username": "alice", "trade_url": "", **fields}
        looked_up = press(client, "recipient", **fields)
        asked = review(client, **fields)
        assert asked.context["order"]
        assert looked_up.context["warnings"] == asked.context["warnings"]
        return asked.context["warnings"]

    def test_a_trade_url_of_another_steam_account_is_warned_of(self, client, user, profile):
        (warning,) = self.warnings(client, trade_url=OTHER_TRADE_URL)
        assert "another Steam account (76561198050648524)" in warning
        assert STEAM_ID in warning

    def test_a_trade_url_of_another_account_than_the_login_is_warned_of(self, client, user, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "STEAM_ID": f"{__name__}.other_steam_id"}
        (warning,) = self.warnings(client, trade_url=TRADE_URL)
        assert "(76561198050648599)" in warning

    def test_a_broken_trade_url_is_warned_of(self, client, user, profile):
        SteamProfile.objects.update(broken_at=timezone.now(), broken_reason="invalid_token_value")
        (warning,) = self.warnings(client)
        assert "broken since" in warning
        assert "invalid_token_value" in warning

    def test_another_trade_url_than_the_broken_one_is_not_warned_of(self, client, user, profile):
        SteamProfile.objects.update(broken_at=timezone.now())
        assert not self.warnings(client, trade_url=TRADE_URL.replace(TOKEN, "newToken"))

    def test_a_trade_url_that_was_changed_lately_is_warned_of(self, client, user, profile, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "TRADE_URL_COOLDOWN_HOURS": 48}
        SteamProfile.objects.update(trade_url_changed_at=timezone.now() - timedelta(hours=1))
        assert "was not taken over" in self.warnings(client)[0]
        SteamProfile.objects.update(trade_url_changed_at=timezone.now() - timedelta(days=30))
        assert not self.warnings(client)

    @pytest.mark.parametrize(
        "values",
        [
            {"status": PurchaseStatus.INVALID_TRADE_TOKEN},
            {"status": PurchaseStatus.USER_NOT_TRADABLE},
            {"status": PurchaseStatus.REFUSED, "error_code": 10},
        ],
    )
    def test_failures_of_the_last_days_are_warned_of(self, values, client, user, profile):
        make_purchase(user=user, steam_id=STEAM_ID, **values)
        make_purchase(user=user, steam_id=STEAM_ID, created_at=timezone.now() - timedelta(days=8), **values)
        make_purchase(user=user, steam_id="76561198050648999", **values)
        (warning,) = self.warnings(client)
        assert warning.startswith("1 purchase for this Steam account failed")

    def test_failures_for_other_reasons_are_not_warned_of(self, client, user, profile):
        make_purchase(user=user, steam_id=STEAM_ID, status=PurchaseStatus.CANCELED)
        make_purchase(user=user, steam_id=STEAM_ID, status=PurchaseStatus.REFUSED, error_code=4)
        assert not self.warnings(client)

    def test_a_frozen_user_is_warned_of(self, client, user, profile, operator):
        players.freeze(user, by=operator, reason="chargebacks")
        assert "alice is frozen" in self.warnings(client)[0]

    def test_a_wrong_hook_of_the_site_is_shown_and_the_page_works(self, client, user, profile, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "STEAM_ID": f"{__name__}.wrong_steam_id"}
        assert any("STEAM_ID" in warning for warning in self.warnings(client))
