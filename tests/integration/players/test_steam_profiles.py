"""Steam profiles: set by the user, used by deposits and purchases, and flagged when SkinsBack refuses the trade URL."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, error_texts, players, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import (
    APIError,
    ConfigurationError,
    IdempotencyConflict,
    InvalidTradeURL,
    TradeURLBroken,
    TradeURLChangedRecently,
    TradeURLMissing,
    TradeURLOfAnotherAccount,
    UnknownOutcome,
)
from django_skinsback.flows.players import steam_profiles
from django_skinsback.models import Purchase, SteamProfile
from django_skinsback.signals import trade_url_changed
from django_skinsback.testing import make_purchase
from django_skinsback.wire.types import PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

STEAM_ID = "76561198050648523"
OTHER_STEAM_ID = "76561198827262007"


def url(token="i1ArBZey", partner="90382795"):
    return f"https://steamcommunity.com/tradeoffer/new/?partner={partner}&token={token}"


def logged_in_as(_user):
    return OTHER_STEAM_ID


def logged_in_as_owner(_user):
    return STEAM_ID


def logged_in_without_steam(_user):
    return ""


def logged_in_if_alice(user):
    return OTHER_STEAM_ID if user.get_username() == "alice" else STEAM_ID


def logged_in_as_nonsense(_user):
    return "STEAM_0:1:2"


@pytest.fixture
def site(settings):
    def change(**values):
        settings.SKINSBACK = {**settings.SKINSBACK, **values}

    return change


@pytest.fixture
def buyer(user):
    return Wallet.objects.create(user=user, balance=1000).user


@pytest.fixture
def changes():
    received = []

    def receiver(sender, user, profile, **_kwargs):
        received.append((sender, user, profile.trade_url))

    trade_url_changed.connect(receiver)
    yield received
    trade_url_changed.disconnect(receiver)


def buy(user, **options):
    return purchases.buy(user=user, **{"market_hash_name": "Knife", "max_price": 4, **options})


class TestSetting:
    def test_a_trade_url_is_stored_with_its_steam_id(self, user):
        profile = players.set_trade_url(user, f" {url()} ")

        stored = players.get_profile(user)
        assert stored == profile
        assert (stored.steam_id, stored.trade_url, stored.trade_url_changed_at) == (STEAM_ID, url(), None)

    def test_a_user_without_a_trade_url_has_no_profile(self, user):
        assert players.get_profile(user) is None

    def test_an_invalid_trade_url_is_refused_and_the_old_one_stays(self, user):
        players.set_trade_url(user, url())

        with pytest.raises(InvalidTradeURL):
            players.set_trade_url(user, "https://steamcommunity.com/id/alice")

        assert players.get_profile(user).trade_url == url()

    def test_the_first_trade_url_and_the_same_one_again_are_no_change(
        self, user, changes, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            players.set_trade_url(user, url())
            players.set_trade_url(user, url())

        assert changes == []
        assert players.get_profile(user).trade_url_changed_at is None

    def test_another_trade_url_sends_the_signal_after_the_commit(
        self, user, changes, django_capture_on_commit_callbacks
    ):
        players.set_trade_url(user, url())
        with django_capture_on_commit_callbacks() as hooks:
            profile = players.set_trade_url(user, url("j2BsCAfz"))
        assert changes == []

        for hook in hooks:
            hook()

        assert changes == [(SteamProfile, user, url("j2BsCAfz"))]
        assert players.get_profile(user).trade_url_changed_at == profile.trade_url_changed_at is not None

    def test_a_token_that_differs_only_in_upper_and_lower_case_is_another_one(self, user):
        players.set_trade_url(user, url())

        assert players.set_trade_url(user, url("I1aRbzEY")).trade_url_changed_at

    def test_a_new_trade_url_is_not_broken(self, user):
        profile = players.set_trade_url(user, url())
        SteamProfile.objects.filter(pk=profile.pk).update(broken_at=timezone.now(), broken_reason="invalid_trade_token")

        players.set_trade_url(user, url("j2BsCAfz"))

        stored = players.get_profile(user)
        assert (stored.broken_at, stored.broken_reason) == (None, "")

    def test_the_broken_trade_url_is_refused_and_stays_broken(self, user):
        profile = players.set_trade_url(user, url())
        SteamProfile.objects.filter(pk=profile.pk).update(broken_at=timezone.now())

        with pytest.raises(TradeURLBroken):
            players.set_trade_url(user, url())

        assert players.get_profile(user).broken_at

    def test_the_account_of_the_login_wins(self, user, site):
        site(STEAM_ID=f"{__name__}.logged_in_as")

        with pytest.raises(TradeURLOfAnotherAccount) as raised:
            players.set_trade_url(user, url())

        assert "belongs to another Steam account" in error_texts.text_for(raised.value)
        assert players.get_profile(user) is None
        assert steam_profiles.steam_id_of(user) == OTHER_STEAM_ID

    @pytest.mark.parametrize("hook", ["logged_in_as_owner", "logged_in_without_steam"])
    def test_a_login_with_the_same_account_or_without_steam_accepts_the_trade_url(self, user, site, hook):
        site(STEAM_ID=f"{__name__}.{hook}")

        players.set_trade_url(user, url())

        assert steam_profiles.steam_id_of(user) == STEAM_ID

    def test_the_login_of_this_user_is_asked_for_the_steam_id(self, django_user_model, site):
        site(STEAM_ID=f"{__name__}.logged_in_if_alice")
        alice, bob = map(django_user_model.objects.create_user, ("alice", "bob"))

        assert [steam_profiles.steam_id_of(each) for each in (alice, bob)] == [OTHER_STEAM_ID, STEAM_ID]
        players.set_trade_url(bob, url())
        assert buy(bob).token == "i1ArBZey"
        with pytest.raises(TradeURLOfAnotherAccount):
            players.set_trade_url(alice, url())

    def test_without_a_login_and_a_profile_the_steam_id_is_empty(self, user):
        assert steam_profiles.steam_id_of(user) == ""

    def test_a_hook_that_returns_no_steam_id_is_named(self, user, site):
        site(STEAM_ID=f"{__name__}.logged_in_as_nonsense")

        with pytest.raises(ConfigurationError, match="STEAM_ID"):
            players.set_trade_url(user, url())


class TestPurchases:
    def test_a_purchase_without_a_trade_url_goes_to_the_one_of_the_profile(self, user):
        players.set_trade_url(user, url())

        purchase = buy(user)

        assert (purchase.partner, purchase.token, purchase.steam_id) == ("90382795", "i1ArBZey", STEAM_ID)

    def test_a_batch_goes_to_the_one_of_the_profile(self, user):
        players.set_trade_url(user, url())

        rows = purchases.buy_batch(user=user, items=[{"skin_id": skin, "max_price": 4} for skin in "12"])

        assert {row.token for row in rows} == {"i1ArBZey"}

    def test_a_given_trade_url_wins(self, user):
        players.set_trade_url(user, url())

        assert buy(user, trade_url=url("j2BsCAfz")).token == "j2BsCAfz"

    def test_a_user_without_one_is_asked_for_it(self, user):
        with pytest.raises(TradeURLMissing):
            buy(user)

    def test_a_broken_one_is_not_used(self, user):
        players.set_trade_url(user, url())
        SteamProfile.objects.update(broken_at=timezone.now())

        with pytest.raises(TradeURLBroken):
            buy(user)

        assert not Purchase.objects.exists()

    def test_one_of_another_account_than_the_login_is_not_used(self, user, site):
        players.set_trade_url(user, url())
        site(STEAM_ID=f"{__name__}.logged_in_as")

        with pytest.raises(TradeURLOfAnotherAccount):
            buy(user)

    def test_a_change_blocks_purchases_for_the_cooldown(self, user, site):
        site(TRADE_URL_COOLDOWN_HOURS=24)
        players.set_trade_url(user, url())
        assert buy(user).pk
        with time_machine.travel(timezone.now(), tick=False) as clock:
            players.set_trade_url(user, url("j2BsCAfz"))
            clock.shift(timedelta(hours=22, minutes=30))

            with pytest.raises(TradeURLChangedRecently) as raised:
                buy(user)
            assert str(raised.value) == (
                "You have changed your trade URL. For your safety, you can withdraw again in 2 hours."
            )

            clock.shift(timedelta(hours=1, minutes=30))
            assert buy(user).token == "j2BsCAfz"

    def test_the_last_hour_of_the_cooldown_is_one_hour(self, user, site):
        site(TRADE_URL_COOLDOWN_HOURS=1)
        players.set_trade_url(user, url())
        players.set_trade_url(user, url("j2BsCAfz"))

        with pytest.raises(TradeURLChangedRecently) as raised:
            buy(user)
        assert str(raised.value) == (
            "You have changed your trade URL. For your safety, you can withdraw again in 1 hour."
        )

    def test_without_a_cooldown_a_change_blocks_nothing(self, user):
        players.set_trade_url(user, url())
        players.set_trade_url(user, url("j2BsCAfz"))

        assert buy(user).token == "j2BsCAfz"

    def test_the_same_key_returns_the_purchase_although_the_profile_has_changed_and_is_broken(self, user):
        players.set_trade_url(user, url())
        first = buy(user, idempotency_key="cart-7")
        players.set_trade_url(user, url("j2BsCAfz"))
        assert buy(user, idempotency_key="cart-7").pk == first.pk
        SteamProfile.objects.update(broken_at=timezone.now())

        assert buy(user, idempotency_key="cart-7").pk == first.pk
        with pytest.raises(IdempotencyConflict):
            buy(user, idempotency_key="cart-7", max_price=5)


class TestBroken:
    @pytest.fixture(autouse=True)
    def profile(self, user):
        return players.set_trade_url(user, url())

    def reported(self, status, **values):
        purchase = make_purchase(status="waiting_accept", **values)
        purchases.record_report(PurchaseReport(status=status, custom_id=purchase.custom_id), "poll")
        purchase.refresh_from_db()
        return purchase

    def refused(self, monkeypatch, code, message="", **values):
        def buy_skin(*_arguments, **_options):
            raise APIError.for_answer("market_buy", code, message)

        monkeypatch.setattr(SkinsBackClient, "buy_skin", buy_skin)
        return purchases.submit(make_purchase(**values))

    def test_the_status_invalid_trade_token_breaks_it(self, user):
        purchase = self.reported("invalid_trade_token", user=user)

        stored = players.get_profile(user)
        assert (stored.broken_at, stored.broken_reason) == (purchase.updated_at, "invalid_trade_token")
        assert purchase.token == ""

    @pytest.mark.parametrize("status", ["user_not_tradable", "timeout", "canceled", "trade_create_error", "accepted"])
    def test_other_statuses_do_not(self, user, status):
        self.reported(status, user=user)

        assert players.get_profile(user).broken_at is None

    @pytest.mark.parametrize(("code", "message"), [(8, "invalid_partner_value"), (9, "invalid_token_value")])
    def test_the_refusals_8_and_9_break_it(self, user, monkeypatch, code, message):
        assert self.refused(monkeypatch, code, message, user=user).status == "refused"

        stored = players.get_profile(user)
        assert stored.broken_at is not None
        assert stored.broken_reason == message

    @pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 7, 10, -3, -9, 99])
    def test_other_codes_do_not(self, user, monkeypatch, code):
        self.refused(monkeypatch, code, user=user)

        assert players.get_profile(user).broken_at is None

    @pytest.mark.parametrize("given", [{"token": "j2BsCAfz"}, {"token": "I1ARBZEY"}, {"partner": "90382796"}])
    def test_only_the_trade_url_that_was_refused_is_broken(self, user, given):
        self.reported("invalid_trade_token", user=user, **given)

        assert players.get_profile(user).broken_at is None

    def test_the_profile_of_another_user_with_the_same_trade_url_is_not_broken(self, user, operator):
        players.set_trade_url(operator, url())

        self.reported("invalid_trade_token", user=user)

        assert players.get_profile(user).broken_at
        assert players.get_profile(operator).broken_at is None

    def test_an_older_profile_of_another_user_with_the_same_trade_url_is_not_broken(self, user, operator):
        players.set_trade_url(operator, url())

        purchase = self.reported("invalid_trade_token", user=operator)

        assert players.get_profile(user).broken_at is None
        stored = players.get_profile(operator)
        assert (stored.broken_at, stored.updated_at) == (purchase.updated_at, purchase.updated_at)

    def test_a_purchase_without_a_user_breaks_nothing(self, user):
        self.reported("invalid_trade_token")

        assert players.get_profile(user).broken_at is None

    def test_the_first_reason_stays(self, user):
        first = self.reported("invalid_trade_token", user=user)
        self.reported("invalid_trade_token", user=user)

        assert players.get_profile(user).broken_at == first.updated_at


class TestDeposits:
    @pytest.fixture
    def calls(self, monkeypatch):
        made = []

        def create(_client, _order_id, **options):
            made.append({name: options[name] for name in ("steam_id", "trade_token") if name in options})
            raise UnknownOutcome

        monkeypatch.setattr(SkinsBackClient, "create_deposit", create)
        monkeypatch.setattr(SkinsBackClient, "create_deposit_from_inventory", create)
        return made

    def create(self, user, create=deposits.create, **options):
        with pytest.raises(UnknownOutcome):
            create(user, **options)

    def test_steam_id_and_token_come_from_the_profile(self, user, calls):
        players.set_trade_url(user, url())

        self.create(user)
        self.create(user, deposits.create_from_inventory, item_asset_ids=["1"])

        assert calls == [{"steam_id": STEAM_ID, "trade_token": "i1ArBZey"}] * 2
        assert {row.steam_id for row in user.skinsback_deposits.all()} == {STEAM_ID}

    def test_without_a_profile_a_deposit_names_no_account(self, user, calls):
        self.create(user)
        self.create(None)

        assert calls == [{}, {}]

    def test_a_given_account_wins(self, user, calls):
        players.set_trade_url(user, url())

        self.create(user, trade_url=url("j2BsCAfz", "866996279"))
        self.create(user, steam_id=OTHER_STEAM_ID)
        self.create(user, steam_id=STEAM_ID)

        assert calls == [
            {"steam_id": OTHER_STEAM_ID, "trade_token": "j2BsCAfz"},
            {"steam_id": OTHER_STEAM_ID},
            {"steam_id": STEAM_ID, "trade_token": "i1ArBZey"},
        ]

    def test_of_a_broken_profile_only_the_steam_id_is_used(self, user, calls):
        players.set_trade_url(user, url())
        SteamProfile.objects.update(broken_at=timezone.now())

        self.create(user)
        with pytest.raises(TradeURLBroken):
            deposits.create_from_inventory(user, item_asset_ids=["1"])

        assert calls == [{"steam_id": STEAM_ID}]

    def test_an_own_inventory_needs_a_trade_url(self, user, calls):
        with pytest.raises(TradeURLMissing):
            deposits.create_from_inventory(user, item_asset_ids=["1"])
        with pytest.raises(InvalidTradeURL):
            deposits.create_from_inventory(item_asset_ids=["1"])

        assert calls == []

    def test_the_steam_id_of_the_login_wins_over_the_profile(self, user, calls, site):
        players.set_trade_url(user, url())
        site(STEAM_ID=f"{__name__}.logged_in_as")

        self.create(user)

        assert calls == [{"steam_id": OTHER_STEAM_ID}]

    def test_the_login_of_the_user_who_pays_gives_the_steam_id(self, django_user_model, calls, site):
        site(STEAM_ID=f"{__name__}.logged_in_if_alice")

        for name in ("alice", "bob"):
            self.create(django_user_model.objects.create_user(name))

        assert [call["steam_id"] for call in calls] == [OTHER_STEAM_ID, STEAM_ID]

    def test_a_changed_trade_url_does_not_block_deposits(self, user, calls, site):
        site(TRADE_URL_COOLDOWN_HOURS=24)
        players.set_trade_url(user, url())
        players.set_trade_url(user, url("j2BsCAfz"))

        self.create(user, deposits.create_from_inventory, item_asset_ids=["1"])

        assert calls == [{"steam_id": STEAM_ID, "trade_token": "j2BsCAfz"}]

    @pytest.mark.parametrize(
        ("create", "options"),
        [(deposits.create, {}), (deposits.create_from_inventory, {"item_asset_ids": ["1"]})],
    )
    def test_the_same_key_returns_the_deposit_although_the_profile_has_changed_and_is_broken(
        self, user, calls, create, options
    ):
        players.set_trade_url(user, url())
        self.create(user, create, idempotency_key="k", **options)
        players.set_trade_url(user, url("j2BsCAfz"))
        SteamProfile.objects.update(broken_at=timezone.now())

        assert create(user, idempotency_key="k", **options) == user.skinsback_deposits.get()
        assert len(calls) == 1
        with pytest.raises(IdempotencyConflict):
            create(user, idempotency_key="k", game="rust", **options)
