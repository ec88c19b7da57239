"""For any delivery, a webhook answers an allowed status and credits at most what SkinsBack signed."""

import json

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_skinsback.wire.fields import MAX_FIELDS, parse_fields
from tests.fuzz import mutation
from tests.fuzz.delivery import (
    EVENTS,
    FORM,
    JSON,
    RESULT,
    Delivery,
    deliver_signed,
    deliver_unsigned,
    signed,
    signed_event,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]

some = settings(max_examples=150 if connection.vendor == "sqlite" else 60, suppress_health_check=list(HealthCheck))

SEEDS = [sample.body for sample in (*mutation.NOTIFICATIONS, *mutation.EVENT_SAMPLES, *mutation.OTHERS)]
SIGNED_FIRST = {"status": "success", "transaction_id": "13", "order_id": "1", "steam_id": "76561198827262007",
                "date": "1596999226", "amount": "10.5", "amount_currency": "usd", "user_amount": "12.6"}  # fmt: skip
MORE_FIELDS = [
    "skins",
    "skins_info",
    "user_risk",
    "trade_offer_id",
    "tradeofferid",
    "reason",
    "offer_date",
    "method",
    "0",
    "-1",
]
MORE_DATA = [
    "in_hold",
    "in_hold_until",
    "steamid",
    "balance_debited_sum",
    "balance_value",
    "date",
    "created_at",
    "skin_id",
]


@some
@given(
    mutation.mutated(st.sampled_from(SEEDS)), mutation.content_types, st.sampled_from(mutation.PATHS), mutation.headers
)
@example(b"", FORM, RESULT, ())
@example(b"[" * 200_000, JSON, RESULT, ())
@example(b'{"a":' * 50_000, JSON, RESULT, ())
@example(b'{"amount":' + b"9" * 200_000 + b"}", JSON, RESULT, ())
@example(b"a" * 262_145, FORM, RESULT, ())
@example(b"{" + b",".join(b'"%d":0' % number for number in range(20_000)) + b"}", JSON, RESULT, ())
def test_an_unsigned_delivery_is_refused_without_a_query(body, content_type, path, headers):
    deliver_unsigned(Delivery(body, content_type, path, headers=headers))


@some
@given(st.sampled_from(mutation.METHODS), st.sampled_from(mutation.PATHS), st.sampled_from(SEEDS), mutation.headers)
def test_other_methods_are_refused_without_a_query(method, path, body, headers):
    status = deliver_unsigned(Delivery(body, JSON, path, method, headers))

    assert method.upper() == "POST" or status == 405


@some
@given(
    mutation.mutated(st.sampled_from(mutation.unsigned(SEEDS)), most=3), st.sampled_from([JSON, FORM]), st.booleans()
)
def test_mutated_and_signed_bytes_are_applied_or_refused(user_with_wallet, body, content_type, as_php):
    delivery = signed(body, content_type, as_php=as_php)
    if delivery is not None:
        deliver_signed(Delivery(delivery, content_type), user_with_wallet)


@some
@given(mutation.message(SIGNED_FIRST, MORE_FIELDS), st.booleans())
def test_a_signed_notification_with_odd_values_credits_at_most_what_is_signed(user_with_wallet, body, as_php):
    delivery = signed(body, JSON, as_php=as_php)
    assert delivery is not None or _is_unreadable(body)
    if delivery is not None:
        deliver_signed(Delivery(delivery), user_with_wallet)


@some
@given(mutation.message(json.loads(mutation.EVENT_SAMPLES[-1].body)["data"], MORE_DATA), mutation.lexemes, st.data())
def test_a_signed_event_with_odd_values_is_stored_or_refused(user_with_wallet, data, word, more):
    names = ['"status_change"', '"buy_item"', '"balance_change"', word]
    body = b'{"event":%s,"data":%s}' % (more.draw(st.sampled_from(names)).encode(), data)
    deliver_signed(Delivery(body, JSON, EVENTS, headers=signed_event(body)), user_with_wallet)


@some
@given(
    mutation.mutated(st.sampled_from([sample.body for sample in mutation.EVENT_SAMPLES]), most=3),
    mutation.content_types,
)
def test_mutated_bytes_of_a_signed_event_are_stored_or_refused(user_with_wallet, body, content_type):
    deliver_signed(Delivery(body, content_type, EVENTS, headers=signed_event(body)), user_with_wallet)


@pytest.fixture
def user_with_wallet(user):
    from tests.wallet.models import Wallet

    Wallet.objects.create(user=user)
    return user


def test_correctly_signed_samples_are_applied(user_with_wallet):
    """This shows that the tests above do not pass because everything is refused."""
    bodies = mutation.unsigned([sample.body for sample in mutation.NOTIFICATIONS])
    types = [sample.content_type for sample in mutation.NOTIFICATIONS]

    answers = [
        deliver_signed(Delivery(signed(body, kind), kind), user_with_wallet)
        for body, kind in zip(bodies, types, strict=True)
    ]

    assert answers == [200] * len(answers)


HOSTILE = {
    "deep lists": lambda size: b"[" * size,
    "deep objects": lambda size: b'{"a":' * (size // 5),
    "many fields": lambda size: b"a=1&" * (size // 4),
    "many numbers": lambda size: b'{"a":[' + b"1," * (size // 2) + b"1]}",
    "long number": lambda size: b'{"a":' + b"9" * size + b"}",
    "open brackets": lambda size: b"a" + b"[" * size + b"=1",
    "closed brackets": lambda size: b"a" + b"[b]" * (size // 3) + b"=1",
    "semicolons": lambda size: b'{"a":"' + b";" * size + b'"}',
    "escapes": lambda size: b"a=" + b"%41" * (size // 3),
    "odd keys": lambda size: b"&".join(b"%d[x]=1" % number for number in range(size // 10)),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_the_work_grows_linearly_with_the_size_of_the_body(hostile):
    """The work is counted in executed lines, because times depend on the machine."""
    half, whole = (_lines_run(hostile(size)) for size in (30_000, 60_000))

    assert whole <= 3 * half + 2 * MAX_FIELDS


def _lines_run(body):
    import sys

    lines = 0

    def trace(_frame, event, _argument):
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        _is_unreadable(body)
    finally:
        sys.settrace(before)
    return lines


def _is_unreadable(body):
    from django_skinsback.exceptions import UnreadableNotification

    try:
        parse_fields(body, "")
    except UnreadableNotification:
        return True
    return False
