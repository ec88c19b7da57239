"""What one report about a deposit does to the row and to the ledger."""

import random
from decimal import Decimal
from itertools import permutations

import pytest

from django_skinsback import deposits
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import InvalidInput
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.models import Deposit, LedgerEntry, MarketItem, StatusChange
from django_skinsback.signals import deposit_changed, review_needed
from django_skinsback.statuses import DEPOSIT_FINAL
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport
from tests.unit.rules.test_statuses import DEPOSIT_TRACES
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAID = {"amount": Decimal("10.5"), "user_amount": Decimal("12.6"), "amount_currency": "usd"}


def record_status(deposit, status, source="webhook", **fields):
    """Record one report about ``deposit`` and return the outcome. It has amounts where SkinsBack would send them."""
    paid = PAID if status in {"in_hold", "hold_approved", "success"} else {}
    report = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id or "", "status": status}
    recorded = deposits.record_report(DepositReport(**{**report, **paid, **fields}), source, account=deposit.account)
    deposit.refresh_from_db()
    return recorded.outcome


def entries(deposit):
    return [(entry.kind, entry.amount) for entry in LedgerEntry.objects.filter(deposit=deposit).order_by("pk")]


@pytest.fixture
def deposit(user):
    return make_deposit(user=user, steam_id="76561198827262007")


@pytest.mark.parametrize(
    ("names", "game"),
    [
        (["Harbour Hoodie"], "rust"),
        (["Harbour Hoodie", "Unknown Hoodie"], "rust"),
        (["Harbour Hoodie", "Heron Mask"], "rust"),
        (["Harbour Hoodie", "AK-47 | Redline"], "dota2"),
        (["Made In Two Games"], "dota2"),
        (["M4A4 | Howl (Factory New)", "★ Karambit (Well-Worn)"], "cs2"),
        (["M4A4 | Howl (Factory New)", "Unknown Case"], "dota2"),
        (["AK-47 | Redline", "M4A4 | Howl (Factory New)"], "cs2"),
        (["Unknown Hoodie"], "dota2"),
        ([5, None, "", {"a": 1}, "x" * 5000], "dota2"),
        ([], "dota2"),
    ],
)
def test_the_game_is_taken_from_the_wear_of_the_skins_or_from_the_only_price_list_that_has_them(deposit, names, game):
    Deposit.objects.filter(pk=deposit.pk).update(game="dota2")
    for known, name in [
        ("rust", "Harbour Hoodie"),
        ("rust", "Heron Mask"),
        ("cs2", "AK-47 | Redline"),
        ("cs2", "Made In Two Games"),
        ("rust", "Made In Two Games"),
    ]:
        MarketItem.objects.create(game=known, market_hash_name=name, price=1, available=name != "Heron Mask")

    assert record_status(deposit, "success", skins=[{"name": name} for name in names]) == "applied"
    assert (deposit.status, deposit.game) == ("success", game)
    assert entries(deposit) == [("credit", Decimal("12.6"))]


@pytest.mark.parametrize(
    ("path", "ledger"),
    [
        (["pending", "success"], ["credit"]),
        (["pending", "fail"], []),
        (["in_hold"], []),
        (["in_hold", "success"], ["credit"]),
        (["in_hold", "fail"], []),
        (["in_hold", "hold_approved"], ["credit"]),
        (["in_hold", "hold_approved", "success"], ["credit"]),
        (["in_hold", "hold_approved", "hold_returned"], ["credit", "reversal"]),
        (["hold_approved", "in_hold", "success", "hold_approved", "success"], ["credit"]),
        (["success", "pending"], ["credit"]),
        (["hold_returned"], []),
        (["in_hold", "hold_returned"], []),
    ],
    ids=" ".join,
)
def test_each_path_of_statuses_posts_its_entries(deposit, path, ledger):
    for status in path:
        record_status(deposit, status)

    assert [kind for kind, _ in entries(deposit)] == ledger
    assert (deposit.finished_at is not None) is (deposit.status in DEPOSIT_FINAL)
    assert sum(amount for _, amount in entries(deposit)) == (Decimal("12.6") if ledger == ["credit"] else 0)


