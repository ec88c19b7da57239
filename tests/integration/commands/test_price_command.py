"""skinsback_sync_prices."""

import json
from contextlib import contextmanager, nullcontext
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_skinsback.management import command
from django_skinsback.management.command import NOT_DONE
from django_skinsback.models import MarketItem
from django_skinsback.steam import GAMES

pytestmark = pytest.mark.django_db


def run(*arguments):
    """Its standard output, its standard error and its exit code."""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command("skinsback_sync_prices", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        code = end.code
    return out.getvalue(), err.getvalue(), code


def test_its_json_counts_each_game(world):
    printed, _, code = run("--json")
    lines = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert [line["game"] for line in lines] == list(GAMES)
    for line in lines:
        count = MarketItem.objects.filter(game=line["game"]).count()
        assert line == {"game": line["game"], "names": count, "written": count, "gone": 0}
    again = [json.loads(line) for line in run("--json", "--game", "rust")[0].splitlines()]
    assert [(line["game"], line["written"], line["gone"]) for line in again] == [("rust", 0, 0)]


def test_a_list_that_fails_does_not_stop_the_others(world):
    world.sandbox.faults.add("market_disabled", "market_pricelist", times=1)
    printed, warned, code = run()
    assert code == NOT_DONE
    assert warned.startswith("cs2: ")
    assert "skinsback_check" in warned
    assert [line.split(":")[0] for line in printed.splitlines()] == ["dota2", "rust"]
    assert not MarketItem.objects.filter(game="cs2").exists()


def test_no_list_at_all_is_an_error(world):
    world.sandbox.faults.add("market_disabled", "market_pricelist", times=None)
    with pytest.raises(CommandError, match=r"market_disabled.*skinsback_check") as failure:
        run()
    assert failure.value.returncode == NOT_DONE
    assert not MarketItem.objects.exists()


def test_it_moves_its_bar_by_what_it_writes(world, monkeypatch):
    moved = {}

    class Shown(command.Progress):
        @contextmanager
        def bar(self, what, **_):
            moved[what] = 0

            def advance(count):
                moved[what] += count

            yield advance

        def room(self):
            return nullcontext()

    monkeypatch.setattr(command, "Progress", Shown)
    run("--game", "rust")
    assert moved == {"rust": MarketItem.objects.count()}
