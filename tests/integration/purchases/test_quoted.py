"""Buying at a quote: once, for its user, at its charge, and never when it has expired or the price has risen."""

import uuid
from datetime import timedelta
from decimal import ROUND_UP, Decimal

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from django_skinsback import players, purchases
from django_skinsback.exceptions import (
    IdempotencyConflict,
    LimitReached,
    NoPrice,
    PriceChanged,
    PurchaseVetoed,
    TradeURLMissing,
    UserFrozen,
)
from django_skinsback.flows.ledger.idempotency import key_digest
from django_skinsback.flows.purchases import quoted
from django_skinsback.models import LedgerEntry, MarketItem, PriceListImport, Purchase, Quote, SteamProfile
from django_skinsback.models.fields import utc_now
from django_skinsback.signals import entry_posted
from django_skinsback.wire.types import PurchaseReport
from tests.wallet.models import Wallet

from ...support.meanwhile import after_first_search_by

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def site(settings):
    def change(**values):
        settings.SKINSBACK = {**settings.SKINSBACK, **values}

    return change


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


@pytest.fixture
def buyer(user, clock):
    Wallet.objects.create(user=user, balance=1000)
    players.set_trade_url(user, TRADE_URL)
    PriceListImport.objects.create(game="cs2", imported_at=timezone.now())
    for name, price in (("Knife", "4.20"), ("Gloves", "9")):
        MarketItem.objects.create(game="cs2", market_hash_name=name, price=Decimal(price), count=3)
    return user


@pytest.fixture
def quote(buyer):
    return players.make_quote(buyer, "cs2", "Knife")


@pytest.fixture
def veto():
    """Receivers of ``entry_posted`` that the test connects."""
    connected = []

    def connect(receiver):
        entry_posted.connect(receiver, weak=False)
        connected.append(receiver)

    yield connect
    for receiver in connected:
        entry_posted.disconnect(receiver)


def reprice(price, name="Knife"):
    MarketItem.objects.filter(market_hash_name=name).update(price=Decimal(price))


def nothing_is_saved():
    assert not Purchase.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert Wallet.objects.get().balance == 1000
    return True


def test_a_quote_buys_at_its_charge_and_its_cap(buyer, quote):
    purchase = players.buy_quote(buyer, quote.public_id)

    stored = Purchase.objects.get()
    assert stored == purchase
    assert (stored.user, stored.by, stored.game, stored.market_hash_name) == (buyer, None, "cs2", "Knife")
    assert (stored.charge_amount, stored.charge_currency) == (Decimal("4.20"), "usd")
    assert (stored.max_price, stored.token) == (quote.max_price, "i1ArBZey")
    assert Quote.objects.get().purchase == purchase
    assert Wallet.objects.get().balance == Decimal("995.8")


def test_a_quote_buys_a_skin_of_its_game_also_if_another_game_is_the_default(buyer):
    PriceListImport.objects.create(game="rust", imported_at=timezone.now())
    MarketItem.objects.create(game="rust", market_hash_name="Knife", price=Decimal("4.20"), count=3)
    quote = players.make_quote(buyer, "rust", "Knife")

    assert players.buy_quote(buyer, quote.public_id).game == "rust"


def test_a_quote_that_has_lost_its_purchase_does_not_buy_again(buyer, quote):
    first = players.buy_quote(buyer, quote.public_id)
    Quote.objects.update(purchase=None)

    assert players.buy_quote(buyer, quote.public_id) == first
    assert Wallet.objects.get().balance == Decimal("995.8")


def test_a_quote_whose_cap_is_exactly_the_highest_price_buys(buyer, site):
    site(BUY_MAX_PRICE=Decimal("4.20"), PRICE_MARKUP=f"{__name__}.plus_a_dollar")
    quote = players.make_quote(buyer, "cs2", "Knife")

    assert quote.max_price == Decimal("4.20")
    assert players.buy_quote(buyer, quote.public_id).max_price == Decimal("4.20")


def test_a_quote_that_is_deleted_while_it_is_checked_buys_nothing(buyer, quote, monkeypatch):
    def delete(_quote):
        Quote.objects.all().delete()
        return True

    monkeypatch.setattr(quoted, "is_still_offered", delete)

    with pytest.raises(Quote.DoesNotExist):
        players.buy_quote(buyer, quote.public_id)

    assert nothing_is_saved()


def test_the_public_id_may_be_text(buyer, quote):
    assert players.buy_quote(buyer, str(quote.public_id)).pk


def whole_dollars(price):
    return price.quantize(Decimal(1), rounding=ROUND_UP)


def test_a_market_price_above_the_cap_is_a_new_quote_even_if_the_charge_is_the_same(buyer, site):
    site(PRICE_MARKUP=f"{__name__}.whole_dollars")
    quote = players.make_quote(buyer, "cs2", "Knife")
    reprice("4.90")
    with pytest.raises(PriceChanged) as caught:
        players.buy_quote(buyer, quote.public_id)
    assert nothing_is_saved()
    assert caught.value.quote.charge == quote.charge == 5
    assert caught.value.quote.max_price > quote.max_price


