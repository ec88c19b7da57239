"""Requests that schemathesis makes of the OpenAPI file, valid and invalid ones: every answer is as described."""

import re
from collections import Counter
from decimal import Decimal
from uuid import uuid4

import pytest
import yaml
from django.conf import settings as site
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.middleware.csrf import _get_new_csrf_string
from hypothesis import HealthCheck, settings

from django_skinsback import players
from django_skinsback.flows.players.inventory import get_inventory
from django_skinsback.models import MarketItem, PriceListImport, Quote
from django_skinsback.rest.idempotency import KEY_PATTERN
from django_skinsback.rest.schema import FILE
from django_skinsback.rest.throttles import RATES
from django_skinsback.testing import make_deposit, make_purchase

schemathesis = pytest.importorskip("schemathesis")

pytestmark = pytest.mark.django_db

ROW_ID = "0b0e7d1c-8a52-4a0f-9d0c-5b3c1f2a7e11"
"""The public ID of the player's deposit, purchase and quote."""
answers = Counter()
"""(operation, first digit of the status) -> how many answers."""
skin_ids = []
"""The ID of a skin that the player can deposit."""


@pytest.fixture(autouse=True)
def _one_connection():
    """Keep the connection with the test's transaction, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def api(caller, rich, sandbox, settings):
    """The described API, called as a player with a few rows, without throttles."""
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": dict.fromkeys(RATES)}
    make_deposit(user=rich, status="success", public_id=ROW_ID)
    make_purchase(user=rich, charge_amount=Decimal(5), charge_currency="usd", public_id=ROW_ID)
    PriceListImport.objects.create(game="cs2")
    MarketItem.objects.create(game="cs2", market_hash_name="0", price=1, count=1)
    quote = players.make_quote(rich, "cs2", "0")
    Quote.objects.filter(pk=quote.pk).update(public_id=ROW_ID)

    description = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    described = schemathesis.openapi.from_dict(description)
    described.app = get_wsgi_application()
    described.config.update(base_url="http://localhost/api", parameters={"path.public_id": ROW_ID})
    session, token = caller.http.cookies[site.SESSION_COOKIE_NAME].value, _get_new_csrf_string()

    @described.auth(refresh_interval=None)
    class Login:
        def get(self, case, context):
            return {site.SESSION_COOKIE_NAME: session, site.CSRF_COOKIE_NAME: token}

        def set(self, case, cookies, context):
            case.cookies = {**(case.cookies or {}), **cookies}
            case.headers = {**(case.headers or {}), "X-CSRFToken": token}

    answers.clear()
    skin_ids[:] = [_depositable_skin(rich)]
    yield described
    operations = {f"{method.upper()} {path}" for path, methods in description["paths"].items() for method in methods}
    assert {operation for operation, status in answers if status == 2} == operations
    assert {operation for operation, status in answers if status == 4} == operations


def _depositable_skin(user):
    skins = get_inventory(user, "cs2").items
    return next(skin.asset_id for skin in skins if skin.is_tradable and skin.is_accepted)


lazy = schemathesis.pytest.from_fixture("api")


@lazy.parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_as_described(case):
    _name_what_exists(case)
    response = case.call_and_validate()
    answers[case.operation.label, response.status_code // 100] += 1


def _name_what_exists(case):
    """Replace valid IDs by those of a quote and a skin that exist, and valid keys by new ones.

    Generated IDs never exist, and generated keys are often the same.
    """
    if re.fullmatch(KEY_PATTERN, (case.headers or {}).get("Idempotency-Key") or ""):
        case.headers["Idempotency-Key"] = str(uuid4())
    body = case.body if isinstance(case.body, dict) else {}
    quote, skins = body.get("quote"), body.get("asset_ids")
    if isinstance(quote, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", quote):
        body["quote"] = ROW_ID
    if isinstance(skins, list) and skins and all(isinstance(skin, str) and skin.isalnum() for skin in skins):
        body["asset_ids"] = [skin_ids[0]]
