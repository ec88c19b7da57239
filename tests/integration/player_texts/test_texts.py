from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import translation

from django_skinsback import exceptions, player_texts
from django_skinsback.models import LedgerEntry
from django_skinsback.player_texts import NextStep, Tone
from django_skinsback.player_texts.code_texts import CODE_TEXTS
from django_skinsback.player_texts.deposits import DEPOSIT_TEXTS
from django_skinsback.player_texts.purchases import PURCHASE_TEXTS
from django_skinsback.statuses import PURCHASE_FAILURES, DepositStatus, PurchaseStatus
from django_skinsback.testing import make_deposit, make_purchase

pytestmark = pytest.mark.django_db

ERROR_REASONS = [
    "user_cant_trade",
    "private_inventory",
    "user_trade_ban",
    "user_inventory_is_full",
    "too_many_failed_attempts",
    "skin_unavailable",
]
SECRET_WORDS = ["key", "cap", "skinsback[", "operator", "our team", "review", "risk", "fund", "secret"]

ALL_EXCEPTIONS = [getattr(exceptions, name) for name in exceptions.__all__ if name != "ACCOUNT_WIDE"]


def test_every_status_of_a_deposit_has_a_text():
    assert set(DEPOSIT_TEXTS) == set(DepositStatus)


def test_every_status_of_a_purchase_has_a_text():
    assert set(PURCHASE_TEXTS) == set(PurchaseStatus)


def test_every_word_that_the_package_knows_has_a_text_for_players():
    of_calls_of_operators = {"transaction_not_found", "offer_already_approved_or_canceled", "offer_not_found"}
    assert set(exceptions._BY_MESSAGE) - of_calls_of_operators <= set(CODE_TEXTS)


@pytest.mark.parametrize("reason", ERROR_REASONS)
def test_the_reason_of_a_failed_trade_is_shown_instead_of_the_text_of_its_status(reason):
    text = player_texts.for_purchase(make_purchase(status="user_not_tradable", error_reason=reason))
    assert text.text == str(CODE_TEXTS[reason].text) == player_texts.for_code(reason)
    assert text.next_step == CODE_TEXTS[reason].next_step


@pytest.mark.parametrize("status", sorted(PURCHASE_FAILURES))
def test_every_failed_purchase_has_a_way_out(status):
    assert player_texts.for_purchase(make_purchase(status=status)).next_step not in {NextStep.NONE, NextStep.WAIT}


def test_an_unknown_refusal_has_a_general_text():
    text = player_texts.for_purchase(make_purchase(status="refused", error_message="some_new_reason"))
    assert text.text == str(PURCHASE_TEXTS["refused"].text)


def test_a_purchase_above_the_price_cap_leads_to_the_new_price():
    row = make_purchase(status="refused", error_message="skins_not_found_at_specified_price")
    assert player_texts.for_purchase(row).next_step == "see_new_price"


def every_deposit(user):
    for status in DepositStatus:
        yield make_deposit(user=user, status=status)
        yield make_deposit(user=user, status=status, pay_url="https://skinsback.com/pay", needs_review=True)
        yield make_deposit(user=user, status=status, trade_offer_id="1", bot_name="Bot")


def every_purchase(user):
    for status in PurchaseStatus:
        for word in ["", *CODE_TEXTS, "Cancelled", "RequestNotSent"]:
            yield make_purchase(user=user, status=status, error_message=word, needs_review=True)


def test_no_text_of_a_row_has_a_word_that_a_player_must_not_read(user):
    texts = [player_texts.for_deposit(row) for row in every_deposit(user)]
    texts += [player_texts.for_purchase(row) for row in every_purchase(user)]
    for text in texts:
        shown = " ".join([text.title, text.text, text.next_text, *text.notes]).lower()
        assert not [word for word in SECRET_WORDS if word in shown], shown


@pytest.mark.parametrize("kind", ALL_EXCEPTIONS)
def test_every_exception_has_a_code_a_text_and_a_status(kind):
    error = kind("create", -2, "invalid_shopid") if issubclass(kind, exceptions.APIError) else kind()
    found = player_texts.for_error(error)
    assert found.code.replace("_", "").isalpha()
    assert found.code.islower()
    assert found.title
    assert found.text.endswith(".")
    assert 400 <= found.http_status < 600
    shown = f"{found.title} {found.text} {found.code}".lower()
    assert not [word for word in SECRET_WORDS if word in shown], shown
    assert "%(" not in shown
    assert "shopid" not in shown


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConfigurationError("The account 'default' lacks its CLIENT_SECRET."),
        exceptions.APIError.for_answer("create", -10, "invalid_client_secret"),
        exceptions.APIError.for_answer("market_buy", 4, "insufficient_funds"),
        exceptions.APIError.for_answer("create", 9, "invalid_result_url"),
        exceptions.APIError.for_answer("create", 99, "new_word"),
        exceptions.RolledBack(),
        exceptions.InsideDatabaseTransaction(),
    ],
    ids=str,
)
def test_a_fault_of_the_site_reads_not_available(error):
    found = player_texts.for_error(error)
    assert found.code == "not_available"
    assert found.text == "This is not available at the moment. Try again in a few minutes."


