"""Reasons and decisions are codes: what was settled in one language stays settled in another."""

import struct
from decimal import Decimal

import pytest
from django.utils.translation import override

from django_skinsback import deposits, purchases
from django_skinsback.models import Deposit, Purchase
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

from ...support.admin_staff import VIEW_ALL, browser_of, page_url

pytestmark = [pytest.mark.django_db, pytest.mark.database]

GERMAN = {
    "SkinsBack reported “%(first)s” and then the contradictory status “%(second)s”.": (
        "SkinsBack meldete „%(first)s“ und dann „%(second)s“."
    ),
    "SkinsBack reported “%(status)s” again with another amount (%(amount)s %(currency)s). The first amount is kept.": (
        "„%(status)s“ kam noch einmal mit anderem Betrag (%(amount)s %(currency)s); der erste bleibt."
    ),
    "The deposit was paid from another Steam account than expected.": (
        "Von einem anderen Steam-Konto bezahlt als erwartet."
    ),
    "SkinsBack does not know this purchase any more.": "SkinsBack kennt diesen Kauf nicht mehr.",
    "kept as it is": "belassen, wie es ist",
}
BOTH_WAYS = pytest.mark.parametrize(("decided_in", "told_in"), [("de", "en"), ("en", "de"), ("de", "de")])


def write_catalogue(path, texts):
    """A compiled catalogue (``.mo``), without the programs of gettext."""
    texts = {"": "Content-Type: text/plain; charset=UTF-8\n", **texts}
    pairs = sorted((first.encode(), second.encode()) for first, second in texts.items())
    tables, strings, begin = [], b"", 28 + 16 * len(pairs)
    for column in (0, 1):
        for pair in pairs:
            tables += [len(pair[column]), begin + len(strings)]
            strings += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    path.write_bytes(head + struct.pack(f"<{len(tables)}I", *tables) + strings)


@pytest.fixture(autouse=True)
def german(tmp_path, settings):
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    write_catalogue(folder / "django.mo", GERMAN)
    settings.LOCALE_PATHS = [str(tmp_path)]


@pytest.fixture
def credited(user):
    Wallet.objects.create(user=user)
    deposit = make_deposit(user=user, steam_id="76561198050648523")
    record(deposit, "success")
    return deposit


def record(deposit, status, **fields):
    reported = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd", **fields}
    report = DepositReport(status=status, order_id=deposit.order_id, **reported)
    recorded = deposits.record_report(report, "webhook")
    deposit.refresh_from_db()
    return recorded


def test_the_catalogue_of_this_test_translates(credited):
    with override("de"):
        record(credited, "fail")

        assert credited.review_reason == "SkinsBack meldete „success“ und dann „fail“."


@BOTH_WAYS
def test_a_keep_is_not_reopened_by_the_same_report(credited, operator, decided_in, told_in):
    with override(decided_in):
        record(credited, "fail")
        deposits.settle(credited, "keep", operator)

    with override(told_in):
        record(credited, "fail")

    assert not credited.needs_review


@BOTH_WAYS
def test_a_kept_dispute_is_not_decided_otherwise_by_orderstatus(credited, operator, decided_in, told_in):
    """The answer that decides a contradiction would take the credit back."""
    with override(decided_in):
        record(credited, "fail")
        deposits.settle(credited, "keep", operator)

    with override(told_in):
        deposits.record_report(DepositReport(status="fail", order_id=credited.order_id), "poll")

    credited.refresh_from_db()
    assert (credited.status, credited.needs_review) == ("success", False)
    assert [entry.kind for entry in credited.entries.all()] == ["credit"]


@BOTH_WAYS
def test_a_kept_oddity_of_a_purchase_is_not_flagged_again(operator, decided_in, told_in):
    purchase = make_purchase(status="accepted")

    def fail():
        report = PurchaseReport(status="canceled", custom_id=purchase.custom_id, buy_id=purchase.buy_id)
        purchases.record_report(report, "webhook")
        purchase.refresh_from_db()

    with override(decided_in):
        fail()
        assert purchase.needs_review
        purchases.settle(purchase, "keep", operator)
    with override(told_in):
        fail()

    assert not purchase.needs_review


@BOTH_WAYS
def test_a_reason_that_stands_is_not_added_again(credited, decided_in, told_in):
    for language in (decided_in, told_in):
        with override(language):
            record(credited, "fail")

    assert len(credited.review_reason.splitlines()) == 1


def test_a_keep_of_another_amount_does_not_silence_a_third_amount(credited, operator):
    record(credited, "success", user_amount=Decimal(7))
    deposits.settle(credited, "keep", operator)

    record(credited, "success", user_amount=Decimal(7))
    assert not credited.needs_review
    record(credited, "success", user_amount=Decimal(8))

    assert credited.needs_review
    assert "8 usd" in credited.review_reason


def test_settled_reasons_are_stored_as_codes_and_shown_in_the_language_of_the_reader(credited, operator):
    with override("de"):
        record(credited, "fail")
        deposits.settle(credited, "keep", operator)

    line = credited.changes.get(source="operator")
    assert line.settled_reasons == [{"code": "contradiction", "data": {"first": "success", "second": "fail"}}]
    assert (line.decision, line.note) == ("keep", "")
    assert line.text.splitlines() == [
        "kept as it is",
        "SkinsBack reported “success” and then the contradictory status “fail”.",
    ]
    with override("de"):
        assert line.text.splitlines() == ["belassen, wie es ist", "SkinsBack meldete „success“ und dann „fail“."]


def test_the_admin_shows_reasons_in_the_readers_language(credited, settings):
    record(credited, "fail")
    staff = browser_of(*VIEW_ALL)

    assert (
        "SkinsBack reported “success” and then the contradictory status “fail”."
        in staff.get(page_url(credited)).content.decode()
    )
    settings.LANGUAGE_CODE = "de"
    assert "SkinsBack meldete „success“ und dann „fail“." in staff.get(page_url(credited)).content.decode()


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_token_is_the_same_in_each_language(credited, language):
    """An operator reads the page in one language; the report was recorded in another."""
    record(credited, "fail")
    purchase = make_purchase(needs_review=True, review_reasons=[{"code": "purchase_not_known", "data": {}}])
    before = deposits.seen(credited), purchases.seen(purchase)

    with override(language):
        assert (deposits.seen(Deposit.objects.get()), purchases.seen(Purchase.objects.get())) == before
