"""Which skins are bought for names, quantities and caps, and how a charge is divided among them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.admin.buying.market import WantedSkin, choose
from django_skinsback.admin.buying.orders import split_charge
from django_skinsback.wire.types import Skin

D = Decimal


def wanted(name="Knife", quantity=1, cap="10", game="cs2"):
    return WantedSkin(game, name, quantity, D(cap))


def skin(skin_id, price, name="Knife"):
    return Skin(skin_id=str(skin_id), market_hash_name=name, price=D(price))


def chosen(*choices):
    return [[each.skin_id for each in choice.skins] for choice in choices]


class TestChoose:
    def test_the_cheapest_skins_are_chosen(self):
        found = [skin(1, "9"), skin(2, "7"), skin(3, "8")]
        assert chosen(*choose([wanted(quantity=2)], {"cs2": found})) == [["2", "3"]]

    def test_a_skin_that_is_listed_twice_is_chosen_once(self):
        (choice,) = choose([wanted(quantity=2)], {"cs2": [skin(1, "7"), skin(1, "7")]})
        assert chosen(choice) == [["1"]]
        assert choice.missing == 1
        assert choice.reasons == ["Only 1 is for sale."]

    def test_no_skin_is_chosen_for_two_lines(self):
        lines = [wanted(), wanted()]
        assert chosen(*choose(lines, {"cs2": [skin(1, "7"), skin(2, "8")]})) == [["1"], ["2"]]

    def test_a_name_that_only_contains_the_wanted_name_is_not_chosen(self):
        (choice,) = choose([wanted()], {"cs2": [skin(1, "7", "Knife of Gold"), skin(2, "7", "knife")]})
        assert chosen(choice) == [[]]
        assert choice.reasons == ["Not for sale at the moment."]

    def test_a_skin_above_its_cap_is_not_chosen(self):
        (choice,) = choose([wanted(quantity=3, cap="8")], {"cs2": [skin(1, "8"), skin(2, "8.01"), skin(3, "9")]})
        assert chosen(choice) == [["1"]]
        (reason,) = choice.reasons
        assert reason.replace("\N{NO-BREAK SPACE}", " ") == (
            "2 are too expensive: the cheapest of them costs 8.01 USD, and the price cap is 8.00 USD."
        )

    def test_both_reasons_are_given_if_there_are_too_few_and_one_is_too_expensive(self):
        (choice,) = choose([wanted(quantity=3, cap="8")], {"cs2": [skin(1, "8"), skin(2, "9")]})
        assert [reason.split()[0:2] for reason in choice.reasons] == [["Only", "2"], ["1", "is"]]
        assert choice.missing == 2

    def test_the_caps_of_all_chosen_skins_are_not_above_the_cap_in_all(self):
        lines = [wanted(quantity=3, cap="10"), wanted("Case", cap="4")]
        offers = {"cs2": [*(skin(number, "1") for number in range(3)), skin(9, "1", "Case")]}
        first, second = choose(lines, offers, D("24"))
        assert chosen(first, second) == [["0", "1"], ["9"]]
        assert first.reasons == ["1 is left out because of the total price cap."]
        assert chosen(*choose(lines, offers, D("23.99"))) == [["0", "1"], []]
        assert chosen(*choose(lines, offers, D("34"))) == [["0", "1", "2"], ["9"]]

    def test_a_game_that_could_not_be_searched_says_why_and_the_other_games_are_bought(self):
        lines = [wanted(), wanted(game="rust")]
        first, second = choose(lines, {"cs2": "SkinsBack is asleep.", "rust": [skin(1, "1")]})
        assert (first.reasons, chosen(second)) == (["SkinsBack is asleep."], [["1"]])

    @given(
        quantities=st.lists(st.integers(1, 5), min_size=1, max_size=4),
        caps=st.lists(st.integers(1, 9), min_size=4, max_size=4),
        prices=st.lists(st.integers(0, 9), max_size=12),
        total=st.none() | st.integers(0, 60),
    )
    def test_nothing_is_bought_twice_or_above_a_cap(self, quantities, caps, prices, total):
        lines = [wanted(quantity=count, cap=cap) for count, cap in zip(quantities, caps, strict=False)]
        choices = choose(lines, {"cs2": [skin(i, price) for i, price in enumerate(prices)]}, total and D(total))
        bought = [each for choice in choices for each in choice.skins]
        assert len({each.skin_id for each in bought}) == len(bought)
        for choice in choices:
            assert all(each.price <= choice.wanted.cap for each in choice.skins)
            assert len(choice.skins) <= choice.wanted.quantity
            assert bool(choice.reasons) == bool(choice.missing)
        if total:
            assert sum(choice.wanted.cap * len(choice.skins) for choice in choices) <= total


class TestSplitCharge:
    @pytest.mark.parametrize(
        ("amount", "prices", "shares"),
        [
            ("10", ["1", "1", "1"], ["3.34", "3.33", "3.33"]),
            ("10", ["7.50", "2.50"], ["7.50", "2.50"]),
            ("0.01", ["1", "2"], ["0", "0.01"]),
            ("0.000003", ["1", "1"], ["0.000002", "0.000001"]),
            ("1", ["0", "0"], ["0.5", "0.5"]),
            ("5", ["3"], ["5"]),
        ],
    )
    def test_shares_are_in_proportion_to_the_prices(self, amount, prices, shares):
        assert split_charge(D(amount), [D(price) for price in prices]) == [D(share) for share in shares]

    @given(
        amount=st.integers(1, 10**14),
        prices=st.lists(st.integers(0, 10**12), min_size=1, max_size=50),
        decimals=st.sampled_from([0, 2, 4, 6]),
    )
    def test_the_sum_is_exact_and_no_share_is_off_by_more_than_one_unit(self, amount, prices, decimals):
        whole = D(amount).scaleb(-decimals)
        weights = [D(price).scaleb(-6) for price in prices]
        shares = split_charge(whole, weights)
        assert sum(shares) == whole
        unit = D("0.01") if whole == whole.quantize(D("0.01")) else D("0.000001")
        total = sum(weights)
        for share, weight in zip(shares, weights, strict=True):
            assert share >= 0
            assert share == share.quantize(D("0.000001"))
            if total:
                assert abs(share - whole * weight / total) < unit