@pytest.mark.parametrize("trace", DEPOSIT_TRACES)
def test_reports_in_any_order_and_repeated_end_with_the_same_balance(user, trace):
    statuses, random_source = trace.split(), random.Random(trace)
    orders = list(permutations(statuses))
    for order in random_source.sample(orders, k=min(len(orders), 10)):
        reported = list(order)
        for repeated in random_source.choices(statuses, k=2):
            reported.insert(random_source.randrange(len(reported) + 1), repeated)
        deposit = make_deposit(user=user)

        for status in reported:
            record_status(deposit, status)

        assert (deposit.status, deposit.needs_review) == (statuses[-1], False), reported
        balance = sum(amount for _, amount in entries(deposit))
        assert balance == (Decimal("12.6") if statuses[-1] == "success" else 0), reported


@pytest.mark.parametrize("late", ["pending", "in_hold", "hold_approved"])
def test_a_late_report_changes_nothing_and_is_stale(deposit, late):
    record_status(deposit, "success")
    before = deposit.updated_at

    assert record_status(deposit, late) == "stale"

    assert (deposit.status, deposit.updated_at, len(entries(deposit))) == ("success", before, 1)


@pytest.mark.parametrize(
    "reported", [{"user_amount": None}, {"amount_currency": ""}, {}], ids=["no amount", "no currency", "both"]
)
def test_a_list_row_is_credited_if_it_is_complete_and_is_polled_otherwise(deposit, reported):
    outcome = record_status(deposit, "success", source="list", **reported)

    if reported:
        assert (outcome, deposit.status, deposit.needs_review) == ("withheld", "pending", False)
        assert deposit.next_poll_at <= deposit.updated_at
    else:
        assert (outcome, deposit.status) == ("applied", "success")
    assert len(entries(deposit)) == (not reported)


def test_a_reversal_takes_back_the_credited_amount_although_another_was_reported_later(deposit):
    record_status(deposit, "hold_approved")
    record_status(deposit, "hold_approved", user_amount=Decimal(99))
    record_status(deposit, "hold_returned")

    assert entries(deposit) == [("credit", Decimal("12.6")), ("reversal", Decimal("-12.6"))]
    assert "another amount" in deposit.review_reason
    assert deposit.user_amount == Decimal("12.6")


def test_a_reversal_has_the_user_and_the_currency_of_the_credit(deposit, settings, user, operator):
    """Since the credit, the deposit got another user and the CREDIT setting changed."""
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_in_points"}
    record_status(deposit, "hold_approved")
    Deposit.objects.update(user=operator)
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "amount"}

    record_status(deposit, "hold_returned")

    credit, reversal = LedgerEntry.objects.order_by("pk").values_list("user", "amount", "currency")
    assert credit == (user.pk, 1050, "points")
    assert reversal == (user.pk, -1050, "points")


def test_a_success_with_another_amount_than_the_approved_hold_is_flagged_and_the_first_credit_stays(deposit):
    record_status(deposit, "hold_approved")
    record_status(deposit, "success", user_amount=Decimal(99))

    assert (deposit.status, deposit.needs_review) == ("success", True)
    assert [(reason["code"], reason["data"]) for reason in deposit.review_reasons] == [
        ("other_amount", {"status": "success", "amount": "99", "currency": "usd"})
    ]
    assert entries(deposit) == [("credit", Decimal("12.6"))]


def test_the_newest_amount_replaces_the_older_until_a_credit_exists(deposit):
    record_status(deposit, "in_hold", user_amount=Decimal(5))
    record_status(deposit, "in_hold", user_amount=Decimal(6))
    assert deposit.user_amount == 6

    record_status(deposit, "success", user_amount=Decimal(7))
    assert entries(deposit) == [("credit", Decimal(7))]
    assert not deposit.needs_review


