"""Faults: what each does to a call, and when it is used up."""

import pytest
import requests

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox
from django_skinsback.sandbox.simulation.faults import AFTER, BEFORE, ERROR_FAULTS, FAULTS

PARTNER, TOKEN = "90382795", "i1ArBZey"


@pytest.fixture(scope="module")
def served():
    with Sandbox(manual=True) as sandbox, requests.Session() as session:
        session.trust_env = False
        session.headers.update({"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET})
        yield sandbox, session


@pytest.fixture
def sandbox(served):
    yield served[0]
    served[0].faults.remove()


@pytest.fixture
def post(served):
    sandbox, session = served

    def post(method, **params):
        data = {"method": method, **params}
        return session.post(sandbox.api_url, data=data, timeout=5, allow_redirects=False)

    return post


@pytest.fixture
def purchase(sandbox, request):
    """Parameters of a purchase that can be made."""
    item = next(item for item in sandbox.state.stock.values() if not item.sold and item.price < 10)
    return {"id": item.skin_id, "partner": PARTNER, "token": TOKEN, "custom_id": request.node.name[-60:]}


def test_a_lost_answer_means_that_the_skin_was_bought(sandbox, post, purchase):
    sandbox.lose_answer("market_buy")
    with pytest.raises(requests.ConnectionError):
        post("market_buy", **purchase)
    assert sandbox.sold(purchase["custom_id"]) == 1
    assert post("market_buy", **purchase).json()["error_message"] == "custom_id_already_exists"
    assert sandbox.sold(purchase["custom_id"]) == 1


def test_a_dropped_request_means_that_nothing_was_bought(sandbox, post, purchase):
    sandbox.drop_request("market_buy")
    with pytest.raises(requests.ConnectionError):
        post("market_buy", **purchase)
    assert sandbox.sold(purchase["custom_id"]) == 0


def test_a_cut_off_answer_means_that_the_skin_was_bought(sandbox, post, purchase):
    sandbox.faults.add("cut_off", "market_buy")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post("market_buy", **purchase)
    assert sandbox.sold(purchase["custom_id"]) == 1


@pytest.mark.parametrize(("fault", "bought"), [("html_error", 0), ("html_error_after", 1)])
def test_a_bad_gateway_is_answered_before_or_after_the_method_runs(sandbox, post, purchase, fault, bought):
    sandbox.faults.add(fault, "market_buy")
    answer = post("market_buy", **purchase)
    assert answer.status_code == 502
    assert "<h1>502 Bad Gateway</h1>" in answer.text
    assert sandbox.sold(purchase["custom_id"]) == bought


@pytest.mark.parametrize("fault", ["truncated", "empty_answer", "garbage"])
def test_an_answer_can_be_unreadable(sandbox, post, fault):
    sandbox.faults.add(fault, "status")
    with pytest.raises(ValueError, match=r".*"):
        post("status").json()
    assert post("status").json()["status"] == "success"


def test_a_redirect_leads_elsewhere(sandbox, post):
    sandbox.faults.add("redirect")
    answer = post("status")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{sandbox.url}/elsewhere/api.php")


def test_a_huge_answer_is_larger_than_any_client_should_read(sandbox, served):
    sandbox.faults.add("huge")
    data = {"method": "status"}
    with served[1].post(sandbox.api_url, data=data, stream=True, timeout=5) as answer:
        assert len(next(answer.iter_content(2**20))) > 2**19


@pytest.mark.parametrize("fault", sorted(ERROR_FAULTS))
def test_standard_errors_can_be_switched_on(sandbox, post, fault):
    sandbox.faults.add(fault, times=None)
    code, message = ERROR_FAULTS[fault]
    for _ in range(2):
        answer = post("market_pricelist", game="rust").json()
        assert answer == {"status": "error", "error_code": code, "error_message": message}
    sandbox.faults.remove(fault)
    assert post("market_pricelist", game="rust").json()["status"] == "success"


def test_a_disabled_market_leaves_deposits_alone(sandbox, post):
    sandbox.faults.add("market_disabled", times=None)
    assert post("status").json()["status"] == "success"


def test_any_error_can_be_switched_on(sandbox, post):
    sandbox.faults.add("error", "market_getinfo", value="2 offer_not_found")
    answer = post("market_getinfo", buy_id="1").json()
    assert (answer["error_code"], answer["error_message"]) == (2, "offer_not_found")


def test_a_fault_applies_only_to_its_method_and_only_so_often(sandbox, post):
    sandbox.faults.add("empty_answer", "balance", times=2)
    assert post("status").content
    assert [bool(post("balance").content) for _ in range(3)] == [False, False, True]
    assert sandbox.faults.active() == []


def test_a_slow_answer_is_late_but_right(sandbox, post):
    sandbox.faults.add("slow_answer", value="0.01")
    assert post("status").json()["status"] == "success"
    assert sandbox.faults.active() == []


def test_stopping_does_not_wait_for_slow_answers():
    sandbox = Sandbox(manual=True).start()
    sandbox.faults.add("slow", value="3600")
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            sandbox.api_url,
            data={"method": "status"},
            headers={"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET},
            timeout=0.05,
        )
    sandbox.stop()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "earthquake"},
        {"name": "slow", "value": "soon"},
        {"name": "error", "value": "5"},
        {"name": "drop_request", "times": 0},
    ],
)
def test_an_invalid_fault_is_refused(sandbox, wrong):
    with pytest.raises(ValueError, match=r"fault|Fault|delay|strike|could not"):
        sandbox.faults.add(**wrong)
    assert sandbox.faults.active() == []


