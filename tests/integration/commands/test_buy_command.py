"""``skinsback_buy``: what it shows, what it refuses, and what it leaves behind when somebody stops it."""

import builtins
import json
import sys
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, OperationalError, transaction

from django_skinsback import purchases
from django_skinsback.exceptions import InvalidInput, RequestNotSent
from django_skinsback.management.commands import skinsback_buy
from django_skinsback.models import BalanceSnapshot, LedgerEntry, Purchase, StatusChange
from django_skinsback.signals import entry_posted
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

TOKEN = "i1ArBZey"
TRADE_URL = f"https://steamcommunity.com/tradeoffer/new/?partner=90382795&token={TOKEN}"


@pytest.fixture
def skin(world):
    """The cheapest skin on the market that the account can pay."""
    from django_skinsback.connection import get_client

    client = get_client()
    listed = min(client.iter_price_list("rust", full=True), key=lambda skin: skin.price)
    return client.search_skins("rust", listed.market_hash_name)[0]


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch):
    slept = []
    monkeypatch.setattr(skinsback_buy.Command, "sleep", staticmethod(slept.append))
    return slept


@pytest.fixture
def answering(monkeypatch):
    """Somebody at a terminal, who types what the test says."""
    asked = []

    def sit_down(words):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)

        def type_in(prompt):
            asked.append(prompt)
            if words is None:
                raise EOFError
            return words

        monkeypatch.setattr(builtins, "input", type_in)
        return asked

    return sit_down


def run(*arguments):
    """What was printed, with its errors, and the exit code. The token is in none of it."""
    out = StringIO()
    code = 0
    try:
        call_command("skinsback_buy", "--trade-url", TRADE_URL, *arguments, stdout=out, stderr=out, no_color=True)
    except SystemExit as end:
        code = end.code
    except CommandError as error:
        out.write(str(error))
        code = error.returncode
    assert TOKEN not in out.getvalue()
    return out.getvalue(), code


def named(skin):
    return "--name", skin.market_hash_name, "--game", "rust"


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_dry_run_shows_what_would_be_bought_and_changes_nothing(skin, world, by):
    which = named(skin) if by == "name" else ("--id", skin.skin_id, "--game", "rust")

    printed, code = run(*which, "--max-price", "100", "--dry-run")

    assert code == 0
    assert f"costs {skin.price} USD of a balance of 1000 USD" in printed
    assert "would go to the Steam account 76561198050648523" in printed
    assert printed.endswith("It would be bought.\n")
    assert world.sandbox.spent() == 0
    assert not any(model.objects.exists() for model in (Purchase, LedgerEntry, StatusChange, BalanceSnapshot))


@pytest.mark.parametrize(
    ("price", "balance", "told"),
    [("0.000001", "1000", "which is more than max_price"), ("100", "0", "top it up at SkinsBack")],
)
def test_a_dry_run_says_why_nothing_would_be_bought(skin, world, price, balance, told):
    world.sandbox.configure(balance=Decimal(balance))
    printed, code = run(*named(skin), "--max-price", price, "--dry-run")
    assert (told in printed, code) == (True, 4)


def test_a_dry_run_takes_a_part_of_a_name_for_no_name(skin):
    part = skin.market_hash_name[:4]
    assert part != skin.market_hash_name
    printed, code = run("--name", part, "--game", "rust", "--max-price", "100", "--dry-run")
    assert ("It is not for sale" in printed, code) == (True, 4)


def test_a_dry_runs_json_has_amounts_as_text(skin):
    printed, _ = run(*named(skin), "--max-price", "100.50", "--dry-run", "--json")
    told = json.loads(printed)
    assert told["would_buy"] is True
    assert (told["price"], told["max_price"], told["balance"]) == (str(skin.price), "100.5", "1000")


def test_a_skin_is_bought_through_the_flows(skin, world):
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    purchase = Purchase.objects.get()
    assert code == 0
    assert (purchase.status, purchase.price, purchase.user) == ("creating_trade", skin.price, None)
    assert f"Kept as {purchase.custom_id}; " in printed
    assert f"{skin.price} USD taken from the balance" in printed


def test_a_user_is_charged_and_refunded_if_skinsback_says_no(skin, user):
    Wallet.objects.create(user=user, balance=Decimal(50))
    arguments = ("--user", "alice", "--charge", "10", "--charge-currency", "usd", "--yes", "--json")

    printed, code = run(*named(skin), "--max-price", "0.000001", *arguments)

    told, purchase = json.loads(printed), Purchase.objects.get()
    assert code == 4
    assert (told["bought"], told["status"], told["custom_id"]) == (False, "refused", purchase.custom_id)
    assert told["charge_amount"] == "10"
    assert [entry.kind for entry in LedgerEntry.objects.order_by("pk")] == ["charge", "refund"]


