"""``skinsback_buy``: dry run, confirmation, exit codes, ``--key``, and what happens when it is stopped."""

import builtins
import json
import re
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
    """The cheapest skin on the market."""
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
    """Simulate a person at a terminal who types an answer. Returns the list of prompts."""
    asked = []

    def answer(text):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)

        def type_in(prompt):
            asked.append(prompt)
            if text is None:
                raise EOFError
            return text

        monkeypatch.setattr(builtins, "input", type_in)
        return asked

    return answer


def run(*arguments):
    """Run the command. Return the output with errors, and the exit code. Checks that the token is not printed."""
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
    assert f"price {skin.price} USD, balance 1000 USD" in printed
    assert "receiver: the Steam account 76561198050648523" in printed
    assert printed.endswith("It would be bought.\n")
    assert world.sandbox.spent() == 0
    assert not any(model.objects.exists() for model in (Purchase, LedgerEntry, StatusChange, BalanceSnapshot))


@pytest.mark.parametrize(
    ("price", "balance", "text"),
    [("0.000001", "1000", "which is more than max_price"), ("100", "0", "Top up the balance at SkinsBack")],
)
def test_a_dry_run_says_why_nothing_would_be_bought(skin, world, price, balance, text):
    world.sandbox.configure(balance=Decimal(balance))
    printed, code = run(*named(skin), "--max-price", price, "--dry-run")
    assert (text in printed, code) == (True, 4)


def test_a_dry_run_does_not_match_a_part_of_a_name(skin):
    part = skin.market_hash_name[:4]
    assert part != skin.market_hash_name
    printed, code = run("--name", part, "--game", "rust", "--max-price", "100", "--dry-run")
    assert ("The skin is not for sale" in printed, code) == (True, 4)


def test_the_json_of_a_dry_run_has_amounts_as_text(skin):
    printed, _ = run(*named(skin), "--max-price", "100.50", "--dry-run", "--json")
    values = json.loads(printed)
    assert values["would_buy"] is True
    assert (values["price"], values["max_price"], values["balance"]) == (
        str(skin.price),
        "100.5",
        "1000",
    )


def test_a_skin_is_bought_through_the_flows(skin, world):
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    purchase = Purchase.objects.get()
    assert code == 0
    assert (purchase.status, purchase.price, purchase.user) == ("creating_trade", skin.price, None)
    assert f"Saved as {purchase.custom_id}. " in printed
    assert f"{skin.price} USD debited from the balance" in printed


def test_a_user_is_charged_and_refunded_if_skinsback_says_no(skin, user):
    Wallet.objects.create(user=user, balance=Decimal(50))
    arguments = ("--user", "alice", "--charge", "10", "--charge-currency", "usd", "--yes", "--json")

    printed, code = run(*named(skin), "--max-price", "0.000001", *arguments)

    values, purchase = json.loads(printed), Purchase.objects.get()
    assert code == 4
    assert (values["bought"], values["status"], values["custom_id"]) == (
        False,
        "refused",
        purchase.custom_id,
    )
    assert values["charge_amount"] == "10"
    assert [entry.kind for entry in LedgerEntry.objects.order_by("pk")] == ["charge", "refund"]


def test_a_charge_that_the_site_refuses_buys_nothing(skin, user):
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
def test_an_error_of_an_on_commit_hook_does_not_stop_the_purchase(skin, user, world, error):
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
    assert f"The purchase was saved and will be sent, but then an error occurred ({type(error).__name__}: " in printed
    assert "Nothing was bought" not in printed
    assert world.sandbox.spent() == skin.price


@pytest.mark.parametrize(
    ("words", "code", "rows"), [("yes", 0, 1), ("Y ", 0, 1), ("no", 4, 0), ("", 4, 0), (None, 4, 0)]
)
def test_it_asks_for_confirmation(skin, answering, words, code, rows):
    asked = answering(words)
    printed, ended = run(*named(skin), "--max-price", "100")
    assert (ended, Purchase.objects.count(), len(asked)) == (code, rows, 1)
    assert f"Buy {skin.market_hash_name} (rust) for at most 100 USD" in printed
    assert rows or printed.endswith("Nothing was bought.\n")