@pytest.mark.parametrize(
    ("name", "method", "known"),
    [
        ("lose_answer", "market_by", "market_buy"),
        ("lose_answer", "deposit", "market_buy"),
        ("market_disabled", "create", "market_search"),
        ("no_bots", "balance", "status"),
        ("notify_drop", "create", "deposit, event"),
        ("notify_float_noise", "event", "deposit"),
        ("ws_drop", "auth", "event"),
        ("ws_auth_failed", "event", "auth"),
        ("ws_silent", "ping", "auth, event"),
        ("ws_pong", "event", "ping"),
    ],
)
def test_a_method_that_is_not_allowed_is_an_error_that_lists_the_allowed_ones(sandbox, name, method, known):
    with pytest.raises(ValueError, match=known):
        sandbox.faults.add(name, method)
    assert sandbox.faults.active() == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_can_be_limited_to_each_allowed_method(sandbox, name):
    value = {"error": "5 skin_unavailable"}.get(name, "")
    for method in sandbox.faults.allowed_methods(name):
        assert sandbox.faults.add(name, method, value=value).method == method


def test_removing_an_unknown_fault_is_an_error_that_lists_the_known_ones(sandbox):
    sandbox.faults.add("lose_answer")
    with pytest.raises(ValueError, match="lose_answer"):
        sandbox.faults.remove("loose_answer")
    assert len(sandbox.faults.active()) == 1


AFTER_FAULTS = [name for name, (when, _) in FAULTS.items() if when == AFTER]


@pytest.mark.parametrize("fault", AFTER_FAULTS)
def test_a_fault_after_the_method_is_not_used_up_by_a_refused_call(sandbox, post, fault):
    sandbox.faults.add(fault, "market_buy", value="0")
    assert post("market_buy", id="1", partner=PARTNER, token=TOKEN).json()["error_message"] == "skin_unavailable"
    assert [active.name for active in sandbox.faults.active()] == [fault]


@pytest.mark.parametrize("fault", [name for name, (when, _) in FAULTS.items() if when in (BEFORE, AFTER)])
def test_a_fault_is_not_used_up_by_an_unknown_method_or_client(sandbox, post, fault):
    sandbox.faults.add(fault, value={"error": "5 skin_unavailable", "slow": "0", "slow_answer": "0"}.get(fault, ""))
    assert post("market_sell").json()["error_message"] == "invalid_method"
    stranger = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": "guessed"}
    answer = requests.post(sandbox.api_url, data={"method": "market_buy"}, headers=stranger, timeout=5)
    assert answer.json()["error_message"] == "invalid_client_secret"
    assert [active.name for active in sandbox.faults.active()] == [fault]


def test_two_faults_of_answers_apply_to_two_answers(sandbox, post):
    sandbox.faults.add("truncated")
    sandbox.faults.add("empty_answer")
    sandbox.faults.add("garbage")
    assert sorted(len(post("status").content) for _ in range(3))[0] == 0
    assert sandbox.faults.active() == []
    assert post("status").json()["status"] == "success"


def test_every_fault_has_a_description():
    assert all(when and what.endswith(".") for when, what in FAULTS.values())
