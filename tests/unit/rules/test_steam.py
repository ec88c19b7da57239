"""Steam IDs and trade URLs."""

import contextlib
import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import InvalidInput, InvalidSteamID, InvalidTradeURL
from django_skinsback.steam import FIRST_STEAM_ID, GAMES, TradeURL, check_game, check_steam_id

URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"

partners = st.integers(min_value=1, max_value=2**32 - 1).map(str)
tokens = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=8, max_size=8)


@pytest.mark.parametrize(
    "text",
    [
        URL,
        f"  {URL}\n",
        "https://steamcommunity.com/tradeoffer/new?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?token=i1ArBZey&partner=90382795",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey&l=german",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey#top",
        "HTTPS://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "http://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "http://steamcommunity.com:80/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://www.steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://SteamCommunity.COM/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com:443/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com/TradeOffer/New/?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&amp;token=i1ArBZey",
        "steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "www.steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        f"My trade URL: {URL} Thanks!",
        f"trade-url:{URL}.",
        f"<{URL}>, please",
        f"({URL})",
        f'"{URL}"',
        f"[my URL]({URL})",
        f"\u200b{URL}\ufeff",
        f"{URL}\n{URL}",
        "from https://example.com/me to steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey;",
        f"https://steamcommunity.com/id/somebody {URL}",
    ],
)
def test_a_trade_url_is_read_as_users_paste_it(text):
    trade_url = TradeURL.parse(text)
    assert (trade_url.partner, trade_url.token) == ("90382795", "i1ArBZey")
    assert trade_url.steam_id == "76561198050648523"
    assert trade_url.url == URL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "90382795",
        "https://",
        "javascript://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "//steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com.evil.example/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://evil.example/steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com@evil.example/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://evil@steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com:8443/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com/id/somebody",
        "https://steamcommunity.com/tradeoffer/?partner=90382795&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795",
        "https://steamcommunity.com/tradeoffer/new/?token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&partner=1&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey&token=aaaaaaaa",
        "https://steamcommunity.com/tradeoffer/new/?partner=0&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=-1&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=090382795&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=4294967296&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=99999999999&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=1e5&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=\uff11\uff12\uff13&token=i1ArBZey",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZe",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey1",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZe%0A",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZe;",
        "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZeä",
        "https://[steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        URL + "&a=1" * 11,
    ],
)
def test_anything_else_is_refused_as_a_trade_url(text):
    with pytest.raises(InvalidTradeURL):
        TradeURL.parse(text)


EXAMPLE = "https://steamcommunity.com/tradeoffer/new/?partner=…&token=…"
NO_LINK = f"This is not a Steam trade URL. It looks like {EXAMPLE}"
ANOTHER_PAGE = f"The link leads to another page of Steam, which is not a trade URL. A trade URL looks like {EXAMPLE}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", NO_LINK),
        ("90382795", NO_LINK),
        ("https://:x/", NO_LINK),
        (
            URL.replace("steam", "stearn"),
            "The link is not a trade URL of steamcommunity.com: it leads to another site.",
        ),
        (
            URL.replace("steamcommunity.com", "steamcommunity.com@evil.example"),
            "The link is not a trade URL of steamcommunity.com: it leads to another site.",
        ),
        (
            URL.replace(".com", ".com:8443"),
            "The link is not a trade URL: it leads to another port of steamcommunity.com.",
        ),
        (
            "https://steamcommunity.com/profiles/76561198050648523/tradeoffers/privacy",
            ANOTHER_PAGE,
        ),
        ("steamcommunity.com", ANOTHER_PAGE),
        (URL.partition("&")[0], "The trade URL has no token. Copy the whole trade URL."),
        (URL.partition("?")[0], "The trade URL has no partner. Copy the whole trade URL."),
        (f"{URL}&partner=5", "The trade URL has more than one partner or token."),
        (f"{URL}&token=aaaaaaaa", "The trade URL has more than one partner or token."),
        (f"{URL} {URL.replace('903', '904')}", "The text contains more than one trade URL."),
        (URL[:-1], "The trade URL's token must be 8 letters, digits, '-' or '_'."),
        (URL.replace("903", "x"), "The trade URL's partner is not a Steam account number."),
    ],
)
def test_a_refused_trade_url_is_refused_with_the_right_reason(text, reason):
    with pytest.raises(InvalidTradeURL) as caught:
        TradeURL.parse(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize("value", [None, 5, b"https://steamcommunity.com/", ["x"]])
def test_anything_but_text_is_refused_as_a_trade_url(value):
    with pytest.raises(InvalidTradeURL):
        TradeURL.parse(value)


@given(st.text())
def test_any_text_is_a_trade_url_or_refused(text):
    with contextlib.suppress(InvalidTradeURL):
        TradeURL.parse(text)


@given(partners, tokens)
def test_a_trade_url_is_the_same_after_it_was_written_and_read(partner, token):
    trade_url = TradeURL(partner, token)
    assert TradeURL.parse(trade_url.url) == trade_url
    assert check_steam_id(trade_url.steam_id) == trade_url.steam_id
    assert int(trade_url.steam_id) - FIRST_STEAM_ID == int(partner)


def test_the_token_is_in_no_repr_and_no_message():
    trade_url = TradeURL.parse(URL)
    assert "i1ArBZey" not in repr(trade_url) + str(trade_url) + f"{trade_url}"
    assert "90382795" in repr(trade_url)
    with pytest.raises(InvalidTradeURL) as caught:
        TradeURL.parse(URL + "secret")
    assert "i1ArBZey" not in repr(caught.value)
    with pytest.raises(InvalidTradeURL) as caught:
        TradeURL("0", "i1ArBZey")
    assert "i1ArBZey" not in repr(caught.value)


def test_a_trade_url_is_a_value():
    trade_url = TradeURL.parse(URL)
    assert trade_url == pickle.loads(pickle.dumps(trade_url))
    assert len({trade_url, TradeURL.parse(URL)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        trade_url.partner = "1"


@pytest.mark.parametrize("text", ["76561198827262007", str(FIRST_STEAM_ID + 1), str(FIRST_STEAM_ID + 2**32 - 1)])
def test_a_steam_id_is_returned_unchanged(text):
    assert check_steam_id(text) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "7656119882726200",
        "765611988272620070",
        " 76561198827262007",
        "76561198827262007\n",
        "76561198827262007".translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),  # wide digits
        "STEAM_0:1:433498139",
        "00000000000000001",
        str(FIRST_STEAM_ID),
        str(FIRST_STEAM_ID + 2**32),
        76561198827262007,
        None,
        b"76561198827262007",
    ],
)
def test_anything_else_is_refused_as_a_steam_id(value):
    with pytest.raises(InvalidSteamID):
        check_steam_id(value)


def test_the_games_are_those_skinsback_trades():
    assert {code: (game.app_id, game.context_id) for code, game in GAMES.items()} == {
        "cs2": (730, 2),
        "dota2": (570, 2),
        "rust": (252490, 2),
    }


def test_an_unknown_game_is_refused_and_the_known_ones_are_named():
    assert [check_game(code) for code in GAMES] == list(GAMES)
    with pytest.raises(InvalidInput, match="cs2, dota2, rust"):
        check_game("csgo")
