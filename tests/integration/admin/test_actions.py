from decimal import Decimal

import pytest
from django.db import connections

from django_skinsback import deposits, purchases
from django_skinsback.admin import actions
from django_skinsback.connection import get_client
from django_skinsback.exceptions import AccountFault, InvalidInput, RequestNotSent, TransactionNotFound, UnknownOutcome
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import VIEW_ALL, act, browser_of, list_url, messages_of, page_url, seen_on

pytestmark = pytest.mark.django_db

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def held(world, user):
    """A deposit in hold, here and in the sandbox."""
    deposit = deposits.create(user, steam_id="76561198050648523")
    world.sandbox.pay(deposit.order_id, held=True)
    world.deliver()
    deposit.refresh_from_db()
    assert deposit.status == "in_hold"
    return deposit


REASON = {"code": "unknown_status", "data": {"status": "gifted"}}


def paid_deposit(**values):
    """Make a deposit that needs review and has an amount to credit."""
    details = {"needs_review": True, "review_reasons": [REASON], "status": "success"}
    money = {"amount": Decimal("10.5"), "user_amount": Decimal("12.6"), "amount_currency": "usd"}
    return make_deposit(**{**details, **money, **values})


def confirm(client, action, *rows):
    """Open the confirmation page and send its form."""
    return act(client, action, *rows, confirmed="yes", seen=seen_on(act(client, action, *rows)))


def decide(client, outcome, *rows, note="", **fields):
    """Open the confirmation page and send its form."""
    asked = act(client, "settle", *rows)
    seen = seen_on(asked)
    return act(client, "settle", *rows, decision=outcome, note=note, confirmed="yes", seen=seen, **fields)


ACTIONS = [
    ("deposit", "refresh", "refresh_deposit"),
    ("deposit", "approve_hold", "approve_hold"),
    ("deposit", "leave_hold", "approve_hold"),
    ("deposit", "settle", "settle_deposit"),
    ("purchase", "refresh", "refresh_purchase"),
    ("purchase", "cancel", "cancel_purchase"),
    ("purchase", "settle", "settle_purchase"),
    ("marketitem", "buy", "buy_skins"),
]


@pytest.mark.parametrize(("model", "action", "permission"), ACTIONS)
def test_an_action_is_offered_only_with_its_permission(model, action, permission, user):
    make_deposit(), make_purchase()
    offered = {
        "superuser": browser_of(superuser=True),
        "holder": browser_of(*VIEW_ALL, permission),
        "viewer": browser_of(*VIEW_ALL),
    }
    for role, client in offered.items():
        form = client.get(list_url(model)).context["action_form"]
        names = [name for name, _ in form.fields["action"].choices] if form else []
        assert (action in names) is (role != "viewer"), role
    assert browser_of(permission).get(list_url(model)).status_code == 403


@pytest.mark.parametrize(
    ("model", "action", "permission"), [each for each in ACTIONS if each[0] in {"deposit", "purchase"}]
)
def test_an_action_does_nothing_without_its_permission(model, action, permission, monkeypatch):
    row = paid_deposit(status="in_hold") if model == "deposit" else make_purchase(needs_review=True)

    def never(*_arguments, **_options):
        raise AssertionError("the flow was called")

    for flow in (deposits, purchases):
        for name in ("refresh", "settle", "approve_hold", "leave_hold", "cancel"):
            monkeypatch.setattr(flow, name, never, raising=False)
    others = [name for _, _, name in ACTIONS if name != permission]
    for client in (browser_of(*VIEW_ALL), browser_of(*VIEW_ALL, *others)):
        act(client, action, row, confirmed="yes", decision="keep")
        assert (
            action
            not in client.get(page_url(row)).content.decode().split("skinsback-buttons")[-1].split("</section")[0]
        )
    assert act(browser_of(permission), action, row, confirmed="yes").status_code == 403
    assert not StatusChange.objects.exists()


