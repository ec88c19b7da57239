"""A front end's way through the API, against the sandbox: deposit, market, quote, purchase, history."""

import uuid

import pytest

from django_skinsback import purchases
from django_skinsback.models import Deposit, LedgerEntry, Purchase, Quote
from tests.wallet.models import Wallet

from .conftest import TRADE_URL, problem

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_deposit_from_its_pay_page_to_the_balance(caller, sandbox):
    answer = caller.post("deposits/", {"game": "cs2", "widget": True, "success_url": "/wallet/"})
    assert answer.status_code == 201
    opened = answer.json()
    assert opened["status"] == "pending"
    assert opened["next_step"] == "open_pay_page"
    assert opened["pay_url"].startswith(sandbox.url)

    deposit = Deposit.objects.get(public_id=opened["id"])
    sandbox.pay(deposit.order_id, held=False)
    sandbox.deliver_pending()

    paid = caller.get(f"deposits/{opened['id']}/").json()
    credit = LedgerEntry.objects.get()
    assert (paid["status"], paid["next_step"], paid["pay_url"]) == ("success", "none", None)
    assert float(paid["credited_amount"]) == float(credit.amount)
    assert paid["credited_currency"] == credit.currency
    assert paid["finished_at"].endswith("Z")
    assert caller.get("deposits/").json()["results"] == [paid]
    entry = caller.get("ledger/").json()["results"][0]
    assert (entry["kind"], entry["amount"], entry["deposit"]) == ("credit", paid["credited_amount"], opened["id"])
    assert caller.get("balances/").json() == {
        "results": [{"amount": paid["credited_amount"], "currency": credit.currency}]
    }


def test_a_held_deposit_says_how_much_is_credited_and_when(caller, sandbox, settings):
    opened = caller.post("deposits/").json()
    sandbox.pay(Deposit.objects.get().order_id, held=True)
    sandbox.deliver_pending()
    held = caller.get(f"deposits/{opened['id']}/").json()
    deposit = Deposit.objects.get()
    assert (held["status"], held["credited_amount"], held["hold_days_left"]) == ("in_hold", None, 8)
    assert float(held["expected_amount"]) == float(deposit.user_amount)
    assert held["expected_currency"] == deposit.amount_currency
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "tests.integration.rest.test_life.balance"}
    assert caller.get(f"deposits/{opened['id']}/").json()["expected_amount"] is None


def test_the_limits_of_a_deposit_have_the_currency_of_the_site(caller, sandbox):
    answer = caller.post("deposits/", {"min_amount": "5.50", "max_amount": "60"})
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["min_amount"], shown["max_amount"], shown["currency"]) == ("5.50", "60.00", "usd")


def test_a_deposit_of_chosen_skins(caller, rich, sandbox):
    inventory = caller.get("inventory/?game=cs2").json()
    chosen = next(skin for skin in inventory["results"] if skin["is_tradable"] and skin["is_accepted"])
    answer = caller.post("deposits/from-inventory/", {"game": "cs2", "asset_ids": [chosen["asset_id"]]})
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert shown["next_step"] == "accept_trade"
    assert shown["trade_offer_url"] == f"https://steamcommunity.com/tradeoffer/{shown['trade_offer_id']}/"
    assert shown["trade_offer_expires_at"].endswith("Z")
    assert shown["bot_name"]
    assert shown["bot_steam_id"]


def test_a_deposit_of_chosen_skins_needs_a_trade_url(caller, sandbox):
    answer = caller.post("deposits/from-inventory/", {"game": "cs2", "asset_ids": ["1"]})
    assert problem(answer, 409, "trade_url_missing")["next_step"] == "enter_trade_url"


def test_a_purchase_from_the_market_to_the_skin(caller, rich, sandbox, item):
    found = caller.get(f"market/?game=cs2&search={item.market_hash_name}").json()["results"][0]
    assert (found["market_hash_name"], found["currency"]) == (item.market_hash_name, "usd")

    answer = caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name})
    assert answer.status_code == 201
    quote = answer.json()
    assert set(quote) == {"id", "game", "market_hash_name", "charge", "currency", "expires_at"}
    assert quote["charge"] == found["price"]
    assert caller.get(f"quotes/{quote['id']}/").json() == quote

    answer = caller.post("purchases/", {"quote": quote["id"]})
    assert answer.status_code == 201, answer.content
    bought = answer.json()
    assert (bought["status"], bought["charge_amount"], bought["next_step"]) == ("requested", quote["charge"], "wait")

    purchases.submit(Purchase.objects.get())
    shown = caller.get(f"purchases/{bought['id']}/").json()
    assert shown["status"] == "creating_trade"
    assert caller.get("purchases/").json()["results"] == [shown]


