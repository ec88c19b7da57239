import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import InsufficientFunds, SkinUnavailable, UnknownOutcome
from django_skinsback.wire import readers
from django_skinsback.wire.answers import read_answer
from django_skinsback.wire.fields import Number
from django_skinsback.wire.types import (
    Balance,
    BatchResult,
    CurrencyRate,
    DepositLink,
    DepositReport,
    FailedNotification,
    Inventory,
    InventoryDeposit,
    InventoryItem,
    Page,
    PriceListItem,
    PurchaseReport,
    ServiceStatus,
    Skin,
    list_reader,
)
from tests.samples import FOLDER, cases, load


def read(method, read_fields, case=None):
    return read_answer(method, 200, load(case or method).body, read_fields)


def answer(method, text, read_fields):
    return read_answer(method, 200, text.encode(), read_fields)


def test_a_link_to_pay_is_read():
    assert read("create", DepositLink.from_wire) == DepositLink(
        pay_url="https://skinsback.com/_/pay/9421749033d9d3f725c67572575975de/", transaction_id="13"
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"status":"success"}',
        '{"status":"success","url":"https://x/"}',
        '{"status":"success","url":"","transaction_id":1}',
        '{"status":"success","url":"javascript:alert(1)","transaction_id":1}',
        '{"status":"success","url":["https://x/"],"transaction_id":1}',
        '{"status":"success","url":"https://x/","transaction_id":null}',
        '{"status":"success","url":"https://x/","transaction_id":true}',
    ],
)
def test_a_link_without_address_or_id_is_an_unknown_outcome(text):
    with pytest.raises(UnknownOutcome):
        answer("create", text, DepositLink.from_wire)


def test_a_pending_deposit_is_read():
    assert read("orderstatus", DepositReport.from_wire, "orderstatus_pending") == DepositReport(
        status="pending",
        order_id="1",
        transaction_id="13",
        steam_id="76561198827262007",
        created_at=datetime(2020, 8, 9, 18, 53, 46, tzinfo=UTC),
    )


def test_numbers_and_text_give_the_same_deposit():
    numbers = read("orderstatus", DepositReport.from_wire, "orderstatus_success")
    text = DepositReport.from_wire(json.loads(load("notification_success").body))
    assert msgspec.structs.replace(numbers, skins=[]) == msgspec.structs.replace(text, skins=[])
    assert numbers.amount == Decimal("10.5")
    assert numbers.skins == [{"name": "AK-47 | Safari Mesh (Minimal Wear)", "price": "0.4"}]


def test_a_page_of_deposits_is_read():
    page = read("orders", Page.reader(DepositReport.from_wire))
    assert (page.total_count, page.has_more, page.start_from) == (1, False, "0")
    assert [report.status for report in page.items] == ["in_hold"]
    assert read("orders", Page.reader(DepositReport.from_wire), "orders_empty") == Page(
        items=[], total_count=0, has_more=False, start_from="0"
    )


@pytest.mark.parametrize(
    "items",
    ['[{"order_id":"7"}]', '{"1":{"order_id":"7"}}', '[{"order_id":"7"},null,5,"x",[]]', '{"a":{"order_id":7}}'],
)
def test_a_list_may_be_an_object(items):
    page = answer(
        "orders", f'{{"status":"success","has_more":1,"items":{items}}}', Page.reader(DepositReport.from_wire)
    )
    assert [report.order_id for report in page.items] == ["7"]
    assert page.has_more is True


@pytest.mark.parametrize("items", ["[]", "{}", "null", '""', "0", "false"])
def test_an_empty_list_may_be_anything_empty(items):
    page = answer("orders", f'{{"status":"success","items":{items}}}', Page.reader(DepositReport.from_wire))
    assert page.items == []
    assert page.has_more is False


def test_failed_notifications_are_read():
    page = read("callback_error_list", Page.reader(FailedNotification.from_wire))
    assert page.items == [FailedNotification(transaction_id="13", order_id="1", http_code="500")]