class TestRefresh:
    def test_only_selected_rows_are_refreshed(self, world, user):
        rows = [deposits.create(user, steam_id="76561198050648523") for _ in range(2)]
        for row in rows:
            world.sandbox.pay(row.order_id, held=False)
        client = browser_of(*VIEW_ALL, "refresh_deposit")
        response = act(client, "refresh", rows[0])
        assert messages_of(client, response) == ["1 deposit was refreshed from SkinsBack. Status changes: 1."]
        assert [Deposit.objects.get(pk=row.pk).status for row in rows] == ["success", "pending"]
        assert StatusChange.objects.filter(by=client.user).exists()

    def test_it_works_under_atomic_requests(self, world, user, monkeypatch):
        monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
        row = deposits.create(user)
        client = browser_of(*VIEW_ALL, "refresh_deposit")
        assert "1 deposit was refreshed" in messages_of(client, act(client, "refresh", row))[0]

    def test_the_button_on_a_row_leads_back_to_the_row(self, world, user):
        row = deposits.create(user)
        response = act(browser_of(*VIEW_ALL, "refresh_deposit"), "refresh", row, stay="yes")
        assert response.url == page_url(row)

    def test_one_failing_row_does_not_stop_the_others(self, world, user):
        unknown, known = make_deposit(), deposits.create(user)
        client = browser_of(*VIEW_ALL, "refresh_deposit")
        shown = messages_of(client, act(client, "refresh", unknown, known))
        assert shown == [
            "1 deposit was refreshed from SkinsBack. Status changes: 0.",
            f"SkinsBack does not know this deposit. [{unknown.order_id}]",
        ]

    def test_it_stops_at_an_account_wide_error(self, monkeypatch):
        calls = []

        def refused(row, **_options):
            calls.append(row)
            raise AccountFault("orderstatus", -8, "invalid_ip_address")

        monkeypatch.setattr(deposits, "refresh", refused)
        client = browser_of(*VIEW_ALL, "refresh_deposit")
        shown = messages_of(client, act(client, "refresh", make_deposit(), make_deposit(), make_deposit()))
        assert len(calls) == 1
        assert "invalid_ip_address, -8" in shown[0]
        assert shown[1] == "3 rows were not tried."

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (RequestNotSent(), "nothing was sent"),
            (UnknownOutcome(), "could not be read"),
            (TransactionNotFound("orderstatus", 4, "<b>transaction_not_found</b>"), "does not know this deposit"),
        ],
    )
    def test_an_error_says_what_to_do(self, error, words, monkeypatch):
        def fail(*_arguments, **_options):
            raise error

        monkeypatch.setattr(purchases, "refresh", fail)
        client = browser_of(*VIEW_ALL, "refresh_purchase")
        assert words in messages_of(client, act(client, "refresh", make_purchase(status="unknown", attempts=1)))[0]

    def test_purchases_are_refreshed_in_one_call_and_unsent_ones_skipped(self, world, user):
        sent = [purchases.submit(buy(user)) for _ in range(2)]
        unsent = buy(user)
        world.sandbox.end_purchase(sent[0].custom_id, "accepted")
        client = browser_of(*VIEW_ALL, "refresh_purchase")
        shown = messages_of(client, act(client, "refresh", *sent, unsent))
        assert shown[0] == "2 purchases were refreshed from SkinsBack. Status changes: 1."
        assert "were not sent" in shown[1]
        assert Purchase.objects.get(pk=sent[0].pk).status == "accepted"
        assert Purchase.objects.get(pk=unsent.pk).attempts == 0

    def test_unsent_purchases_are_not_counted_as_refreshed(self):
        client = browser_of(*VIEW_ALL, "refresh_purchase")
        shown = messages_of(client, act(client, "refresh", make_purchase()))
        assert shown == ["Purchases that were not sent to SkinsBack yet were skipped."]

    def test_the_number_of_rows_is_limited(self, monkeypatch):
        monkeypatch.setattr(actions, "ROWS_AT_ONCE", 1)
        client = browser_of(*VIEW_ALL, "refresh_deposit")
        assert messages_of(client, act(client, "refresh", make_deposit(), make_deposit()))[0].startswith(
            "Choose at most 1"
        )


def buy(user):
    skin = min(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)
    return purchases.buy(
        user=user, trade_url=TRADE_URL, game="rust", market_hash_name=skin.market_hash_name, max_price=50
    )


