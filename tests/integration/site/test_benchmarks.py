"""The benchmarks compare like with like, and each of their parts runs."""

import importlib
import json

import pytest
from django.urls import path

from benchmarks import page, results
from benchmarks.deliveries import OURS, credit, make_deposits, make_users
from benchmarks.plain import views
from benchmarks.results import Result
from benchmarks.scale import TINY
from benchmarks.timing import paired
from django_skinsback.models import Deposit, LedgerEntry, StatusChange, WebhookEvent
from tests.urls import urlpatterns as site
from tests.wallet.models import Wallet

urlpatterns = [
    *site,
    path("plain/result/", views.result),
    path("plain/verify/", views.verify),
    path("plain/verify/strictly/", views.verify_as_the_package),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

OF_EACH_RUN = {"id", "public_id", "order_id", "transaction_id", "digest", "body", "headers"}
"""Columns that identify the deposit or come from the sender."""
MOMENTS = {"created_at", "updated_at", "received_at", "processed_at", "finished_at"}


def post(client, address, delivery):
    return client.post(address, delivery.body, content_type=delivery.content_type).status_code


def what_is_left(deposit):
    """All rows about a deposit, without what differs from one run to another."""
    about = [(Deposit, {"pk": deposit.pk})]
    about += [(model, {"deposit": deposit}) for model in (LedgerEntry, StatusChange, WebhookEvent)]
    found = {}
    for model, conditions in about:
        (row,) = model.objects.filter(**conditions).values()
        links = {name for name in row if name in {"deposit_id", "webhook_event_id", "user_id", "owner_id"}}
        told = {name: value is not None for name, value in row.items() if name in MOMENTS | links}
        found[model.__name__] = told | {
            name: value for name, value in row.items() if name not in OF_EACH_RUN | MOMENTS | links
        }
    return found, Wallet.objects.get(user_id=deposit.user_id).balance


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "form"])
def test_the_plain_view_leaves_the_same_rows_as_the_package(client, form):
    users = make_users(2)
    ours, theirs = make_deposits(2, users)

    assert post(client, OURS, credit(ours, form=form)) == 200
    assert post(client, "/plain/result/", credit(theirs, form=form)) == 200

    assert what_is_left(theirs) == what_is_left(ours)


def test_the_plain_view_credits_a_repeat_once_and_no_forgery(client):
    deposit = make_deposits(1, make_users(1))[0]

    assert post(client, "/plain/result/", credit(deposit, secret="wrong")) == 403
    assert post(client, "/plain/verify/", credit(deposit, secret="wrong")) == 403
    assert post(client, "/plain/verify/strictly/", credit(deposit, secret="wrong")) == 403
    assert not WebhookEvent.objects.exists()
    assert [post(client, "/plain/result/", credit(deposit)) for _ in range(2)] == [200, 200]

    assert LedgerEntry.objects.count() == 1
    assert WebhookEvent.objects.get().deliveries == 2


def test_contestants_run_in_turns_and_are_compared_pair_by_pair():
    now, order = 0.0, []

    def run(name, seconds):
        def taking():
            nonlocal now
            now += seconds
            order.append(name)

        return taking

    times = paired(run("a", 1), run("b", 2), pairs=4, warm_up=0, clock=lambda: now)

    assert order == ["b", "a", "a", "b", "b", "a", "a", "b"]
    assert times.ratio == 0.5
    assert times.quartiles == (0.5, 0.5)


@pytest.mark.parametrize(
    ("value", "target", "verdict"),
    [(0.85, "<= 0.85", "met"), (0.86, "<= 0.85", "missed"), (3.3, ">= 3.3", "met"), (1, "= 0", "missed"), (1, "", "")],
)
def test_a_result_says_whether_its_target_is_met(value, target, verdict):
    assert Result("a figure", value, target).verdict == verdict
    assert verdict in results.plain_table([Result("a figure", value, target)])


def test_the_page_shows_the_results_that_are_kept():
    assert page.written(page.PAGE.read_text()) == page.PAGE.read_text()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", ["polling", "reconciliation", "prices", "refusal"])
def test_a_part_of_the_benchmarks_runs_in_a_tiny_size(part, settings):
    settings.ROOT_URLCONF = "tests.integration.site.test_benchmarks"
    settings.SKINSBACK = {**settings.SKINSBACK, "REQUESTS_PER_MINUTE": None}
    module = importlib.import_module(f"benchmarks.{part}")

    seen = [result.of(part, "sqlite") for result in module.measure(TINY)]

    assert seen
    assert json.loads(json.dumps([result.to_json() for result in seen]))
    assert len(results.markdown_table(seen).splitlines()) == len(seen) + 2
