"""The header Idempotency-Key: repeats, conflicts, lost answers."""

import pytest

from django_skinsback import deposits
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from tests.wallet.models import Wallet

from .conftest import problem

pytestmark = [pytest.mark.django_db, pytest.mark.database]

WRITES = [
    ("deposits/", {}),
    ("deposits/from-inventory/", {"game": "cs2", "asset_ids": ["1"]}),
    ("purchases/", {"quote": "00000000-0000-4000-8000-000000000000"}),
]


@pytest.mark.parametrize(("path", "body"), WRITES)
@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "ключ"])
def test_a_request_that_makes_a_row_needs_a_key(path, body, key, caller, sandbox):
    answer = caller.post(path, body, **{"Idempotency-Key": key})
    problem(answer, 400, "idempotency_key_required")
    assert not Deposit.objects.exists()


@pytest.mark.parametrize("key", ["k", "k" * 255, "!~"])
def test_a_key_of_visible_ascii_is_accepted(key, caller, sandbox):
    assert caller.post("deposits/", key=key).status_code == 201


def test_a_repeated_deposit_is_the_deposit_as_it_is_now(caller, sandbox):
    first = caller.post("deposits/", {"game": "cs2"}, key="k")
    sandbox.pay(Deposit.objects.get().order_id, held=False)
    sandbox.deliver_pending()
    second = caller.post("deposits/", {"game": "cs2"}, key="k")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["status"] == "success"
    assert Deposit.objects.count() == len(sandbox.store.state.deposits) == 1


@pytest.mark.parametrize(("path", "body"), [("deposits/", {"game": "rust"}), WRITES[1]])
def test_a_key_with_another_request_is_a_conflict(path, body, caller, rich, sandbox):
    caller.post("deposits/", {"game": "cs2"}, key="k")
    problem(caller.post(path, body, key="k"), 409, "idempotency_conflict")
    assert Deposit.objects.count() == 1


def test_a_key_belongs_to_one_user(caller, other, sandbox):
    mine, theirs = caller.post("deposits/", key="k").json(), other.post("deposits/", key="k").json()
    assert mine["id"] != theirs["id"]


def test_a_key_of_the_api_is_not_a_key_of_the_site_itself(caller, user, sandbox):
    mine = deposits.create(user, idempotency_key="k")
    assert caller.post("deposits/", key="k").json()["id"] != str(mine.public_id)


def test_a_lost_answer_is_accepted_and_settled_later(caller, sandbox):
    sandbox.lose_answer("create")
    first = caller.post("deposits/", key="k")
    assert (first.status_code, first.json()["status"], first.json()["next_step"]) == (202, "created", "wait")
    assert caller.post("deposits/", key="k").status_code == 202
    assert Deposit.objects.count() == len(sandbox.store.state.deposits) == 1

    deposits.refresh(Deposit.objects.get())
    settled = caller.post("deposits/", key="k")
    assert (settled.status_code, settled.json()["status"]) == (200, "pending")


def test_a_lost_answer_about_chosen_skins_is_accepted(caller, rich, sandbox):
    skins = caller.get("inventory/?game=cs2").json()["results"]
    chosen = next(skin["asset_id"] for skin in skins if skin["is_tradable"] and skin["is_accepted"])
    sandbox.lose_answer("create_from_user_inventory")
    body = {"game": "cs2", "asset_ids": [chosen]}
    answers = [caller.post("deposits/from-inventory/", body, key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert Deposit.objects.count() == len(sandbox.store.state.deposits) == 1


def test_the_order_of_the_chosen_skins_does_not_matter_and_each_is_sent_once(caller, rich, sandbox):
    skins = caller.get("inventory/?game=cs2").json()["results"]
    chosen = [skin["asset_id"] for skin in skins if skin["is_tradable"] and skin["is_accepted"]][:2]
    orders = [[*chosen, chosen[0]], [*reversed(chosen)]]
    answers = [caller.post("deposits/from-inventory/", {"game": "cs2", "asset_ids": ids}, key="k") for ids in orders]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert Deposit.objects.count() == 1
    assert len(sandbox.store.state.deposits) == 1


def test_a_refused_deposit_may_be_tried_again_with_the_same_key(caller, sandbox):
    sandbox.faults.add("maintenance", "create", times=1)
    problem(caller.post("deposits/", key="k"), 503, "under_maintenance")
    assert caller.post("deposits/", key="k").status_code == 201


def quote_of(caller, item):
    return caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}).json()["id"]


def test_a_repeated_purchase_charges_once(caller, rich, sandbox, item):
    body = {"quote": quote_of(caller, item)}
    first, second = caller.post("purchases/", body, key="k"), caller.post("purchases/", body, key="k")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert LedgerEntry.objects.count() == Purchase.objects.count() == 1


def test_a_quote_buys_once_whatever_the_key(caller, rich, sandbox, item):
    body = {"quote": quote_of(caller, item)}
    first, second = caller.post("purchases/", body), caller.post("purchases/", body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert Purchase.objects.count() == 1


def test_a_key_that_bought_another_quote_is_a_conflict(caller, rich, sandbox, item):
    caller.post("purchases/", {"quote": quote_of(caller, item)}, key="k")
    problem(caller.post("purchases/", {"quote": quote_of(caller, item)}, key="k"), 409, "idempotency_conflict")
    assert Wallet.objects.get(user=rich).balance == 1000 + LedgerEntry.objects.get().amount
