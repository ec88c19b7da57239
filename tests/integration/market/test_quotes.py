"""What a skin costs a user here, and quotes: how they are made, what caps them, and when there is none."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import players
from django_skinsback.exceptions import (
    ConfigurationError,
    GameSwitchedOff,
    InvalidInput,
    LimitReached,
    NoPrice,
    UserFrozen,
)
from django_skinsback.flows.market import quotes
from django_skinsback.models import MarketItem, PriceListImport, Quote
from django_skinsback.models.fields import utc_now

pytestmark = [pytest.mark.django_db, pytest.mark.database]

KNIFE = "★ Karambit | Doppler (Factory New)"


@pytest.fixture
def site(settings):
    def change(**values):
        settings.SKINSBACK = {**settings.SKINSBACK, **values}

    return change


def hook(name):
    return f"{__name__}.{name}"


def eleven_tenths(price):
    return price * Decimal("1.1")


def nine_tenths(price):
    return price * Decimal("0.9")


def halved_cents(price):
    return (price / 2).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def never_above_fifty(price):
    return min(price * 2, Decimal(50))


def to_euro(usd):
    return usd * Decimal("0.9")


def to_usd(amount, currency):
    assert currency == "eur"
    return amount / Decimal("0.9")


def to_usd_at_a_bad_rate(amount, currency):
    return amount * Decimal("0.5")


def nothing(_amount):
    return None


def negative(amount):
    return -amount


def zero(_amount):
    return Decimal(0)


def astronomical(_amount):
    return Decimal("1E+40")


def plus_a_dollar(price):
    return price + 1


@pytest.fixture
def listed():
    """Import a list with one skin. Returns a function that changes its price."""
    now = timezone.now()
    PriceListImport.objects.create(game="cs2", imported_at=now)

    def change(price, **values):
        return MarketItem.objects.update_or_create(
            game="cs2", market_hash_name=KNIFE, defaults={"price": Decimal(price), "count": 3, **values}
        )[0]

    change("4.20")
    return change


class TestCharge:
    @pytest.mark.parametrize(
        ("price", "charge"),
        [("4.20", "4.20"), ("4.201", "4.21"), ("4.200001", "4.21"), ("0.001", "0.01"), ("0.000001", "0.01")],
    )
    def test_the_market_price_is_rounded_up_to_two_decimals(self, price, charge):
        assert quotes.charge_for(Decimal(price)) == Decimal(charge)

    def test_the_markup_is_part_of_it(self, site):
        site(PRICE_MARKUP=hook("eleven_tenths"))

        assert quotes.charge_for(Decimal("4.21")) == Decimal("4.64")

    def test_another_currency_is_converted_before_it_is_rounded(self, site):
        site(
            PRICE_MARKUP=hook("eleven_tenths"),
            QUOTE_CURRENCY="EUR",
            TO_SITE_CURRENCY=hook("to_euro"),
            TO_USD=hook("to_usd"),
        )

        assert quotes.charge_for(Decimal("4.21")) == Decimal("4.17")  # 4.1679

    def test_a_converted_amount_below_one_is_a_price(self, site):
        site(QUOTE_CURRENCY="eur", TO_SITE_CURRENCY=hook("to_euro"), TO_USD=hook("to_usd"))

        assert quotes.charge_for(Decimal("0.5")) == Decimal("0.45")

    def test_dollars_are_not_converted(self, site):
        site(QUOTE_CURRENCY="usd", TO_SITE_CURRENCY=hook("to_euro"))

        assert quotes.charge_for(Decimal("4.20")) == Decimal("4.20")

    @pytest.mark.parametrize("convert", [None, hook("nothing"), hook("negative"), hook("zero"), hook("astronomical")])
    def test_a_conversion_that_cannot_be_used_is_named(self, site, convert):
        site(QUOTE_CURRENCY="eur", TO_SITE_CURRENCY=convert)

        with pytest.raises(ConfigurationError, match="TO_SITE_CURRENCY"):
            quotes.charge_for(Decimal(1))


class TestCap:
    def test_it_is_the_market_price_and_the_slippage(self, site):
        site(PRICE_MARKUP=hook("eleven_tenths"), PRICE_SLIPPAGE=Decimal("0.05"))

        assert quotes.price_cap(Decimal(4), Decimal("4.40")) == Decimal("4.2")

    def test_it_is_not_above_buy_max_price(self, site):
        site(BUY_MAX_PRICE=Decimal("4.1"))

        assert quotes.price_cap(Decimal(4), Decimal(5)) == Decimal("4.1")

    def test_it_is_not_above_what_the_user_pays(self):
        assert quotes.price_cap(Decimal(4), Decimal("4.01")) == Decimal("4.01")

    def test_it_may_be_above_what_the_user_pays_where_a_loss_is_allowed(self, site):
        site(ALLOW_LOSS=True)

        assert quotes.price_cap(Decimal(4), Decimal("4.01")) == Decimal("4.12")

    def test_a_charge_in_another_currency_is_converted_to_dollars(self, site):
        site(QUOTE_CURRENCY="eur", TO_SITE_CURRENCY=hook("to_euro"), TO_USD=hook("to_usd"))

        assert quotes.price_cap(Decimal(4), Decimal("3.61")) == Decimal("4.011111")
        assert quotes.price_cap(Decimal(4), Decimal("3.61")) == Decimal("4.011111")
        assert quotes.price_cap(Decimal(4), Decimal("3.68")) == Decimal("4.088888")  # not rounded up to 4.088889

    def test_it_is_cut_off_after_six_decimals(self, site):
        site(PRICE_SLIPPAGE=Decimal("0.0000019"))

        assert quotes.price_cap(Decimal("1.000001"), Decimal(9)) == Decimal("1.000002")


def test_charge_cap_and_range_are_exact_if_the_process_has_a_small_decimal_precision(site):
    site(ALLOW_LOSS=True)
    price = Decimal("123.456789")
    with localcontext(prec=3):
        charge, cap = quotes.charge_for(price), quotes.price_cap(price, Decimal("123.46"))
        prices = quotes.price_range(Decimal("123.46"), Decimal("123.46"))

    assert (charge, cap) == (Decimal("123.46"), Decimal("127.160492"))
    assert prices == (Decimal("123.450001"), Decimal("123.46"))


class TestQuote:
    def test_a_quote_has_the_charge_the_cap_and_its_end(self, user, listed, site):
        site(PRICE_MARKUP=hook("eleven_tenths"), QUOTE_SECONDS=90)
        with time_machine.travel(timezone.now(), tick=False):
            quote = players.make_quote(user, "cs2", KNIFE)
            now = utc_now()

        stored = Quote.objects.get()
        assert stored == quote
        assert (stored.user, stored.game, stored.market_hash_name) == (user, "cs2", KNIFE)
        assert (stored.charge, stored.currency) == (Decimal("4.62"), "usd")
        assert (stored.market_price, stored.max_price) == (Decimal("4.20"), Decimal("4.326"))
        assert (stored.created_at, stored.expires_at) == (now, now + timedelta(seconds=90))
        assert (stored.purchase, stored.idempotency_digest) == (None, None)

    def test_a_quote_is_valid_for_exactly_the_set_seconds(self, user, listed, site):
        site(QUOTE_SECONDS=90)

        quote = players.make_quote(user, "cs2", KNIFE)

        assert quote.expires_at - quote.created_at == timedelta(seconds=90)

    def test_every_quote_is_another_row(self, user, listed):
        assert players.make_quote(user, "cs2", KNIFE).public_id != players.make_quote(user, "cs2", KNIFE).public_id

    @pytest.mark.parametrize("name", ["nothing like it", KNIFE.upper(), f"{KNIFE} ", ""])
    def test_a_name_that_is_not_listed_exactly_has_no_price(self, user, listed, name):
        with pytest.raises(NoPrice):
            players.make_quote(user, "cs2", name)

    def test_a_skin_that_is_not_available_any_more_has_no_price(self, user, listed):
        listed("4.20", available=False)

        with pytest.raises(NoPrice):
            players.make_quote(user, "cs2", KNIFE)

    def test_an_unknown_game_is_refused(self, user, listed):
        with pytest.raises(InvalidInput):
            players.make_quote(user, "csgo", KNIFE)

    def test_a_list_that_was_never_imported_has_no_price(self, user, listed):
        PriceListImport.objects.all().delete()

        with pytest.raises(NoPrice):
            players.make_quote(user, "cs2", KNIFE)

    def test_a_list_that_is_too_old_has_no_price(self, user, listed, site):
        site(PRICES_MAX_AGE=3600)
        imported_at = PriceListImport.objects.get().imported_at
        with time_machine.travel(imported_at + timedelta(hours=1), tick=False):
            assert players.make_quote(user, "cs2", KNIFE).pk
        with (
            time_machine.travel(imported_at + timedelta(hours=1, seconds=1), tick=False),
            pytest.raises(NoPrice),
        ):
            players.make_quote(user, "cs2", KNIFE)

    def test_the_age_of_another_games_list_does_not_matter(self, user, listed):
        PriceListImport.objects.create(game="rust", imported_at=timezone.now())
        PriceListImport.objects.filter(game="cs2").delete()

        with pytest.raises(NoPrice):
            players.make_quote(user, "cs2", KNIFE)

    @pytest.mark.parametrize(
        "values",
        [
            {"BUY_MAX_PRICE": Decimal("4.19")},
            {"PRICE_MARKUP": hook("nine_tenths")},
            {
                "QUOTE_CURRENCY": "eur",
                "TO_SITE_CURRENCY": hook("to_euro"),
                "TO_USD": hook("to_usd_at_a_bad_rate"),
            },
        ],
    )
    def test_a_skin_above_its_cap_has_no_price_and_nothing_is_saved(self, user, listed, site, values):
        site(**values)

        with pytest.raises(NoPrice):
            players.make_quote(user, "cs2", KNIFE)

        assert not Quote.objects.exists()

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"BUY_MAX_PRICE": Decimal("4.19")},
            {"PRICE_MARKUP": hook("eleven_tenths")},
            {"PRICE_MARKUP": hook("nine_tenths")},
            {"PRICE_MARKUP": hook("nine_tenths"), "ALLOW_LOSS": True},
            {"PRICE_MARKUP": hook("halved_cents"), "ALLOW_LOSS": True},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("price", ["4.20", "4.201", "0.004", "0.000001", "0"])
    def test_the_offered_charge_is_the_charge_of_the_quote_or_none_if_there_is_no_quote(
        self, user, listed, site, values, price
    ):
        site(**values)
        listed(price)
        try:
            quoted = players.make_quote(user, "cs2", KNIFE).charge
        except (NoPrice, ConfigurationError):
            quoted = None

        assert quotes.offered_charge(Decimal(price)) == quoted

    def test_a_skin_may_be_sold_at_a_loss_where_that_is_allowed(self, user, listed, site):
        site(PRICE_MARKUP=hook("nine_tenths"), ALLOW_LOSS=True)

        assert players.make_quote(user, "cs2", KNIFE).charge == Decimal("3.78")

    def test_a_skin_for_nothing_has_no_price(self, user, listed):
        listed("0")

        with pytest.raises(NoPrice):
            players.make_quote(user, "cs2", KNIFE)

    def test_a_skin_without_a_market_price_has_no_price_although_the_markup_makes_a_charge_of_it(
        self, user, listed, site
    ):
        site(PRICE_MARKUP=hook("plus_a_dollar"))
        listed("0")

        with pytest.raises(NoPrice):
            players.make_quote(user, "cs2", KNIFE)

    def test_who_cannot_buy_gets_no_quote(self, user, listed, site):
        site(LIMITS={"purchases": {"sum": {"usd": Decimal(4)}}})
        with pytest.raises(LimitReached):
            players.make_quote(user, "cs2", KNIFE)
        site(PURCHASE_GAMES=("rust",))
        with pytest.raises(GameSwitchedOff):
            players.make_quote(user, "cs2", KNIFE)
        players.freeze(user, None, "chargeback")
        with pytest.raises(UserFrozen):
            players.make_quote(user, "cs2", KNIFE)

        assert not Quote.objects.exists()


class TestPriceRange:
    @pytest.mark.parametrize("markup", [None, "eleven_tenths", "nine_tenths", "halved_cents", "never_above_fifty"])
    @pytest.mark.parametrize(
        ("lowest", "highest"), [("4", "5"), ("4.21", "4.21"), ("0", "0.01"), ("49.99", "50"), ("50.01", "900")]
    )
    def test_exactly_the_market_prices_whose_charge_is_in_the_range_are_found(self, site, markup, lowest, highest):
        site(PRICE_MARKUP=markup and hook(markup))
        lowest, highest = Decimal(lowest), Decimal(highest)

        first, last = quotes.price_range(lowest, highest)

        tick = Decimal("0.000001")
        near = {edge + step * tick for edge in (first, last) for step in range(-2, 3)}
        for price in {*near, *(Decimal(cents) / 100 for cents in range(1, 100_000, 97))}:
            if tick <= price <= 10**9:
                try:
                    charge = quotes.charge_for(price)
                except ConfigurationError:  # the markup rounds the price to zero
                    continue
                assert (first <= price <= last) == (lowest <= charge <= highest), price

    def test_no_limit_stays_no_limit(self):
        assert quotes.price_range(None, None) == (None, None)
        assert quotes.price_range(Decimal(4), None) == (Decimal(4) - Decimal("0.009999"), None)
        assert quotes.price_range(None, Decimal(4)) == (None, Decimal(4))

    def test_a_range_below_every_charge_has_no_market_price(self):
        assert quotes.price_range(None, Decimal(0)) == (None, Decimal(0))

    def test_the_search_needs_few_calls_of_the_markup(self, site, monkeypatch):
        calls = []
        monkeypatch.setattr(quotes, "charge_for", lambda price: calls.append(price) or price)

        quotes.price_range(Decimal(1), Decimal(100_000))

        assert len(calls) < 150
