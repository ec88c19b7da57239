"""Trade URLs and their tokens in error reports: Django's debug page and its mails to administrators."""

import re
import secrets
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.views.debug import ExceptionReporter

import django_skinsback
from django_skinsback import connection, deposits, players, purchases, steam
from django_skinsback.client import SkinsBackClient
from django_skinsback.client.transport import Transport
from django_skinsback.exceptions import InvalidTradeURL
from django_skinsback.flows.deposits import create as creation
from django_skinsback.flows.purchases import buy as buying
from django_skinsback.flows.purchases.preview import preview
from django_skinsback.models import Purchase
from django_skinsback.signals import entry_posted
from django_skinsback.steam import TradeURL
from django_skinsback.wire import requests as wire

from ...support.buy_pages import buy_url, buyer, confirm, press, review, wanted_skins
from ...support.error_pages import reports_of

pytestmark = pytest.mark.django_db

PACKAGE = str(Path(django_skinsback.__file__).parent)
TOKEN = secrets.token_urlsafe(6)  # not a constant: a report quotes the source of this file too


def url(query=""):
    return f"https://steamcommunity.com/tradeoffer/new/?partner=90382795&token={TOKEN}{query}"


def broken(*args, **options):
    del args, options  # this frame is in the reports too
    raise RuntimeError("out of order")


def error_of(act):
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is looked at
        return error
    raise AssertionError("it did not fail")


def frames_of_ours(request, error):
    """Return the local variables of this package's frames as Django's error report shows them."""
    reporter = ExceptionReporter(request, type(error), error, error.__traceback__)
    frames = [
        frame
        for frame in reporter.get_traceback_data()["frames"]
        if frame["filename"].startswith((PACKAGE, "<string>"))
    ]
    return [str(value) for frame in frames for _, value in frame["vars"]]


@pytest.fixture
def row(monkeypatch):
    """A saved purchase that is not sent yet."""
    return purchases.buy(trade_url=url(), market_hash_name="x", max_price=5)


def one(**options):
    purchases.buy(trade_url=url(), market_hash_name="x", max_price=5, **options)


def several():
    purchases.buy_batch(trade_url=url(), items=[{"skin_id": "1", "max_price": 5}, {"skin_id": "2", "max_price": 5}])


def from_inventory():
    deposits.create_from_inventory(trade_url=url(), item_asset_ids=["1"], game="cs2")


def client():
    return connection.get_client()


STEAM_ID = "76561198050648523"
INPUT = {"game": "cs2", "steam_id": STEAM_ID, "item_asset_ids": ["1"]}
ITEMS = [{"skin_id": "1", "max_price": "1", "custom_id": "1"}]
CALLS = {
    "buy_skin": lambda: client().buy_skin(TradeURL.parse(url()), "1", skin_id="1", max_price="1"),
    "buy_skins": lambda: client().buy_skins(TradeURL.parse(url()), ITEMS),
    "create_deposit": lambda: client().create_deposit("1", trade_token=TOKEN),
    "create_deposit_from_inventory": lambda: client().create_deposit_from_inventory("1", trade_token=TOKEN, **INPUT),
    "get_inventory": lambda: client().get_inventory("cs2", STEAM_ID, TOKEN),
    "call": lambda: client().call("user_inventory", trade_token=TOKEN),
}
FAILURES = {
    "parse: unreadable": (None, lambda: TradeURL.parse(url("&a=1" * 11))),
    "parse: another host": (None, lambda: TradeURL.parse(url().replace("steam", "stream"))),
    "parse: another page": (None, lambda: TradeURL.parse(url().replace("new", "old"))),
    "parse: a token that is none": (None, lambda: TradeURL.parse(url("1"))),
    "parse: no text": (None, lambda: TradeURL.parse(url().encode())),
    "parse: urlsplit": ((steam, "urlsplit"), lambda: TradeURL.parse(url())),
    "parse: parse_qs": ((steam, "parse_qs"), lambda: TradeURL.parse(url())),
    "parse: the value": ((TradeURL, "__init__"), lambda: TradeURL.parse(url())),
    "a value with a partner that is none": (None, lambda: TradeURL("0", TOKEN)),
    "a value with a token that is none": (None, lambda: TradeURL("1", TOKEN + "1")),
    "a token that is none": (None, lambda: wire.get_inventory("cs2", STEAM_ID, TOKEN + "1")),
    "buy: settings": ((buying.conf, "account"), one),
    "buy: item": ((buying, "read_item"), one),
    "buy: save": ((Purchase, "save"), one),
    "buy: enqueue": ((buying, "send_task_after_commit"), one),
    "buy_batch: settings": ((buying.conf, "account"), several),
    "buy_batch: save": ((Purchase, "save"), several),
    "create_deposit: settings": ((creation, "webhook_url"), lambda: deposits.create(trade_url=url())),
    "create_deposit: arguments": ((wire, "build"), lambda: deposits.create(trade_url=url())),
    "create_deposit: client": ((creation, "get_client"), lambda: deposits.create(trade_url=url())),
    "create_deposit: call": ((Transport, "post"), lambda: deposits.create(trade_url=url())),
    "create_from_inventory: settings": ((creation, "webhook_url"), from_inventory),
    "create_from_inventory: arguments": ((wire, "build"), from_inventory),
    "create_from_inventory: call": ((Transport, "post"), from_inventory),
    "preview": ((connection.SkinsBackClient, "search_skins"), lambda: preview(trade_url=url(), market_hash_name="x")),
    **{f"client.{name}: arguments": ((wire, "build"), call) for name, call in CALLS.items()},
    **{f"client.{name}: call": ((Transport, "post"), call) for name, call in CALLS.items()},
    **{f"client.{name}: signature": ((Transport, "_headers"), call) for name, call in CALLS.items()},
}


