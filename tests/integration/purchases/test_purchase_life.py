"""Purchases from the call of buy to the end of their hold, against the sandbox."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction

from django_skinsback import purchases
from django_skinsback.connection import get_client
from django_skinsback.exceptions import ConfigurationError, InsideDatabaseTransaction, InvalidInput, InvalidTradeURL
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import LedgerEntry, Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_purchase
from tests.wallet.models import Wallet
from tests.wallet.receivers import NotEnoughMoney

pytestmark = [pytest.mark.django_db, pytest.mark.database]

README = Path(__file__).parents[3] / "README.md"
PARTNER = "90382795"
TRADE_URL = f"https://steamcommunity.com/tradeoffer/new/?partner={PARTNER}&token=i1ArBZey"


@pytest.fixture
def skins(world):
    """A function that returns the price list of a game, cheapest skin first."""

    def offered(game="rust"):
        items = get_client().get_price_list(game, full=True).items
        return sorted(items, key=lambda item: item.price)

    return offered


@pytest.fixture
def skin(skins):
    return skins()[0]


@pytest.fixture
def funded_user(user):
    return Wallet.objects.create(user=user, balance=1000).user


def buy(user, skin, **options):
    arguments = {"market_hash_name": skin.market_hash_name, "game": "rust", "max_price": skin.price}
    return purchases.buy(user=user, trade_url=TRADE_URL, **{**arguments, **options})


def kinds(purchase):
    return list(LedgerEntry.objects.filter(purchase=purchase).order_by("pk").values_list("kind", flat=True))


def poll_repeatedly(world, **step):
    """Run the sweep 60 times and advance the clock before each run, by one minute unless ``step`` says otherwise."""
    for _ in range(60):
        world.advance(**(step or {"minutes": 1}))
        poll_purchases()


class TestBuying:
    def test_the_intent_and_the_charge_are_written_together(self, world, funded_user, skin):
        purchase = buy(funded_user, skin, charge="7.50", charge_currency="USD")

        assert (purchase.status, purchase.attempts, kinds(purchase)) == ("requested", 0, ["charge"])
        assert (purchase.steam_id, purchase.token) == ("76561198050648523", "i1ArBZey")
        assert Wallet.objects.get().balance == Decimal("992.5")
        assert world.sandbox.sold(purchase.custom_id) == 0

    def test_the_purchase_example_of_the_readme_buys_its_skin_from_the_sandbox(self, world, funded_user):
        section = README.read_text().partition("## Paying out in skins")[2].partition("\n## ")[0]
        names = {"user": funded_user}
        exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], names)
        purchase = names["purchase"]
        assert f'market_hash_name="{purchase.market_hash_name}"' in section

        purchases.submit(purchase)
        poll_repeatedly(world)

        purchase.refresh_from_db()
        assert (purchase.status, kinds(purchase)) == ("accepted", ["charge"])
        assert world.sandbox.purchase(purchase.custom_id).skin.market_hash_name == purchase.market_hash_name
        assert world.sandbox.spent() <= purchase.max_price

    def test_a_receiver_that_raises_vetoes_the_purchase(self, user, skin):
        with pytest.raises(NotEnoughMoney):
            buy(user, skin, charge=5, charge_currency="usd")

        assert not Purchase.objects.exists()
        assert not LedgerEntry.objects.exists()

    def test_buy_may_run_inside_a_database_transaction_of_the_site(self, funded_user, skin):
        with transaction.atomic():
            buy(funded_user, skin, charge=5, charge_currency="usd")

        assert Purchase.objects.count() == 1

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"market_hash_name": None}, "either"),
            ({"skin_id": "5"}, "either"),
            ({"max_price": 0}, "above zero"),
            ({"max_price": 1.5}, "float"),
            ({"max_price": "1000.01"}, "BUY_MAX_PRICE"),
            ({"charge": 5}, "currency"),
            ({"charge_currency": "usd"}, "amount"),
            ({"charge": 0, "charge_currency": "usd"}, "above zero"),
            ({"charge": -5, "charge_currency": "usd"}, "amount"),
            ({"user": None, "charge": 5, "charge_currency": "usd"}, "user"),
            ({"game": "chess"}, "game"),
            ({"skin_id": "a b", "market_hash_name": None}, "skin_id"),
        ],
    )
    def test_wrong_arguments_are_refused_before_anything_is_written(self, funded_user, skin, options, message):
        with pytest.raises(InvalidInput, match=message):
            buy(**{"user": funded_user, "skin": skin, **options})

        assert not Purchase.objects.exists()

    def test_a_bad_trade_url_is_refused(self, funded_user, skin):
        with pytest.raises(InvalidTradeURL):
            purchases.buy(user=funded_user, trade_url="https://example.com", market_hash_name="x", max_price=1)

    def test_a_purchase_needs_a_price_cap_of_its_own_or_from_the_settings(self, funded_user, skin, settings):
        assert buy(funded_user, skin, max_price=None).max_price == 1000

        settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": None}
        with pytest.raises(InvalidInput, match="max_price"):
            buy(funded_user, skin, max_price=None)

    def test_an_account_that_is_not_in_the_settings_is_refused(self, funded_user, skin):
        with pytest.raises(ConfigurationError, match="nobody"):
            buy(funded_user, skin, account="nobody")


class TestSending:
    def test_a_skin_is_bought_once_and_polled_until_it_is_final(self, world, funded_user, skin):
        purchase = buy(funded_user, skin, charge=5, charge_currency="usd")

        purchase = purchases.submit(purchase)
        assert (purchase.status, purchase.attempts) == ("creating_trade", 1)
        assert purchase.buy_id
        assert purchase.debited_amount == skin.price
        purchases.submit(purchase)
        poll_repeatedly(world, seconds=10)

        purchase.refresh_from_db()
        assert purchase.status == "accepted"
        assert world.sandbox.sold(purchase.custom_id) == 1
        world.advance(days=1, minutes=1)
        poll_purchases()
        purchase.refresh_from_db()
        assert (purchase.next_poll_at, purchase.token, kinds(purchase)) == (None, "", ["charge"])

    def test_a_skin_is_bought_by_its_id(self, world, funded_user, skins):
        skin = skins()[3]

        purchase = purchases.submit(buy(funded_user, skin, market_hash_name=None, skin_id=skin.skin_id))

        assert (purchase.status, purchase.market_hash_name) == ("creating_trade", skin.market_hash_name)

    def test_the_sweep_sends_an_unsent_purchase(self, world, funded_user, skin):
        purchase = buy(funded_user, skin)

        poll_purchases()

        purchase.refresh_from_db()
        assert purchase.status == "creating_trade"

    def test_a_refusal_is_stored_with_its_error_and_refunded(self, world, funded_user, skin):
        purchase = buy(funded_user, skin, market_hash_name="No such skin", charge=5, charge_currency="usd")

        purchase = purchases.submit(purchase)

        assert (purchase.status, kinds(purchase)) == ("refused", ["charge", "refund"])
        assert purchase.error_code
        assert purchase.error_message
        assert (purchase.token, purchase.next_poll_at) == ("", None)

    def test_a_price_above_the_cap_is_refused_and_nothing_is_debited(self, world, funded_user, skin):
        balance = world.sandbox.balance()

        purchase = purchases.submit(buy(funded_user, skin, max_price="0.01"))

        assert (purchase.status, purchase.error_message) == ("refused", "skins_not_found_at_specified_price")
        assert world.sandbox.balance() == balance

    @pytest.mark.parametrize(
        "fault", ["rate_limited", "maintenance", "market_disabled", "shop_not_active", "invalid_ip"]
    )
    def test_an_account_wide_error_leaves_the_purchase_requested_and_it_is_sent_again(
        self, world, funded_user, skin, fault
    ):
        world.sandbox.faults.add(fault)
        purchase = purchases.submit(buy(funded_user, skin, charge=5, charge_currency="usd"))

        assert (purchase.status, purchase.attempts, kinds(purchase)) == ("requested", 0, ["charge"])
        assert purchase.next_poll_at is not None

        world.advance(minutes=1)
        poll_purchases()
        purchase.refresh_from_db()
        assert purchase.status == "creating_trade"

    def test_a_purchase_that_cannot_be_sent_for_a_day_is_flagged_and_not_refunded(self, world, funded_user, skin):
        world.sandbox.faults.add("maintenance", "market_buy", times=None)
        purchase = buy(funded_user, skin, charge=5, charge_currency="usd")

        for _ in range(25):
            world.advance(hours=1)
            poll_purchases()

        purchase.refresh_from_db()
        assert (purchase.status, purchase.needs_review, kinds(purchase)) == ("requested", True, ["charge"])

    @pytest.mark.django_db(transaction=True)
    def test_submit_and_refresh_raise_inside_a_database_transaction(self, world):
        purchase = make_purchase()
        for flow in (purchases.submit, purchases.refresh):
            with transaction.atomic(), pytest.raises(InsideDatabaseTransaction):
                flow(purchase)


class TestUnknownOutcomes:
    @pytest.mark.parametrize(
        "fault", ["lose_answer", "html_error_after", "empty_answer", "truncated", "cut_off", "garbage"]
    )
    def test_a_lost_answer_of_a_successful_purchase_ends_with_exactly_one_skin(self, world, funded_user, skin, fault):
        world.sandbox.faults.add(fault, "market_buy")
        purchase = purchases.submit(buy(funded_user, skin, charge=5, charge_currency="usd"))
        assert (purchase.status, purchase.buy_id) == ("unknown", None)

        poll_repeatedly(world)

        purchase.refresh_from_db()
        assert (purchase.status, kinds(purchase)) == ("accepted", ["charge"])
        assert world.sandbox.sold(purchase.custom_id) == 1
        assert world.sandbox.spent() == purchase.debited_amount

    @pytest.mark.parametrize("fault", ["drop_request", "html_error", "redirect"])
    def test_a_lost_request_is_sent_again_with_the_same_id(self, world, funded_user, skin, fault):
        world.sandbox.faults.add(fault, "market_buy")
        purchase = purchases.submit(buy(funded_user, skin))
        assert purchase.status == "unknown"

        poll_repeatedly(world)

        purchase.refresh_from_db()
        assert (purchase.status, purchase.attempts) == ("accepted", 2)
        assert world.sandbox.sold(purchase.custom_id) == 1

    def test_an_unknown_purchase_is_not_sent_again_within_two_minutes(self, world, funded_user, skin):
        world.sandbox.drop_request("market_buy")
        purchase = purchases.submit(buy(funded_user, skin))

        world.advance(seconds=110)
        poll_purchases()

        purchase.refresh_from_db()
        assert (purchase.status, purchase.attempts) == ("unknown", 1)

    def test_an_unknown_purchase_is_sent_again_five_times_at_most_then_flagged_and_not_refunded(
        self, world, funded_user, skin
    ):
        world.sandbox.drop_request("market_buy", times=None)
        purchase = purchases.submit(buy(funded_user, skin, charge=5, charge_currency="usd"))

        for _ in range(3):
            poll_repeatedly(world, minutes=5)

        purchase.refresh_from_db()
        assert (purchase.status, purchase.attempts, purchase.needs_review) == ("unknown", 6, True)
        assert purchase.next_poll_at is not None
        assert kinds(purchase) == ["charge"]

    def test_a_refusal_after_an_unanswered_attempt_is_flagged_and_not_refunded(self, world, funded_user, skin):
        world.sandbox.drop_request("market_buy")
        purchase = purchases.submit(buy(funded_user, skin, charge=5, charge_currency="usd"))
        world.sandbox.faults.add("error", "market_buy", value="5 skin_unavailable")

        poll_repeatedly(world)

        purchase.refresh_from_db()
        assert (purchase.status, purchase.needs_review, kinds(purchase)) == ("unknown", True, ["charge"])
        assert "an earlier attempt may have bought the skin" in purchase.review_reason

    def test_an_existing_custom_id_makes_the_purchase_unknown_and_it_is_polled(self, world, funded_user, skin):
        purchase = buy(funded_user, skin)
        get_client().buy_skin(
            parsed_trade_url(),
            custom_id=purchase.custom_id,
            market_hash_name=skin.market_hash_name,
            game="rust",
            max_price=skin.price,
        )

        purchase = purchases.submit(purchase)
        assert purchase.status == "unknown"
        poll_purchases()

        purchase.refresh_from_db()
        assert purchase.status == "creating_trade"
        assert world.sandbox.sold(purchase.custom_id) == 1

    def test_a_purchase_of_a_worker_that_died_after_the_claim_is_bought_once(self, world, funded_user, skin):
        from django_skinsback.flows.purchases import send as sending

        purchase = buy(funded_user, skin)
        sending._claim_unsent([purchase.pk], utc_now())
        get_client().buy_skin(
            parsed_trade_url(),
            custom_id=purchase.custom_id,
            market_hash_name=skin.market_hash_name,
            game="rust",
            max_price=skin.price,
        )

        poll_repeatedly(world)

        purchase.refresh_from_db()
        assert purchase.status == "accepted"
        assert world.sandbox.sold(purchase.custom_id) == 1


def parsed_trade_url():
    from django_skinsback.steam import TradeURL

    return TradeURL.parse(TRADE_URL)


class TestBatches:
    def items(self, skins, count, **fields):
        return [{"skin_id": skin.skin_id, "max_price": skin.price, **fields} for skin in skins()[:count]]

    def test_each_purchase_of_a_batch_has_its_own_outcome(self, world, funded_user, skins):
        items = self.items(skins, 2, charge=5, charge_currency="usd")
        items.append({"skin_id": "999999999", "max_price": 5, "charge": 5, "charge_currency": "usd"})

        rows = purchases.buy_batch(user=funded_user, trade_url=TRADE_URL, items=items, game="rust")
        purchases.submit(rows[0])

        fresh = {row.skin_id: row for row in Purchase.objects.all()}
        assert [fresh[row.skin_id].status for row in rows] == ["creating_trade", "creating_trade", "refused"]
        assert [kinds(row) for row in rows] == [["charge"], ["charge"], ["charge", "refund"]]
        assert Wallet.objects.get().balance == 990
        assert len({row.batch_id for row in rows}) == 1

    @pytest.mark.parametrize("misspelled", ["charge_amount", "max_prize", "market_hash_name"])
    def test_an_unknown_key_is_refused_and_nothing_is_bought(self, skins, funded_user, misspelled):
        items = self.items(skins, 2)
        items[1][misspelled] = "5"

        with pytest.raises(InvalidInput, match=f"unknown key: {misspelled}.*charge, charge_currency, game, max_price"):
            purchases.buy_batch(user=funded_user, trade_url=TRADE_URL, items=items, game="rust")

        assert not Purchase.objects.exists()

    def test_a_skin_without_a_game_is_of_the_game_of_the_batch(self, skins, funded_user):
        items = self.items(skins, 3)
        items[1]["game"], items[2]["game"] = None, "dota2"

        rows = purchases.buy_batch(user=funded_user, trade_url=TRADE_URL, items=items, game="rust")

        assert [row.game for row in rows] == ["rust", "rust", "dota2"]

    def test_submitting_one_purchase_sends_its_whole_batch_once(self, world, funded_user, skins):
        rows = purchases.buy_batch(user=funded_user, trade_url=TRADE_URL, items=self.items(skins, 3), game="rust")

        for row in rows:
            purchases.submit(row)

        assert [world.sandbox.sold(row.custom_id) for row in rows] == [1, 1, 1]
        assert set(Purchase.objects.values_list("attempts", flat=True)) == {1}

    def test_after_a_lost_answer_each_purchase_of_a_batch_is_bought_once(self, world, funded_user, skins):
        world.sandbox.lose_answer("market_batch_buy")
        rows = purchases.buy_batch(user=funded_user, trade_url=TRADE_URL, items=self.items(skins, 3), game="rust")
        purchases.submit(rows[0])
        assert set(Purchase.objects.values_list("status", flat=True)) == {"unknown"}

        poll_repeatedly(world)

        assert set(Purchase.objects.values_list("status", flat=True)) == {"accepted"}
        assert [world.sandbox.sold(row.custom_id) for row in rows] == [1, 1, 1]

    def test_a_veto_of_one_charge_rolls_back_the_whole_batch(self, user, skins):
        Wallet.objects.create(user=user, balance=7)

        with pytest.raises(NotEnoughMoney):
            purchases.buy_batch(
                user=user, trade_url=TRADE_URL, items=self.items(skins, 2, charge=5, charge_currency="usd"), game="rust"
            )

        assert not Purchase.objects.exists()
        assert Wallet.objects.get().balance == 7

    @pytest.mark.parametrize(
        ("items", "message"),
        [
            ([], "at least one"),
            ([{"skin_id": "1"}, {"skin_id": 1}], "twice"),
            ([{"market_hash_name": "AK-47"}], "skin_id"),
        ],
    )
    def test_wrong_items_are_refused(self, funded_user, items, message):
        with pytest.raises(InvalidInput, match=message):
            purchases.buy_batch(user=funded_user, trade_url=TRADE_URL, items=items)


class TestPolling:
    @pytest.mark.parametrize(
        "outcome", ["canceled", "timeout", "invalid_trade_token", "user_not_tradable", "trade_create_error"]
    )
    def test_every_failure_is_found_by_polling_and_refunded(self, world, funded_user, skin, outcome):
        world.sandbox.faults.add("notify_drop", times=None)
        world.sandbox.next_outcome(outcome)
        purchase = purchases.submit(buy(funded_user, skin, charge=5, charge_currency="usd"))

        poll_repeatedly(world)

        purchase.refresh_from_db()
        assert (purchase.status, kinds(purchase)) == (outcome, ["charge", "refund"])
        assert world.sandbox.spent() == 0

    def test_a_rollback_within_the_hold_is_found_by_polling_alone(self, world, funded_user, skins):
        world.sandbox.faults.add("notify_drop", times=None)
        skin = skins("cs2")[0]
        purchase = purchases.submit(buy(funded_user, skin, game="cs2", charge=5, charge_currency="usd"))
        poll_repeatedly(world)
        purchase.refresh_from_db()
        assert (purchase.status, purchase.in_hold) == ("accepted", True)

        world.sandbox.end_purchase(purchase.custom_id, "rollback_supplier")
        for _ in range(8):
            world.advance(hours=1)
            poll_purchases()

        purchase.refresh_from_db()
        assert (purchase.status, kinds(purchase)) == ("rollback_supplier", ["charge", "refund"])

    def test_events_record_the_outcome_without_polling(self, world, funded_user, skin):
        purchase = purchases.submit(buy(funded_user, skin))

        world.advance(minutes=1)

        purchase.refresh_from_db()
        assert purchase.status == "accepted"

    def test_a_purchase_that_skinsback_does_not_know_is_flagged_and_stays_open(self, world, funded_user):
        purchase = make_purchase(status="creating_trade", buy_id="1", attempts=1)

        poll_repeatedly(world)

        purchase.refresh_from_db()
        assert (purchase.status, purchase.needs_review) == ("creating_trade", True)
        assert purchase.next_poll_at is not None

    def test_an_id_that_skinsback_does_not_know_does_not_prevent_polling_of_others(self, world, funded_user, skin):
        bought = purchases.submit(buy(funded_user, skin))
        make_purchase(status="creating_trade", buy_id="1", attempts=1)

        poll_repeatedly(world)

        bought.refresh_from_db()
        assert bought.status == "accepted"

    def test_refresh_returns_the_current_rows_for_sent_and_unsent_purchases(self, world, funded_user, skin):
        purchase = purchases.submit(buy(funded_user, skin))
        unsent = buy(funded_user, skin)
        world.sandbox.end_purchase(purchase.custom_id, "accepted")

        fresh = purchases.refresh([purchase, unsent])

        assert [row.status for row in fresh] == ["accepted", "requested"]
