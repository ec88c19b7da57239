"""Fault 73: a purchase is printed even if the terminal lacks a character or standard output is closed."""

import io
import json
import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command

from django_skinsback import purchases
from django_skinsback.connection import get_client
from django_skinsback.management.command import SkinsBackCommand
from django_skinsback.management.printing import Stream
from django_skinsback.models import Purchase, WebhookEvent
from django_skinsback.testing import make_deposit, make_purchase, signed_notification

STAR = "\N{BLACK STAR}"
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


class Broken(io.StringIO):
    """A stream that fails after ``lasts`` writes."""

    def __init__(self, lasts=0, error=BrokenPipeError):
        super().__init__()
        self.lasts, self.error = lasts, error

    def flush(self):
        if self.lasts <= 0:
            raise self.error
        self.lasts -= 1


class Encoded(io.TextIOWrapper):
    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")

    def getvalue(self):
        return self.buffer.getvalue().decode(self.encoding)


class Printing(SkinsBackCommand):
    def work(self, *_args, **_options):
        self.tell(f"{STAR} bought", name=f"{STAR} Navaja")
        self.warn("look at it")
        self.tell("done", done=True)


def run_command(out, *, json=False):
    err = io.StringIO()
    code = 0
    try:
        call_command(Printing(), json=json, stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        code = end.code
    return err.getvalue(), code


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "koi8-r"])
def test_characters_that_the_encoding_lacks_are_escaped(encoding):
    out = Encoded(encoding)
    assert run_command(out) == ("look at it\n", 0)
    assert out.getvalue() == "\\u2605 bought\ndone\n"


def test_json_is_json_in_every_encoding():
    out = Encoded("ascii")
    assert run_command(out, json=True)[1] == 0
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [{"name": f"{STAR} Navaja"}, {"done": True}]


@pytest.mark.parametrize("error", [BrokenPipeError, OSError(28, "No space left on device"), ValueError("closed file")])
def test_broken_output_goes_to_standard_error_in_ascii_and_ends_with_3(error):
    assert run_command(Broken(error=error)) == ("\\u2605 bought\nlook at it\ndone\n", 3)


def test_output_that_breaks_later_continues_on_standard_error():
    assert run_command(Broken(lasts=1)) == ("look at it\ndone\n", 3)


def test_a_missing_stream_is_treated_as_broken():
    err = io.StringIO()
    stream = Stream(None, fallback=Stream(err))
    stream.write(f"{STAR} bought\n")
    assert (stream.failed, stream.isatty(), err.getvalue()) == (True, False, "\\u2605 bought\n")


def test_if_both_streams_are_broken_nothing_is_raised():
    stream = Stream(Broken(), fallback=Stream(Broken()))
    stream.write("bought\n")
    assert stream.failed


def test_every_line_is_flushed():
    class Buffered(io.StringIO):
        lines: list[str] = []

        def flush(self):
            self.lines.append(self.getvalue())

    out = Buffered()
    run_command(out)
    assert out.lines == [f"{STAR} bought\n", f"{STAR} bought\ndone\n"]


# In a separate process, as in a shell or cron job


@pytest.fixture
def skin(skinsback_sandbox):
    """A knife, whose name has a star."""
    listed = get_client().iter_price_list("cs2", full=True)
    return min((skin for skin in listed if skin.market_hash_name.startswith(STAR)), key=lambda skin: skin.price)


def run(*arguments, redirect="", encoding="utf-8", stdout=subprocess.PIPE):
    """Run a command in a process. Return exit code, standard output and standard error."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TEST_DATABASE_NAME": str(django_settings.DATABASES["default"]["NAME"]),
        "TEST_API_URL": django_settings.SKINSBACK["API_URL"],
        "PYTHONIOENCODING": encoding,
    }
    environment.pop("PYTHONUTF8", None)
    command = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-m", "django", *arguments]
    done = subprocess.run(
        [*command, "--skip-checks"], env=environment, stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False
    )
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


def buy(skin, *arguments, **options):
    return run(
        "skinsback_buy",
        "--name",
        skin.market_hash_name,
        "--trade-url",
        TRADE_URL,
        "--max-price",
        "900",
        *arguments,
        **options,
    )


@pytest.fixture
def closed_pipe():
    """The writing end of a pipe whose reading end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("form", ["--json", "--no-color"])