def test_without_a_terminal_it_buys_only_with_yes(skin, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert run(*named(skin), "--max-price", "100")[1] == 2
    assert not Purchase.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--max-price", "1,5"), "'1,5' is not an amount such as 8.28"),
        (("--max-price", "0"), "max_price must be above zero"),
        (("--max-price", "1001"), "which is above BUY_MAX_PRICE (1000)"),
        (("--user", "nobody"), "There is no user 'nobody'"),
        (("--charge", "5"), "A charge needs a user"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_written(skin, arguments, text):
    for last in ("--yes", "--dry-run"):
        printed, _ = run(*named(skin), *arguments, last)
        assert text in printed
    assert not Purchase.objects.exists()


def test_an_invalid_trade_url_is_not_printed():
    out = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command(
            "skinsback_buy", "--id", "1", "--trade-url", f"https://x.example/?token={TOKEN}", "--yes", stdout=out
        )
    assert refused.value.returncode == 2
    assert TOKEN not in f"{refused.value}{out.getvalue()}"


def test_without_a_price_limit_nothing_is_bought(skin, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": None}
    printed, code = run(*named(skin), "--yes")
    assert ("BUY_MAX_PRICE" in printed, code) == (True, 2)


@pytest.mark.parametrize("function", ["buy", "submit"])
def test_ctrl_c_prints_the_purchase_that_was_saved(skin, monkeypatch, function):
    """Fault 39: the row stores the intent, whatever the command was doing."""
    real = getattr(purchases, function)

    def interrupted(*args, **options):
        real(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(skinsback_buy.purchases, function, interrupted)
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    purchase = Purchase.objects.get()
    assert code == 130
    assert f"The purchase {purchase.custom_id} was saved. A worker or skinsback_poll completes it" in printed
    assert purchase.status == ("requested" if function == "buy" else "creating_trade")


def test_ctrl_c_before_anything_was_saved_says_so(skin, monkeypatch):
    """Fault 38: nothing was saved or sent."""

    def interrupted(**_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(skinsback_buy.purchases, "buy", interrupted)
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    assert (printed, code) == ("Nothing was bought.\nStopped.\n", 130)


def test_a_purchase_of_unknown_outcome_ends_with_5_and_is_printed(skin, world):
    world.sandbox.lose_answer("market_buy", times=None)
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attempts, code) == ("unknown", 1, 5)
    assert f"{purchase.custom_id}: outcome unknown" in printed
    assert "It may not have been bought" in printed


@pytest.mark.parametrize("error", [DatabaseError("gone"), RuntimeError("a bug"), InvalidInput("odd")])
@pytest.mark.parametrize("function", ["submit", "refresh"])
def test_an_error_after_the_purchase_was_saved_ends_with_5_and_prints_it(skin, monkeypatch, error, function, caplog):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(skinsback_buy.purchases, function, fail)
    printed, code = run(*named(skin), "--max-price", "100", "--yes", "--wait", "30", "--json")
    if function == "submit" and isinstance(error, InvalidInput):
        assert "The purchase could not be sent now" in printed  # and --wait ends without a result
    else:
        assert f"({type(error).__name__}: {error})" in printed
        assert caplog.messages.count("skinsback.buy_command_failed") == 1
    assert code == 5
    assert Purchase.objects.get().custom_id in printed


def test_a_database_lost_in_the_commit_ends_with_5(skin, monkeypatch):
    """The commit may have succeeded. "Nothing was bought" would make a person buy the skin again."""

    def gone(*_args, **_options):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(skinsback_buy.purchases, "buy", gone)
    monkeypatch.setattr(skinsback_buy.QuerySet, "first", lambda _rows: gone() if _rows.query.where.children else None)
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    assert code == 5
    assert "does not say whether a purchase was saved" in printed
    assert "Nothing was bought" not in printed


def test_a_veto_by_a_database_constraint_ends_with_4_and_no_row(skin, user):
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


def test_a_purchase_that_needs_review_ends_with_3(skin, monkeypatch):
    real = purchases.submit

    def submit(purchase):
        real(purchase)
        Purchase.objects.update(needs_review=True)
        return Purchase.objects.get()

    monkeypatch.setattr(skinsback_buy.purchases, "submit", submit)
    assert (run(*named(skin), "--max-price", "100", "--yes")[1], Purchase.objects.get().status) == (3, "creating_trade")


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("input(): lost sys.stdout")])
def test_a_terminal_that_closes_during_the_prompt_buys_nothing(skin, answering, monkeypatch, error):
    answering("yes")

    def lost(_prompt):
        raise error

    monkeypatch.setattr(builtins, "input", lost)
    assert (run(*named(skin), "--max-price", "100")[1], Purchase.objects.count()) == (4, 0)


def test_without_standard_input_it_buys_only_with_yes(skin, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert (run(*named(skin), "--max-price", "100")[1], Purchase.objects.count()) == (2, 0)


def test_a_purchase_that_cannot_be_sent_now_stays_due(skin, world):
    world.sandbox.stop()
    printed, code = run(*named(skin), "--max-price", "100", "--yes")
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attempts, code) == ("requested", 0, 5)
    assert purchase.custom_id in printed


def test_a_request_that_was_not_sent_leaves_the_purchase(skin, settings, monkeypatch):
    def refuse(_purchase):
        raise RequestNotSent

    monkeypatch.setattr(skinsback_buy.purchases, "submit", refuse)
    printed, code = run(*named(skin), "--max-price", "100", "--yes", "--json")
    values = json.loads(printed.splitlines()[-1])
    assert (values["bought"], values["status"], code) == (None, "requested", 5)


def test_it_waits_for_a_worker_that_sends_the_purchase(skin, monkeypatch, no_sleep):
    real = purchases.submit

    def too_late(purchase):
        """Return what ``submit`` returns while a worker sends the purchase."""
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


def test_a_trade_that_is_not_finished_in_time_ends_with_5(skin, no_sleep):
    printed, code = run(*named(skin), "--max-price", "100", "--yes", "--wait", "30")
    assert code == 5
    assert sum(no_sleep) == 30
    assert Purchase.objects.get().custom_id in printed


class TestKey:
    """``--key``: a command that is run again with the same key buys nothing again."""

    def test_the_same_key_buys_once_and_prints_the_purchase_made_before(self, skin, world):
        first, _ = run(*named(skin), "--max-price", "100", "--key", "order-7", "--yes")
        printed, code = run(*named(skin), "--max-price", "100", "--key", "order-7", "--yes")

        purchase = Purchase.objects.get()
        assert code == 0
        assert "was used before" not in first
        assert f"Nothing was bought now: the key order-7 was used before for {purchase.custom_id}." in printed
        assert f"{purchase.custom_id}: creating the trade" in printed
        assert world.sandbox.spent() == skin.price

    def test_the_confirmation_is_not_asked_for_again(self, skin, answering):
        asked = answering("yes")
        for _ in range(2):
            assert run(*named(skin), "--max-price", "100", "--key", "order-7")[1] == 0
        assert len(asked) == 1
        assert Purchase.objects.count() == 1

    def test_json_says_whether_the_purchase_was_made_before(self, skin):
        arguments = (*named(skin), "--max-price", "100", "--key", "order-7", "--yes", "--json")
        first, again = (json.loads(run(*arguments)[0]) for _ in range(2))
        assert (first.pop("repeated"), again.pop("repeated")) == (False, True)
        assert first == again

    def test_other_parameters_with_the_same_key_are_a_usage_error(self, skin, world):
        run(*named(skin), "--max-price", "100", "--key", "order-7", "--yes")
        printed, code = run(*named(skin), "--max-price", "99", "--key", "order-7", "--yes")
        assert code == 2
        assert "This key was used before with other values" in printed
        assert Purchase.objects.count() == 1
        assert world.sandbox.spent() == skin.price

    def test_two_users_can_use_the_same_key(self, skin, user, django_user_model):
        django_user_model.objects.create_user("bob")
        for name in ("alice", "bob"):
            run(*named(skin), "--max-price", "100", "--key", "order-7", "--user", name, "--yes")
        assert Purchase.objects.count() == 2

    def test_a_purchase_that_was_not_sent_ends_with_5_and_is_not_sent_by_the_second_run(self, skin, monkeypatch):
        def refuse(_purchase):
            raise RequestNotSent

        monkeypatch.setattr(skinsback_buy.purchases, "submit", refuse)
        arguments = (*named(skin), "--max-price", "100", "--key", "order-7", "--yes")
        assert [run(*arguments)[1] for _ in range(2)] == [5, 5]
        assert Purchase.objects.get().attempts == 0

    def test_without_a_key_two_runs_buy_twice(self, skin):
        for _ in range(2):
            run(*named(skin), "--max-price", "100", "--yes")
        assert Purchase.objects.count() == 2

    def test_the_command_writes_nothing_into_the_metadata(self, skin):
        run(*named(skin), "--max-price", "100", "--yes")
        assert Purchase.objects.get().metadata == {}

    def test_a_lost_database_names_a_key_that_shows_what_was_begun(self, skin, monkeypatch):
        real = purchases.buy

        def gone(*_args, **_options):
            raise OperationalError("server closed the connection")

        def buy_and_lose_the_connection(**options):
            real(**options)
            monkeypatch.setattr(skinsback_buy.QuerySet, "first", gone)
            gone()

        with monkeypatch.context() as context:
            monkeypatch = context
            context.setattr(skinsback_buy.purchases, "buy", buy_and_lose_the_connection)
            printed, code = run(*named(skin), "--max-price", "100", "--yes")
        assert code == 5
        key = re.search(r"--key (\w+)", printed)[1]
        printed, code = run(*named(skin), "--max-price", "100", "--key", key, "--yes")
        assert f"was used before for {Purchase.objects.get().custom_id}" in printed
