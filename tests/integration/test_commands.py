"""The management commands are doors: each calls its flow and reports what came of it."""

from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.utils import timezone

from django_skinsback.management.commands import skinsback_check
from django_skinsback.models import BalanceSnapshot, Deposit, MarketItem, Purchase, WebhookEvent
from django_skinsback.testing import make_deposit, make_purchase

COMMANDS = [
    "skinsback_audit",
    "skinsback_balance",
    "skinsback_buy",
    "skinsback_check",
    "skinsback_forget_user",
    "skinsback_health",
    "skinsback_poll",
    "skinsback_prune",
    "skinsback_replay",
    "skinsback_sandbox",
    "skinsback_sync_prices",
]

LONG_AGO = timedelta(hours=1)


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
    """The sandbox as the only account, on a developer's machine."""
    settings.DEBUG = True
    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {}}
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


def test_a_site_in_order_has_a_row_of_ok(sandbox, front):
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


def test_the_knock_is_bounded_unsigned_and_follows_nothing(sandbox, front):
    run("skinsback_check")
    for _, options in front.asked:
        assert options["allow_redirects"] is False
        assert options["timeout"]
        assert options["data"] == b"{}"
        assert set(options["headers"]) == {"Content-Type"}


@pytest.mark.django_db(transaction=True)
def test_this_sites_own_webhooks_answer_the_knock(skinsback_sandbox, live_server, settings):
    settings.DEBUG = True
    settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": live_server.url}
    printed, code = run("skinsback_check")
    assert code == 0, printed
    assert not WebhookEvent.objects.exists()


def test_every_account_is_looked_at_or_only_the_one_that_is_named(sandbox, front, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {"second": sandbox.credentials("sandbox-2")}}
    both, _ = run("skinsback_check")
    one, _ = run("skinsback_check", "--account", "second")
    assert {what.partition(":")[0] for what in lines(both)} >= {"default", "second"}
    assert "default: reachable" not in lines(one)
    assert lines(one)["second: Result URL"][1].startswith("https://shop.example/skinsback/result/second/ ")


def test_wrong_settings_are_said_first_and_nobody_is_called(sandbox, front, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "DEFAULT_GAME": "csgo"}
    printed, code = run("skinsback_check")
    assert code == 1
    assert list(lines(printed)) == ["configuration (skinsback.E003)"]
    assert "DEFAULT_GAME" in todo(printed)["configuration (skinsback.E003)"]
    assert front.asked == []
    assert not BalanceSnapshot.objects.exists()


def test_a_silenced_warning_is_nothing_to_do(sandbox, front, settings):
    settings.DEBUG = False
    settings.SILENCED_SYSTEM_CHECKS = ["skinsback.W001", "skinsback.W002", "skinsback.W005"]
    printed, code = run("skinsback_check")
    assert code == 0, printed