EXPECTED_ITEM = InventoryItem(
    asset_id="30469208292",
    market_hash_name="SSG 08 | Fever Dream (Field-Tested)",
    price=Decimal("1.31"),
    price_local=Decimal("121.5"),
    user_price_local=Decimal(243),
    tradable=True,
    disabled=False,
    app_id="730",
    class_id="3770669160",
    icon_url="https://example.com/icon.png",
)


def test_an_inventory_is_read_with_and_without_data_around_it():
    nested = json.loads(load("user_inventory").body)
    flat = {"status": "success", **nested["data"]}
    for fields in (nested, flat):
        inventory = answer("user_inventory", json.dumps(fields), Inventory.from_wire)
        assert inventory == Inventory(items=[EXPECTED_ITEM], currency_local="rub")


@pytest.mark.parametrize("data", ['{"items":[]}', '{"items":{}}', "[]", "null", '{"items":[{"item":[]},{"name":"x"}]}'])
def test_an_inventory_may_be_empty(data):
    assert answer("user_inventory", f'{{"status":"success","data":{data}}}', Inventory.from_wire) == Inventory()


def test_a_skin_without_a_readable_price_is_still_owned():
    fields = {"items": [{"item": {"asset_id": 7, "tradable": "0"}, "price": "?"}]}
    assert Inventory.from_wire(fields).items == [InventoryItem(asset_id="7", tradable=False)]


def test_a_deposit_from_the_inventory_is_read():
    deposit = read("create_from_user_inventory", InventoryDeposit.from_wire)
    assert deposit == InventoryDeposit(
        transaction_id="116749989",
        trade_offer_id="6828703963",
        trade_offer_expires_at=datetime(2024, 3, 12, 10, 0, 34, tzinfo=UTC),
        amount=Decimal("1.31"),
        amount_local=Decimal("121.5"),
        user_amount_local=Decimal(243),
        currency_local="rub",
        bot_steam_id="76561199390042107",
        bot_name="Dragonfly",
    )
    flat = json.loads(load("create_from_user_inventory").body)["data"]
    assert answer("x", json.dumps({"status": "success", **flat}), InventoryDeposit.from_wire) == deposit
    with pytest.raises(UnknownOutcome):
        InventoryDeposit.from_wire({"data": {"trade_offer_id": "1"}})


def test_skins_found_by_name_are_read():
    skins = read("market_search", list_reader(Skin.from_wire))
    assert [(skin.skin_id, skin.price) for skin in skins] == [("2715", Decimal("77.02")), ("2722", Decimal("77.02"))]


@pytest.mark.parametrize(
    "row", [{}, {"id": 1}, {"id": 1, "name": "x"}, {"id": 1, "name": "x", "price": "-1"}, {"id": 1, "price": 1}]
)
def test_a_skin_that_cannot_be_bought_is_left_out(row):
    assert list_reader(Skin.from_wire)({"items": [row, {"id": 2, "name": "y", "price": "1"}]}) == [
        Skin(skin_id="2", market_hash_name="y", price=Decimal(1))
    ]
    assert PriceListItem.from_wire({**row, "name": None}) is None


BOUGHT = PurchaseReport(
    status="creating_trade",
    custom_id="10000",
    buy_id="129112705",
    skin_id="62696971",
    market_hash_name="'The Doctor' Romanov | Sabre",
    class_id="3608084106",
    price=Decimal("8.28"),
    debited_amount=Decimal("8.28"),
)


def test_a_purchase_is_read():
    assert read("market_buy", lambda fields: PurchaseReport.bought(fields, "10000")) == BOUGHT


def test_a_purchase_has_our_id_if_the_answer_leaves_it_out():
    fields = {"buy_id": 1, "offer_status": "creating_trade"}
    assert PurchaseReport.bought(fields, "10000").custom_id == "10000"


@pytest.mark.parametrize(
    "fields", [{}, {"buy_id": 1}, {"offer_status": "x"}, {"buy_id": 1, "offer_status": "x", "custom_id": "other"}]
)
def test_an_answer_that_does_not_say_what_was_bought_is_an_unknown_outcome(fields):
    with pytest.raises(UnknownOutcome):
        PurchaseReport.bought(fields, "10000")


def batch(text, custom_ids=None):
    return answer("market_batch_buy", text, lambda fields: BatchResult.from_wire(fields, custom_ids or {}))