@pytest.mark.parametrize("amount", [None, Decimal(0)], ids=["missing or unreadable", "zero"])
@pytest.mark.parametrize("status", ["hold_approved", "success"])
def test_without_a_usable_amount_the_status_does_not_change_and_the_deposit_is_polled(deposit, status, amount):
    outcome = record_status(deposit, status, user_amount=amount)

    assert (outcome, deposit.status, deposit.needs_review) == ("withheld", "pending", True)
    assert deposit.next_poll_at == deposit.updated_at
    assert entries(deposit) == []

    record_status(deposit, status, source="poll")
    assert (deposit.status, entries(deposit)) == (status, [("credit", Decimal("12.6"))])


def test_the_user_amount_never_falls_back_to_the_amount(deposit):
    record_status(deposit, "success", user_amount=None)

    assert entries(deposit) == []


def test_the_amount_is_credited_if_the_credit_setting_is_amount(deposit, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "amount"}

    record_status(deposit, "success")

    assert entries(deposit) == [("credit", Decimal("10.5"))]


def credit_in_points(deposit):
    return deposit.amount * 100, "points"


def credit_without_a_rate(_deposit):
    raise KeyError("rate")


def test_a_credit_function_decides_the_credit_and_the_history_stores_both_amounts(deposit, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_in_points"}

    record_status(deposit, "success")

    entry = LedgerEntry.objects.get()
    assert (entry.amount, entry.currency) == (1050, "points")
    change = StatusChange.objects.get()
    assert (change.amount, change.currency) == (Decimal("10.5"), "usd")
    assert (change.credit_amount, change.credit_currency) == (1050, "points")


@pytest.mark.parametrize("currency", ["", "eur"], ids=["missing", "other than asked for"])
def test_a_wrong_currency_withholds_the_credit(user, currency):
    deposit = make_deposit(user=user, currency="usd")

    outcome = record_status(deposit, "success", amount_currency=currency)

    assert (outcome, deposit.status, deposit.needs_review) == ("withheld", "success", True)
    assert deposit.next_poll_at is not None
    assert entries(deposit) == []


def test_a_missing_currency_that_is_reported_later_credits(deposit):
    record_status(deposit, "success", amount_currency="")
    outcome = record_status(deposit, "success", source="poll")

    assert (outcome, entries(deposit)) == ("applied", [("credit", Decimal("12.6"))])


def test_an_error_of_the_credit_function_is_named_when_the_missing_currency_is_reported_later(deposit, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_without_a_rate"}
    record_status(deposit, "success", amount_currency="")

    assert record_status(deposit, "success", source="poll") == "withheld"

    reasons = {reason["code"]: reason["data"] for reason in deposit.review_reasons}
    assert reasons == {"currency_missing": {"status": "success"}, "credit_failed": {"error": "KeyError"}}
    assert entries(deposit) == []


def test_a_missing_currency_that_is_reported_after_a_keep_credits_nothing(deposit, operator):
    record_status(deposit, "success", amount_currency="")
    deposits.settle(deposit, "keep", by=operator)

    assert record_status(deposit, "success", source="poll") == "repeat"
    assert entries(deposit) == []


def test_polling_of_a_withheld_credit_ends(deposit):
    record_status(deposit, "success", amount_currency="")
    for _ in range(10):
        record_status(deposit, "success", source="poll", amount_currency="")

    assert deposit.next_poll_at is None
    assert deposit.needs_review


@pytest.mark.parametrize(
    ("unexpected", "code", "data"),
    [
        ({"steam_id": "76561198050648523"}, "other_payer", {"steam_id": "76561198050648523"}),
        ({"amount": Decimal(1)}, "amount_outside_limits", {"amount": "1"}),
        ({"amount": Decimal(1000)}, "amount_outside_limits", {"amount": "1000"}),
    ],
    ids=["another payer", "too little", "too much"],
)
def test_another_payer_and_amounts_outside_the_limits_are_credited_and_flagged(user, unexpected, code, data):
    deposit = make_deposit(user=user, steam_id="76561198827262007", currency="usd", min_amount=5, max_amount=20)

    record_status(deposit, "success", **unexpected)

    assert (deposit.status, deposit.needs_review) == ("success", True)
    assert [(reason["code"], reason["data"]) for reason in deposit.review_reasons] == [(code, data)]
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.user, entry.amount) == ("credit", user, Decimal("12.6"))


@pytest.mark.parametrize(
    ("missing", "code"), [({"amount_currency": ""}, "currency_missing"), ({"user_amount": None}, "amount_missing")]
)
def test_the_reason_of_a_withheld_credit_names_the_reported_status(deposit, missing, code):
    record_status(deposit, "success", **missing)

    assert [(reason["code"], reason["data"]) for reason in deposit.review_reasons] == [(code, {"status": "success"})]


def test_another_transaction_id_is_not_applied(deposit):
    outcome = record_status(deposit, "success", transaction_id="999999")

    assert (outcome, deposit.status, deposit.needs_review) == ("mismatched", "pending", True)
    assert entries(deposit) == []


def test_a_transaction_id_is_stored_once_and_never_that_of_another_deposit(user):
    deposit, other = make_deposit(user=user, transaction_id=None), make_deposit(user=user, transaction_id="7")

    assert record_status(deposit, "pending", transaction_id="7") == "mismatched"
    assert record_status(deposit, "success", transaction_id="8") == "applied"
    assert (deposit.transaction_id, other.transaction_id) == ("8", "7")


def test_the_credit_of_a_deposit_without_a_user_has_no_user():
    deposit = make_deposit(user=None)

    record_status(deposit, "success")

    assert LedgerEntry.objects.get().user is None


class TestContradictions:
    @pytest.mark.parametrize(
        ("first", "second"), [("success", "fail"), ("fail", "success"), ("hold_returned", "success")]
    )
    def test_a_contradicting_webhook_changes_nothing_and_makes_the_deposit_due(self, deposit, first, second):
        record_status(deposit, first)
        before = entries(deposit)

        assert record_status(deposit, second) == "conflict"

        assert (deposit.status, deposit.needs_review) == (first, True)
        assert deposit.next_poll_at == deposit.updated_at
        assert entries(deposit) == before

    def test_success_after_fail_is_credited_when_confirmed(self, deposit):
        record_status(deposit, "fail")
        record_status(deposit, "success")
        record_status(deposit, "success", source="poll")

        assert (deposit.status, entries(deposit)) == ("success", [("credit", Decimal("12.6"))])
        assert deposit.next_poll_at is None

    @pytest.mark.parametrize("second", ["fail", "hold_returned"])
    def test_a_failure_after_success_is_reversed_when_confirmed(self, deposit, second):
        record_status(deposit, "success")
        record_status(deposit, second)
        record_status(deposit, second, source="poll")

        assert deposit.status == second
        assert entries(deposit) == [("credit", Decimal("12.6")), ("reversal", Decimal("-12.6"))]

    def test_an_approved_hold_that_failed_is_reversed_when_confirmed(self, deposit):
        record_status(deposit, "hold_approved")
        record_status(deposit, "fail", source="poll")

        assert deposit.status == "fail"
        assert [kind for kind, _ in entries(deposit)] == ["credit", "reversal"]

    @pytest.mark.parametrize(("confirmed", "balance"), [("fail", 0), ("success", Decimal("12.6"))])
    def test_the_sweep_polls_after_two_contradicting_webhooks_and_posts_what_skinsback_confirms(
        self, client, deposit, monkeypatch, confirmed, balance
    ):
        for status in ("success", "fail"):
            assert post_notification(client, signed_notification(deposit, status)).status_code == 200
        assert Wallet.objects.get().balance == Decimal("12.6")
        answer = DepositReport(status=confirmed, order_id=deposit.order_id, **PAID)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda _client, *, order_id: answer)

        assert poll_deposits().asked == 1

        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review, deposit.next_poll_at) == (confirmed, True, None)
        posted = ["credit", "reversal"] if confirmed == "fail" else ["credit"]
        assert [kind for kind, _ in entries(deposit)] == posted
        assert Wallet.objects.get().balance == balance
        assert poll_deposits().asked == 0

    def test_a_poll_that_confirms_the_first_status_ends_the_polling(self, deposit):
        record_status(deposit, "success")
        record_status(deposit, "fail")
        record_status(deposit, "success", source="poll")

        assert (deposit.status, deposit.next_poll_at, deposit.needs_review) == ("success", None, True)
        assert len(entries(deposit)) == 1

    def test_a_third_contradiction_is_only_flagged(self, deposit):
        record_status(deposit, "fail")
        record_status(deposit, "success", source="poll")
        assert record_status(deposit, "fail", source="poll") == "conflict"

        assert (deposit.status, deposit.needs_review) == ("success", True)
        assert [kind for kind, _ in entries(deposit)] == ["credit"]


