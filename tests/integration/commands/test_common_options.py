"""All ``skinsback_*`` commands: account, JSON, help, exit codes. ``skinsback_sandbox`` is a server and differs."""

import json
import re
import sys
from contextlib import suppress
from io import StringIO

import pytest
from django.core import checks
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import DatabaseError

from django_skinsback.exceptions import APIError, ConfigurationError, InvalidInput, RequestNotSent
from django_skinsback.management.command import INTERRUPTED, NOT_DONE, USAGE, SkinsBackCommand
from django_skinsback.management.commands import skinsback_replay
from django_skinsback.models import WebhookEvent
from django_skinsback.money import amount_text
from django_skinsback.testing import make_deposit

NAMES = sorted(name for name in get_commands() if name.startswith("skinsback_") and name != "skinsback_sandbox")
BUY = ("--name", "AK-47", "--trade-url", "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey")
ARGUMENTS = {
    "skinsback_buy": (*BUY, "--dry-run"),
    "skinsback_digest": ("--show",),
    "skinsback_export": ("deposits", "--format", "jsonl"),
    "skinsback_forget_user": ("alice",),
    "skinsback_replay": ("--since", "2000-01-01"),
}
"""Required arguments of the commands, which change nothing."""

ENDLESS = {"skinsback_listen"}


def help_of(name):
    return load_command_class("django_skinsback", name).create_parser("manage.py", name).format_help()


def options_of(name):
    parser = load_command_class("django_skinsback", name).create_parser("manage.py", name)
    return {option: action for action in parser._actions for option in action.option_strings}


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("name", NAMES)
def test_it_has_account_and_json_options(name):
    assert {"--account", "--json"} <= set(options_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_help(name):
    assert all(action.help for action in options_of(name).values())


@pytest.mark.parametrize("name", NAMES)
def test_its_help_ends_with_examples_and_exit_codes(name):
    _, _, after = help_of(name).partition("\nexamples:\n")
    examples, _, codes = after.partition("\nexit codes:\n")
    assert re.findall(rf"^  python manage\.py {name}\b", examples, flags=re.MULTILINE)
    assert {"0", "2"} <= set(re.findall(r"^  (\d+)  \S", codes, flags=re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_its_examples_use_options_that_exist(name):
    command = load_command_class("django_skinsback", name)
    for arguments, _ in command.examples:
        assert set(re.findall(r"--[a-z-]+", arguments)) <= set(options_of(name))


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_account_is_refused_with_the_configured_names(name, settings):
    settings.SILENCED_SYSTEM_CHECKS = ["skinsback.W002"]
    with pytest.raises(CommandError, match=r"no account 'third'\. Use one of: default, second\.") as refused:
        call_command(name, *ARGUMENTS.get(name, ()), "--account", "third")
    assert refused.value.returncode == USAGE


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ENDLESS])
def test_its_json_has_one_object_per_line_without_floats_bars_or_colours(name, world, user, monkeypatch, settings):
    settings.SILENCED_SYSTEM_CHECKS = ["skinsback.W001", "skinsback.W002"]
    make_deposit(user=user, status="fail")  # so that there is a row to export
    out, err = StringIO(), Terminal()
    monkeypatch.setattr(sys, "stderr", err)

    with suppress(SystemExit):  # some commands end with 3 here
        call_command(name, *ARGUMENTS.get(name, ()), "--json", stdout=out, force_color=True)

    def no_float(text):
        raise AssertionError(f"{name} printed the float {text}")

    lines = [json.loads(line, parse_float=no_float) for line in out.getvalue().splitlines()]
    assert all(isinstance(line, dict) and line for line in lines)
    assert lines or name == "skinsback_audit"
    assert "\r" not in err.getvalue()


class Counting(SkinsBackCommand):
    """A command that only prints and shows progress."""

    def work(self, *_args, **_options):
        with self.progress.bar("counting", total=lambda: 3) as advance:
            for number in range(3):
                self.tell(f"number {number}", number=number)
                advance(1)


def counted(*, terminal, json=False, monkeypatch):
    out, err = StringIO(), Terminal() if terminal else StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    call_command(Counting(), json=json, stdout=out)
    return out.getvalue(), err.getvalue()


def test_there_is_a_progress_bar_on_a_terminal(monkeypatch):
    out, err = counted(terminal=True, monkeypatch=monkeypatch)
    assert "counting" in err
    assert "/3 " in err
    assert out == "number 0\nnumber 1\nnumber 2\n"


def test_there_is_no_progress_bar_in_a_log(monkeypatch):
    assert counted(terminal=False, monkeypatch=monkeypatch)[1] == ""


def test_there_is_no_progress_bar_with_json(monkeypatch):
    out, err = counted(terminal=True, json=True, monkeypatch=monkeypatch)
    assert (out.splitlines()[0], err) == ('{"number": 0}', "")


def test_there_is_no_progress_bar_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    out, err = counted(terminal=True, monkeypatch=monkeypatch)
    assert (len(out.splitlines()), err) == (3, "")


def test_without_a_bar_the_total_is_not_counted(monkeypatch):
    def total():
        raise AssertionError("counted")

    class Quiet(SkinsBackCommand):
        def work(self, *_args, **_options):
            with self.progress.bar("counting", total=total):
                pass

    monkeypatch.setattr(sys, "stderr", StringIO())
    call_command(Quiet())


def test_ctrl_c_ends_it_with_130_and_without_a_traceback():
    class Interrupted(SkinsBackCommand):
        def work(self, *_args, **_options):
            raise KeyboardInterrupt

    err = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command(Interrupted(), stderr=err)
    assert (end.value.code, err.getvalue()) == (INTERRUPTED, "Stopped.\n")


@pytest.mark.django_db
def test_json_has_amounts_and_times_as_text(world, capsys):
    call_command("skinsback_health", "--json", "--probe")
    found = json.loads(capsys.readouterr().out)
    assert found["accounts"][0]["balance"] == amount_text(world.sandbox.balance())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", found["checked_at"])


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [["99999"], ["{there}", "99999"], ["{there}", "--account", "second"]])
def test_a_replay_of_a_missing_delivery_is_an_error_and_replays_nothing(client, arguments):
    event = WebhookEvent.objects.create(account="default", kind="deposit", digest="d", body=b"{", outcome="failed")
    with pytest.raises(CommandError, match=r"These deliveries do not exist: .*Nothing was replayed") as refused:
        call_command("skinsback_replay", *(argument.format(there=event.pk) for argument in arguments))
    assert refused.value.returncode == USAGE
    event.refresh_from_db()
    assert (event.error, event.next_try_at) == ("", None)