def test_a_bulk_purchase_is_read():
    result = batch(load("market_batch_buy").body.decode())
    assert result.purchased == [
        msgspec.structs.replace(
            BOUGHT, steam_id="76561198050648523", created_at=datetime(2025, 6, 2, 11, 1, tzinfo=UTC)
        )
    ]
    assert list(result.unavailable) == ["62696979"]
    error = result.unavailable["62696979"]
    assert type(error) is SkinUnavailable
    assert (error.method, error.code) == ("market_batch_buy", 5)


def test_a_bulk_purchase_of_nothing_is_read():
    result = batch(load("market_batch_buy_none").body.decode())
    assert result.purchased == []
    assert type(result.unavailable["62696979"]) is InsufficientFunds


def test_the_key_in_a_batch_answer_gives_skin_and_custom_id():
    result = batch(
        '{"status":"success","purchased":{"5":{"buy_id":1,"offer_status":"x"}},"unavailable":[]}', {"5": "c5"}
    )
    assert [(report.skin_id, report.custom_id) for report in result.purchased] == [("5", "c5")]


def test_a_bulk_purchase_may_come_as_a_list():
    result = batch('{"status":"success","purchased":[{"item":{"id":5},"buy_id":1,"offer_status":"x"}]}', {"5": "c5"})
    assert [(report.skin_id, report.custom_id) for report in result.purchased] == [("5", "c5")]


def test_a_skin_both_bought_and_unavailable_was_bought():
    result = batch(
        '{"status":"success","purchased":{"5":{"buy_id":1,"offer_status":"x"}},"unavailable":{"5":{"error_code":5}}}'
    )
    assert len(result.purchased) == 1
    assert result.unavailable == {}


@pytest.mark.parametrize("empty", ["[]", "{}", "null", '""', '["x"]', '{"5":null}'])
def test_a_bulk_purchase_may_have_empty_parts(empty):
    assert batch(f'{{"status":"success","purchased":{empty},"unavailable":{empty}}}') == BatchResult()


def test_one_purchase_is_read_from_the_top_level():
    (report,) = read("market_getinfo", PurchaseReport.list_from_wire)
    assert report == PurchaseReport(
        status="trade_create_error",
        buy_id="9",
        skin_id="1280",
        market_hash_name="Taunt: RazorFlip!",
        class_id="1723112726",
        price=Decimal("0.16"),
        debited_amount=Decimal("11.73"),
        steam_id="76561198050648523",
        created_at=datetime(2020, 8, 9, 18, 53, 46, tzinfo=UTC),
    )


def test_purchases_are_read_from_a_list():
    (report,) = read("market_getinfo", PurchaseReport.list_from_wire, "market_getinfo_list")
    assert report.in_hold is True
    assert report.in_hold_until == datetime(2020, 8, 17, 18, 53, 46, tzinfo=UTC)
    assert report.trade_offer_id == "4176876858"
    (old,) = read("market_history", Page.reader(PurchaseReport.from_wire)).items
    assert old.status == "rollback_user"


def test_an_answer_without_a_purchase_is_an_unknown_outcome():
    with pytest.raises(UnknownOutcome):
        PurchaseReport.list_from_wire({"status": "success"})
    assert PurchaseReport.list_from_wire({"status": "success", "items": None}) == []


def test_a_balance_is_read():
    balance = read("balance", Balance.from_wire)
    assert balance == Balance(
        usd=Decimal("758.930"), in_currencies={"usd": Decimal("758.93"), "rub": Decimal("60714.4")}
    )
    assert Balance.from_wire({"balance_in_currencies": {"USD": Number("-1.5"), "x": 1}}).usd == Decimal("-1.5")


@pytest.mark.parametrize(
    "fields", [{}, {"balance": "5"}, {"balance_in_currencies": []}, {"balance_in_currencies": {"usd": "?"}}]
)
def test_a_balance_of_unknown_currency_is_not_guessed(fields):
    with pytest.raises(UnknownOutcome):
        Balance.from_wire(fields)