def test_a_charge_the_site_does_not_allow_buys_nothing(skin, user):
    Wallet.objects.create(user=user, balance=Decimal(50))

    def refuse(**_kwargs):
        raise RuntimeError("no money")

    entry_posted.connect(refuse)
    try:
        printed, code = run(
            *named(skin),
            "--max-price",
            "9",
            "--user",
            str(user.pk),
            "--charge",
            "10",
            "--charge-currency",
            "usd",
            "--yes",
        )
    finally:
        entry_posted.disconnect(refuse)
    assert (printed, code) == (
        "Nothing was bought: the site did not allow the charge (RuntimeError: no money).",
        4,
    )
    assert not Purchase.objects.exists()


@pytest.mark.parametrize("error", [ConnectionError("no mail today"), DatabaseError("no query today"), RequestNotSent()])
def test_what_a_hook_of_the_site_raises_after_the_commit_stops_nothing(skin, user, world, error):
    Wallet.objects.create(user=user, balance=Decimal(50))

    def fail():
        raise error

    def write_a_mail(**_kwargs):
        transaction.on_commit(fail)

    entry_posted.connect(write_a_mail)
    try:
        arguments = ("--user", "alice", "--charge", "10", "--charge-currency", "usd", "--yes")
        printed, code = run(*named(skin), "--max-price", "100", *arguments)
    finally:
        entry_posted.disconnect(write_a_mail)

    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attempts, code) == ("creating_trade", 1, 0)
    assert f"was begun and goes on, but something failed after it was kept ({type(error).__name__}: " in printed
    assert "Nothing was bought" not in printed
    assert world.sandbox.spent() == skin.price


@pytest.mark.parametrize(
    ("words", "code", "rows"), [("yes", 0, 1), ("Y ", 0, 1), ("no", 4, 0), ("", 4, 0), (None, 4, 0)]
)
def test_it_asks_before_it_buys(skin, answering, words, code, rows):
    asked = answering(words)
    printed, ended = run(*named(skin), "--max-price", "100")
    assert (ended, Purchase.objects.count(), len(asked)) == (code, rows, 1)
    assert f"Buy {skin.market_hash_name} (rust) for at most 100 USD" in printed
    assert rows or printed.endswith("Nothing was bought.\n")