def test_a_missing_secret_is_said_and_what_to_do(sandbox, front, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": ""}
    printed, code = run("skinsback_check")
    assert code == 1
    assert "Copy it from your project's settings" in todo(printed)["configuration (skinsback.E004)"]


def test_an_account_nobody_configured_is_said(sandbox, front):
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
def test_wrong_keys_are_told_from_each_other(sandbox, front, settings, keys, advice):
    settings.SKINSBACK = {**settings.SKINSBACK, **keys}
    printed, code = run("skinsback_check")
    assert code == 1
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
def test_what_skinsback_refuses_is_turned_into_advice(sandbox, front, monkeypatch, code, word, what, advice):
    from django_skinsback.exceptions import APIError

    def refuse(alias):
        raise APIError.for_answer("balance", code, word)

    monkeypatch.setattr(skinsback_check, "snapshot_balance", refuse)
    printed, exit_code = run("skinsback_check")
    assert exit_code == 1
    assert advice in todo(printed)[f"default: {what}"]
    assert lines(printed)["default: Result URL"][0] == "ok"


def test_a_skinsback_that_does_not_answer_is_said(sandbox, front):
    sandbox.stop()
    printed, code = run("skinsback_check")
    assert code == 1
    assert "gives no answer" in todo(printed)["default: reachable"]
    assert "default: credentials" not in lines(printed)


def test_a_low_balance_is_to_be_topped_up(sandbox, front, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": sandbox.balance() + 1}
    printed, code = run("skinsback_check")
    assert code == 1
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
def test_anything_but_our_own_refusal_is_something_in_the_way(sandbox, front, status_code, text):
    front.status_code, front.text = status_code, text
    printed, code = run("skinsback_check")
    assert code == 1
    assert set(todo(printed)) == {"default: Result URL", "default: Webhook Events URL"}
    assert f"answered {status_code} " in todo(printed)["default: Result URL"]


def test_a_site_that_does_not_run_is_to_be_started(sandbox, front):
    front.error = skinsback_check.requests.ConnectionError("no")
    printed, code = run("skinsback_check")
    assert code == 1
    assert "start the site" in todo(printed)["default: Result URL"]


@pytest.mark.parametrize("url", [None, "http://shop.example"])
def test_an_address_that_cannot_be_told_is_to_be_set(sandbox, front, settings, url):
    settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": url}
    settings.DEBUG = False
    settings.SILENCED_SYSTEM_CHECKS = ["skinsback.W001", "skinsback.W002", "skinsback.W005"]
    text = "\n".join(line.text for line in skinsback_check._account("default") if not line.ok)
    assert text.count("SKINSBACK['SITE_URL']") == 2
    assert front.asked == []


def test_work_that_waits_too_long_needs_a_worker(sandbox, front):
    make_deposit(next_check_at=timezone.now() - LONG_AGO)
    make_purchase(next_poll_at=timezone.now() - LONG_AGO)
    printed, code = run("skinsback_check")
    assert code == 1
    assert list(todo(printed)) == ["worker and beat"]
    assert todo(printed)["worker and beat"].startswith("2 rows are overdue")


def test_work_that_is_just_due_is_in_order(sandbox, front):
    make_deposit(next_check_at=timezone.now())
    assert run("skinsback_check")[1] == 0


def test_a_delivery_that_was_not_applied_is_to_be_looked_at(sandbox, front):
    WebhookEvent.objects.create(account="default", kind="deposit", digest="d", body=b"", outcome="failed")
    printed, code = run("skinsback_check")
    assert code == 1
    assert todo(printed) == {"deliveries": "1 wait to be applied: look at them in the admin"}


def test_a_row_under_review_waits_for_an_operator(sandbox, front):
    make_deposit(needs_review=True)
    make_purchase(needs_review=True)
    printed, code = run("skinsback_check")
    assert code == 1
    assert todo(printed) == {"review": "2 rows wait for an operator: look at them in the admin."}


def test_no_line_shows_a_secret(sandbox, front, settings):
    secret = sandbox.credentials()["CLIENT_SECRET"]
    printed, _ = run("skinsback_check")
    assert secret not in printed


# skinsback_poll


@pytest.mark.django_db
def test_the_sweep_does_what_is_due_and_counts_it(world):
    make_purchase(market_hash_name="", skin_id="1", max_price=Decimal("0.01"))
    make_deposit(status="created", created_at=timezone.now() - LONG_AGO)
    make_deposit(status="created", created_at=timezone.now() - LONG_AGO, next_check_at=timezone.now() + LONG_AGO)
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
    assert code == 1
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
def test_a_low_balance_is_told_by_the_exit_code_too(world, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal("1000.50")}
    printed, code = run("skinsback_balance", "--account", "default")
    assert code == 1
    assert printed.endswith("below LOW_BALANCE (1000.5 USD): top it up at SkinsBack\n")


@pytest.mark.django_db
def test_a_balance_is_shown_with_how_long_it_lasts(world):
    for days, usd in ((4, 1200), (2, 1100)):
        taken_at = timezone.now() - timedelta(days=days)
        BalanceSnapshot.objects.create(account="default", balance=Decimal(usd), taken_at=taken_at)
    assert run("skinsback_balance", "--account", "default")[0] == "default: 1000 USD, lasts for about 20.0 days\n"


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["skinsback_balance", "skinsback_sync_prices"])
def test_a_command_that_fails_says_where_advice_is(world, settings, command):
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
def test_the_sandboxes_options_can_be_given_to_the_command(option, capsys):
    assert run("skinsback_sandbox", "--port", "0", option, "nonsense")[1] == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_sandboxes_options_are_in_its_help(capsys):
    with pytest.raises(SystemExit):
        call_command("skinsback_sandbox", "--help")
    assert "--state-file" in capsys.readouterr().out