@pytest.mark.django_db
def test_an_interrupted_replay_prints_what_was_replayed(monkeypatch):
    def interrupted(events):
        yield events[0], events[0].outcome
        raise KeyboardInterrupt

    WebhookEvent.objects.create(account="default", kind="deposit", digest="d", body=b"{", outcome="applied")
    monkeypatch.setattr(skinsback_replay, "replay", interrupted)
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("skinsback_replay", "--outcome", "applied", stdout=out, stderr=out)
    assert (end.value.code, out.getvalue()) == (INTERRUPTED, "deliveries replayed: 1 applied\nStopped.\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("an argument"), 2),
        (ConfigurationError("a setting"), 4),
        (RequestNotSent("no network"), 4),
        (APIError("balance", -8, "invalid_ip_address"), 4),
        (DatabaseError("no such table: skinsback_deposit"), 4),
        (CommandError("of Django"), 4),
        (CommandError("of this package", returncode=5), 5),
    ],
)
def test_an_error_ends_a_command_with_a_message_and_never_with_1(error, code):
    class Failing(SkinsBackCommand):
        def work(self, *_args, **_options):
            raise error

    with pytest.raises(CommandError) as refused:
        call_command(Failing())
    assert refused.value.returncode == code


def test_a_system_check_that_fails_ends_a_command_with_4(monkeypatch):
    monkeypatch.setattr(Counting, "requires_system_checks", ["security"])
    monkeypatch.setattr(checks, "run_checks", lambda **_options: [checks.Error("broken")])
    with pytest.raises(CommandError, match="broken") as refused:
        call_command(Counting(), skip_checks=False)
    assert refused.value.returncode == 4


def test_no_command_documents_exit_code_1():
    for name in NAMES:
        assert not re.search(r"^  1  ", help_of(name), flags=re.MULTILINE)


@pytest.mark.django_db
def test_warnings_are_not_part_of_the_json(client, capsys):
    event = WebhookEvent.objects.create(account="default", kind="deposit", digest="d", body=b"{", outcome="failed")
    with pytest.raises(SystemExit) as end:
        call_command("skinsback_replay", event.pk, "--json")
    printed = capsys.readouterr()
    assert end.value.code == NOT_DONE
    assert json.loads(printed.out) == {"replayed": 1, "outcomes": {"failed": 1}}
    assert printed.err.startswith(f"Delivery {event.pk} could not be applied: ")
