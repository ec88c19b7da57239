"""How many of the package's functions and files one delivery and one purchase pass through."""

import pytest

from tests import call_path
from tests.call_path import Call
from tests.wallet.models import Wallet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def buyer(user):
    return Wallet.objects.create(user=user, balance=1000).user


def test_a_delivery_passes_few_functions_and_files_on_its_way_to_the_ledger_entry(client, user):
    calls = call_path.credit_calls(client, user)

    assert calls[0] == Call("views.py", "WebhookView.post")
    assert call_path.count_functions(calls) <= 36
    assert call_path.count_files(calls) <= 10
    assert call_path.count_file_changes(calls) <= 20


def test_a_purchase_changes_file_at_most_a_hundred_times_from_buy_to_the_poll_that_finds_it_accepted(
    skinsback_sandbox, buyer, settings
):
    settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {}}  # a sweep visits each account
    calls = call_path.purchase_calls(skinsback_sandbox, buyer)

    assert calls[0] == Call("flows/purchases/buy.py", "buy")
    assert {call.file for call in calls} >= {"flows/purchases/send.py", "flows/polling/purchases.py"}
    assert call_path.count_file_changes(calls) <= 100


def test_only_the_functions_of_the_package_are_counted():
    from django_skinsback import conf, statuses
    from django_skinsback.sandbox.simulation.clock import Clock
    from django_skinsback.wire import signing

    code = statuses.judge.__code__
    inner = [constant for constant in call_path.count_files.__code__.co_consts if hasattr(constant, "co_name")]

    assert call_path.counted_call(code) == Call("statuses.py", "judge")
    for other in (conf.get, signing.sign, Clock.now, Call.__new__, call_path.main):
        assert call_path.counted_call(other.__code__) is None
    assert [call_path.counted_call(code) for code in inner] == [None] * len(inner)


def test_a_change_of_file_is_counted_between_one_call_and_the_next():
    calls = [Call("a.py", "f"), Call("a.py", "g"), Call("b.py", "h"), Call("a.py", "f")]

    assert call_path.count_functions(calls) == 3
    assert call_path.count_files(calls) == 2
    assert call_path.count_file_changes(calls) == 2
