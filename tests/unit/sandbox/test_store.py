"""The clock, the state file and the settings of projects."""

import pytest

from django_skinsback.sandbox import Sandbox
from django_skinsback.sandbox.simulation.clock import Clock
from tests.unit.sandbox import DAY, START, buy, call


def test_a_frozen_clock_moves_only_by_advance():
    clock = Clock(start=START, frozen=True)
    assert (clock.now(), clock.now()) == (START, START)
    assert clock.advance(days=1, hours=1, minutes=1, seconds=1) == START + DAY + 3661


def test_a_running_clock_starts_at_the_given_time(time_machine):
    time_machine.move_to(1000, tick=False)
    clock = Clock(start=START)
    time_machine.move_to(1010, tick=False)
    assert clock.now() == START + 10
    assert clock.advance(days=8) == START + 10 + 8 * DAY


@pytest.mark.parametrize("seconds", [-1, float("nan"), 1e12])
def test_a_clock_does_not_go_back_or_too_far(seconds):
    clock = Clock(frozen=True)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(seconds=seconds)


def test_a_restarted_sandbox_continues_from_its_state_file(tmp_path):
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


def test_the_trade_token_is_not_saved(tmp_path):
    path = tmp_path / "state.json"
    sandbox = Sandbox(manual=True, state_file=path)
    buy(sandbox, token="Secr3t_t")
    assert "Secr3t_t" not in path.read_text()


def test_an_unknown_setting_of_a_project_is_an_error_that_lists_the_known_ones(sandbox):
    with pytest.raises(ValueError, match="result_url"):
        sandbox.configure(resulturl="https://shop.example/")
    with pytest.raises(ValueError, match="sandbox-2"):
        sandbox.configure("shop", balance="7")
