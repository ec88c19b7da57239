"""Purchases change their status on the sandbox's clock."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from django_skinsback.sandbox import CLIENT_ID, Impossible
from django_skinsback.sandbox.simulation.outcomes import ERROR_REASONS, OUTCOMES, TOKEN_OUTCOMES, TOKEN_REASONS
from tests.unit.sandbox import DAY, PARTNER, START, TOKEN, buy, call


def test_a_purchase_changes_its_status_as_the_clock_moves(sandbox):
    purchase = buy(sandbox)
    assert purchase.status == "creating_trade"
    sandbox.clock.advance(seconds=2)
    assert (purchase.status, bool(purchase.trade_offer_id)) == ("waiting_accept", True)
    sandbox.clock.advance(seconds=5)
    assert (purchase.status, purchase.in_hold) == ("accepted", True)
    info = call(sandbox, "market_getinfo", buy_id=purchase.buy_id)
    assert (info["in_hold"], info["in_hold_until"]) == (True, str(START + 7 + 8 * DAY))
    sandbox.clock.advance(days=8)
    assert call(sandbox, "market_getinfo", buy_id=purchase.buy_id)["in_hold"] is False


def test_a_long_jump_of_the_clock_runs_every_step_at_its_own_time(sandbox):
    purchase = buy(sandbox)
    sandbox.clock.advance(days=30)
    assert purchase.history == [("creating_trade", START), ("waiting_accept", START + 2), ("accepted", START + 7)]


def test_purchases_of_other_games_have_no_hold(sandbox):
    purchase = buy(sandbox, game="rust")
    sandbox.clock.advance(seconds=7)
    assert "in_hold" not in call(sandbox, "market_getinfo", buy_id=purchase.buy_id)


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "accepted"])
def test_a_failed_purchase_is_refunded_and_its_skin_is_for_sale_again(sandbox, outcome):
    before = sandbox.balance()
    sandbox.next_outcome(outcome)
    purchase = buy(sandbox)
    assert sandbox.balance() == before - purchase.debited
    sandbox.clock.advance(hours=2)
    assert purchase.status == outcome
    assert (sandbox.balance(), sandbox.spent("c1"), purchase.skin.sold) == (before, 0, False)
    assert buy(sandbox, "c2").outcome == "accepted"


@pytest.mark.parametrize(("token", "outcome"), TOKEN_OUTCOMES.items())
def test_a_trade_token_decides_the_outcome(sandbox, token, outcome):
    purchase = buy(sandbox, token=token)
    sandbox.clock.advance(hours=2)
    assert purchase.status == outcome


DOCUMENTED_REASONS = {
    "user_cant_trade",
    "private_inventory",
    "user_trade_ban",
    "user_inventory_is_full",
    "too_many_failed_attempts",
    "skin_unavailable",
}


@pytest.mark.parametrize("reason", sorted(DOCUMENTED_REASONS))
def test_each_documented_error_reason_can_be_planned(sandbox, reason):
    sandbox.next_outcome(ERROR_REASONS[reason], error_reason=reason)
    purchase = buy(sandbox)
    sandbox.clock.advance(hours=2)
    assert purchase.status == ERROR_REASONS[reason]
    assert call(sandbox, "market_getinfo", buy_id=purchase.buy_id)["error_reason"] == reason


@pytest.mark.parametrize("reason", sorted(DOCUMENTED_REASONS))
def test_a_purchase_can_be_finished_with_each_documented_error_reason(sandbox, reason):
    buy(sandbox)
    assert sandbox.end_purchase("c1", "canceled", error_reason=reason).error_reason == reason


@pytest.mark.parametrize(("token", "reason"), TOKEN_REASONS.items())
def test_a_trade_token_decides_the_error_reason(sandbox, token, reason):
    purchase = buy(sandbox, token=token)
    sandbox.clock.advance(hours=2)
    assert (purchase.status, purchase.error_reason) == (TOKEN_OUTCOMES[token], reason)


def test_the_error_reasons_are_the_documented_ones(sandbox):
    assert set(ERROR_REASONS) == DOCUMENTED_REASONS
    assert set(ERROR_REASONS.values()) <= set(OUTCOMES)


@pytest.mark.parametrize(("outcome", "reason"), [("user_not_tradable", "bad_weather"), ("accepted", "user_cant_trade")])
def test_an_impossible_error_reason_is_refused(sandbox, outcome, reason):
    buy(sandbox)
    with pytest.raises(ValueError, match="private_inventory"):
        sandbox.next_outcome(outcome, error_reason=reason)
    with pytest.raises(ValueError, match="private_inventory"):
        sandbox.end_purchase("c1", outcome, error_reason=reason)
    assert (sandbox.store.planned_outcomes.active(), sandbox.purchase("c1").status) == ([], "creating_trade")


def test_a_planned_outcome_is_not_used_up_by_a_purchase_that_was_refused(sandbox):
    sandbox.next_outcome("canceled")
    answer = call(sandbox, "market_buy", id="1", partner=PARTNER, token=TOKEN)
    assert answer["error_message"] == "skin_unavailable"
    assert buy(sandbox).outcome == "canceled"


def test_an_outcome_for_an_invalid_partner_is_refused(sandbox):
    with pytest.raises(ValueError, match="partner"):
        sandbox.next_outcome("canceled", partner="76561198050648523")


def test_an_outcome_can_be_planned_for_one_partner(sandbox):
    sandbox.next_outcome("canceled", partner="1")
    assert buy(sandbox).outcome == "accepted"
    assert len(sandbox.store.planned_outcomes.active()) == 1


def test_an_accepted_purchase_can_be_rolled_back(sandbox):
    purchase = buy(sandbox)
    with pytest.raises(Impossible):
        sandbox.end_purchase("c1", "rollback_supplier")
    sandbox.clock.advance(seconds=7)
    sandbox.end_purchase("c1", "rollback_supplier")
    assert (purchase.status, purchase.refunded) == ("rollback_supplier", True)
    with pytest.raises(Impossible):
        sandbox.end_purchase("c1", "rollback_user")


def test_an_accepted_skin_is_in_the_users_inventory(sandbox):
    purchase = buy(sandbox, game="dota2")
    sandbox.end_purchase("c1", "accepted")
    owned = [asset.market_hash_name for asset in sandbox.inventory(purchase.steam_id)]
    assert purchase.skin.market_hash_name in owned


@pytest.mark.parametrize("game", ["cs2", "dota2", "rust"])
def test_a_bought_skin_pays_less_than_it_cost(sandbox, game):
    for number in range(8):
        item = [item for item in sandbox.state.stock.values() if item.game == game and not item.sold][number * 5]
        params = {"id": item.skin_id, "partner": PARTNER, "token": TOKEN, "custom_id": f"c{number}"}
        call(sandbox, "market_buy", **params)
    sandbox.clock.advance(days=9)
    for number in range(8):
        purchase = sandbox.purchase(f"c{number}")
        owned = sandbox.inventory(purchase.steam_id)
        asset = next(asset for asset in owned if asset.asset_id.endswith(str(purchase.buy_id)))
        credited = asset.price * sandbox.state.projects[CLIENT_ID].multiplier
        assert 0 < credited < purchase.debited


def test_no_skin_pays_its_market_price(sandbox):
    asked = {}
    for item in sandbox.state.stock.values():
        asked[item.market_hash_name] = min(item.price, asked.get(item.market_hash_name, item.price))
    for number in range(50):
        for asset in sandbox.inventory(str(76561198999000001 + number)):
            assert asset.price * sandbox.state.projects[CLIENT_ID].multiplier < asked[asset.market_hash_name]


def test_eight_simultaneous_calls_buy_once(sandbox):
    item = next(iter(sandbox.state.stock.values()))
    params = {"name": item.market_hash_name, "partner": PARTNER, "token": TOKEN, "custom_id": "c1"}
    with ThreadPoolExecutor(8) as buyers:
        answers = list(buyers.map(lambda _: call(sandbox, "market_buy", **params), range(8)))
    assert sorted(answer["status"] for answer in answers) == ["error"] * 7 + ["success"]
    assert sandbox.spent() == sandbox.purchase("c1").debited