def test_a_name_that_cannot_be_printed_does_not_hide_the_purchase(skin, skinsback_sandbox, encoding, form):
    code, out, err = buy(skin, "--yes", form, encoding=encoding)
    purchase = Purchase.objects.get()
    assert (code, purchase.status, "Traceback" in err) == (0, "creating_trade", False)
    assert purchase.custom_id in out
    if form == "--json":
        assert json.loads(out)["market_hash_name"] == skin.market_hash_name
    assert skinsback_sandbox.spent() == skin.price


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_escapes_a_name_that_cannot_be_printed(skin):
    code, out, _ = buy(skin, "--dry-run", encoding="cp1252")
    assert code == 0
    assert out.startswith("\\u2605 ")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["--json", "--no-color"])
@pytest.mark.parametrize("redirect", ["pipe", ">&-", ">/dev/full"])
def test_closed_output_does_not_hide_the_purchase(skin, skinsback_sandbox, closed_pipe, redirect, form):
    options = {"stdout": closed_pipe} if redirect == "pipe" else {"redirect": redirect}
    code, _, err = buy(skin, "--yes", form, encoding="ascii", **options)
    purchase = Purchase.objects.get()
    assert (code, purchase.status) == (3, "creating_trade")
    assert purchase.custom_id in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert skinsback_sandbox.spent() == skin.price


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("redirect", [">&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&- 2>&-"])
def test_if_nothing_can_be_printed_the_exit_code_is_3(skin, redirect):
    code, _, _ = buy(skin, "--yes", redirect=redirect)
    assert (code, Purchase.objects.get().status) == (3, "creating_trade")


@pytest.mark.django_db(transaction=True)
def test_closed_output_does_not_change_the_exit_code_of_an_unknown_purchase(skin, skinsback_sandbox, closed_pipe):
    skinsback_sandbox.lose_answer("market_buy", times=None)
    code, _, err = buy(skin, "--yes", stdout=closed_pipe)
    purchase = Purchase.objects.get()
    assert (code, purchase.status) == (5, "unknown")
    assert purchase.custom_id in err


@pytest.mark.django_db(transaction=True)
def test_a_purchase_that_could_not_be_sent_is_printed_and_ends_with_5(skin, skinsback_sandbox):
    skinsback_sandbox.stop()
    code, out, _ = buy(skin, "--yes")
    purchase = Purchase.objects.get()
    assert (code, purchase.status, purchase.attempts) == (5, "requested", 0)
    assert purchase.custom_id in out


@pytest.mark.django_db(transaction=True)
def test_other_commands_end_with_3_if_output_is_closed(skin, skinsback_sandbox, user, closed_pipe):
    purchases.buy(trade_url=TRADE_URL, market_hash_name=skin.market_hash_name, game="cs2", max_price=900)
    code, _, err = run("skinsback_poll", stdout=closed_pipe)
    assert (code, Purchase.objects.get().status) == (3, "creating_trade")
    assert "purchases: 1 due, 1 changed" in err

    deposit = make_deposit(user=user)
    message = signed_notification(deposit)
    body = "&".join(f"{name}={value}" for name, value in message.items()).encode()
    event = WebhookEvent.objects.create(
        account="default",
        kind="deposit",
        digest="d",
        outcome="failed",
        body=body,
        content_type="application/x-www-form-urlencoded",
    )
    code, _, err = run("skinsback_replay", str(event.pk), stdout=closed_pipe)
    deposit.refresh_from_db()
    assert (code, deposit.status) == (3, "success")
    assert "1 applied" in err

    code, _, err = run("skinsback_reconcile", "--account", "default", "--list", "market_history", stdout=closed_pipe)
    assert (code, "market_history: rows" in err) == (3, True), err


@pytest.mark.django_db(transaction=True)
def test_a_listener_with_closed_output_runs_until_it_is_refused(skinsback_sandbox, closed_pipe):
    make_purchase()
    skinsback_sandbox.faults.add("ws_auth_failed", times=None)
    code, _, err = run("skinsback_listen", stdout=closed_pipe)
    assert code == 4
    assert "SkinsBack refused the keys" in err
    assert "connecting to ws://" in err
