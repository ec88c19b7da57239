"""One row that fails, at SkinsBack or in a receiver of the site, delays no other row."""

from decimal import Decimal

import pytest
from django.utils import timezone

from django_skinsback import deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.connection import get_client
from django_skinsback.exceptions import UnknownOutcome
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import LedgerEntry, Purchase
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import PurchaseReport
from tests.wallet.models import Wallet

pytestmark = pytest.mark.django_db

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


class WalletClosed(Exception):
    """What a listener of the site's raises, a bug of its own or a wallet that is locked."""


@pytest.fixture
def closed():
    """Rows whose entries the site's listener refuses; a charge is let through."""
    rows = []

    def refuse(entry, **_kwargs):
        if entry.kind != "charge" and (entry.deposit or entry.purchase) in rows:
            raise WalletClosed

    entry_posted.connect(refuse)
    yield rows
    entry_posted.disconnect(refuse)


@pytest.fixture
def rich(user):
    return Wallet.objects.create(user=user, balance=1000).user


@pytest.fixture
def calls(monkeypatch):
    """The names of the client's methods that were called."""
    names = []

    def count(name):
        method = getattr(SkinsBackClient, name)

        def counted(*arguments, **options):
            names.append(name)
            return method(*arguments, **options)

        monkeypatch.setattr(SkinsBackClient, name, counted)

    for name in ("buy_skin", "call", "get_deposit"):
        count(name)
    return names


def buy(user, name="No such skin"):
    return purchases.buy(
        user=user,
        trade_url=TRADE_URL,
        market_hash_name=name,
        game="rust",
        max_price=5,
        charge=5,
        charge_currency="usd",
    )


def kinds(row):
    return list(row.entries.order_by("pk").values_list("kind", flat=True))


def statuses(rows):
    for row in rows:
        row.refresh_from_db()
    return [row.status for row in rows]


def poll_for_an_hour(world):
    for _ in range(30):
        world.advance(minutes=2)
        poll_purchases()


