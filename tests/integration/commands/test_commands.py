"""The management commands are doors: each calls its flow and reports what came of it."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.cache import cache
from django.core.management import CommandError, call_command, load_command_class
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from django_skinsback import tasks
from django_skinsback.flows import scheduler as routine
from django_skinsback.flows.monitoring import health, sweeps
from django_skinsback.management.commands import skinsback_check
from django_skinsback.models import BalanceSnapshot, Deposit, MarketItem, Purchase, WebhookEvent
from django_skinsback.testing import make_deposit, make_purchase

COMMANDS = [
    "skinsback_audit",
    "skinsback_balance",
    "skinsback_buy",
    "skinsback_check",
    "skinsback_digest",
    "skinsback_export",
    "skinsback_forget_user",
    "skinsback_groups",
    "skinsback_health",
    "skinsback_poll",
    "skinsback_prune",
    "skinsback_replay",
    "skinsback_sandbox",
    "skinsback_sync_prices",
]

LONG_AGO = timedelta(hours=1)
MIGRATIONS = len([*(Path(tasks.__file__).parent / "migrations").glob("0*.py")])


def run(name, *arguments):
    """What a command printed, with its errors, and its exit code."""
    out = StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=out, no_color=True)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as end:
        call_command(name, "--help")
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert " ".join(load_command_class("django_skinsback", name).help.split())[:60] in " ".join(printed.split())


# skinsback_check


class Front:
    """What answers at this site's address, in the place of a session's ``post``."""

    def __init__(self):
        self.asked, self.status_code, self.text, self.error = [], 403, '{"status": "refused"}', None

    def post(self, url, **options):
        self.asked.append((url, options))
        if self.error:
            raise self.error
        return self


@pytest.fixture
def front(monkeypatch):
    front = Front()
    monkeypatch.setattr(skinsback_check, "open_session", lambda _url, _proxy: nullcontext(front))
    return front


@pytest.fixture
def sandbox(skinsback_sandbox, settings, db):
    """The sandbox as the only account, on a developer's machine, where a worker has just looked for due rows."""
    settings.DEBUG = True
    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {}}
    sweeps.note_sweep()
    return skinsback_sandbox


def lines(printed):
    """What each line looked at -> (mark, text)."""
    found = {}
    for line in printed.splitlines():
        mark, rest = line[:4].strip(), line[5:]
        what, _, text = rest.partition(": ")
        if ": " in text and text.split(": ")[0] in {
            "reachable",
            "credentials",
            "balance",
            "Result URL",
            "Webhook Events URL",
        }:
            more, _, text = text.partition(": ")
            what = f"{what}: {more}"
        found[what] = (mark, text)
    return found


def todo(printed):
    return {what: text for what, (mark, text) in lines(printed).items() if mark == "TODO"}


def test_every_line_of_a_healthy_site_is_ok(sandbox, front):
    printed, code = run("skinsback_check")
    assert code == 0
    found = lines(printed)
    assert {mark for mark, _ in found.values()} == {"ok"}
    assert list(found) == [
        "configuration",
        "default: reachable",
        "default: credentials",
        "default: balance",
        "default: Result URL",
        "default: Webhook Events URL",
        "worker and beat",
        "deliveries",
        "review",
        "discrepancies",
    ]
    assert found["default: reachable"][1] == sandbox.api_url
    assert found["default: balance"][1] == f"{sandbox.balance().normalize():f} USD"
    assert [url for url, _ in front.asked] == [
        "https://shop.example/skinsback/result/",
        "https://shop.example/skinsback/events/",
    ]


def test_the_test_request_has_a_timeout_and_no_signature_and_follows_no_redirect(sandbox, front):
    run("skinsback_check")
    for _, options in front.asked:
        assert options["allow_redirects"] is False
        assert options["timeout"]
        assert options["data"] == b"{}"
        assert set(options["headers"]) == {"Content-Type"}


@pytest.mark.django_db(transaction=True)
def test_the_webhook_urls_of_this_site_pass_the_check(skinsback_sandbox, live_server, settings):
    settings.DEBUG = True
    settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": live_server.url}
    printed, code = run("skinsback_check")
    assert code == 0, printed
    assert not WebhookEvent.objects.exists()


