import json
import uuid
from decimal import Decimal

import pytest
from django.test import Client

from django_skinsback import players
from django_skinsback.flows.market.prices import sync_prices
from django_skinsback.models import MarketItem
from tests.wallet.models import Wallet

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


class Caller:
    """Calls the API as one user, as a front end does: JSON, and a new idempotency key for each new request."""

    def __init__(self, user=None, **options):
        self.user = user
        self.http = Client(**options)
        if user is not None:
            self.http.force_login(user)

    def get(self, path, **headers):
        return self.http.get(f"/api/v1/{path}", headers=headers)

    def post(self, path, body=None, *, key=None, method="post", **headers):
        headers = {"Idempotency-Key": key or str(uuid.uuid4()), **headers}
        send = getattr(self.http, method)
        return send(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json", headers=headers)

    def put(self, path, body):
        return self.post(path, body, method="put")


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = "tests.integration.rest.urls"


@pytest.fixture
def caller(user):
    return Caller(user)


@pytest.fixture
def other(django_user_model):
    """Another player, whose rows the first one must not see."""
    return Caller(django_user_model.objects.create_user("mallory"))


@pytest.fixture
def sandbox(skinsback_sandbox):
    return skinsback_sandbox


@pytest.fixture
def rich(user):
    """The player has money, and the trade URL of an account of the sandbox."""
    Wallet.objects.create(user=user, balance=Decimal(1000))
    players.set_trade_url(user, TRADE_URL)
    return user


@pytest.fixture
def item(sandbox):
    """A skin that the site sells for less than a player's balance."""
    sync_prices(game="cs2")
    return MarketItem.objects.filter(game="cs2", price__lt=100).order_by("pk")[0]


def problem(answer, status, code):
    """Assert that the answer is this problem, and return its members."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.content
    members = json.loads(answer.content)
    assert (answer.status_code, members["status"], members["code"]) == (status, status, code), members
    assert members["type"] == f"urn:django-skinsback:problem:{code}"
    assert members["title"]
    assert members["detail"]
    return members