def test_currencies_are_read():
    assert read("currencies", list_reader(CurrencyRate.from_wire)) == [
        CurrencyRate(code="usd", name="US Dollar", rate=Decimal(1)),
        CurrencyRate(code="rub", name="Russian ruble", rate=Decimal("80.0131")),
    ]
    assert CurrencyRate.from_wire({"code": "usd", "rate": "?"}) is None


def test_the_service_status_is_read():
    assert read("status", ServiceStatus.from_wire) == ServiceStatus(available=True)
    assert read("status", ServiceStatus.from_wire, "status_off") == ServiceStatus(available=False, reason="no_bots")
    with pytest.raises(UnknownOutcome):
        ServiceStatus.from_wire({})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("13", "13"),
        (13, "13"),
        (Number("13"), "13"),
        ("Ü ; :", "Ü ; :"),
        ("x" * 255, "x" * 255),
        ("x" * 256, ""),
        ("a\x00", ""),
        ("\ud800", ""),
        (10**30, ""),
        (1.5, ""),
        (None, ""),
        (True, ""),
        ([], ""),
        ({}, ""),
    ],
)
def test_ids_and_words_are_text(value, text):
    assert readers.text(value) == text
    assert type(readers.text(value)) is str


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1596999226, "2020-08-09T18:53:46+00:00"),
        ("1596999226", "2020-08-09T18:53:46+00:00"),
        (Number("1596999226.75"), "2020-08-09T18:53:46+00:00"),
        ("2024-05-27 13:54:30", "2024-05-27T13:54:30+00:00"),
        ("2024-03-12T10:00:34.000000Z", "2024-03-12T10:00:34+00:00"),
        ("2024-03-12T10:00:34+03:00", "2024-03-12T07:00:34+00:00"),
        (0, None),
        ("0", None),
        ("", None),
        (None, None),
        (True, None),
        (-5, None),
        ("soon", None),
        ("1596999226000", None),
        ("9" * 30, None),
        ("0001-01-01T00:00:00+23:59", None),
        ([], None),
    ],
)
def test_times_are_read_from_every_format(value, moment):
    read_moment = readers.utc_time(value)
    assert (read_moment and read_moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        ("1", True),
        ("0", False),
        ("true", True),
        ("False", False),
        (None, None),
        ("", None),
        (2, None),
        ("yes", None),
        ([], None),
    ],
)
def test_flags_are_read_from_every_format(value, flag):
    assert readers.flag(value) is flag


def test_numbers_of_an_answer_never_become_binary():
    text = '{"status":"success","amount":0.1000000000000000055511151231257827,"user_amount":1234567.123456}'
    report = answer("orderstatus", text, DepositReport.from_wire)
    assert report.amount == Decimal("0.1")
    assert report.user_amount == Decimal("1234567.123456")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["1", "-1", "1.5", "usd"]).map(Number),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(
                ["item", "items", "data", "id", "name", "price", "date", "purchased", "unavailable", "usd"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from([*DepositReport.__struct_fields__, "items", "data", "date", "item", "purchased"]), anything
    )
)
def test_reading_any_answer_gives_a_value_or_an_unknown_outcome(fields):
    for read_fields in (
        DepositReport.from_wire,
        DepositLink.from_wire,
        InventoryDeposit.from_wire,
        Inventory.from_wire,
        PurchaseReport.from_wire,
        PurchaseReport.list_from_wire,
        lambda each: PurchaseReport.bought(each, "1"),
        lambda each: BatchResult.from_wire(each, {}),
        Page.reader(FailedNotification.from_wire),
        list_reader(Skin.from_wire),
        list_reader(PriceListItem.from_wire),
        list_reader(CurrencyRate.from_wire),
        Balance.from_wire,
        ServiceStatus.from_wire,
    ):
        with suppress(UnknownOutcome):
            read_fields(fields)


@given(anything)
def test_display_data_can_be_stored_as_json(value):
    shown = readers.display_data(value)
    text = json.dumps(shown, allow_nan=False)
    assert "\\u0000" not in text
    text.encode()


@pytest.mark.parametrize("case", cases())
def test_every_sample_says_where_it_comes_from(case):
    assert (FOLDER / case / "origin.md").read_text().startswith(("Taken", "Made up", "The example"))
