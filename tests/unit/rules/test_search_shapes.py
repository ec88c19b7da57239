import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.admin.finding.shapes import can_be_name, range_of, steam_id_of, uuid_of

HEX_DIGITS = "0123456789abcdef"


@given(st.text(HEX_DIGITS + "-", min_size=6, max_size=32), st.text(HEX_DIGITS + "-", max_size=32))
def test_each_id_with_the_beginning_is_in_the_range(beginning, rest):
    limits = range_of(beginning)
    if limits is None:
        assert not beginning.strip("-")
        return
    assert limits[0] <= beginning + rest < limits[1]


@given(st.text("0123456789", min_size=6, max_size=20), st.text("0123456789", max_size=20))
def test_a_range_of_digits_ends_before_the_next_beginning(beginning, rest):
    lowest, limit = range_of(beginning)
    following = str(int("1" + beginning) + 1)[1:]
    if following > beginning:
        assert not lowest <= following + rest < limit


@pytest.mark.parametrize("text", ["12345", "abc", "redline", "order_1", "------", "", "Ⅷ٣٤٥٦٧", "12345%", "zzzzzz"])
def test_other_texts_are_no_beginning_of_an_id(text):
    assert range_of(text) is None


@pytest.mark.parametrize(
    ("text", "steam_id"),
    [
        ("76561198050648523", "76561198050648523"),
        ("https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey", "76561198050648523"),
        ("www.steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey", "76561198050648523"),
        ("https://steamcommunity.com/tradeoffer/new/?partner=90382795", ""),
        ("https://other.example/tradeoffer/new/?partner=90382795&token=i1ArBZey", ""),
        ("7656119805064852", ""),
        ("765611980506485231", ""),
        ("alice", ""),
    ],
)
def test_a_steam_id_and_a_whole_trade_url_name_a_steam_account(text, steam_id):
    assert steam_id_of(text) == steam_id


def test_a_public_id_is_a_uuid_with_or_without_hyphens():
    text = "0190b3c5-7b1e-7d3a-8f10-1a2b3c4d5e6f"
    assert uuid_of(text) == uuid_of(text.replace("-", ""))
    assert uuid_of(text) is not None
    assert uuid_of(text[:-1]) is None
    assert uuid_of("alice") is None


@pytest.mark.parametrize("text", ["redline", "AK-47 Redline", "facade", "★ Karambit", "龙王狙"])
def test_words_can_be_the_name_of_a_skin(text):
    assert can_be_name(text)


@pytest.mark.parametrize(
    "text",
    ["48000000", "ab", "a1b2c3d4", "alice@shop.example", "https://steamcommunity.com/id/alice", "76561198050648523"],
)
def test_ids_and_addresses_are_no_name_of_a_skin(text):
    assert not can_be_name(text)
