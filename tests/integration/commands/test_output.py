"""Fault 73: a terminal that cannot print a name, or output that is gone, hides no purchase and makes no exit code 1."""

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
    """A stream that takes so many writes and is gone then."""

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


class Telling(SkinsBackCommand):
    def work(self, *_args, **_options):
        self.tell(f"{STAR} bought", name=f"{STAR} Navaja")
        self.warn("look at it")
        self.tell("done", done=True)


def told(out, *, json=False):
    err = io.StringIO()
    code = 0
    try:
        call_command(Telling(), json=json, stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        code = end.code
    return err.getvalue(), code


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "koi8-r"])
def test_what_an_encoding_has_no_letter_for_is_escaped(encoding):
    out = Encoded(encoding)
    assert told(out) == ("look at it\n", 0)
    assert out.getvalue() == "\\u2605 bought\ndone\n"


def test_json_is_json_in_every_encoding():
    out = Encoded("ascii")
    assert told(out, json=True)[1] == 0
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [{"name": f"{STAR} Navaja"}, {"done": True}]


@pytest.mark.parametrize("error", [BrokenPipeError, OSError(28, "No space left on device"), ValueError("closed file")])
def test_output_that_breaks_is_told_on_standard_error_in_ascii_and_ends_with_3(error):
    assert told(Broken(error=error)) == ("\\u2605 bought\nlook at it\ndone\n", 3)


def test_output_that_breaks_later_goes_on_on_standard_error():
    assert told(Broken(lasts=1)) == ("look at it\ndone\n", 3)


def test_a_stream_that_was_never_there_is_one_that_is_broken():
    err = io.StringIO()
    stream = Stream(None, instead=Stream(err))
    stream.write(f"{STAR} bought\n")
    assert (stream.failed, stream.isatty(), err.getvalue()) == (True, False, "\\u2605 bought\n")


def test_where_nothing_can_be_printed_at_all_nothing_is_raised():
    stream = Stream(Broken(), instead=Stream(Broken()))
    stream.write("bought\n")
    assert stream.failed


def test_every_line_is_flushed():
    class Buffered(io.StringIO):
        lines: list[str] = []

        def flush(self):
            self.lines.append(self.getvalue())

    out = Buffered()
    told(out)
    assert out.lines == [f"{STAR} bought\n", f"{STAR} bought\ndone\n"]


# In a process of its own, as a shell or cron runs it


@pytest.fixture
def skin(skinsback_sandbox):
    """A knife, whose name has a star."""
    listed = get_client().iter_price_list("cs2", full=True)
    return min((skin for skin in listed if skin.market_hash_name.startswith(STAR)), key=lambda skin: skin.price)


def run(*arguments, redirect="", encoding="utf-8", stdout=subprocess.PIPE):
    """The exit code, and what was printed on standard output and standard error."""
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
def gone():
    """The writing end of a pipe that nothing reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("form", ["--json", "--no-color"])
def test_a_name_the_terminal_cannot_print_hides_no_purchase(skin, skinsback_sandbox, encoding, form):
    code, out, err = buy(skin, "--yes", form, encoding=encoding)
    purchase = Purchase.objects.get()
    assert (code, purchase.status, "Traceback" in err) == (0, "creating_trade", False)
    assert purchase.custom_id in out
    if form == "--json":
        assert json.loads(out)["market_hash_name"] == skin.market_hash_name
    assert skinsback_sandbox.spent() == skin.price


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_shows_a_name_the_terminal_cannot_print(skin):
    code, out, _ = buy(skin, "--dry-run", encoding="cp1252")
    assert code == 0
    assert out.startswith("\\u2605 ")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["--json", "--no-color"])
@pytest.mark.parametrize("redirect", ["pipe", ">&-", ">/dev/full"])
def test_output_that_is_gone_hides_no_purchase(skin, skinsback_sandbox, gone, redirect, form):
    options = {"stdout": gone} if redirect == "pipe" else {"redirect": redirect}
    code, _, err = buy(skin, "--yes", form, encoding="ascii", **options)
    purchase = Purchase.objects.get()
    assert (code, purchase.status) == (3, "creating_trade")
    assert purchase.custom_id in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert skinsback_sandbox.spent() == skin.price


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("redirect", [">&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&- 2>&-"])
def test_where_nothing_can_be_printed_the_exit_code_tells_that_a_person_must_look(skin, redirect):
    code, _, _ = buy(skin, "--yes", redirect=redirect)
    assert (code, Purchase.objects.get().status) == (3, "creating_trade")


@pytest.mark.django_db(transaction=True)
def test_output_that_is_gone_makes_a_purchase_of_unknown_outcome_no_other(skin, skinsback_sandbox, gone):
    skinsback_sandbox.lose_answer("market_buy", times=None)
    code, _, err = buy(skin, "--yes", stdout=gone)
    purchase = Purchase.objects.get()
    assert (code, purchase.status) == (5, "unknown")
    assert purchase.custom_id in err


@pytest.mark.django_db(transaction=True)
def test_a_skinsback_that_cannot_be_reached_leaves_a_purchase_that_is_named_and_ends_with_5(skin, skinsback_sandbox):
    skinsback_sandbox.stop()
    code, out, _ = buy(skin, "--yes")
    purchase = Purchase.objects.get()
    assert (code, purchase.status, purchase.attempts) == (5, "requested", 0)
    assert purchase.custom_id in out


@pytest.mark.django_db(transaction=True)
def test_the_other_commands_that_spend_or_decide_end_with_3_where_output_is_gone(skin, skinsback_sandbox, user, gone):
    purchases.buy(trade_url=TRADE_URL, market_hash_name=skin.market_hash_name, game="cs2", max_price=900)
    code, _, err = run("skinsback_poll", stdout=gone)
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
    code, _, err = run("skinsback_replay", str(event.pk), stdout=gone)
    deposit.refresh_from_db()
    assert (code, deposit.status) == (3, "success")
    assert "1 applied" in err

    code, _, err = run("skinsback_reconcile", "--account", "default", "--list", "market_history", stdout=gone)
    assert (code, "market_history: rows" in err) == (3, True), err


@pytest.mark.django_db(transaction=True)
def test_a_listener_whose_output_is_gone_goes_on_until_it_is_refused(skinsback_sandbox, gone):
    make_purchase()
    skinsback_sandbox.faults.add("ws_auth_failed", times=None)
    code, _, err = run("skinsback_listen", stdout=gone)
    assert code == 4
    assert "SkinsBack refused the keys" in err
    assert "connecting to ws://" in err
