"""Deposits and purchases live through their statuses on the sandbox's clock."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from werkzeug.test import Client

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Impossible, Options, Sandbox
from django_skinsback.sandbox.simulation.clock import Clock
from django_skinsback.sandbox.simulation.outcomes import ERROR_REASONS, OUTCOMES, TOKEN_OUTCOMES, TOKEN_REASONS

DAY = 86400
START = 1_750_000_000
PARTNER, TOKEN = "90382795", "i1ArBZey"
KEYS = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET}


@pytest.fixture
def sandbox():
    return Sandbox(manual=True, start=START)


def call(sandbox, method, **params):
    return Client(sandbox.app).post("/api.php", data={"method": method, **params}, headers=KEYS).get_json()


def buy(sandbox, custom_id="c1", token=TOKEN, game="cs2"):
    item = next(item for item in sandbox.state.stock.values() if item.game == game and not item.sold)
    params = {"id": item.skin_id, "partner": PARTNER, "token": token, "custom_id": custom_id}
    assert call(sandbox, "market_buy", **params)["status"] == "success"
    return sandbox.purchase(custom_id)


def statuses(row):
    return [status for status, _ in row.history]


# -- clock ----------------------------------------------------------------------------------------------------------


def test_a_frozen_clock_moves_only_when_it_is_moved():
    clock = Clock(start=START, frozen=True)
    assert (clock.now(), clock.now()) == (START, START)
    assert clock.advance(days=1, hours=1, minutes=1, seconds=1) == START + DAY + 3661


def test_a_running_clock_begins_where_it_is_told(time_machine):
    time_machine.move_to(1000, tick=False)
    clock = Clock(start=START)
    time_machine.move_to(1010, tick=False)
    assert clock.now() == START + 10
    assert clock.advance(days=8) == START + 10 + 8 * DAY


@pytest.mark.parametrize("seconds", [-1, float("nan"), 1e12])
def test_a_clock_does_not_go_back_or_out_of_this_world(seconds):
    clock = Clock(frozen=True)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(seconds=seconds)


# -- deposits -------------------------------------------------------------------------------------------------------


@pytest.fixture
def deposit(sandbox):
    call(sandbox, "create", order_id="1")
    return sandbox.deposit("1")


def test_an_unprotected_deposit_succeeds_at_once(sandbox, deposit):
    before = sandbox.balance()
    sandbox.pay("1")
    assert statuses(deposit) == ["pending", "success"]
    assert deposit.user_amount == (deposit.amount * Decimal("1.2")).quantize(Decimal("0.01"))
    assert sandbox.balance() == before + deposit.amount_usd


def test_a_held_deposit_succeeds_after_eight_days(sandbox, deposit):
    before = sandbox.balance()
    sandbox.pay("1", held=True)
    sandbox.clock.advance(seconds=8 * DAY - 1)
    assert (deposit.status, sandbox.balance()) == ("in_hold", before)
    sandbox.clock.advance(seconds=1)
    assert statuses(deposit) == ["pending", "in_hold", "success"]
    assert deposit.history[-1] == ("success", START + 8 * DAY)
    assert sandbox.balance() == before + deposit.amount_usd


def test_an_approved_deposit_is_paid_once(sandbox, deposit):
    before = sandbox.balance()
    sandbox.pay("1", held=True)
    call(sandbox, "offer_approve", order_id="1")
    assert sandbox.balance() == before + deposit.amount_usd
    sandbox.clock.advance(days=8)
    assert statuses(deposit) == ["pending", "in_hold", "hold_approved", "success"]
    assert sandbox.balance() == before + deposit.amount_usd


def test_an_approved_deposit_that_is_returned_costs_the_project_its_money(sandbox, deposit):
    before, owned = sandbox.balance(), len(sandbox.inventory("76561198999000001"))
    sandbox.pay("1", held=True)
    call(sandbox, "offer_approve", order_id="1")
    sandbox.give_back("1")
    assert statuses(deposit) == ["pending", "in_hold", "hold_approved", "hold_returned"]
    assert sandbox.balance() == before
    assert len(sandbox.inventory("76561198999000001")) == owned
    sandbox.clock.advance(days=9)
    assert deposit.status == "hold_returned"


def test_a_held_deposit_that_is_returned_fails(sandbox, deposit):
    sandbox.pay("1", held=True)
    sandbox.give_back("1")
    assert statuses(deposit) == ["pending", "in_hold", "fail"]


def test_a_declined_trade_fails(sandbox, deposit):
    sandbox.choose("1")
    sandbox.decline("1")
    assert statuses(deposit) == ["pending", "fail"]


def test_a_trade_offer_runs_out_after_ten_minutes(sandbox, deposit):
    sandbox.choose("1")
    sandbox.clock.advance(minutes=10)
    assert (deposit.status, deposit.reason) == ("fail", "timeout")
    with pytest.raises(Impossible):
        sandbox.pay("1")


@pytest.mark.parametrize(("holds", "status"), [("marked", "in_hold"), ("always", "in_hold"), ("never", "success")])
def test_protected_skins_are_held_unless_holds_are_off(holds, status):
    sandbox = Sandbox(manual=True, options=Options(holds=holds))
    call(sandbox, "create", order_id="1", steam_id="76561198999000002")
    inventory = sandbox.inventory("76561198999000002")
    protected = next(asset for asset in inventory if asset.trade_protected and asset.tradable and asset.price > 1)
    assert sandbox.pay("1", [protected.asset_id]).status == status


def test_a_skin_pays_once(sandbox, deposit):
    skins = sandbox.pay("1").skins
    call(sandbox, "create", order_id="2")
    with pytest.raises(Impossible):
        sandbox.pay("2", [skins[0].asset_id])


def test_limits_are_kept(sandbox):
    call(sandbox, "create", order_id="1", currency="usd", min_amount="5", max_amount="20")
    inventory = [asset for asset in sandbox.inventory("76561198999000001") if asset.tradable]
    for asset in (min(inventory, key=lambda asset: asset.price), max(inventory, key=lambda asset: asset.price)):
        with pytest.raises(Impossible):
            sandbox.pay("1", [asset.asset_id])
    assert 5 <= sandbox.pay("1").amount <= 20


def test_a_custom_currency_multiplies_what_the_user_sees(sandbox):
    call(sandbox, "create", order_id="1", currency="eur", custom_currency="coin", custom_currency_rate="100")
    deposit = sandbox.pay("1")
    assert deposit.user_amount == deposit.amount * Decimal("120")


# -- purchases ------------------------------------------------------------------------------------------------------


def test_a_trade_goes_its_way_on_the_clock(sandbox):
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


def test_a_long_jump_passes_every_station_in_its_own_second(sandbox):
    purchase = buy(sandbox)
    sandbox.clock.advance(days=30)
    assert purchase.history == [("creating_trade", START), ("waiting_accept", START + 2), ("accepted", START + 7)]


def test_other_games_know_no_hold(sandbox):
    purchase = buy(sandbox, game="rust")
    sandbox.clock.advance(seconds=7)
    assert "in_hold" not in call(sandbox, "market_getinfo", buy_id=purchase.buy_id)


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "accepted"])
def test_what_is_not_delivered_is_refunded_and_for_sale_again(sandbox, outcome):
    before = sandbox.balance()
    sandbox.next_outcome(outcome)
    purchase = buy(sandbox)
    assert sandbox.balance() == before - purchase.debited
    sandbox.clock.advance(hours=2)
    assert purchase.status == outcome
    assert (sandbox.balance(), sandbox.spent("c1"), purchase.skin.sold) == (before, 0, False)
    assert buy(sandbox, "c2").outcome == "accepted"


@pytest.mark.parametrize(("token", "outcome"), TOKEN_OUTCOMES.items())
def test_a_trade_token_decides_the_end(sandbox, token, outcome):
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
def test_a_purchase_can_be_ended_with_each_documented_error_reason(sandbox, reason):
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
def test_an_error_reason_that_cannot_be_is_refused(sandbox, outcome, reason):
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


def test_an_unknown_setting_of_a_project_is_an_error_that_names_the_known_ones(sandbox):
    with pytest.raises(ValueError, match="result_url"):
        sandbox.configure(resulturl="https://shop.example/")
    with pytest.raises(ValueError, match="sandbox-2"):
        sandbox.configure("shop", balance="7")


def test_an_outcome_for_a_partner_that_cannot_exist_is_refused(sandbox):
    with pytest.raises(ValueError, match="partner"):
        sandbox.next_outcome("canceled", partner="76561198050648523")


def test_an_outcome_may_be_planned_for_one_partner(sandbox):
    sandbox.next_outcome("canceled", partner="1")
    assert buy(sandbox).outcome == "accepted"
    assert len(sandbox.store.planned_outcomes.active()) == 1


def test_an_accepted_trade_can_be_rolled_back_by_hand(sandbox):
    purchase = buy(sandbox)
    with pytest.raises(Impossible):
        sandbox.end_purchase("c1", "rollback_supplier")
    sandbox.clock.advance(seconds=7)
    sandbox.end_purchase("c1", "rollback_supplier")
    assert (purchase.status, purchase.refunded) == ("rollback_supplier", True)
    with pytest.raises(Impossible):
        sandbox.end_purchase("c1", "rollback_user")


def test_a_skin_that_was_accepted_is_in_the_users_inventory(sandbox):
    purchase = buy(sandbox, game="dota2")
    sandbox.end_purchase("c1", "accepted")
    owned = [asset.market_hash_name for asset in sandbox.inventory(purchase.steam_id)]
    assert purchase.skin.market_hash_name in owned


@pytest.mark.parametrize("game", ["cs2", "dota2", "rust"])
def test_a_skin_that_was_bought_is_credited_with_less_than_it_cost(sandbox, game):
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


def test_no_skin_of_an_inventory_is_credited_with_what_the_market_asks_for_it(sandbox):
    asked = {}
    for item in sandbox.state.stock.values():
        asked[item.market_hash_name] = min(item.price, asked.get(item.market_hash_name, item.price))
    for number in range(50):
        for asset in sandbox.inventory(str(76561198999000001 + number)):
            assert asset.price * sandbox.state.projects[CLIENT_ID].multiplier < asked[asset.market_hash_name]


def test_the_trade_token_is_forgotten(tmp_path):
    path = tmp_path / "state.json"
    sandbox = Sandbox(manual=True, state_file=path)
    buy(sandbox, token="Secr3t_t")
    assert "Secr3t_t" not in path.read_text()


# -- state file -----------------------------------------------------------------------------------------------------


def test_a_restarted_sandbox_remembers_and_goes_on(tmp_path):
    path = tmp_path / "state.json"
    before = Sandbox(manual=True, start=START, state_file=path)
    call(before, "create", order_id="1")
    before.pay("1", held=True)
    buy(before)
    after = Sandbox(manual=True, start=START, state_file=path)
    assert after.deposit("1").status == "in_hold"
    after.clock.advance(days=8)
    assert (after.deposit("1").status, after.purchase("c1").status) == ("success", "accepted")
    assert call(after, "create", order_id="1")["error_message"] == "order_id_already_exists"
    assert list(tmp_path.iterdir()) == [path]


def test_the_clock_does_not_go_back_over_a_restart(tmp_path):
    path = tmp_path / "state.json"
    before = Sandbox(manual=True, start=START, state_file=path)
    before.clock.advance(days=30)
    after = Sandbox(manual=True, start=START + DAY, state_file=path)
    assert after.clock.now() == START + 30 * DAY


def test_a_fresh_sandbox_does_not_reuse_ids_of_an_earlier_one():
    earlier, later = Sandbox(manual=True, start=START), Sandbox(manual=True, start=START + 60)
    assert buy(later).buy_id > buy(earlier).buy_id >= START


def test_eight_buyers_at_once_buy_once(sandbox):
    item = next(iter(sandbox.state.stock.values()))
    params = {"name": item.market_hash_name, "partner": PARTNER, "token": TOKEN, "custom_id": "c1"}
    with ThreadPoolExecutor(8) as buyers:
        answers = list(buyers.map(lambda _: call(sandbox, "market_buy", **params), range(8)))
    assert sorted(answer["status"] for answer in answers) == ["error"] * 7 + ["success"]
    assert sandbox.spent() == sandbox.purchase("c1").debited
