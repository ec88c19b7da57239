"""The page to choose skins from the own Steam inventory."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from django_skinsback import players
from django_skinsback.models import Deposit, SteamProfile
from tests.integration.pages.conftest import STEAM_ID, problem_in

pytestmark = pytest.mark.django_db

PAGE = "/skins/deposit/inventory/?game=cs2"


@pytest.fixture
def skins(world, profile):
    """The skins that the player owns, as the sandbox knows them."""
    return [asset for asset in world.sandbox.inventory(STEAM_ID) if asset.game == "cs2"]


def choose(player, *asset_ids, key=None, url=PAGE):
    return player.post(url, {"key": key or player.key(url), "item": asset_ids})


def names(text):
    return [name.replace("&#x27;", "'") for name in re.findall(r'data-skinsback-name="([^"]*)"', text)]


def test_every_skin_is_listed_with_what_is_credited_for_it(player, skins):
    text = player.read(PAGE)
    assert sorted(names(text)) == sorted(skin.market_hash_name for skin in skins)
    for skin in skins:
        assert (f'value="{skin.asset_id}"' in text) is skin.tradable
    usable = [float(price) for price in re.findall(r'data-skinsback-price="([\d.]+)">\s*<label', text)]
    assert usable == sorted(usable, reverse=True)
    assert f"${usable[0]:.2f}" in text


def test_skins_that_cannot_be_traded_now_are_last_and_say_so(player, skins):
    skins[0].tradable = False
    text = player.read(PAGE)
    assert names(text)[-1] == skins[0].market_hash_name
    assert "Not tradable now" in text
    assert f'value="{skins[0].asset_id}"' not in text


def test_skins_that_skinsback_does_not_accept_say_so(player, skins, monkeypatch):
    from django_skinsback.pages.views import inventory as view

    load = view.get_inventory

    def with_one_refused(user, game):
        from msgspec.structs import replace

        found = load(user, game)
        return replace(found, items=[replace(found.items[0], is_tradable=True, is_accepted=False), *found.items[1:]])

    monkeypatch.setattr(view, "get_inventory", with_one_refused)
    assert player.read(PAGE).count("Not accepted") == 1


def test_the_search_finds_words_in_any_order(player, skins):
    wanted = skins[0].market_hash_name
    query = " ".join(reversed(re.findall(r"\w+", wanted)[:2])).upper()
    found = names(player.read(f"{PAGE}&q={query.replace(' ', '+')}"))
    assert wanted in found
    assert len(found) < len(skins)


def test_a_search_without_a_match_leads_back(player, skins):
    text = player.read(f"{PAGE}&q=nothing+at+all")
    assert "None of your skins matches." in text
    assert 'href="/skins/deposit/inventory/?game=cs2"' in text


@pytest.mark.parametrize(("sort", "key"), [("price", 0), ("name", 1)])
def test_the_order_is_chosen(player, skins, sort, key):
    text = player.read(f"{PAGE}&sort={sort}")
    shown = re.findall(r'data-skinsback-name="([^"]*)" data-skinsback-price="([^"]*)">\s*<label', text)
    keys = [(float(price), name.casefold())[key] for name, price in shown]
    assert keys == sorted(keys)


def test_the_chosen_skins_become_a_deposit_with_a_trade_offer(world, player, skins):
    first, second = [skin for skin in skins if skin.tradable][:2]
    answer = choose(player, first.asset_id, second.asset_id)
    deposit = Deposit.objects.get()
    assert answer["Location"] == f"/skins/deposit/{deposit.public_id}/"
    text = player.read(answer["Location"])
    assert f"https://steamcommunity.com/tradeoffer/{deposit.trade_offer_id}/" in text
    assert deposit.bot_name in text
    assert deposit.bot_steam_id in text
    assert "10 minutes left" in text or "9 minutes left" in text
    assert f'data-skinsback-countdown="{deposit.trade_offer_expires_at:%Y-%m-%dT%H:%M}' in text


def test_a_second_click_or_a_reload_opens_no_second_deposit(world, player, skins):
    usable = [skin.asset_id for skin in skins if skin.tradable][:2]
    key = player.key(PAGE)
    first, second = choose(player, *usable, key=key), choose(player, *reversed(usable), key=key)
    assert first["Location"] == second["Location"]
    assert choose(player, *usable)["Location"] == first["Location"]
    assert Deposit.objects.count() == 1


def test_after_the_trade_offer_has_expired_the_same_skins_can_be_chosen_again(world, player, skins):
    usable = [skin.asset_id for skin in skins if skin.tradable][:2]
    first = choose(player, *usable)
    Deposit.objects.update(trade_offer_expires_at=timezone.now() - timedelta(seconds=1))
    assert choose(player, *usable)["Location"] != first["Location"]
    assert Deposit.objects.count() == 2


def test_after_a_lost_answer_the_page_of_the_deposit_waits(world, player, skins):
    world.sandbox.lose_answer("create_from_user_inventory")
    usable = [skin.asset_id for skin in skins if skin.tradable][:3]
    key = player.key(PAGE)
    first = choose(player, *usable, key=key)
    assert "Opening your deposit" in player.get(first["Location"], follow=True).content.decode()
    choose(player, *usable, key=key)
    assert Deposit.objects.count() == 1


def test_without_a_choice_the_form_says_what_to_do(player, skins):
    answer = choose(player)
    assert not Deposit.objects.exists()
    assert "Choose at least one skin." in answer.content.decode()


def test_odd_items_are_refused_and_the_choice_is_kept(player, skins):
    usable = next(skin.asset_id for skin in skins if skin.tradable)
    answer = choose(player, usable, "<script>")
    text = answer.content.decode()
    assert "Choose the skins again." in text
    assert f'value="{usable}" checked' in text
    assert not Deposit.objects.exists()


def test_too_little_value_is_explained(world, player, skins):
    world.sandbox.faults.add("error", "create_from_user_inventory", value="6 deposit_amount_less_minimum")
    usable = next(skin.asset_id for skin in skins if skin.tradable)
    answer = choose(player, usable)
    text = answer.content.decode()
    assert problem_in(answer) == "deposit_too_small"
    assert "minimum deposit" in text
    assert "Choose another skin" not in text  # the player chooses more on the same page
    assert f'value="{usable}" checked' in text


def test_without_a_trade_url_the_page_leads_to_its_form_and_back(world, player):
    answer = player.get(PAGE)
    assert problem_in(answer) == "trade_url_missing"
    assert 'href="/skins/trade-url/?next=%2Fskins%2Fdeposit%2Finventory%2F%3Fgame%3Dcs2"' in answer.content.decode()


def test_a_broken_trade_url_leads_to_its_form(world, player, profile):
    SteamProfile.objects.update(broken_at=profile.updated_at, broken_reason="invalid_token_value")
    answer = player.get(PAGE)
    assert problem_in(answer) == "trade_url_broken"
    assert "does not work any more" in answer.content.decode()
    assert "/skins/trade-url/?next=" in answer.content.decode()


@pytest.mark.parametrize(
    ("fault", "value", "text", "link"),
    [
        ("maintenance", "", "under maintenance", PAGE),
        ("rate_limited", "", "not available at the moment", PAGE),
        ("drop_request", "", "not available at the moment", PAGE),
        ("error", "9 private_inventory", "Make the inventory public", "https://steamcommunity.com/my/edit/settings"),
        ("error", "9 user_trade_ban", "trade ban", None),
        ("error", "9 user_cant_trade", "cannot trade at the moment", PAGE),
        ("invalid_ip", "", "not available at the moment", PAGE),
    ],
)
def test_every_error_of_the_inventory_has_its_words_and_its_way_out(world, player, profile, fault, value, text, link):
    world.sandbox.faults.add(fault, "user_inventory", times=None, value=value)
    answer = player.get(PAGE)
    shown = answer.content.decode()
    assert problem_in(answer)
    assert text in shown
    assert 'href="/skins/deposit/"' in shown
    if link:
        assert f'href="{link}"' in shown


def test_an_inventory_that_was_loaded_a_moment_ago_says_to_wait(world, player, profile):
    player.read(PAGE)
    answer = player.get(PAGE.replace("cs2", "rust"))
    assert problem_in(answer) == "inventory_busy"
    assert "Wait a few seconds" in answer.content.decode()


def test_an_empty_inventory_says_that_it_may_be_private(world, player, profile):
    world.sandbox.inventory(STEAM_ID).clear()
    text = player.read(PAGE)
    assert "or it is private" in text
    assert "https://steamcommunity.com/my/edit/settings" in text


def test_a_switched_off_game_leads_to_others(player, profile, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "DEPOSIT_GAMES": ("rust",)}
    answer = player.get(PAGE)
    assert problem_in(answer) == "game_switched_off"
    assert "?game=rust" in answer.content.decode()
    answer = choose(player, "1", key="4a9a4e5e-52cd-4d35-8a38-7c9a2f9c1c11")
    assert problem_in(answer) == "game_switched_off"


@pytest.mark.parametrize("game", ["chess", "<b>", "cs2"])
def test_an_unknown_game_is_refused_in_words(player, profile, game, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "DEPOSIT_GAMES": ("rust",)}
    assert problem_in(player.get(f"/skins/deposit/inventory/?game={game}")) == "game_switched_off"


def test_with_a_credit_function_there_is_no_total(world, player, skins, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "tests.integration.pages.test_inventory_page.credit"}
    text = player.read(PAGE)
    assert "data-skinsback-sum" not in text
    assert "$" not in text.split('class="skinsback-skins"')[1].split("</ul>")[0]


def credit(_deposit):
    raise AssertionError("not called by a page")


def test_a_frozen_user_reads_why(world, player, skins, user):
    players.freeze(user, None, "chargebacks")
    answer = choose(player, next(skin.asset_id for skin in skins if skin.tradable))
    assert problem_in(answer) == "user_frozen"
    assert "Contact the support" in answer.content.decode()


def test_a_trade_url_refused_by_skinsback_is_explained(world, player, skins):
    world.sandbox.faults.add("error", "create_from_user_inventory", value="2 invalid_steam_id")
    answer = choose(player, next(skin.asset_id for skin in skins if skin.tradable))
    assert "Check your trade URL" in answer.content.decode()
    assert "/skins/trade-url/?next=" in answer.content.decode()