def test_a_second_click_returns_the_same_purchase_with_its_current_status(buyer, quote):
    first = players.buy_quote(buyer, quote.public_id, idempotency_key="a")
    purchases.record_report(PurchaseReport(status="waiting_accept", custom_id=first.custom_id), "poll")

    for key in ("a", "b", ""):
        again = players.buy_quote(buyer, quote.public_id, idempotency_key=key)
        assert (again.pk, again.status) == (first.pk, "waiting_accept")

    assert LedgerEntry.objects.count() == 1


def test_a_quote_that_has_bought_returns_its_purchase_whatever_has_changed_since(buyer, quote, clock, site):
    first = players.buy_quote(buyer, quote.public_id)
    clock.shift(timedelta(days=2))
    reprice(100)
    PriceListImport.objects.all().delete()
    SteamProfile.objects.all().delete()
    players.freeze(buyer, None, "chargeback")
    site(LIMITS={"purchases": {"count": 1}}, PURCHASE_GAMES=())

    assert players.buy_quote(buyer, quote.public_id) == first


def test_another_user_can_neither_buy_nor_see_a_purchase_by_it(buyer, quote, operator):
    with pytest.raises(Quote.DoesNotExist):
        players.buy_quote(operator, quote.public_id)
    assert nothing_is_saved()
    players.buy_quote(buyer, quote.public_id)

    with pytest.raises(Quote.DoesNotExist):
        players.buy_quote(operator, quote.public_id)


UNKNOWN = uuid.UUID(int=1)  # the same in every process that runs the tests


@pytest.mark.parametrize("unknown", [UNKNOWN, str(UNKNOWN), "7", ""])
def test_an_unknown_quote_buys_nothing(buyer, unknown):
    with pytest.raises(Quote.DoesNotExist):
        players.buy_quote(buyer, unknown)

    assert nothing_is_saved()


def test_a_key_that_was_used_for_another_quote_is_a_conflict(buyer, quote):
    other = players.make_quote(buyer, "cs2", "Gloves")
    players.buy_quote(buyer, quote.public_id, idempotency_key="a")

    with pytest.raises(IdempotencyConflict):
        players.buy_quote(buyer, other.public_id, idempotency_key="a")

    assert Purchase.objects.count() == 1
    assert players.buy_quote(buyer, other.public_id, idempotency_key="b").market_hash_name == "Gloves"


def test_a_key_that_was_used_for_another_quote_is_a_conflict_also_for_a_quote_that_has_bought(buyer, quote):
    other = players.make_quote(buyer, "cs2", "Gloves")
    players.buy_quote(buyer, quote.public_id, idempotency_key="a")
    players.buy_quote(buyer, other.public_id, idempotency_key="b")

    with pytest.raises(IdempotencyConflict):
        players.buy_quote(buyer, other.public_id, idempotency_key="a")


def test_if_another_request_uses_the_key_meanwhile_it_is_a_conflict_and_nothing_is_charged(buyer, quote):
    gloves = players.make_quote(buyer, "cs2", "Gloves")

    with (
        after_first_search_by(
            "idempotency_digest", lambda: players.buy_quote(buyer, gloves.public_id, idempotency_key="k")
        ),
        pytest.raises(IdempotencyConflict),
    ):
        players.buy_quote(buyer, quote.public_id, idempotency_key="k")

    assert Purchase.objects.get().market_hash_name == "Gloves"
    assert LedgerEntry.objects.get().amount == -9
    gloves.refresh_from_db()
    assert gloves.idempotency_digest == key_digest("quotes", buyer, "k")  # found by every later version


def test_two_users_may_have_the_same_key(buyer, quote, operator):
    Wallet.objects.create(user=operator, balance=1000)
    players.set_trade_url(operator, TRADE_URL)
    other = players.make_quote(operator, "cs2", "Knife")

    first = players.buy_quote(buyer, quote.public_id, idempotency_key="a")

    assert players.buy_quote(operator, other.public_id, idempotency_key="a") != first


def test_the_key_of_a_refused_attempt_may_be_used_for_the_new_quote(buyer, quote, clock):
    clock.shift(timedelta(seconds=121))
    with pytest.raises(PriceChanged) as raised:
        players.buy_quote(buyer, quote.public_id, idempotency_key="a")

    assert players.buy_quote(buyer, raised.value.quote.public_id, idempotency_key="a").pk


def test_an_expired_quote_buys_nothing_and_a_new_one_is_offered(buyer, quote, clock):
    clock.shift(timedelta(seconds=120))

    with pytest.raises(PriceChanged) as raised:
        players.buy_quote(buyer, quote.public_id)

    assert nothing_is_saved()
    new = raised.value.quote
    assert new.public_id != quote.public_id
    assert (new.charge, new.expires_at) == (quote.charge, utc_now() + timedelta(seconds=120))
    assert players.buy_quote(buyer, new.public_id).charge_amount == new.charge


