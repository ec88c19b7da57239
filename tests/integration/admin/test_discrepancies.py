"""Discrepancies in the admin: both sides are compared, and an operator closes a discrepancy with a note."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_skinsback.models import Deposit, Discrepancy
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import VIEW_ALL, act, browser_of, list_url, messages_of, page_url, seen_on

pytestmark = pytest.mark.django_db

CLOSER = (*VIEW_ALL, "close_discrepancy")


def make_discrepancy(number=0, **values):
    given = {
        "account": "default",
        "found_in": "orders",
        "kind": "differing",
        "digest": f"{number:064}",
        "our_id": f"order-{number}",
        "their_id": "9",
        "ours": {"transaction_id": "9", "status": "success", "amount": "5", "user_amount": "6"},
        "theirs": {"transaction_id": "9", "status": "success", "amount": "5", "user_amount": "<b>7</b>"},
    }
    return Discrepancy.objects.create(**{**given, **values})


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def close(client, *rows, note="looked into", **fields):
    """Open the confirmation page and send its form."""
    asked = act(client, "close", *rows)
    seen = seen_on(asked)
    return act(client, "close", *rows, note=note, confirmed="yes", seen=seen, **fields)


def test_both_sides_are_shown_and_differences_are_marked():
    row = make_discrepancy(deposit=make_deposit())

    page = text_of(browser_of(*VIEW_ALL).get(page_url(row)))

    marked = re.findall(r'<tr class="skinsback-differs">(.*?)</tr>', page)
    assert len(marked) == 1
    assert "<td>6</td><td>&lt;b&gt;7&lt;/b&gt;</td>" in marked[0]
    assert page_url(row.deposit) in page
    assert "The two sides contradict each other" in page
    assert "Close…" not in page


@pytest.mark.parametrize("kind", Discrepancy.Kind.values)
def test_each_kind_explains_what_to_do(kind):
    row = make_discrepancy(kind=kind, ours={}, theirs={})

    panel = text_of(browser_of(*CLOSER).get(page_url(row))).split('skinsback-status"')[1].split("</section")[0]

    assert row.get_kind_display() in panel
    assert len(panel) > 200
    assert "Close…" in panel


def test_a_purchase_is_linked_too():
    row = make_discrepancy(found_in="market_history", purchase=make_purchase())

    assert page_url(row.purchase) in text_of(browser_of(*VIEW_ALL).get(page_url(row)))


def test_open_discrepancies_come_first_and_can_be_filtered():
    for number, state in enumerate(["open", "repaired", "closed", "open"]):
        make_discrepancy(number, state=state, kind="missed" if state == "repaired" else "differing")
    client = browser_of(*VIEW_ALL)

    shown = client.get(list_url("discrepancy")).context["cl"].result_list
    assert [row.state for row in shown][:2] == ["open", "open"]
    for query, count in [("state__exact=open", 2), ("kind__exact=missed", 1), ("found_in__exact=market_history", 0)]:
        assert len(client.get(f"{list_url('discrepancy')}?{query}").context["cl"].result_list) == count


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows():
    client = browser_of(*VIEW_ALL)

    counted = []
    for begin in (0, 20):
        for number in range(begin, begin + 20):
            make_discrepancy(number, deposit=make_deposit())
        with CaptureQueriesContext(connection) as queries:
            client.get(list_url("discrepancy"))
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_closing_asks_first_and_stores_operator_and_note():
    rows = [make_discrepancy(number) for number in range(2)]
    client = browser_of(*CLOSER)

    asked = act(client, "close", *rows)
    assert asked.status_code == 200
    assert "Closing changes no deposit" in text_of(asked)
    assert Discrepancy.objects.open().count() == 2

    response = close(client, *rows, note="their rounding")

    assert messages_of(client, response) == ["2 discrepancies were closed."]
    for row in Discrepancy.objects.all():
        assert (row.state, row.closed_by, row.note) == ("closed", client.user, "their rounding")
        assert row.closed_at is not None


def test_a_discrepancy_that_changed_since_it_was_shown_is_skipped():
    row = make_discrepancy()
    client = browser_of(*CLOSER)
    seen = seen_on(act(client, "close", row))
    Discrepancy.objects.update(theirs={"status": "fail"})

    response = act(client, "close", row, note="seen", confirmed="yes", seen=seen)

    assert "has changed since you looked at it" in messages_of(client, response)[0]
    assert Discrepancy.objects.open().exists()


@pytest.mark.parametrize("note", ["", " \n"])
def test_it_is_not_closed_without_a_note(note):
    row = make_discrepancy()
    client = browser_of(*CLOSER)

    response = close(client, row, note=note)

    assert response.status_code == 200
    assert "Write what you found out" in text_of(response)
    assert Discrepancy.objects.open().get() == row


def test_closing_a_closed_discrepancy_does_nothing():
    row = make_discrepancy(state="closed", note="mine")
    client = browser_of(*CLOSER)

    response = act(client, "close", row, confirmed="yes", note="again")

    assert "Nothing was done" in messages_of(client, response)[0]
    row.refresh_from_db()
    assert row.note == "mine"


def test_without_the_permission_there_is_no_such_action():
    row = make_discrepancy()
    client = browser_of(*VIEW_ALL)

    act(client, "close", row, confirmed="yes")

    assert Discrepancy.objects.open().exists()
    assert "Close…" not in text_of(client.get(list_url("discrepancy")))
    assert act(browser_of("close_discrepancy"), "close", row, confirmed="yes").status_code == 403


def test_closing_by_get_is_not_possible():
    row = make_discrepancy()

    browser_of(*CLOSER).get(
        list_url("discrepancy"), {"action": "close", "_selected_action": row.pk, "confirmed": "yes"}
    )

    assert Discrepancy.objects.open().exists()


def test_the_button_on_a_page_leads_back_to_the_page():
    row = make_discrepancy()

    response = close(browser_of(*CLOSER), row, note="seen", stay="yes")

    assert response.url == page_url(row)


def test_a_deleted_deposit_leaves_its_discrepancy():
    row = make_discrepancy(deposit=make_deposit())
    Deposit.objects.all().delete()

    row.refresh_from_db()

    assert row.deposit is None
    assert browser_of(*VIEW_ALL).get(page_url(row)).status_code == 200