def test_every_account_is_checked_or_only_the_given_one(sandbox, front, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {"second": sandbox.credentials("sandbox-2")}}
    both, _ = run("skinsback_check")
    one, _ = run("skinsback_check", "--account", "second")
    assert {what.partition(":")[0] for what in lines(both)} >= {"default", "second"}
    assert "default: reachable" not in lines(one)
    assert lines(one)["second: Result URL"][1].startswith("https://shop.example/skinsback/result/second/ ")


def test_wrong_settings_are_reported_first_and_no_call_is_made(sandbox, front, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "DEFAULT_GAME": "csgo"}
    printed, code = run("skinsback_check")
    assert code == 3
    assert list(lines(printed)) == ["configuration (skinsback.E003)"]
    assert "DEFAULT_GAME" in todo(printed)["configuration (skinsback.E003)"]
    assert front.asked == []
    assert not BalanceSnapshot.objects.exists()


def test_a_silenced_warning_is_not_reported(sandbox, front, settings):
    settings.DEBUG = False
    settings.SILENCED_SYSTEM_CHECKS = ["skinsback.W001", "skinsback.W002", "skinsback.W005"]
    printed, code = run("skinsback_check")
    assert code == 0, printed


def test_a_missing_secret_is_reported_with_advice(sandbox, front, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": ""}
    printed, code = run("skinsback_check")
    assert code == 3
    assert "Copy the value from your project's settings" in todo(printed)["configuration (skinsback.E004)"]


def test_an_account_that_is_not_configured_is_an_error(sandbox, front):
    with pytest.raises(CommandError, match="no account 'third'") as refused:
        run("skinsback_check", "--account", "third")
    assert refused.value.returncode == 2
    assert front.asked == []


@pytest.mark.parametrize(
    ("keys", "advice"),
    [
        ({"CLIENT_SECRET": "wrong"}, "CLIENT_SECRET is not the project's"),
        ({"CLIENT_ID": "nobody"}, "CLIENT_ID is not known to SkinsBack"),
        ({"CLIENT_SECRET": "wrong", "AUTHENTICATION": "signature"}, "CLIENT_SECRET is not the project's"),
    ],
)
def test_each_kind_of_wrong_key_has_its_own_advice(sandbox, front, settings, keys, advice):
    settings.SKINSBACK = {**settings.SKINSBACK, **keys}
    printed, code = run("skinsback_check")
    assert code == 3
    assert lines(printed)["default: reachable"][0] == "ok"
    assert list(todo(printed)) == ["default: credentials"]
    assert advice in todo(printed)["default: credentials"]
    assert "wrong" not in printed


@pytest.mark.parametrize(
    ("code", "word", "what", "advice"),
    [
        (-4, "shop_not_active", "credentials", "finish its activation"),
        (-8, "invalid_ip_address", "credentials", "Add this server's IP address"),
        (-7, "request_limit_reached", "reachable", "try again in a minute"),
        (-9, "under_maintenance", "reachable", "under_maintenance"),
    ],
)
def test_each_refusal_of_skinsback_has_its_own_advice(sandbox, front, monkeypatch, code, word, what, advice):
    from django_skinsback.exceptions import APIError

    def refuse(alias):
        raise APIError.for_answer("balance", code, word)

    monkeypatch.setattr(skinsback_check, "snapshot_balance", refuse)
    printed, exit_code = run("skinsback_check")
    assert exit_code == 3
    assert advice in todo(printed)[f"default: {what}"]
    assert lines(printed)["default: Result URL"][0] == "ok"


def test_it_is_reported_if_skinsback_does_not_answer(sandbox, front):
    sandbox.stop()
    printed, code = run("skinsback_check")
    assert code == 3
    assert "gives no answer" in todo(printed)["default: reachable"]
    assert "default: credentials" not in lines(printed)


def test_a_low_balance_is_to_be_topped_up(sandbox, front, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": sandbox.balance() + 1}
    printed, code = run("skinsback_check")
    assert code == 3
    assert "top it up" in todo(printed)["default: balance"]


@pytest.mark.parametrize(
    ("status_code", "text"),
    [
        (200, '{"status": "ok"}'),
        (301, ""),
        (302, '"refused"'),
        (403, "<h1>CSRF verification failed</h1>"),
        (404, "<h1>Not Found</h1>"),
        (503, '{"status": "refused"}'),
    ],
)
def test_any_other_answer_than_our_refusal_is_a_problem(sandbox, front, status_code, text):
    front.status_code, front.text = status_code, text
    printed, code = run("skinsback_check")
    assert code == 3
    assert set(todo(printed)) == {"default: Result URL", "default: Webhook Events URL"}
    assert f"answered {status_code} " in todo(printed)["default: Result URL"]


def test_a_site_that_does_not_run_is_to_be_started(sandbox, front):
    front.error = skinsback_check.requests.ConnectionError("no")
    printed, code = run("skinsback_check")
    assert code == 3
    assert "start the site" in todo(printed)["default: Result URL"]


@pytest.mark.parametrize("url", [None, "http://shop.example"])
def test_a_missing_or_unsafe_site_url_is_to_be_set(sandbox, front, settings, url):
    settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": url}
    settings.DEBUG = False
    settings.SILENCED_SYSTEM_CHECKS = ["skinsback.W001", "skinsback.W002", "skinsback.W005"]
    text = "\n".join(line.text for line in skinsback_check._account("default") if not line.ok)
    assert text.count("SKINSBACK['SITE_URL']") == 2
    assert front.asked == []


def test_work_that_waits_too_long_needs_a_worker(sandbox, front):
    make_deposit(next_poll_at=timezone.now() - LONG_AGO)
    make_purchase(next_poll_at=timezone.now() - LONG_AGO)
    printed, code = run("skinsback_check")
    assert code == 3
    assert list(todo(printed)) == ["worker and beat"]
    assert todo(printed)["worker and beat"].startswith("2 rows are overdue")


def shared_cache(settings, path):
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(path)}}