class TestApproveHold:
    def test_it_asks_first_and_shows_the_risk(self, held):
        client = browser_of(*VIEW_ALL, "approve_hold")
        deposits.refresh(held)
        page = act(client, "approve_hold", held)
        assert page.status_code == 200
        text = page.content.decode()
        assert "own risk" in text
        assert "Deposits so far" in text
        assert not LedgerEntry.objects.exists()
        assert Deposit.objects.get().status == "in_hold"

    def test_confirmed_it_credits_the_user_once(self, held, user):
        client = browser_of(*VIEW_ALL, "approve_hold")
        seen = seen_on(act(client, "approve_hold", held))
        first = act(client, "approve_hold", held, confirmed="yes", seen=seen)
        assert messages_of(client, first) == ["1 hold was approved."]
        second = act(client, "approve_hold", held, confirmed="yes", seen=seen)
        assert "changed since you looked" in messages_of(client, second)[0]
        assert Deposit.objects.get().status == "hold_approved"
        assert LedgerEntry.objects.get().user == user
        assert StatusChange.objects.filter(by=client.user).exists()

    def test_only_the_selected_rows_are_approved(self, held, world, user):
        other = deposits.create(user, steam_id="76561198050648523")
        world.sandbox.pay(other.order_id, held=True)
        world.deliver()
        confirm(browser_of(*VIEW_ALL, "approve_hold"), "approve_hold", held)
        other.refresh_from_db()
        assert other.status == "in_hold"

    def test_a_deposit_that_was_returned_in_the_meantime_is_not_called_approved(self, held, world):
        world.sandbox.give_back(held.order_id)
        client = browser_of(*VIEW_ALL, "approve_hold")
        shown = messages_of(client, confirm(client, "approve_hold", held))
        assert len(shown) == 1
        assert "was not approved" in shown[0]
        assert not LedgerEntry.objects.exists()

    def test_rows_that_are_not_in_hold_are_not_shown(self):
        client = browser_of(*VIEW_ALL, "approve_hold")
        response = act(client, "approve_hold", make_deposit())
        assert messages_of(client, response) == ["No selected deposit is in hold. Nothing was done."]


