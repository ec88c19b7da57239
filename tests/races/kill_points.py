"""Runs one step of a flow in a process that is killed at a named point."""

import importlib
import os
import signal

from django.contrib.auth.models import User
from django.test import Client

from django_skinsback import deposits, purchases
from django_skinsback.connection import get_client
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import Deposit, Purchase
from django_skinsback.testing import post_notification, signed_notification

POINTS = {
    "before the claim": "django_skinsback.flows.purchases.send:_claim_unsent",
    "between claim and call": "django_skinsback.flows.purchases.send:_call_skinsback",
    "between call and record": "django_skinsback.flows.purchases.send:_record_answer",
    "between record and commit": "django_skinsback.models:StatusChange.save",
    "before the intent": "django_skinsback.flows.deposits.create:_create_row_and_call",
    "between intent and create": "django_skinsback.client:SkinsBackClient.create_deposit",
    "between create and record": "django_skinsback.flows.deposits.create:_record_answer",
    "before the entry": "django_skinsback.models:LedgerEntry.save",
    "between entry and commit": "django_skinsback.flows.ledger.edit:verify_saved",
    "between commit and hooks": "django.db.backends.base.base:BaseDatabaseWrapper.run_and_clear_commit_hooks",
    "between commit and answer": "django_skinsback.views:UnloggedResponse",
    "before the claim of due rows": "django_skinsback.flows.polling.claims:_claim",
    "between claim of due rows and call": "django_skinsback.client:SkinsBackClient.get_purchases",
    "between answer and record": "django_skinsback.flows.polling.purchases:record_report",
    "between record and reschedule": "django_skinsback.flows.polling.claims:Claim.reschedule",
    "between approval and status": "django_skinsback.flows.deposits.hold:refresh",
    "before the reservation is committed": "django_skinsback.flows.deposits.hold:reserve",
    "between intent and approval": "django_skinsback.client:SkinsBackClient.approve_hold",
}
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


def run_step(step: str, point: str, pk: int) -> None:
    """Run ``step`` for the row or the user ``pk``. The process is killed when it reaches ``point``."""
    module, _, path = POINTS[point].partition(":")
    owner, *names = [importlib.import_module(module), *path.split(".")]
    for name in names[:-1]:
        owner = getattr(owner, name)
    setattr(owner, names[-1], lambda *_args, **_kwargs: os.kill(os.getpid(), signal.SIGKILL))

    match step:
        case "buy":
            purchases.buy(
                user=User.objects.get(pk=pk),
                trade_url=TRADE_URL,
                market_hash_name="AK-47",
                max_price=1,
                charge=1,
                charge_currency="usd",
            )
        case "submit":
            purchases.submit(Purchase.objects.get(pk=pk))
        case "poll":
            poll_purchases()
        case "create":
            deposits.create(success_url="/")
        case "create from inventory":
            items = get_client().get_inventory("rust", "76561198050648523", "i1ArBZey").items
            chosen = next(item.asset_id for item in items if item.tradable)
            user = User.objects.get(pk=pk)
            deposits.create_from_inventory(user, trade_url=TRADE_URL, item_asset_ids=[chosen], game="rust")
        case "notify":
            post_notification(Client(), signed_notification(Deposit.objects.get(pk=pk)))
        case "approve":
            deposits.approve_hold(Deposit.objects.get(pk=pk))
