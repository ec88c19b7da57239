"""The Celery tasks: each calls its flow, under a name that never changes."""

import os
from datetime import timedelta
from decimal import Decimal

import celery
import pytest
from django.db import DatabaseError
from django.utils import timezone

from django_skinsback import connection, tasks
from django_skinsback.exceptions import UnderMaintenance
from django_skinsback.flows import scheduler as routine
from django_skinsback.models import BalanceSnapshot, MarketItem, Purchase
from django_skinsback.testing import make_deposit, make_purchase

NAMES = {
    "skinsback.submit_purchase",
    "skinsback.poll_purchases",
    "skinsback.poll_deposits",
    "skinsback.reconcile",
    "skinsback.send_digest",
    "skinsback.sync_prices",
    "skinsback.prune",
    "skinsback.snapshot_balance",
    "skinsback.daily_figures",
    "skinsback.owing_users",
}


@pytest.fixture(autouse=True)
def eager():
    """Tasks run in this process, and their errors are raised here."""
    conf = celery.current_app.conf
    before = conf.task_always_eager, conf.task_eager_propagates
    conf.task_always_eager = conf.task_eager_propagates = True
    yield
    conf.task_always_eager, conf.task_eager_propagates = before


@pytest.fixture
def calls(monkeypatch):
    """Replaces the flows; a list of the calls and their arguments."""
    made = []

    def replace(module, name):
        monkeypatch.setattr(module, name, lambda *args, **options: made.append((name, args, options)))

    replace(tasks.purchase_queue, "poll_purchases")
    replace(routine.deposit_queue, "poll_deposits")
    replace(routine.replay, "apply_kept")
    replace(tasks.reconciliation, "reconcile")
    replace(routine.prices, "sync_prices")
    replace(routine.balance, "snapshot_balance")
    replace(tasks.written_figures, "write_daily_figures")
    replace(tasks.owing, "find_owing_users")
    replace(tasks, "submit")
    return made


def test_every_task_is_registered_under_its_name():
    assert {name for name in celery.current_app.tasks if name.startswith("skinsback.")} == NAMES
    assert all(getattr(tasks, name.removeprefix("skinsback.")).name == name for name in NAMES)


def test_every_task_has_a_docstring():
    assert all(celery.current_app.tasks[name].__doc__ for name in NAMES)


def test_a_task_that_loses_its_worker_is_run_again_and_leaves_no_result():
    for name in NAMES:
        task = celery.current_app.tasks[name]
        assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (True, True, True)


def test_beat_names_existing_tasks_and_their_messages_expire():
    planned = tasks.beat_schedule()
    assert {entry["task"] for entry in planned.values()} == NAMES - {"skinsback.submit_purchase"}
    for entry in planned.values():
        assert entry["schedule"] > 0
        assert entry["options"]["expires"] == entry["schedule"]


def test_beat_sweeps_at_the_given_period():
    periods = {entry["task"]: entry["schedule"] for entry in tasks.beat_schedule(sweep_seconds=60).values()}
    assert periods["skinsback.poll_purchases"] == periods["skinsback.poll_deposits"] == 60
    assert periods["skinsback.sync_prices"] == 3600
    assert periods["skinsback.snapshot_balance"] == 900


def test_celery_accepts_the_schedule():
    from celery.beat import Scheduler

    app = celery.Celery("site", set_as_current=False, broker="memory://")
    app.conf.beat_schedule = tasks.beat_schedule()
    scheduler = Scheduler(app=app, lazy=True)
    scheduler.merge_inplace(app.conf.beat_schedule)
    assert {entry.task for entry in scheduler.schedule.values()} == NAMES - {"skinsback.submit_purchase"}


def test_the_sweep_of_purchases_polls(calls):
    tasks.poll_purchases.delay()
    assert calls == [("poll_purchases", (), {})]


def test_the_sweep_of_deposits_applies_stored_deliveries_before_it_polls(calls):
    tasks.poll_deposits.delay()
    assert calls == [("apply_kept", (), {}), ("poll_deposits", (None,), {"on_progress": routine.no_progress})]