class TestSettle:
    def test_a_form_that_is_sent_twice_posts_one_credit(self, user):
        deposit = paid_deposit(user=user)
        client = browser_of(*VIEW_ALL, "settle_deposit")
        asked = act(client, "settle", deposit)
        assert "12.60\N{NO-BREAK SPACE}USD" in asked.content.decode()
        form = {"decision": "credit", "note": "he paid", "confirmed": "yes", "seen": seen_on(asked)}
        assert messages_of(client, act(client, "settle", deposit, **form)) == ["1 row was settled."]
        assert "changed since you looked" in messages_of(client, act(client, "settle", deposit, **form))[0]
        assert LedgerEntry.objects.get().amount == Decimal("12.6")
        deposit.refresh_from_db()
        assert not deposit.needs_review
        change = StatusChange.objects.get()
        assert change.by == client.user
        assert (change.decision, change.note) == ("credit", "he paid")

    def test_keep_moves_no_money(self, user):
        deposit = paid_deposit(user=user)
        decide(browser_of(*VIEW_ALL, "settle_deposit"), "keep", deposit)
        deposit.refresh_from_db()
        assert not deposit.needs_review
        assert not LedgerEntry.objects.exists()

    def test_a_credit_is_reversed(self, user):
        deposit = paid_deposit(user=user)
        LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=Decimal("12.6"), currency="usd")
        client = browser_of(*VIEW_ALL, "settle_deposit")
        offered = act(client, "settle", deposit).context["form"].fields["decision"].choices
        assert [name for name, _ in offered] == ["keep", "reverse"]
        decide(client, "reverse", deposit)
        assert LedgerEntry.objects.get(kind="reversal").amount == Decimal("-12.6")

    def test_a_charge_is_refunded(self, user):
        purchase = make_purchase(
            user=user,
            status="rollback_user",
            needs_review=True,
            review_reasons=[{"code": "rollback_by_user", "data": {}}],
        )
        LedgerEntry.objects.create(user=user, purchase=purchase, kind="charge", amount=Decimal(-9), currency="usd")
        decide(browser_of(*VIEW_ALL, "settle_purchase"), "refund", purchase)
        assert LedgerEntry.objects.get(kind="refund").amount == Decimal(9)

    def test_without_a_charge_a_refund_is_refused(self):
        purchase = make_purchase(
            status="rollback_user", needs_review=True, review_reasons=[{"code": "rollback_by_user", "data": {}}]
        )
        client = browser_of(*VIEW_ALL, "settle_purchase")
        assert decide(client, "refund", purchase).status_code == 200
        purchase.refresh_from_db()
        assert purchase.needs_review

    def test_without_a_decision_nothing_happens(self, user):
        deposit = paid_deposit(user=user)
        client = browser_of(*VIEW_ALL, "settle_deposit")
        act(client, "settle", deposit, decision="credit")
        assert decide(client, "", deposit).context["form"].errors
        assert not LedgerEntry.objects.exists()

    def test_a_row_that_changed_since_it_was_shown_is_skipped(self, user):
        deposit = paid_deposit(user=user)
        client = browser_of(*VIEW_ALL, "settle_deposit")
        seen = seen_on(act(client, "settle", deposit))
        Deposit.objects.update(review_reasons=[REASON, {"code": "owner_gone", "data": {}}])
        response = act(client, "settle", deposit, decision="credit", note="", confirmed="yes", seen=seen)
        assert "changed since you looked" in messages_of(client, response)[0]
        assert not LedgerEntry.objects.exists()

    def test_only_selected_rows_that_need_review_are_settled(self, user):
        chosen, other, clear = paid_deposit(user=user), paid_deposit(user=user), paid_deposit(needs_review=False)
        decide(browser_of(*VIEW_ALL, "settle_deposit"), "credit", chosen, clear)
        assert [entry.deposit for entry in LedgerEntry.objects.all()] == [chosen]
        assert Deposit.objects.get(pk=other.pk).needs_review

    @pytest.mark.parametrize(
        ("missing", "text"),
        [
            ({"amount_currency": ""}, "no amount that could be credited"),
            ({"user_amount": None}, "no amount that could be credited"),
            ({"user": None, "owner_id": "77"}, "12.60"),
        ],
    )
    def test_a_credit_without_an_amount_or_an_owner_is_not_offered(self, user, missing, text):
        deposit = paid_deposit(**{"user": user, **missing})
        client = browser_of(*VIEW_ALL, "settle_deposit")
        page = act(client, "settle", deposit)
        assert [name for name, _ in page.context["form"].fields["decision"].choices] == ["keep"]
        assert text in page.content.decode()
        assert decide(client, "credit", deposit).context["form"].errors
        deposit.refresh_from_db()
        assert deposit.needs_review
        assert not LedgerEntry.objects.exists()

    def test_an_error_of_the_flow_is_shown_and_the_review_stays(self, user, monkeypatch):
        def fail(*_arguments, **_options):
            raise InvalidInput("The wallet is closed.")

        deposit = paid_deposit(user=user)
        client = browser_of(*VIEW_ALL, "settle_deposit")
        monkeypatch.setattr(deposits, "settle", fail)
        assert messages_of(client, decide(client, "credit", deposit)) == [f"The wallet is closed. [{deposit}]"]
        deposit.refresh_from_db()
        assert deposit.needs_review

    def test_a_warning_is_shown_only_for_a_decision_that_is_offered(self, user):
        deposit = paid_deposit(user=user)
        client = browser_of(*VIEW_ALL, "settle_deposit", "settle_purchase")
        assert "cannot be given again" not in act(client, "settle", deposit).content.decode()
        LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=Decimal("12.6"), currency="usd")
        assert "cannot be given again" in act(client, "settle", deposit).content.decode()
        offer = make_purchase(user=user, status="waiting_accept", attempts=1, needs_review=True)
        LedgerEntry.objects.create(user=user, purchase=offer, kind="charge", amount=Decimal(-9), currency="usd")
        asked = act(client, "settle", offer).content.decode()
        assert "The user may still accept the trade offer" in asked
        assert "A refund cannot be reversed" not in asked

    def test_the_page_shows_the_amount_that_each_decision_would_move(self, user):
        deposit = paid_deposit(user=user)
        client = browser_of(*VIEW_ALL, "settle_deposit")

        def shown():
            return {str(label): value for label, value in act(client, "settle", deposit).context["rows"][0]["facts"]}

        assert shown()["Amount of the credit"] == "12.60\N{NO-BREAK SPACE}USD"
        LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=Decimal("12.6"), currency="usd")
        assert shown()["Amount of the reversal"] == "-12.60\N{NO-BREAK SPACE}USD"
        assert "Amount of the credit" not in shown()
        LedgerEntry.objects.create(user=user, deposit=deposit, kind="reversal", amount=Decimal("-12.6"), currency="usd")
        assert not [label for label in shown() if label.startswith("Amount of")]


class TestCancel:
    def test_it_asks_first_and_then_cancels_the_purchase(self):
        unsent, sent = make_purchase(), make_purchase(status="unknown", attempts=1)
        client = browser_of(*VIEW_ALL, "cancel_purchase")
        asked = act(client, "cancel", unsent, sent)
        assert [each["row"] for each in asked.context["rows"]] == [unsent]
        assert Purchase.objects.get(pk=unsent.pk).status == "requested"
        seen = seen_on(asked)
        shown = messages_of(client, act(client, "cancel", unsent, confirmed="yes", seen=seen))
        assert shown == ["1 purchase was cancelled."]
        assert Purchase.objects.get(pk=unsent.pk).status == "refused"
        assert Purchase.objects.get(pk=sent.pk).status == "unknown"
        assert "not sent yet" in messages_of(client, act(client, "cancel", unsent))[0]