def test_a_worker_that_never_ran_is_to_be_started_though_nothing_is_overdue(sandbox, front, settings, tmp_path):
    shared_cache(settings, tmp_path)
    printed, code = run("skinsback_check")
    assert code == 3
    assert list(todo(printed)) == ["worker and beat"]
    assert todo(printed)["worker and beat"].startswith("no process has looked for due rows yet: start a Celery")
    assert "nothing is overdue" not in printed


def test_whether_a_worker_runs_is_not_known_without_a_shared_cache(sandbox, front):
    cache.clear()
    printed, code = run("skinsback_check")
    assert code == 0
    mark, text = lines(printed)["worker and beat"]
    assert (mark, "not known" in text, "nothing is overdue" in printed) == ("??", True, False)
    assert json.loads(run("skinsback_check", "--json")[0].splitlines()[6])["ok"] is None


def test_a_worker_that_has_not_looked_for_long_is_to_be_started(sandbox, front):
    with time_machine.travel(timezone.now() - health.FAILING_AFTER - timedelta(minutes=1)):
        sweeps.note_sweep()
    printed, code = run("skinsback_check")
    assert code == 3
    assert "due rows were last looked for at 20" in todo(printed)["worker and beat"]


@pytest.mark.parametrize("sweep", ["task of purchases", "task of deposits", "skinsback_poll", "--forever"])
def test_each_way_to_poll_is_noted_for_the_check(sandbox, front, settings, monkeypatch, tmp_path, sweep):
    shared_cache(settings, tmp_path)
    monkeypatch.setattr(routine, "close_old_connections", lambda: None)  # the test's own among them
    if sweep == "--forever":
        jobs = {job: 1 for job in routine.JOBS if job.seconds is None}
        seen = []
        routine.repeat(
            jobs, None, stopped=lambda: bool(seen), on_result=lambda *result: seen.append(result), on_idle=lambda: None
        )
    elif sweep == "skinsback_poll":
        run(sweep)
    else:
        (tasks.poll_purchases if "purchases" in sweep else tasks.poll_deposits).apply(throw=True)
    printed, code = run("skinsback_check")
    assert (code, lines(printed)["worker and beat"][0]) == (0, "ok")
    assert "nothing is overdue; due rows were last looked for at 20" in printed


def test_overdue_rows_are_reported_instead_of_the_last_sweep(sandbox, front):
    make_deposit(next_poll_at=timezone.now() - LONG_AGO)
    assert todo(run("skinsback_check")[0])["worker and beat"].startswith("1 row is overdue")