class TestSettling:
    def test_keep_ends_the_review_and_the_history_stores_the_reason(self, deposit, operator):
        record_status(deposit, "success", steam_id="76561198050648523")

        deposits.settle(deposit, "keep", by=operator, note="his second account")

        deposit.refresh_from_db()
        assert (deposit.needs_review, deposit.review_reason) == (False, "")
        change = StatusChange.objects.latest("pk")
        assert (change.by, change.source) == (operator, "operator")
        assert (change.decision, change.note) == ("keep", "his second account")
        assert "another Steam account" in change.text

    def test_credit_posts_the_stored_amount_once(self, user, operator):
        deposit = make_deposit(user=user, currency="usd")
        record_status(deposit, "success", amount_currency="eur")

        deposits.settle(deposit, "credit", by=operator)

        assert entries(deposit) == [("credit", Decimal("12.6"))]
        assert LedgerEntry.objects.get().currency == "eur"
        deposit.refresh_from_db()
        with pytest.raises(InvalidInput, match="already"):
            deposits.settle(deposit, "credit", by=operator)

    def test_reverse_posts_one_reversal(self, deposit, operator):
        record_status(deposit, "success")

        deposits.settle(deposit, "reverse", by=operator)

        assert sum(amount for _, amount in entries(deposit)) == 0
        deposit.refresh_from_db()
        with pytest.raises(InvalidInput, match="no credit"):
            deposits.settle(deposit, "reverse", by=operator)

    def test_a_credit_without_an_amount_is_refused(self, deposit):
        with pytest.raises(InvalidInput, match="no amount"):
            deposits.settle(deposit, "credit")
        assert entries(deposit) == []

    def test_an_unknown_decision_is_refused(self, deposit):
        with pytest.raises(InvalidInput, match="keep, credit, reverse"):
            deposits.settle(deposit, "refund")


def test_signals_for_changes_and_reviews_are_sent_after_the_commit(deposit, django_capture_on_commit_callbacks):
    received = []

    def changed(deposit, change, **_kwargs):
        received.append((deposit.status, change.from_status, change.to_status))
        raise RuntimeError("a bug in a receiver")

    def reviewed(row, reason, **_kwargs):
        received.append(reason)

    deposit_changed.connect(changed)
    review_needed.connect(reviewed)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            record_status(deposit, "success", steam_id="76561198050648523")
            assert received == []
    finally:
        deposit_changed.disconnect(changed)
        review_needed.disconnect(reviewed)

    assert received == [
        "The deposit was paid from another Steam account than expected.",
        ("success", "pending", "success"),
    ]
    assert len(entries(deposit)) == 1
