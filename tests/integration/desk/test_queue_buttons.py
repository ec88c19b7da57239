"""The buttons beside the rows of a queue, and the way back to the desk."""

import pytest
from django.urls import reverse

from django_skinsback.models import Deposit
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import VIEW_ALL, act, browser_of, list_url, seen_on
from .rows import make_delivery, make_discrepancy, reason

pytestmark = pytest.mark.django_db

QUEUE = "?queue=review"


def flagged(**fields):
    return make_deposit(needs_review=True, review_reasons=[reason("stuck")], **fields)


def settle(client, row, url):
    """Press the button of the row, and send the form of the next page."""
    asked = client.post(url, {"skinsback_button": f"settle:{row.pk}", "action": "", "select_across": "0"})
    sent = {"action": "settle", "_selected_action": row.pk, "confirmed": "yes", "decision": "keep"}
    return client.post(url, {**sent, "seen": seen_on(asked)})


def test_the_list_of_a_queue_names_the_user_of_each_row(user):
    flagged(user=user)
    make_purchase(user=user, needs_review=True, review_reasons=[reason("stuck")])
    client = browser_of(*VIEW_ALL)
    for model in ("deposit", "purchase"):
        assert user.get_username() in client.get(list_url(model) + QUEUE).content.decode()


def test_a_button_begins_its_action_for_its_row_alone():
    first, second = flagged(), flagged()
    client = browser_of(*VIEW_ALL, "settle_deposit")
    asked = client.post(
        list_url("deposit") + QUEUE,
        {"skinsback_button": f"settle:{first.pk}", "action": "settle", "_selected_action": [second.pk]},
    )
    assert [each["row"] for each in asked.context["rows"]] == [first]


@pytest.mark.parametrize("value", ["settle:", "settle:x", "settle:999999", "nothing:1", "delete_selected:1", "settle"])
def test_a_forged_button_does_nothing(value):
    flagged()
    client = browser_of(*VIEW_ALL, "settle_deposit")
    answer = client.post(list_url("deposit") + QUEUE, {"skinsback_button": value, "action": ""})
    assert answer.status_code in {200, 302}
    assert Deposit.objects.get().needs_review


def test_an_operator_who_may_only_look_has_no_button_and_cannot_use_one():
    row = flagged()
    client = browser_of(*VIEW_ALL)
    url = list_url("deposit") + QUEUE
    assert "skinsback_button" not in client.get(url).content.decode()
    answer = client.post(url, {"skinsback_button": f"settle:{row.pk}"})
    assert answer.context is None or "rows" not in answer.context
    assert Deposit.objects.get().needs_review


def test_only_possible_actions_have_a_button():
    flagged(status="pending")
    text = browser_of(superuser=True).get(list_url("deposit") + QUEUE).content.decode()
    assert 'value="settle:' in text
    assert 'value="approve_hold:' not in text


def test_the_desk_opens_after_the_last_row_of_a_queue():
    first, second = flagged(), flagged()
    client = browser_of(*VIEW_ALL, "settle_deposit", "view_desk")
    url = list_url("deposit") + QUEUE

    assert settle(client, first, url).url == url
    assert settle(client, second, url).url == list_url("desk")


def test_an_operator_without_the_desk_stays_in_the_empty_queue():
    row, url = flagged(), list_url("deposit") + QUEUE
    assert settle(browser_of(*VIEW_ALL, "settle_deposit"), row, url).url == url


def test_an_action_outside_a_queue_does_not_open_the_desk():
    row = flagged()
    client = browser_of(superuser=True)
    asked = act(client, "settle", row)
    answer = act(client, "settle", row, confirmed="yes", decision="keep", seen=seen_on(asked))
    assert answer.url == list_url("deposit")


@pytest.mark.parametrize(
    ("model", "queue", "button"),
    [("webhookevent", "deliveries", "dismiss"), ("discrepancy", "discrepancies", "close")],
)
def test_deliveries_and_discrepancies_have_buttons_too(model, queue, button):
    row = make_delivery(needs_review=True, outcome="failed") if model == "webhookevent" else make_discrepancy()
    url = f"{list_url(model)}?queue={queue}"
    client = browser_of(superuser=True)
    assert f'value="{button}:{row.pk}"' in client.get(url).content.decode()
    asked = client.post(url, {"skinsback_button": f"{button}:{row.pk}"})
    assert [each["row"] for each in asked.context["rows"]] == [row]


def test_a_hold_has_a_button_for_each_decision_that_is_possible():
    undecided = make_deposit(status="in_hold")
    left = make_deposit(status="in_hold", hold_decision="leave")
    text = browser_of(superuser=True).get(reverse("admin:skinsback_deposit_holds")).content.decode()
    assert f'value="approve_hold:{undecided.pk}"' in text
    assert f'value="leave_hold:{undecided.pk}"' in text
    assert f'value="approve_hold:{left.pk}"' in text
    assert f'value="leave_hold:{left.pk}"' not in text