def test_a_database_without_our_tables_is_to_be_migrated(sandbox, front, settings, monkeypatch):
    """Not a traceback, and nothing is asked of SkinsBack for a database that could not keep the answer."""
    MigrationRecorder.Migration.objects.filter(app="skinsback").delete()
    printed, code = run("skinsback_check")
    assert code == 3
    assert todo(printed) == {"database": f"{MIGRATIONS} migrations are not applied yet: run manage.py migrate"}
    assert list(lines(printed)) == ["configuration", "database"]
    assert front.asked == []


def test_a_database_that_does_not_answer_is_reported(sandbox, front, monkeypatch):
    def gone(*_args):
        raise OperationalError("could not connect to server\nIs the server running?")

    monkeypatch.setattr(skinsback_check, "MigrationExecutor", gone)
    printed, code = run("skinsback_check")
    assert code == 3
    assert todo(printed)["database"].startswith(
        "the database does not answer (OperationalError: could not connect to server)"
    )


def test_a_new_sites_first_check_is_no_traceback(tmp_path):
    """In a process of its own, on a database that is empty."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "TEST_DATABASE": "sqlite"}
    environment["TEST_DATABASE_NAME"] = str(tmp_path / "new.sqlite3")
    command = [sys.executable, "-m", "django", "skinsback_check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "TODO database: " in done.stdout
    assert "run manage.py migrate" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"CLIENT_SECRET": "123\n"}, "contains a blank"),
        ({"CLIENT_ID": "1 2"}, "contains a blank"),
        ({"API_URL": "https://user@skinsback.com/api.php"}, "api_url must be"),
    ],
)
def test_keys_that_cannot_be_used_are_no_configuration_that_is_ok(sandbox, front, settings, keys, says):
    settings.SKINSBACK = {**settings.SKINSBACK, **keys}
    printed, code = run("skinsback_check")
    assert code == 3
    assert all(mark == "TODO" and says in text for mark, text in lines(printed).values())
    assert front.asked == []


def test_keys_whose_message_is_silenced_are_no_configuration_that_is_ok(sandbox, front, settings):
    settings.SILENCED_SYSTEM_CHECKS = ["skinsback.E004"]
    settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": "123\n"}
    printed, code = run("skinsback_check")
    assert code == 3
    assert list(lines(printed)) == ["configuration (default)"]
    assert ".strip()" in printed


def test_work_that_is_just_due_is_in_order(sandbox, front):
    make_deposit(next_poll_at=timezone.now())
    assert run("skinsback_check")[1] == 0


def test_a_delivery_that_was_not_applied_is_to_be_looked_at(sandbox, front):
    WebhookEvent.objects.create(account="default", kind="deposit", digest="d", body=b"", outcome="failed")
    printed, code = run("skinsback_check")
    assert code == 3
    assert todo(printed) == {"deliveries": "1 not applied yet: see the deliveries in the admin"}


def test_rows_that_need_review_are_counted(sandbox, front):
    make_deposit(needs_review=True)
    make_purchase(needs_review=True)
    printed, code = run("skinsback_check")
    assert code == 3
    assert todo(printed) == {"review": "2 rows need review: look at them in the admin."}


def test_no_line_shows_a_secret(sandbox, front, settings):
    secret = sandbox.credentials()["CLIENT_SECRET"]
    printed, _ = run("skinsback_check")
    assert secret not in printed


# skinsback_poll


@pytest.mark.django_db
def test_the_sweep_does_what_is_due_and_counts_it(world):
    make_purchase(market_hash_name="", skin_id="1", max_price=Decimal("0.01"))
    make_deposit(status="created", created_at=timezone.now() - LONG_AGO)
    make_deposit(status="created", created_at=timezone.now() - LONG_AGO, next_poll_at=timezone.now() + LONG_AGO)
    printed, code = run("skinsback_poll")
    assert code == 0
    assert printed.splitlines() == [
        "deliveries: 0 applied",
        "deposits: 1 due, 1 changed",
        "purchases: 1 due, 1 changed",
    ]
    assert sorted(Deposit.objects.values_list("status", flat=True)) == ["abandoned", "created"]
    assert Purchase.objects.get().status == "refused"


@pytest.mark.django_db
def test_a_sweep_of_one_account_leaves_the_others_alone(world):
    make_deposit(status="created", created_at=timezone.now() - LONG_AGO)
    make_deposit(status="created", created_at=timezone.now() - LONG_AGO, account="second")
    printed, _ = run("skinsback_poll", "--account", "second")
    assert "deposits: 1 due, 1 changed" in printed
    assert Deposit.objects.get(account="default").status == "created"


@pytest.mark.django_db
def test_a_sweep_that_cannot_go_on_says_why(world):
    make_deposit(status="created")
    world.sandbox.stop()
    printed, code = run("skinsback_poll")
    assert code == 4
    assert "deposits: stopped early by default: " in printed


@pytest.mark.django_db
def test_a_sweep_of_nothing_is_fine(world):
    printed, code = run("skinsback_poll")
    assert (printed.splitlines(), code) == (
        ["deliveries: 0 applied", "deposits: 0 due, 0 changed", "purchases: 0 due, 0 changed"],
        0,
    )


# skinsback_balance


@pytest.mark.django_db
def test_the_balance_of_each_account_is_shown_and_kept(world):
    printed, code = run("skinsback_balance")
    balances = [world.sandbox.balance(), world.sandbox.balance("sandbox-2")]
    assert printed.splitlines() == [
        f"default: {balances[0].normalize():f} USD",
        f"second: {balances[1].normalize():f} USD",
    ]
    assert code == 0
    assert list(BalanceSnapshot.objects.order_by("pk").values_list("account", flat=True)) == ["default", "second"]


@pytest.mark.django_db
def test_the_balance_of_one_account_is_shown(world):
    printed, _ = run("skinsback_balance", "--account", "second")
    assert printed.startswith("second: ")
    assert len(printed.splitlines()) == 1


@pytest.mark.django_db
def test_a_balance_is_written_plainly(world):
    world.sandbox.configure(balance=Decimal("1E+3"))
    assert run("skinsback_balance", "--account", "default")[0] == "default: 1000 USD\n"


@pytest.mark.django_db
def test_a_low_balance_has_an_exit_code(world, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal("1000.50")}
    printed, code = run("skinsback_balance", "--account", "default")
    assert code == 3
    assert printed.endswith("below LOW_BALANCE (1000.5 USD): top it up at SkinsBack\n")


@pytest.mark.django_db
def test_a_balance_is_shown_with_how_long_it_lasts(world):
    for days, usd in ((4, 1200), (2, 1100)):
        taken_at = timezone.now() - timedelta(days=days)
        BalanceSnapshot.objects.create(account="default", balance=Decimal(usd), taken_at=taken_at)
    assert run("skinsback_balance", "--account", "default")[0] == "default: 1000 USD, lasts for about 20.0 days\n"


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["skinsback_balance", "skinsback_sync_prices"])
def test_a_failing_command_names_skinsback_check(world, settings, command):
    settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": "wrong"}
    with pytest.raises(CommandError, match=r"invalid_client_secret.*skinsback_check"):
        run(command)
    with pytest.raises(CommandError, match="no account 'third'"):
        run(command, "--account", "third")


# skinsback_sync_prices


@pytest.mark.django_db
def test_the_price_lists_of_all_games_are_taken_over(world):
    printed, code = run("skinsback_sync_prices")
    assert code == 0
    for game, line in zip(("cs2", "dota2", "rust"), printed.splitlines(), strict=True):
        count = MarketItem.objects.filter(game=game).count()
        assert line == f"{game}: {count} names, {count} written, 0 gone"
        assert count > 0


@pytest.mark.django_db
def test_the_price_list_of_one_game_is_taken_over(world):
    printed, _ = run("skinsback_sync_prices", "--game", "rust", "--account", "second")
    assert printed.startswith("rust: ")
    assert set(MarketItem.objects.values_list("game", flat=True)) == {"rust"}


def test_a_game_that_is_not_traded_is_refused():
    with pytest.raises(CommandError, match="csgo"):
        run("skinsback_sync_prices", "--game", "csgo")


# skinsback_sandbox


@pytest.mark.parametrize("option", ["--result-url", "--events-url"])
def test_the_command_has_the_options_of_the_sandbox(option, capsys):
    assert run("skinsback_sandbox", "--port", "0", option, "nonsense")[1] == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_options_of_the_sandbox_are_in_its_help(capsys):
    with pytest.raises(SystemExit):
        call_command("skinsback_sandbox", "--help")
    assert "--state-file" in capsys.readouterr().out