def test_where_nobody_can_be_asked_it_buys_only_with_yes(skin, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert run(*named(skin), "--max-price", "100")[1] == 2
    assert not Purchase.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--max-price", "1,5"), "'1,5' is not an amount such as 8.28"),
        (("--max-price", "0"), "max_price must be above zero"),
        (("--max-price", "1001"), "above the 1000 that BUY_MAX_PRICE allows"),
        (("--user", "nobody"), "There is no user 'nobody'"),
        (("--charge", "5"), "A charge needs a user"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(skin, arguments, told):
    for last in ("--yes", "--dry-run"):
        printed, _ = run(*named(skin), *arguments, last)
        assert told in printed
    assert not Purchase.objects.exists()


def test_a_trade_url_that_is_none_is_not_repeated():
    out = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command(
            "skinsback_buy", "--id", "1", "--trade-url", f"https://x.example/?token={TOKEN}", "--yes", stdout=out
        )
    assert refused.value.returncode == 2
    assert TOKEN not in f"{refused.value}{out.getvalue()}"


def test_without_a_cap_nothing_is_bought(skin, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": None}
    printed, code = run(*named(skin), "--yes")
    assert ("BUY_MAX_PRICE" in printed, code) == (True, 2)


@pytest.mark.parametrize("moment", ["buy", "submit"])
def test_ctrl_c_says_which_row_to_look_at(skin, monkeypatch, moment):
    """Row 39: the intent stands in the row, whatever the command was doing."""
    real = getattr(purchases, moment)

    def interrupted(*args, **options):
        real(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(skinsback_buy.purchases, moment, interrupted)
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    purchase = Purchase.objects.get()
    assert code == 130
    assert f"The purchase {purchase.custom_id} was begun and goes on by itself" in printed
    assert purchase.status == ("requested" if moment == "buy" else "creating_trade")


def test_ctrl_c_before_anything_was_written_says_so(skin, monkeypatch):
    """Row 38: nothing sent, nothing owed."""

    def interrupted(**_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(skinsback_buy.purchases, "buy", interrupted)
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    assert (printed, code) == ("Nothing was bought.\nStopped.\n", 130)


def test_a_purchase_of_unknown_outcome_ends_with_5_and_is_named(skin, world):
    world.sandbox.lose_answer("market_buy", times=None)
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attempts, code) == ("unknown", 1, 5)
    assert f"{purchase.custom_id}: outcome unknown" in printed
    assert "It may not have been bought" in printed


@pytest.mark.parametrize("error", [DatabaseError("gone"), RuntimeError("a bug"), InvalidInput("odd")])
@pytest.mark.parametrize("moment", ["submit", "refresh"])
def test_whatever_is_raised_once_a_purchase_was_begun_ends_with_5_and_names_it(
    skin, monkeypatch, error, moment, caplog
):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(skinsback_buy.purchases, moment, fail)
    printed, code = run(*named(skin), "--max-price", "100", "--yes", "--wait", "30", "--json")
    if moment == "submit" and isinstance(error, InvalidInput):
        assert "It could not be sent now" in printed  # and then it waits in vain
    else:
        assert f"({type(error).__name__}: {error})" in printed
        assert caplog.messages.count("skinsback.buy_command_failed") == 1
    assert code == 5
    assert Purchase.objects.get().custom_id in printed


def test_a_database_that_is_gone_in_the_commit_leaves_it_open_whether_a_purchase_was_begun(skin, monkeypatch):
    """The commit may have come through: to say "nothing was bought" would make a person buy it again."""

    def gone(*_args, **_options):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(skinsback_buy.purchases, "buy", gone)
    monkeypatch.setattr(skinsback_buy.QuerySet, "first", lambda _rows: gone() if _rows.query.where.children else None)
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    assert code == 5
    assert "does not say whether a purchase was begun" in printed
    assert "Nothing was bought" not in printed


def test_a_constraint_of_the_sites_that_vetoes_the_charge_ends_with_4_and_no_row(skin, user):
    Wallet.objects.create(user=user, balance=Decimal(50))

    def refuse(**_kwargs):
        raise IntegrityError("balance below zero")

    entry_posted.connect(refuse)
    try:
        charge = ("--user", "alice", "--charge", "10", "--charge-currency", "usd")
        printed, code = run(*named(skin), "--max-price", "100", *charge, "--yes")
    finally:
        entry_posted.disconnect(refuse)
    assert (code, Purchase.objects.count()) == (4, 0)
    assert "balance below zero" in printed


def test_a_purchase_that_is_flagged_for_review_ends_with_3(skin, monkeypatch):
    real = purchases.submit

    def submit(purchase):
        real(purchase)
        Purchase.objects.update(needs_review=True)
        return Purchase.objects.get()

    monkeypatch.setattr(skinsback_buy.purchases, "submit", submit)
    assert (run(*named(skin), "--max-price", "100", "--yes")[1], Purchase.objects.get().status) == (3, "creating_trade")


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("input(): lost sys.stdout")])
def test_a_terminal_that_goes_away_while_it_asks_buys_nothing(skin, answering, monkeypatch, error):
    answering("yes")

    def lost(_prompt):
        raise error

    monkeypatch.setattr(builtins, "input", lost)
    assert (run(*named(skin), "--max-price", "100")[1], Purchase.objects.count()) == (4, 0)


def test_without_a_standard_input_it_buys_only_with_yes(skin, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert (run(*named(skin), "--max-price", "100")[1], Purchase.objects.count()) == (2, 0)


def test_what_cannot_be_sent_now_is_kept_for_the_sweep(skin, world):
    world.sandbox.stop()
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attempts, code) == ("requested", 0, 5)
    assert purchase.custom_id in printed


def test_keys_that_are_missing_keep_the_purchase_too(skin, settings, monkeypatch):
    def refuse(_purchase):
        raise RequestNotSent

    monkeypatch.setattr(skinsback_buy.purchases, "submit", refuse)
    printed, code = run(*named(skin), "--max-price", "100", "--yes", "--json")
    told = json.loads(printed.splitlines()[-1])
    assert (told["bought"], told["status"], code) == (None, "requested", 5)


def test_a_purchase_that_a_worker_took_first_is_looked_at_until_it_was_sent(skin, monkeypatch, no_sleep):
    real = purchases.submit

    def too_late(purchase):
        """What ``submit`` gives while a worker holds the row and waits for SkinsBack."""
        Purchase.objects.filter(pk=purchase.pk).update(attempts=1)
        return Purchase.objects.get(pk=purchase.pk)

    def sleep(_seconds):
        no_sleep.append(_seconds)
        Purchase.objects.update(attempts=0)
        real(Purchase.objects.get())

    monkeypatch.setattr(skinsback_buy.purchases, "submit", too_late)
    monkeypatch.setattr(skinsback_buy.Command, "sleep", staticmethod(sleep))
    printed, code = run(*named(skin), "--max-price", "100", "--yes", "--json")
    assert (json.loads(printed)["status"], code, len(no_sleep)) == ("creating_trade", 0, 1)


def test_it_waits_until_the_trade_is_finished(skin, world, monkeypatch):
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        world.sandbox.clock.advance(seconds=60)
        row = Purchase.objects.get()
        if row.status == "waiting_accept":
            world.sandbox.accept(row.buy_id)

    monkeypatch.setattr(skinsback_buy.Command, "sleep", staticmethod(sleep))
    printed, code = run(*named(skin), "--max-price", "100", "--yes", "--wait")
    assert (Purchase.objects.get().status, code) == ("accepted", 0)
    assert len(waited) < 10
    assert "accepted" in printed


def test_a_trade_that_is_not_finished_in_time_is_told_by_the_exit_code(skin, no_sleep):
    printed, code = run(*named(skin), "--max-price", "100", "--yes", "--wait", "30")
    assert code == 5
    assert sum(no_sleep) == 30
    assert Purchase.objects.get().custom_id in printed