def test_a_price_that_has_risen_is_answered_with_the_new_quote(caller, rich, sandbox, item):
    quote = caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}).json()
    item.price *= 2
    item.save()
    members = problem(caller.post("purchases/", {"quote": quote["id"]}), 409, "price_changed")
    assert members["next_step"] == "see_new_price"
    assert members["quote"]["id"] != quote["id"]
    assert float(members["quote"]["charge"]) == 2 * float(quote["charge"])
    assert not Purchase.objects.exists()
    assert caller.post("purchases/", {"quote": members["quote"]["id"]}).status_code == 201


def test_a_refund_is_shown_with_its_reason(caller, rich, sandbox, item):
    quote = caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}).json()
    bought = caller.post("purchases/", {"quote": quote["id"]}).json()
    purchase = purchases.submit(Purchase.objects.get())
    sandbox.end_purchase(purchase.custom_id, "user_not_tradable", error_reason="private_inventory")
    purchases.refresh([purchase])
    shown = caller.get(f"purchases/{bought['id']}/").json()
    assert shown["refunded_amount"] == quote["charge"]
    assert "private" in shown["detail_text"]
    assert shown["notes"] == ["Your money is back on your balance."]
    assert Wallet.objects.get(user=rich).balance == 1000


def test_the_trade_url_is_set_and_shown_to_its_owner_only(caller, other, user):
    assert caller.get("steam-profile/").json() == {
        "steam_id": None,
        "has_trade_url": False,
        "trade_url": None,
        "is_broken": False,
        "broken_text": None,
        "purchases_blocked_until": None,
    }
    answer = caller.put("steam-profile/", {"trade_url": TRADE_URL})
    assert answer.status_code == 200
    assert answer.json() == caller.get("steam-profile/").json()
    for shown in (answer, caller.get("steam-profile/")):
        assert "no-store" in shown.headers["Cache-Control"]
    assert answer.json()["trade_url"] == TRADE_URL
    assert answer.json()["steam_id"] == "76561198050648523"
    assert other.get("steam-profile/").json()["trade_url"] is None


def test_a_text_that_is_no_trade_url_is_refused(caller):
    members = problem(caller.put("steam-profile/", {"trade_url": "https://evil.example/"}), 400, "invalid_trade_url")
    assert "steamcommunity.com" in members["detail"]
    assert members["next_step"] == "enter_trade_url"


def test_a_broken_trade_url_says_what_to_do(caller, rich, sandbox):
    profile = rich.skinsback_profile
    profile.broken_at = profile.updated_at
    profile.save()
    shown = caller.get("steam-profile/").json()
    assert shown["is_broken"]
    assert "does not work any more" in shown["broken_text"]


def test_a_change_of_the_trade_url_blocks_purchases_for_a_while(caller, rich, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "TRADE_URL_COOLDOWN_HOURS": 24}
    caller.put("steam-profile/", {"trade_url": TRADE_URL.replace("i1ArBZey", "XXXXXXXX")})
    assert caller.get("steam-profile/").json()["purchases_blocked_until"].endswith("Z")


def test_the_config_says_what_the_site_allows(caller, settings):
    settings.SKINSBACK = {
        **settings.SKINSBACK,
        "PURCHASE_GAMES": (),
        "LIMITS": {"deposits": {"count": 3, "sum": {"usd": 500}}},
    }
    shown = caller.get("config/").json()
    assert shown["games"] == {"deposits": ["cs2", "dota2", "rust"], "purchases": []}
    assert shown["limits"]["deposits"] == {"count": 3, "sums": [{"amount": "500.00", "currency": "usd"}]}
    assert shown["limits"]["purchases"] == {"count": None, "sums": []}
    assert shown["is_frozen"] is False


def test_the_site_says_how_much_a_user_can_spend(caller, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "BALANCE": "tests.integration.rest.test_life.balance"}
    assert caller.get("balances/").json() == {"results": [{"amount": "12.00", "currency": "usd"}]}


def balance(user, currency):
    return Wallet(user=user, balance=12).balance


def test_an_unknown_quote_is_not_found(caller, rich, sandbox):
    problem(caller.post("purchases/", {"quote": str(uuid.uuid4())}), 404, "not_found")
    assert not Quote.objects.exists()
