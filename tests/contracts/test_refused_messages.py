"""The messages that are refused although SkinsBack signed them, as the documentation lists them."""

import gzip
import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from django_skinsback import deposits
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.models import Deposit, LedgerEntry, WebhookEvent
from django_skinsback.testing import make_deposit, signed_notification
from django_skinsback.wire.signing import client_digest
from tests.support.documented_signatures import signed_by_javascript, signed_by_php

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAGE = Path(__file__).parents[2] / "docs/explanation/webhooks.md"
CLIENT_ID, SECRET = "1", "123"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def in_form(values, content_type=FORM, **headers):
    """Return a body as PHP sends it: signed, then ``http_build_query``."""
    fields = {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}
    fields = {name: value for name, value in fields.items() if value is not None}
    return urlencode({**fields, "sign": signed_by_php(values, SECRET)}).encode(), content_type, headers


def in_json(values, raw="", content_type=JSON):
    """Return a body signed like the JavaScript sample; ``raw`` is JSON added after the fields."""
    signature = signed_by_javascript(values, SECRET)
    return json.dumps({**values, "sign": signature}).encode()[:-1] + raw.encode() + b"}", content_type, {}


def multipart(values):
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    fields = {**values, "sign": signed_by_php(values, SECRET)}
    body = "".join(part.format(name, value) for name, value in fields.items()) + "--x--\r\n"
    return body.encode(), "multipart/form-data; boundary=x", {}


def packed(values):
    body, content_type, _ = in_form(values)
    return gzip.compress(body), content_type, {"Content-Encoding": "gzip"}


def respelled(values, raw, signed):
    """Return a body whose field ``amount`` is the JSON ``raw`` and was signed as the text ``signed``."""
    signature = signed_by_php({**values, "amount": signed}, SECRET)
    others = {name: value for name, value in values.items() if name != "amount"}
    return f'{json.dumps({**others, "sign": signature})[:-1]}, "amount": {raw}}}'.encode(), JSON, {}


def deep(levels):
    return ', "skins": ' + "[" * levels + "]" * levels


CASES = {
    "a value that holds `;` and, after it, `:`": (400, lambda m: in_form({**m, "reason": "late; sorry: later"})),
    "a field name that holds `:` or `;`": (400, lambda m: in_json({**m, "a:b": "c"})),
    "`multipart/form-data`": (400, multipart),
    "a body packed with gzip": (400, packed),
    "another charset than UTF-8": (400, lambda m: in_form(m, f"{FORM}; charset=windows-1251")),
    "a byte order mark": (400, lambda m: (b"\xef\xbb\xbf" + in_json(m)[0], JSON, {})),
    "a NUL character or half a surrogate pair": (400, lambda m: in_form({**m, "reason": "\0"})),
    "`NaN` or `Infinity`": (400, lambda m: in_json(m, ', "skins": [NaN]')),
    "a field that is given twice": (400, lambda m: in_json({**m, "order.id": "1"})),
    "more than 5,000 fields": (400, lambda m: in_json(m, ', "skins": ' + json.dumps([{"a": 1, "b": 2}] * 2501))),
    "more than 200 top-level values, or one of more than 4,096 bytes, in a body of more than 4,096 bytes": (
        400,
        lambda m: in_form({**m, "reason": "x" * 4200}),
    ),
    "nesting deeper than 32 levels": (400, lambda m: in_json(m, deep(33))),
    "a body larger than `WEBHOOK_MAX_BYTES`": (413, lambda m: in_json(m, ', "skins": ["' + "x" * 262_144 + '"]')),
    "a field `method`": (400, lambda m: in_form({**m, "method": "create"})),
    "no `status`, `order_id` or `transaction_id`": (
        400,
        lambda m: in_form({name: value for name, value in m.items() if name != "transaction_id"}),
    ),
    "a form that was signed with `null` in it": (403, lambda m: in_form({**m, "reason": None})),
    "a form that was signed with `false` in it": (403, lambda m: in_form({**m, "held": False})),
    "text that was signed in another spelling": (403, lambda m: respelled(m, '"10.50"', "10.5")),
    "a JSON number that was signed with other digits": (403, lambda m: respelled(m, "40.76", "40.759999999999998")),
    "only the header `X-SIGN`": (
        403,
        lambda m: (urlencode(m).encode(), FORM, {"X-Sign": client_digest(CLIENT_ID, SECRET)}),
    ),
}


@pytest.fixture
def message(user):
    """A genuine message without its signature."""
    message = signed_notification(make_deposit(user=user))
    del message["sign"]
    return message


@pytest.mark.parametrize("case", CASES)
def test_a_genuine_message_that_cannot_be_verified_or_read_is_refused_as_documented(
    client, message, case, django_assert_num_queries
):
    status, send = CASES[case]
    body, content_type, headers = send(message)

    with django_assert_num_queries(0):
        response = client.post(reverse("skinsback:result"), body, content_type=content_type, headers=headers)

    assert (response.status_code, response.json()) == (status, {"status": "refused"})
    assert not WebhookEvent.objects.exists()
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize(
    "send",
    [
        in_form,
        in_json,
        lambda m: in_form({**m, "reason": "sorry: 12:30; try again"}),
        lambda m: in_form({**m, "held": True}),
        lambda m: in_json({**m, "held": True, "reason": None}),
        lambda m: in_json(m, deep(28)),
        lambda m: in_json(m, ', "skins": ' + json.dumps([{"a": 1, "b": 2}] * 2450)),
        lambda m: respelled(m, "10.50", "10.5"),
        lambda m: respelled(m, "40.759999999999998", "40.76"),
    ],
)
def test_the_valid_message_next_to_each_refused_one_is_accepted(client, message, send):
    """This shows that the messages above are refused for the named reason."""
    body, content_type, headers = send(message)

    response = client.post(reverse("skinsback:result"), body, content_type=content_type, headers=headers)

    assert response.status_code == 200
    assert LedgerEntry.objects.count() == 1


def test_the_page_lists_these_messages_and_their_answers():
    table = PAGE.read_text().partition("## Genuine messages that are refused")[2].partition("\n## ")[0]

    rows = re.findall(r"^\| (.+?) \| (\d+) \|", table, flags=re.MULTILINE)

    assert rows == [(case, str(status)) for case, (status, _) in CASES.items()]


def test_the_credit_of_a_refused_message_comes_by_polling(user, skinsback_sandbox):
    deposit = deposits.create(user, currency="usd", min_amount="1")
    skinsback_sandbox.faults.add("notify_drop", "deposit", times=None)
    skinsback_sandbox.pay(deposit.order_id)
    skinsback_sandbox.faults.remove()
    skinsback_sandbox.notify(deposit.order_id, reason="late; sorry: later")
    with pytest.raises(AssertionError, match="answered 400"):
        skinsback_sandbox.deliver_pending()
    assert not LedgerEntry.objects.exists()
    Deposit.objects.filter(pk=deposit.pk).update(next_poll_at=deposit.created_at)

    poll_deposits()

    assert LedgerEntry.objects.get().deposit_id == deposit.pk