class TestDeposits:
    @pytest.fixture
    def paid(self, world, user):
        """Three deposits that were paid, of which no webhook came."""
        world.sandbox.faults.add("notify_drop", times=None)
        rows = [deposits.create(user, trade_url=TRADE_URL) for _ in range(3)]
        for row in rows:
            world.sandbox.pay(row.order_id)
        world.advance(minutes=3)
        return rows

    def test_a_credit_whose_receiver_raises_delays_no_other_and_is_posted_later(self, world, paid, closed):
        closed.append(paid[0])

        assert poll_deposits().stopped_by == ""

        assert statuses(paid) == ["pending", "success", "success"]
        assert paid[0].next_poll_at > timezone.now()
        assert kinds(paid[0]) == []

        closed.clear()
        world.advance(minutes=3)
        poll_deposits()
        assert statuses(paid) == ["success"] * 3
        assert kinds(paid[0]) == ["credit"]

    def test_a_row_that_keeps_failing_is_polled_with_a_backoff(self, world, paid, closed, calls):
        closed.append(paid[0])

        for _ in range(60):
            poll_deposits()
            world.advance(minutes=2)

        assert calls.count("get_deposit") < 20
        assert statuses(paid)[0] == "pending"

    def test_an_answer_about_another_deposit_postpones_only_its_row(self, world, paid, monkeypatch):
        ask = SkinsBackClient.get_deposit
        orders = {paid[0].order_id: paid[1].order_id}

        def confuse(client, *, order_id):
            return ask(client, order_id=orders.get(order_id, order_id))

        monkeypatch.setattr(SkinsBackClient, "get_deposit", confuse)

        poll_deposits()

        assert statuses(paid) == ["pending", "success", "success"]
        assert [kinds(row) for row in paid] == [[], ["credit"], ["credit"]]

    def test_an_unreadable_status_postpones_only_its_row(self, world, paid, monkeypatch):
        ask = SkinsBackClient.get_deposit

        def get_deposit(client, *, order_id):
            if order_id == paid[0].order_id:
                raise UnknownOutcome("odd")
            return ask(client, order_id=order_id)

        monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)

        poll_deposits()

        assert statuses(paid) == ["pending", "success", "success"]

    def test_a_refused_approval_is_flagged_and_delays_no_other(self, world, user, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.approve"}
        world.sandbox.faults.add("notify_drop", times=None)
        world.sandbox.faults.add("error", "offer_approve", value="6 not_allowed_for_this_project", times=None)
        held, paid = (deposits.create(user, trade_url=TRADE_URL) for _ in range(2))
        world.sandbox.pay(held.order_id, held=True)
        world.sandbox.pay(paid.order_id)

        for _ in range(60):
            world.advance(seconds=10)
            poll_deposits()

        assert statuses([held, paid]) == ["in_hold", "success"]
        assert "not_allowed_for_this_project" in held.review_reason
        assert held.changes.count() < 10
        assert kinds(held) == []


def approve(_deposit):
    return True


class TestPurchases:
    def test_a_refund_whose_receiver_raises_delays_no_other_and_is_posted_later(self, world, rich, closed, monkeypatch):
        rows = [buy(rich) for _ in range(3)]
        for number, row in enumerate(rows):
            Purchase.objects.filter(pk=row.pk).update(status="waiting_accept", attempts=1, buy_id=str(number))
        ids = {row.custom_id: str(number) for number, row in enumerate(rows)}
        answer_with(monkeypatch, lambda custom_id: say("timeout", custom_id, ids[custom_id]))
        closed.append(rows[0])

        poll_purchases()

        assert statuses(rows) == ["waiting_accept", "timeout", "timeout"]
        assert rows[0].next_poll_at > timezone.now()
        assert [kinds(row) for row in rows] == [["charge"], ["charge", "refund"], ["charge", "refund"]]

        closed.clear()
        poll_for_an_hour(world)
        assert statuses(rows) == ["timeout"] * 3
        assert Wallet.objects.get().balance == 1000

    def test_a_refresh_records_the_other_rows_before_it_raises(self, rich, closed, monkeypatch):
        rows = [buy(rich) for _ in range(2)]
        Purchase.objects.update(status="waiting_accept", attempts=1)
        answer_with(monkeypatch, lambda custom_id: say("timeout", custom_id, custom_id))
        closed.append(rows[0])
        for row in rows:
            row.refresh_from_db()

        with pytest.raises(WalletClosed):
            purchases.refresh(rows)

        assert statuses(rows) == ["waiting_accept", "timeout"]

    @pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a batch"])
    def test_a_refusal_that_could_not_be_recorded_is_sent_once_more_and_refunded(self, world, rich, closed, alone):
        items = sorted(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)
        rows = purchases.buy_batch(
            user=rich,
            trade_url=TRADE_URL,
            game="rust",
            items=[
                {"skin_id": item.skin_id, "max_price": item.price, "charge": 5, "charge_currency": "usd"}
                for item in items[: 1 if alone else 3]
            ],
        )
        for method in ("market_batch_buy", "market_buy"):
            world.sandbox.faults.add("error", method, value="8 invalid_partner_value", times=None)
        closed.append(rows[0])

        purchases.submit(rows[0])

        assert statuses(rows) == ["requested"] + ["refused"] * len(rows[1:])
        assert rows[0].attempts == 0
        assert (rows[0].error_code, rows[0].error_message) == (8, "invalid_partner_value")

        closed.clear()
        poll_for_an_hour(world)
        assert set(statuses(rows)) == {"refused"}
        assert [kinds(row) for row in rows] == [["charge", "refund"]] * len(rows)
        assert not any(row.needs_review for row in rows)

    def test_a_success_that_could_not_be_recorded_is_polled_and_not_bought_again(self, world, rich, monkeypatch):
        item = min(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)
        purchase = purchases.buy(user=rich, trade_url=TRADE_URL, skin_id=item.skin_id, game="rust", max_price=50)
        from django_skinsback.flows.purchases import send as sending

        def break_down(*_arguments, **_options):
            raise WalletClosed

        with monkeypatch.context() as patch:
            patch.setattr(sending, "record_report", break_down)
            purchases.submit(purchase)
        assert (statuses([purchase]), purchase.attempts) == (["requested"], 1)

        poll_for_an_hour(world)

        assert statuses([purchase]) == ["accepted"]
        assert (purchase.attempts, world.sandbox.sold(purchase.custom_id)) == (1, 1)


def say(status, custom_id, buy_id, **fields):
    return PurchaseReport(status=status, custom_id=custom_id, buy_id=buy_id, **fields)


def answer_with(monkeypatch, report_of):
    """Have ``market_getinfo`` answer with a report for each id; returns the lists of ids it was asked for."""
    asked = []

    def get_purchases(_client, *, custom_ids):
        asked.append(list(custom_ids))
        return [report_of(custom_id) for custom_id in custom_ids]

    monkeypatch.setattr(SkinsBackClient, "get_purchases", get_purchases)
    return asked


class TestUnreadableAnswerToABatch:
    @pytest.fixture
    def rows(self):
        return [make_purchase(status="waiting_accept") for _ in range(8)]

    def test_is_halved_until_the_failing_row_is_alone(self, world, rows, monkeypatch):
        odd = rows[5]
        buy_ids = {row.custom_id: row.buy_id for row in rows}

        def report_of(custom_id):
            if custom_id == odd.custom_id:
                raise UnknownOutcome("odd")
            return say("accepted", custom_id, buy_ids[custom_id])

        asked = answer_with(monkeypatch, report_of)

        assert poll_purchases().stopped_by == ""

        assert [row.status for row in rows if statuses([row]) != ["accepted"]] == ["waiting_accept"]
        assert [len(ids) for ids in asked] == [8, 4, 4, 2, 1, 1, 2]
        assert odd.status == "waiting_accept"
        assert odd.next_poll_at > timezone.now()
        assert (odd.needs_review, odd.poll_count) == (False, 1)

    def test_is_account_wide_if_skinsback_answers_nothing_else_either(self, world, rows, monkeypatch, calls):
        world.sandbox.faults.add("html_error", times=None)

        counts = poll_purchases()

        assert counts.stopped_by.startswith("default: ")
        assert calls == ["call"]
        assert set(statuses(rows)) == {"waiting_accept"}


class TestAccountWideError:
    @pytest.mark.parametrize("fault", ["rate_limited", "maintenance", "market_disabled", "shop_not_active"])
    def test_ends_the_sweep_at_the_first_call(self, world, rich, calls, fault):
        rows = [buy(rich) for _ in range(5)]
        world.sandbox.faults.add(fault, "market_buy", times=None)

        counts = poll_purchases()

        assert counts.stopped_by
        assert calls == ["buy_skin"]
        assert set(statuses(rows)) == {"requested"}
        assert LedgerEntry.objects.filter(kind="refund").count() == 0

    def test_does_not_affect_the_other_accounts(self, world, user, monkeypatch):
        mine, theirs = (make_deposit(user=user, account=account) for account in ("default", "second"))
        ask = SkinsBackClient.get_deposit

        def away(client, **ids):
            if ids["order_id"] == mine.order_id:
                world.sandbox.faults.add("maintenance", "orderstatus")
            return ask(client, **ids)

        monkeypatch.setattr(SkinsBackClient, "get_deposit", away)

        counts = poll_deposits()

        assert counts.asked == 2
        assert counts.stopped_by.startswith("default: ")
        for row, asked in [(mine, 0), (theirs, 1)]:
            row.refresh_from_db()
            assert row.poll_count == asked


def credit_the_second(deposit):
    return Decimal(0) if deposit.order_id == "first" else deposit.user_amount, "usd"


def test_a_credit_function_that_fails_for_one_deposit_delays_no_other(world, user, settings, monkeypatch):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_the_second"}
    from django_skinsback.wire.types import DepositReport

    rows = [make_deposit(user=user, order_id=order_id) for order_id in ("first", "second")]

    def get_deposit(_client, *, order_id):
        paid = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}
        return DepositReport(status="success", order_id=order_id, **paid)

    monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)

    poll_deposits()

    assert statuses(rows) == ["pending", "success"]
    assert "above zero" in rows[0].review_reason
    assert [kinds(row) for row in rows] == [[], ["credit"]]
