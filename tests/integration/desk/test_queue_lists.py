"""The lists while they are filtered by a queue: which rows they show, and what they say about each row."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_skinsback.admin.queues import advice
from django_skinsback.flows.monitoring import queues
from django_skinsback.models import Discrepancy
from django_skinsback.models.reasons import REASON_TEXTS
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import VIEW_ALL, browser_of, list_url
from .rows import make_delivery, make_discrepancy, reason

pytestmark = pytest.mark.django_db


def listed(model, **query):
    """The page of a list, as the response and as text."""
    response = browser_of(*VIEW_ALL).get(list_url(model), query)
    assert response.status_code == 200
    return response, re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def rows_of(response):
    return list(response.context["cl"].queryset)


def test_every_review_reason_has_a_name_and_advice():
    assert set(advice.REASON_LABELS) == set(REASON_TEXTS)
    assert {*advice.DEPOSIT_ADVICE, *advice.PURCHASE_ADVICE} == set(REASON_TEXTS)


def test_every_kind_of_discrepancy_has_advice():
    assert set(advice.DISCREPANCY_COSTS) == set(advice.DISCREPANCY_EXPLANATIONS) == {*Discrepancy.Kind}


@pytest.mark.parametrize(
    ("texts", "names"),
    [(advice.DEPOSIT_ADVICE, {"amount": "5 USD"}), (advice.PURCHASE_ADVICE, {"price": "5 USD", "charge": "6 USD"})],
)
def test_every_cost_is_a_text_with_the_amounts_of_the_row(texts, names):
    for each in (*texts.values(), advice.OTHER_ADVICE):
        assert "%" not in str(each.cost) % names
        assert "%" not in str(each.action)


@pytest.mark.parametrize("code", advice.DEPOSIT_ADVICE)
def test_a_deposit_under_review_says_what_happened_what_it_costs_and_what_to_do(code):
    make_deposit(needs_review=True, review_reasons=[reason(code)], user_amount=Decimal("12.6"), amount_currency="usd")
    expected = advice.DEPOSIT_ADVICE[code]

    _, text = listed("deposit", queue="review")

    assert str(expected.cost) % {"amount": "12.60\N{NO-BREAK SPACE}USD"} in text.replace("12.60 USD", "12.60\xa0USD")
    assert str(expected.action) in text


@pytest.mark.parametrize("code", advice.PURCHASE_ADVICE)
def test_a_purchase_under_review_says_what_it_costs_and_what_to_do(code):
    make_purchase(needs_review=True, review_reasons=[reason(code)], max_price=Decimal(9), charge_amount=None)
    expected = advice.PURCHASE_ADVICE[code]

    _, text = listed("purchase", queue="review")

    assert str(expected.cost) % {"price": "up to 9.00 USD", "charge": "nothing"} in text.replace("\xa0", " ")
    assert str(expected.action) in text


def test_the_debit_replaces_the_price_cap_as_soon_as_it_is_known():
    make_purchase(
        needs_review=True,
        review_reasons=[reason("rollback_by_user")],
        max_price=Decimal(9),
        debited_amount=Decimal("8.5"),
        charge_amount=Decimal(7),
        charge_currency="eur",
    )

    _, text = listed("purchase", queue="review")

    assert "The user paid 7.00 EUR" in text.replace("\xa0", " ")
    assert "whether it returned 8.50 USD" in text.replace("\xa0", " ")


def test_a_reason_of_another_version_is_shown_with_general_advice():
    make_deposit(needs_review=True, review_reasons=[reason("of_the_future")])
    make_deposit(needs_review=True, review_reasons=[])

    _, text = listed("deposit", queue="review")

    assert "Unknown reason: of_the_future" in text
    assert text.count(str(advice.OTHER_ADVICE.action)) == 2


def test_a_held_deposit_says_until_about_when_and_what_an_approval_risks():
    make_deposit(
        status="in_hold",
        user_amount=Decimal(5),
        amount_currency="usd",
        held_since=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )

    _, text = listed("deposit", queue="holds")

    assert "Steam can return the skins to the user until about March 9, 2026." in text
    assert "SkinsBack pays nothing for 5.00 USD." in text.replace("\xa0", " ")


def test_a_failed_delivery_and_a_discrepancy_say_what_to_do():
    make_delivery(1, outcome="failed", error="database is locked", needs_review=True)
    make_discrepancy(1, kind="absent")

    _, delivery = listed("webhookevent", queue="deliveries")
    _, discrepancy = listed("discrepancy", queue="discrepancies")

    assert "database is locked" in delivery
    assert str(advice.DELIVERY_ADVICE.action) in delivery
    assert str(advice.DISCREPANCY_COSTS["absent"]) in discrepancy
    assert str(advice.DISCREPANCY_EXPLANATIONS["absent"]) in discrepancy


def test_without_a_queue_the_lists_have_their_usual_columns():
    make_deposit(needs_review=True, review_reasons=[reason("stuck")])

    response, text = listed("deposit")

    assert "what_to_do" not in response.context["cl"].list_display
    assert "user amount" in text.lower()


@pytest.mark.parametrize(("model", "queue"), [("deposit", "deliveries"), ("purchase", "holds"), ("deposit", "x")])
def test_a_queue_of_another_model_filters_nothing(model, queue):
    row = make_deposit() if model == "deposit" else make_purchase()

    response, _ = listed(model, queue=queue)

    assert rows_of(response) == [row]
    assert "what_to_do" not in response.context["cl"].list_display


def test_holds_are_no_queue_where_a_function_decides(settings):
    row = make_deposit(status="in_hold")
    settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": "tests.wallet.receivers.approve"}

    response, text = listed("deposit", queue="holds")

    assert rows_of(response) == [row]
    assert "Hold without a decision" not in text


def test_a_review_reason_finds_only_its_rows_among_the_newest(monkeypatch):
    old = make_deposit(needs_review=True, review_reasons=[reason("stuck")])
    other = make_deposit(needs_review=True, review_reasons=[reason("other_payer")])
    both = make_deposit(needs_review=True, review_reasons=[reason("other_payer"), reason("stuck")])
    make_deposit(review_reasons=[reason("stuck")])

    response, text = listed("deposit", queue="review", reason="stuck")
    assert rows_of(response) == [both, old]
    assert "another payer (2)" in text
    assert rows_of(listed("deposit", queue="review", reason="other_payer")[0]) == [both, other]
    assert rows_of(listed("deposit", queue="review", reason="no_such_reason")[0]) == []

    monkeypatch.setattr(queues, "MAX_COUNT", 1)
    assert rows_of(listed("deposit", queue="review", reason="stuck")[0]) == [both]


def test_reasons_and_errors_with_markup_are_escaped():
    make_purchase(needs_review=True, review_reasons=[reason("other_name", name="<b>x</b>")])
    make_delivery(1, outcome="failed", error="<i>y</i>", needs_review=True)

    assert "<b>x</b>" not in listed("purchase", queue="review")[0].content.decode()
    assert "<i>y</i>" not in listed("webhookevent", queue="deliveries")[0].content.decode()


def test_the_list_of_a_queue_takes_as_many_queries_for_many_rows_as_for_one():
    client, url = browser_of(*VIEW_ALL), f"{list_url('deposit')}?queue=review&reason=stuck"

    def count():
        make_deposit(needs_review=True, review_reasons=[reason("stuck")])
        client.get(url)
        with CaptureQueriesContext(connection) as captured:
            client.get(url)
        return len(captured)

    assert count() == count() == count()