def test_a_sweep_of_deposits_that_fails_has_applied_stored_deliveries(calls, monkeypatch):
    def fail(*_args, **_options):
        raise DatabaseError

    monkeypatch.setattr(routine.deposit_queue, "poll_deposits", fail)
    for sweep in (tasks.poll_deposits, routine.poll_deposits):
        with pytest.raises(DatabaseError):
            sweep()
    assert calls == [("apply_kept", (), {})] * 2


@pytest.mark.parametrize("limit", [None, 384])
def test_a_forked_worker_shares_no_connection_with_its_parent(settings, monkeypatch, limit):
    settings.SKINSBACK = {**settings.SKINSBACK, "REQUESTS_PER_MINUTE": limit}
    client = connection.get_client()
    assert connection.get_client() is client

    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)

    assert connection.get_client() is not client
    assert connection.get_client() is connection.get_client()


def test_the_lists_of_every_account_are_compared(calls):
    tasks.reconcile.delay()
    assert calls == [("reconcile", (), {})]


def test_the_price_lists_of_all_games_are_imported(calls):
    tasks.sync_prices.delay()
    assert calls == [("sync_prices", ("default",), {"game": game}) for game in ("cs2", "dota2", "rust")]


def test_the_balance_of_every_account_is_stored(calls):
    tasks.snapshot_balance.delay()
    assert calls == [("snapshot_balance", (account,), {}) for account in ("default", "second")]


def test_the_figures_of_the_desk_are_written_and_users_who_owe_are_found(calls):
    tasks.daily_figures.delay()
    tasks.owing_users.delay()
    assert calls == [("write_daily_figures", (), {}), ("find_owing_users", (), {})]


@pytest.mark.django_db
def test_a_purchase_is_submitted_by_its_key(calls):
    purchase = make_purchase()
    tasks.submit_purchase.delay(purchase.pk)
    assert calls == [("submit", (purchase,), {})]


@pytest.mark.django_db
def test_a_missing_purchase_is_no_error(calls):
    tasks.submit_purchase.delay(404)
    assert calls == []


def failing_for(first, rest):
    """A flow that fails for one account or game, and that appends the others to ``rest``."""

    def flow(account="default", game=None):
        if first in {account, game}:
            raise UnderMaintenance("method", -9, "under_maintenance")
        rest.append(game or account)

    return flow


def test_an_account_that_fails_does_not_prevent_the_balance_of_the_others(monkeypatch):
    done = []
    monkeypatch.setattr(routine.balance, "snapshot_balance", failing_for("default", done))
    tasks.snapshot_balance.apply(throw=False)
    assert done == ["second"]


def test_a_game_that_fails_does_not_prevent_the_import_of_the_others(monkeypatch):
    done = []
    monkeypatch.setattr(routine.prices, "sync_prices", failing_for("cs2", done))
    tasks.sync_prices.apply(throw=False)
    assert done == ["dota2", "rust"]


@pytest.mark.django_db
def test_the_tasks_work_against_the_sandbox(world):
    purchase = make_purchase(market_hash_name=_cheap(world), max_price=Decimal(1000))
    tasks.submit_purchase.delay(purchase.pk)
    purchase.refresh_from_db()
    assert purchase.status == "creating_trade"

    world.advance(seconds=30)
    Purchase.objects.update(next_poll_at=timezone.now() - timedelta(seconds=1))
    tasks.poll_purchases.delay()
    purchase.refresh_from_db()
    assert purchase.status in {"waiting_accept", "accepted"}

    deposit = make_deposit(status="created", created_at=timezone.now() - timedelta(hours=1))
    tasks.poll_deposits.delay()
    deposit.refresh_from_db()
    assert deposit.status == "abandoned"

    tasks.sync_prices.delay()
    assert set(MarketItem.objects.values_list("game", flat=True)) == {"cs2", "dota2", "rust"}

    tasks.snapshot_balance.delay()
    assert set(BalanceSnapshot.objects.values_list("account", flat=True)) == {"default", "second"}


def _cheap(world):
    from django_skinsback.connection import get_client

    items = get_client().get_price_list("cs2").items
    return min(items, key=lambda item: item.price).market_hash_name