def test_a_quote_buys_until_its_last_second(buyer, quote, clock):
    clock.shift(timedelta(seconds=119))

    assert players.buy_quote(buyer, quote.public_id).pk


def test_a_price_that_has_risen_buys_nothing_and_the_new_price_is_offered(buyer, quote):
    reprice("4.21")

    with pytest.raises(PriceChanged) as raised:
        players.buy_quote(buyer, quote.public_id)

    assert nothing_is_saved()
    assert raised.value.quote.charge == Decimal("4.21")


def test_a_price_that_has_fallen_buys_at_the_quote(buyer, quote):
    reprice("4.10")

    assert players.buy_quote(buyer, quote.public_id).charge_amount == Decimal("4.20")


def test_a_quote_in_another_currency_than_the_sites_now_buys_nothing(buyer, quote, site):
    site(QUOTE_CURRENCY="eur", TO_SITE_CURRENCY="decimal.Decimal", TO_USD=f"{__name__}.as_dollars")

    with pytest.raises(PriceChanged) as raised:
        players.buy_quote(buyer, quote.public_id)

    assert raised.value.quote.currency == "eur"


def as_dollars(amount, _currency):
    return amount


def test_a_cap_that_has_become_too_high_buys_nothing(buyer, quote, site):
    site(BUY_MAX_PRICE=Decimal("4.20"), PRICE_MARKUP=f"{__name__}.plus_a_dollar")
    quote = players.make_quote(buyer, "cs2", "Knife")
    site(BUY_MAX_PRICE=Decimal("4.19"))

    with pytest.raises(NoPrice):
        players.buy_quote(buyer, quote.public_id)

    assert nothing_is_saved()


def plus_a_dollar(price):
    return price + 1


@pytest.mark.parametrize("change", ["gone", "old"])
def test_without_a_price_nothing_is_bought(buyer, quote, change):
    if change == "gone":
        MarketItem.objects.update(available=False)
    else:
        PriceListImport.objects.update(imported_at=timezone.now() - timedelta(days=1))

    with pytest.raises(NoPrice):
        players.buy_quote(buyer, quote.public_id)

    assert nothing_is_saved()
    assert Quote.objects.count() == 1


def test_a_veto_saves_nothing_and_the_quote_can_still_buy(buyer, quote, veto):
    reasons = [PurchaseVetoed("insufficient_balance", "You need 1.20 more.")]

    def refuse(**_kwargs):
        if reasons:
            raise reasons.pop()

    veto(refuse)

    with pytest.raises(PurchaseVetoed, match=r"You need 1\.20 more") as raised:
        players.buy_quote(buyer, quote.public_id, idempotency_key="a")

    assert raised.value.code == "insufficient_balance"
    assert nothing_is_saved()
    stored = Quote.objects.get()
    assert (stored.purchase, stored.idempotency_digest) == (None, None)
    assert players.buy_quote(buyer, quote.public_id, idempotency_key="a").pk


@pytest.mark.parametrize("error", [LookupError("anything"), IntegrityError("the site's own constraint")])
def test_any_other_exception_passes_unchanged_and_everything_is_rolled_back(buyer, quote, veto, error):
    def fail(**_kwargs):
        raise error

    veto(fail)

    with pytest.raises(type(error)) as raised:
        players.buy_quote(buyer, quote.public_id, idempotency_key="a")

    assert raised.value is error
    assert nothing_is_saved()
    assert Quote.objects.get().purchase is None


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_vetoes_by_a_constraint_of_its_own_table_is_called_once(buyer, quote, veto):
    calls = []

    def fail(**_kwargs):
        calls.append("call")
        raise IntegrityError("the site's own constraint")

    veto(fail)

    with pytest.raises(IntegrityError):
        players.buy_quote(buyer, quote.public_id)

    assert calls == ["call"]
    assert nothing_is_saved()


def test_without_a_trade_url_nothing_is_bought(buyer, quote):
    SteamProfile.objects.all().delete()

    with pytest.raises(TradeURLMissing):
        players.buy_quote(buyer, quote.public_id)

    assert nothing_is_saved()


def test_a_user_who_was_frozen_after_the_quote_buys_nothing(buyer, quote):
    players.freeze(buyer, None, "chargeback")

    with pytest.raises(UserFrozen):
        players.buy_quote(buyer, quote.public_id)

    assert nothing_is_saved()


def test_two_quotes_against_a_limit_for_one_buy_one(buyer, quote, site):
    other = players.make_quote(buyer, "cs2", "Gloves")
    site(LIMITS={"purchases": {"count": 1}})
    players.buy_quote(buyer, quote.public_id)

    with pytest.raises(LimitReached):
        players.buy_quote(buyer, other.public_id)

    assert Purchase.objects.count() == 1


def test_inside_a_database_transaction_of_the_caller_a_rollback_undoes_the_purchase_and_the_link(buyer, quote):
    with transaction.atomic():
        players.buy_quote(buyer, quote.public_id)
        transaction.set_rollback(True)

    assert nothing_is_saved()
    assert players.buy_quote(buyer, quote.public_id).pk
