"""Starting the demo."""

import pytest
from django.core.management import CommandError

from example_project import demo


@pytest.mark.parametrize("error", [CommandError("paused for 34 seconds more"), SystemExit(4)])
def test_the_demo_starts_with_the_prices_it_has_where_there_are_no_new_ones(error, monkeypatch, capsys):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(demo, "call_command", fail)

    demo._take_prices()

    assert "those of the last run" in capsys.readouterr().out
