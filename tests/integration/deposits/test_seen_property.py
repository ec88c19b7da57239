"""The token of an unchanged row is the same however the instance in memory spells its values."""

import uuid
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_skinsback import deposits, purchases
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.models.reasons import REASON_TEXTS, make_reason
from django_skinsback.statuses import DepositStatus, PurchaseStatus

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
AMOUNTS = st.decimals(0, 99_999_999, places=6, allow_nan=False, allow_infinity=False).map(
    lambda amount: amount.quantize(Decimal("0.000001"))
)
ANY_SPELLING = st.one_of(AMOUNTS, AMOUNTS.map(str), AMOUNTS.map(Decimal.normalize), st.integers(0, 99_999_999))
OPTIONAL = st.none() | ANY_SPELLING
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(0, 2**50) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=6,
)
REASONS = st.lists(
    st.builds(make_reason, st.sampled_from(sorted(REASON_TEXTS)), st.dictionaries(TEXT, TEXT | AMOUNTS, max_size=3)),
    max_size=3,
)
SHARED = {
    "steam_id": st.text("0123456789", max_size=17),
    "trade_offer_id": TEXT,
    "needs_review": st.booleans() | st.integers(0, 1),
    "review_reasons": REASONS,
}
DEPOSITS = st.fixed_dictionaries(
    {
        **SHARED,
        "status": st.sampled_from(DepositStatus) | st.sampled_from(DepositStatus).map(str),
        "amount": OPTIONAL,
        "user_amount": OPTIONAL,
        "min_amount": OPTIONAL,
        "max_amount": OPTIONAL,
        "currency": st.sampled_from(["", "usd", "gem"]),
        "amount_currency": st.sampled_from(["", "usd", "gem"]),
        "user_risk": st.dictionaries(TEXT, DATA, max_size=3),
    }
)
PURCHASES = st.fixed_dictionaries(
    {
        **SHARED,
        "status": st.sampled_from(PurchaseStatus) | st.sampled_from(PurchaseStatus).map(str),
        "max_price": ANY_SPELLING,
        "price": OPTIONAL,
        "debited_amount": OPTIONAL,
        "charge_amount": OPTIONAL,
        "charge_currency": st.sampled_from(["", "usd"]),
        "error_code": st.none() | st.integers(-(2**31), 2**31 - 1),
        "error_message": TEXT,
        "market_hash_name": TEXT,
        "in_hold": st.none() | st.booleans() | st.integers(0, 1),
    }
)
PROPERTY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@PROPERTY
@given(values=DEPOSITS, as_text=st.booleans())
def test_a_deposit_has_the_same_token_in_memory_and_when_it_is_read_again(user, values, as_text):
    values["user_id"] = str(user.pk) if as_text else user.pk
    deposit = Deposit.objects.create(order_id=uuid.uuid4().hex, **values)
    LedgerEntry.objects.create(deposit=deposit, kind="reversal", amount=Decimal(-5), currency="usd", user=user)
    seen = deposits.seen(deposit)

    stored = Deposit.objects.prefetch_related("entries").get(pk=deposit.pk)

    assert deposits.seen(stored) == seen


@PROPERTY
@given(values=PURCHASES, as_text=st.booleans())
def test_a_purchase_has_the_same_token_in_memory_and_when_it_is_read_again(user, values, as_text):
    values["user_id"] = str(user.pk) if as_text else user.pk
    purchase = Purchase.objects.create(custom_id=uuid.uuid4().hex, partner="1", token="t", **values)
    seen = purchases.seen(purchase)

    stored = Purchase.objects.prefetch_related("entries").get(pk=purchase.pk)

    assert purchases.seen(stored) == seen
