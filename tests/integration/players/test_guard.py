"""What a user may start: freezes, switched-off games, and limits per day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import translation

from django_skinsback import deposits, players, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import APIError, GameSwitchedOff, LimitReached, UserFrozen
from django_skinsback.flows.players import guard
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.testing import make_deposit, make_purchase
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def buyer(user):
    return Wallet.objects.create(user=user, balance=1000).user


@pytest.fixture
def site(settings):
    def change(**values):
        settings.SKINSBACK = {**settings.SKINSBACK, **values}

    return change


def buy(user, charge="5", currency="usd", **options):
    paid = {} if charge is None else {"charge": charge, "charge_currency": currency}
    return purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="Knife", max_price=4, **paid, **options)


def buy_two(user, **options):
    items = [{"skin_id": skin, "max_price": 4, "charge": "5", "charge_currency": "usd"} for skin in "12"]
    return purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items, **options)


def raises(error):
    def call(*_arguments, **_options):
        raise error

    return call


def entry(user, amount, **row):
    kind = {"deposit": "credit" if amount > 0 else "reversal", "purchase": "refund" if amount > 0 else "charge"}
    return LedgerEntry.objects.create(user=user, kind=kind[next(iter(row))], amount=amount, currency="usd", **row)


def test_a_frozen_user_cannot_buy(buyer, operator):
    players.freeze(buyer, operator, "chargeback")

    for start in (buy, buy_two):
        with pytest.raises(UserFrozen):
            start(buyer)

    assert not Purchase.objects.exists()
    assert Wallet.objects.get().balance == 1000


def test_a_frozen_user_cannot_deposit(skinsback_sandbox, user, operator):
    players.freeze(user, operator, "chargeback")

    with pytest.raises(UserFrozen):
        deposits.create(user)
    with pytest.raises(UserFrozen):
        deposits.create_from_inventory(user, trade_url=TRADE_URL, item_asset_ids=["1"])

    assert not Deposit.objects.exists()
    assert not skinsback_sandbox.store.state.deposits


def test_what_is_under_way_when_a_user_is_frozen_goes_on(skinsback_sandbox, user, operator):
    deposit = deposits.create(user)
    players.freeze(user, operator, "chargeback")

    assert deposits.refresh(deposit).status == "pending"


def test_an_operator_may_buy_for_a_frozen_user(buyer, operator, site):
    site(PURCHASE_GAMES=(), LIMITS={"purchases": {"count": 1}})
    players.freeze(buyer, operator, "chargeback")

    assert len({buy(buyer, by=operator).pk, *(row.pk for row in buy_two(buyer, by=operator))}) == 3


def test_a_purchase_without_a_user_is_not_limited(site):
    site(PURCHASE_GAMES=(), LIMITS={"purchases": {"count": 1}})

    assert buy(None, charge=None).pk != buy(None, charge=None).pk


def test_another_user_is_not_frozen(buyer, operator, django_user_model):
    players.freeze(django_user_model.objects.create_user("bob"), operator, "chargeback")

    assert buy(buyer).pk


def test_a_switched_off_game_cannot_be_bought_or_deposited(skinsback_sandbox, buyer, site):
    site(PURCHASE_GAMES=("dota2",), DEPOSIT_GAMES=("rust",))

    with pytest.raises(GameSwitchedOff):
        buy(buyer, game="cs2")
    with pytest.raises(GameSwitchedOff):
        deposits.create(buyer, game="dota2")

    assert buy(buyer, game="dota2").pk
    assert deposits.create(buyer, game="rust").pk


def test_one_switched_off_game_refuses_a_whole_batch(buyer, site):
    site(PURCHASE_GAMES=("cs2",))
    items = [{"skin_id": "1", "game": "cs2", "max_price": 4}, {"skin_id": "2", "game": "rust", "max_price": 4}]

    with pytest.raises(GameSwitchedOff):
        purchases.buy_batch(user=buyer, trade_url=TRADE_URL, items=items)

    assert not Purchase.objects.exists()


def test_purchases_are_counted_but_not_those_that_skinsback_refused(buyer, operator, site):
    site(LIMITS={"purchases": {"count": 2}})
    make_purchase(user=buyer, status="refused")
    make_purchase(user=buyer, by=operator)
    make_purchase(user=buyer, status="timeout")

    buy(buyer)

    with pytest.raises(LimitReached, match="You can buy 2 skins a day"):
        buy(buyer)
    assert Purchase.objects.filter(status="requested", by=None).count() == 1


def test_a_batch_counts_as_many_purchases_as_it_has_skins(buyer, site):
    site(LIMITS={"purchases": {"count": 2}})
    buy(buyer)

    with pytest.raises(LimitReached):
        buy_two(buyer)

    site(LIMITS={"purchases": {"count": 3}})
    assert len(buy_two(buyer)) == 2


def test_charges_minus_refunds_of_today_and_the_new_charge_may_reach_the_limit_and_not_exceed_it(buyer, site):
    site(LIMITS={"purchases": {"sum": {"usd": Decimal(15)}}})
    refunded = make_purchase(user=buyer, status="timeout")
    entry(buyer, Decimal(-100), purchase=refunded)
    entry(buyer, Decimal(100), purchase=refunded)
    buy(buyer, charge="10")

    with pytest.raises(LimitReached, match="You can buy skins for up to 15 USD a day"):
        buy(buyer, charge="5.01")

    assert buy(buyer, charge="5").pk


def test_limits_are_compared_exactly_if_the_process_has_a_small_decimal_precision(skinsback_sandbox, buyer, site):
    site(LIMITS={"purchases": {"sum": {"usd": Decimal(1000)}}, "deposits": {"sum": {"usd": Decimal("1000.02")}}})
    entry(buyer, Decimal("-999.99"), purchase=make_purchase(user=buyer, status="accepted"))
    for amount in ("1000", "0.01"):
        entry(buyer, Decimal(amount), deposit=make_deposit(user=buyer, status="success"))

    with localcontext(prec=3):
        with pytest.raises(LimitReached):
            buy(buyer, charge="0.02")
        assert buy(buyer, charge="0.01").pk
        assert deposits.create(buyer).pk
        entry(buyer, Decimal("0.01"), deposit=make_deposit(user=buyer, status="success"))
        with pytest.raises(LimitReached):
            deposits.create(buyer)


def test_a_batch_is_limited_by_the_sum_of_its_charges(buyer, site):
    site(LIMITS={"purchases": {"sum": {"usd": Decimal("9.99")}}})

    with pytest.raises(LimitReached):
        buy_two(buyer)

    assert buy(buyer).pk


def test_a_charge_in_another_currency_is_not_limited(buyer, site):
    site(LIMITS={"purchases": {"sum": {"usd": Decimal(4)}}})

    assert buy(buyer, charge="5", currency="EUR").pk


def test_deposits_are_counted_but_not_those_that_skinsback_did_not_open(skinsback_sandbox, user, site):
    site(LIMITS={"deposits": {"count": 3}})
    make_deposit(user=user, status="abandoned", transaction_id=None)
    make_deposit(user=user, status="abandoned", transaction_id="77")
    make_deposit(user=user, status="fail")

    deposits.create(user)

    with pytest.raises(LimitReached, match="You can start 3 deposits a day"):
        deposits.create(user)
    assert Deposit.objects.count() == 4


def test_a_deposit_that_skinsback_refused_leaves_room_for_another(skinsback_sandbox, user, site, monkeypatch):
    site(LIMITS={"deposits": {"count": 1}})
    with monkeypatch.context() as patched:
        patched.setattr(SkinsBackClient, "create_deposit", raises(APIError.for_answer("create", 3, "wrong currency")))
        with pytest.raises(APIError):
            deposits.create(user)

    assert deposits.create(user).pk
    with pytest.raises(LimitReached):
        deposits.create(user)


def test_an_order_id_that_exists_does_not_use_up_the_limit(skinsback_sandbox, user, site, monkeypatch):
    site(LIMITS={"deposits": {"count": 1}})
    answers = [APIError.for_answer("create", 5, "order_id_already_exists")]
    create = SkinsBackClient.create_deposit

    def first_fails(*arguments, **options):
        if answers:
            raise answers.pop()
        return create(*arguments, **options)

    monkeypatch.setattr(SkinsBackClient, "create_deposit", first_fails)

    assert deposits.create(user).status == "pending"


def test_credits_minus_reversals_of_today_below_the_limit_leave_room_for_a_deposit(skinsback_sandbox, user, site):
    site(LIMITS={"deposits": {"sum": {"usd": Decimal(20)}}})
    deposit = make_deposit(user=user, status="hold_approved")
    entry(user, Decimal(20), deposit=deposit)

    with pytest.raises(LimitReached, match="You can deposit up to 20 USD a day"):
        deposits.create(user)

    entry(user, Decimal("-0.01"), deposit=deposit)
    assert deposits.create(user).pk


def test_the_day_is_a_day_of_the_time_zone_of_the_site(buyer, site, settings):
    settings.TIME_ZONE = "Pacific/Auckland"
    site(LIMITS={"purchases": {"count": 1}})
    midnight = datetime(2026, 3, 10, tzinfo=ZoneInfo("Pacific/Auckland"))
    with time_machine.travel(midnight - timedelta(minutes=1), tick=False):
        buy(buyer)
        with pytest.raises(LimitReached):
            buy(buyer)

    with time_machine.travel(midnight + timedelta(minutes=1), tick=False):
        assert guard.start_of_day().astimezone(UTC) == midnight.astimezone(UTC)
        assert buy(buyer).pk


def test_an_earlier_key_returns_its_purchase_although_the_limit_is_reached(buyer, site):
    site(LIMITS={"purchases": {"count": 1}})
    first = buy(buyer, idempotency_key="cart-7")

    assert buy(buyer, idempotency_key="cart-7").pk == first.pk


def test_the_message_names_the_limit_for_one_skin_too(buyer, site):
    site(LIMITS={"purchases": {"count": 1}})
    buy(buyer)

    with translation.override("en"), pytest.raises(LimitReached, match="You can buy 1 skin a day"):
        buy(buyer)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"deposits": {"count": 1}}, "You can start 1 deposit a day. Try again tomorrow."),
        ({"deposits": {"count": 2}}, "You can start 2 deposits a day. Try again tomorrow."),
        ({"deposits": {"sum": {"usd": Decimal("4.50")}}}, "You can deposit up to 4.5 USD a day. Try again tomorrow."),
        ({"purchases": {"count": 1}}, "You can buy 1 skin a day. Try again tomorrow."),
        ({"purchases": {"count": 2}}, "You can buy 2 skins a day. Try again tomorrow."),
        (
            {"purchases": {"sum": {"usd": Decimal("4.50")}}},
            "You can buy skins for up to 4.5 USD a day. Try again tomorrow.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_message_of_each_limit_names_the_limit(skinsback_sandbox, buyer, site, limits, message):
    site(LIMITS=limits)
    for _ in range(2):
        entry(buyer, Decimal(5), deposit=make_deposit(user=buyer, status="success"))
        make_purchase(user=buyer)

    with translation.override("en"), pytest.raises(LimitReached) as raised:
        deposits.create(buyer) if "deposits" in limits else buy(buyer)

    assert str(raised.value) == message


@pytest.fixture
def yesterday():
    """The last second of the day before."""
    return guard.start_of_day() - timedelta(seconds=1)


def test_deposits_of_other_users_and_of_yesterday_are_not_counted(skinsback_sandbox, user, operator, site, yesterday):
    site(LIMITS={"deposits": {"count": 1}})
    make_deposit(user=operator, status="pending")
    make_deposit(user=user, status="pending", created_at=yesterday)

    assert deposits.create(user).pk
    with pytest.raises(LimitReached):
        deposits.create(user)


def test_only_todays_credits_of_the_same_user_count(skinsback_sandbox, buyer, operator, site, yesterday):
    site(LIMITS={"deposits": {"sum": {"usd": Decimal(20)}}})
    entry(operator, Decimal(20), deposit=make_deposit(user=operator, status="success"))
    entry(buyer, Decimal(20), deposit=make_deposit(user=buyer, status="success"), created_at=yesterday)
    entry(buyer, Decimal(20), purchase=make_purchase(user=buyer, status="timeout"))

    assert deposits.create(buyer).pk

    entry(buyer, Decimal(20), deposit=make_deposit(user=buyer, status="success"))
    with pytest.raises(LimitReached):
        deposits.create(buyer)


def test_charges_of_a_purchase_do_not_make_room_for_deposits(skinsback_sandbox, buyer, site):
    site(LIMITS={"deposits": {"sum": {"usd": Decimal(20)}}})
    entry(buyer, Decimal(20), deposit=make_deposit(user=buyer, status="success"))
    buy(buyer, charge="15")

    with pytest.raises(LimitReached):
        deposits.create(buyer)


def test_purchases_of_other_users_are_not_counted(buyer, operator, site):
    site(LIMITS={"purchases": {"count": 1, "sum": {"usd": Decimal(5)}}})
    other = make_purchase(user=operator, status="timeout")
    entry(operator, Decimal(-5), purchase=other)

    assert buy(buyer, charge="5").pk


def test_a_limit_below_one_leaves_room_for_a_first_deposit_and_for_a_purchase_in_another_currency(
    skinsback_sandbox, buyer, site
):
    limit = {"sum": {"usd": Decimal("0.5")}}
    site(LIMITS={"deposits": limit, "purchases": limit})

    assert deposits.create(buyer).pk
    assert buy(buyer, charge="5", currency="EUR").pk
