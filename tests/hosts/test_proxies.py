"""The address of a sender is stored and never trusted."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from django_skinsback.models import LedgerEntry, WebhookEvent
from django_skinsback.testing import make_deposit, signed_notification
from tests.hosts.middleware import ODD_ADDRESSES, ODD_CHAINS

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


def deliver(client, deposit, **environ):
    body = urlencode(signed_notification(deposit))
    return client.generic("POST", reverse("skinsback:result"), body, content_type=FORM, **environ).status_code


@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_an_odd_remote_address_is_stored_up_to_the_column_length(client, user, address):
    assert deliver(client, make_deposit(user=user), REMOTE_ADDR=address) == 200

    assert WebhookEvent.objects.get().remote_addr == address[:64]
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("chain", ODD_CHAINS)
def test_an_odd_chain_of_proxies_is_stored_up_to_its_limit(client, user, chain):
    assert deliver(client, make_deposit(user=user), HTTP_X_FORWARDED_FOR=chain) == 200

    assert WebhookEvent.objects.get().headers["X-Forwarded-For"] == chain[:500]


@pytest.mark.parametrize("header", ["HTTP_USER_AGENT", "HTTP_X_FORWARDED_FOR", "REMOTE_ADDR", "CONTENT_TYPE"])
@pytest.mark.parametrize(
    "value", ["\x00", "a\x00b", "\ud800", "\u0130" * 300], ids=["nul", "nul in it", "half", "wide"]
)
def test_a_header_that_the_database_cannot_store_does_not_prevent_the_credit(client, user, header, value):
    deposit = make_deposit(user=user)
    body = urlencode(signed_notification(deposit)).encode()

    response = client.generic("POST", reverse("skinsback:result"), body, **{"content_type": FORM, header: value})

    assert response.status_code == 200
    assert LedgerEntry.objects.count() == 1


def test_no_address_replaces_the_signature(client, user):
    body = urlencode({**signed_notification(make_deposit(user=user)), "sign": "0" * 40})

    for address in ("127.0.0.1", "skinsback.com"):
        answer = client.generic(
            "POST",
            reverse("skinsback:result"),
            body,
            content_type=FORM,
            REMOTE_ADDR=address,
            HTTP_X_FORWARDED_FOR=address,
            HTTP_X_FORWARDED_HOST="skinsback.com",
        )
        assert answer.status_code == 403
    assert not WebhookEvent.objects.exists()