def test_messages_for_developers_are_not_shown():
    found = player_texts.for_error(exceptions.InvalidInput("set SKINSBACK['BUY_MAX_PRICE']"))
    assert found.text == "One of the values is not valid."


def test_messages_for_players_are_shown():
    assert (
        player_texts.for_error(exceptions.LimitReached("At most 3 deposits a day.")).text == "At most 3 deposits a day."
    )
    vetoed = player_texts.for_error(exceptions.PurchaseVetoed("insufficient_balance", "Not enough money."))
    assert (vetoed.code, vetoed.text) == ("insufficient_balance", "Not enough money.")


def test_a_busy_inventory_says_when_to_repeat():
    assert player_texts.for_error(exceptions.InventoryBusy(retry_after=7)).retry_after == 7


@pytest.mark.parametrize("word", ["invalid_max_value", "private_inventory", "invalid_steam_id"])
def test_a_refused_deposit_says_why(word):
    found = player_texts.for_error(exceptions.APIError.for_answer("create_from_user_inventory", 3, word))
    assert (found.code, found.http_status, found.text) == (word, 409, str(CODE_TEXTS[word].text))


def test_waiting_is_never_shown_as_failed(user):
    rows = [row for row in every_deposit(user) if row.status in {"created", "pending", "in_hold"}]
    assert {player_texts.for_deposit(row).tone for row in rows} <= {Tone.WAIT, Tone.ACT}
    abandoned = make_deposit(user=user, status="abandoned", pay_url="https://skinsback.com/pay")
    assert player_texts.for_deposit(abandoned).tone == Tone.WAIT
    answer_was_lost = make_deposit(user=user, status="abandoned", transaction_id="13")
    text = player_texts.for_deposit(answer_was_lost)
    assert (text.tone, text.is_open) == (Tone.WAIT, True)
    for status in ("requested", "unknown", "creating_trade", "waiting_accept"):
        assert player_texts.for_purchase(make_purchase(user=user, status=status)).tone in {Tone.WAIT, Tone.ACT}


def test_a_deposit_that_was_never_opened_says_so(user):
    text = player_texts.for_deposit(make_deposit(user=user, status="abandoned"))
    assert (text.tone, text.next_step) == (Tone.BAD, NextStep.DEPOSIT)


@pytest.mark.parametrize(
    ("age", "words"), [(0, "about 8 more days"), (2.5, "about 6 more days"), (7.5, "about 1 more day.")]
)
def test_a_hold_is_told_in_days(user, age, words):
    held = make_deposit(user=user, status="in_hold")
    since = datetime.now(UTC) - timedelta(days=age)
    held.changes.create(from_status="pending", to_status="in_hold", source="webhook", created_at=since)
    accepted = make_purchase(user=user, status="accepted", accepted_at=since)
    assert words in player_texts.for_deposit(held).notes[0]
    assert words in player_texts.for_purchase(accepted).notes[0]


def test_a_hold_that_should_be_over_is_told(user):
    with time_machine.travel(datetime.now(UTC) - timedelta(days=9)):
        held = make_deposit(user=user, status="in_hold")
        accepted = make_purchase(user=user, status="accepted")
    assert player_texts.hold_days_left(held) == 0
    assert "The hold is over" in player_texts.for_deposit(held).notes[0]
    assert player_texts.for_purchase(accepted).notes == ()


def test_a_trade_offer_whose_time_is_over_waits_for_its_result(user):
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=11)):
        waiting = make_purchase(user=user, status="waiting_accept")
    own = make_deposit(user=user, trade_offer_id="1", trade_offer_expires_at=datetime.now(UTC) - timedelta(minutes=1))
    for text in (player_texts.for_purchase(waiting), player_texts.for_deposit(own)):
        assert (text.tone, text.next_step) == (Tone.WAIT, NextStep.WAIT)
        assert text.refresh_seconds


def test_the_refund_of_a_purchase_is_told(user):
    row = make_purchase(user=user, status="timeout", charge_amount=1, charge_currency="usd")
    assert player_texts.for_purchase(row).notes == ()
    LedgerEntry.objects.create(user=user, purchase=row, kind="refund", amount=1, currency="usd")
    assert player_texts.for_purchase(row).notes == ("Your money is back on your balance.",)


def test_texts_of_prefetched_rows_need_no_query(user, django_assert_num_queries):
    deposits = [row.pk for row in every_deposit(user)]
    list(every_purchase(user))
    model = type(make_deposit())
    with django_assert_num_queries(3):
        for row in model.objects.filter(pk__in=deposits).prefetch_related("entries", "changes"):
            player_texts.for_deposit(row)
    purchases = type(make_purchase()).objects.prefetch_related("entries", "changes")
    with django_assert_num_queries(3):
        for row in purchases:
            player_texts.for_purchase(row)


def test_texts_are_in_the_language_that_is_active(user):
    with translation.override("de"):
        german = player_texts.for_purchase(make_purchase(user=user, status="accepted"))
    assert german.title == "Accepted, enjoy your skin"  # the package has no German texts
    assert all(type(part) is str for part in (german.title, german.text, german.next_text, german.steps[0].label))