@pytest.fixture(params=FAILURES)
def failure(request, monkeypatch, settings):
    where, act = FAILURES[request.param]
    monkeypatch.setattr(Transport, "close", lambda self: None)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    settings.SKINSBACK = {**settings.SKINSBACK, "API_URL": "http://127.0.0.1:9/api.php"}
    if where:
        monkeypatch.setattr(*where, broken)
    error = error_of(act)
    monkeypatch.undo()
    assert where is None or str(error) == "out of order"
    return error


def test_no_error_report_shows_a_trade_url_or_a_token(failure, rf, settings):
    for report in reports_of(failure, rf, settings):
        assert "Traceback" in report
        assert TOKEN not in report


def test_a_veto_shows_none_either(user, rf, settings):
    entry_posted.connect(broken)
    try:
        error = error_of(lambda: one(user=user, charge=5, charge_currency="usd"))
    finally:
        entry_posted.disconnect(broken)
    for report in reports_of(error, rf, settings):
        assert TOKEN not in report


def test_sending_shows_none_either(row, monkeypatch, rf, settings, caplog):
    monkeypatch.setattr(SkinsBackClient, "buy_skin", broken)
    error = error_of(lambda: purchases.submit(row))
    assert TOKEN not in "".join(frames_of_ours(rf.get("/"), error))


@pytest.mark.django_db(transaction=True)  # after an error the command looks for the purchase on a new connection
@pytest.mark.parametrize("debug", [True, False])
def test_the_command_that_buys_shows_none_in_its_frames(monkeypatch, rf, settings, debug):
    settings.DEBUG = debug
    monkeypatch.setattr(purchases, "buy", broken)
    options = {"market_hash_name": "x", "max_price": "5", "yes": True}
    error = error_of(lambda: call_command("skinsback_buy", trade_url=url(), **options)).__cause__
    assert str(error) == "out of order"
    assert TOKEN not in "".join(frames_of_ours(rf.get("/"), error))


class TestAdmin:
    @pytest.fixture
    def browser(self):
        return buyer()

    @pytest.fixture
    def asked(self, world, browser):
        """The confirmation page of an order for an entered trade URL."""
        wanted_skins(browser)
        return review(browser, trade_url=url())

    def test_the_session_never_holds_a_trade_url(self, browser, asked):
        assert TOKEN not in str(dict(browser.session))
        confirm(browser, asked)
        assert Purchase.objects.get().token == TOKEN
        assert all(TOKEN not in str(session.get_decoded()) for session in Session.objects.all())

    def test_a_changed_form_buys_nothing(self, browser, asked):
        order = asked.context["order"]
        for changed in (order[:-1] + ("A" if order[-1] != "A" else "B"), order.replace(":", "", 1), "x", ""):
            browser.post(buy_url(), {"order": changed})
        assert not Purchase.objects.exists()

    @pytest.mark.parametrize("debug", [True, False])
    @pytest.mark.parametrize(
        "where",
        [
            "orders.purchases.buy",
            "orders.send",
            "orders.signing.dumps",
            "views.choose",
            "views.display.money",
            "page.warnings_about",
        ],
    )
    @pytest.mark.parametrize("is_from_profile", [True, False])
    def test_its_pages_show_none_in_their_frames(
        self, browser, asked, user, monkeypatch, rf, settings, where, debug, is_from_profile
    ):
        settings.DEBUG = debug
        fields = {"trade_url": url()}
        if is_from_profile:
            players.set_trade_url(user, url())
            fields = {"trade_url": "", "username": "alice"}
            asked = review(browser, **fields)
        buttons = {
            "orders.purchases.buy": lambda: confirm(browser, asked),
            "orders.send": lambda: confirm(browser, asked),
            "page.warnings_about": lambda: press(browser, "recipient", **{**fields, "username": user.username}),
        }
        press_button = buttons.get(where, lambda: browser.post(buy_url(), {"action": "review", **fields}))
        monkeypatch.setattr(f"django_skinsback.admin.buying.{where}", broken)
        error = error_of(press_button)
        assert str(error) == "out of order"
        shown = "".join(frames_of_ours(rf.get("/"), error))
        assert TOKEN not in shown
        assert not re.search(r"token=(?!\*)", shown)


def test_a_refused_trade_url_is_named_in_no_message():
    for text in (url("1"), url().replace("steam", "stream"), url().replace("new", "old"), TOKEN):
        with pytest.raises(InvalidTradeURL) as caught:
            TradeURL.parse(text)
        assert TOKEN not in repr(caught.value)
