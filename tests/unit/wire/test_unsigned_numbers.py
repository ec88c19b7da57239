"""An unsigned JSON number with more digits than an amount may have is read as PHP writes it."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.wire.answers import read_answer
from django_skinsback.wire.market import Balance, CurrencyRate, Inventory, Skin
from django_skinsback.wire.notifications import parse_event
from django_skinsback.wire.pricelist import PriceListReader
from django_skinsback.wire.readers import number_text
from django_skinsback.wire.types import BatchResult, DepositReport, InventoryDeposit, Page, PurchaseReport, list_reader

NOISY, EXACT = "40.759999999999998", Decimal("40.76")
GETINFO = '{"items":[{"item":{"price":NUMBER},"buy_id":"1","offer_status":"accepted","balance_debited_sum":NUMBER}]}'
BATCH = (
    '{"purchased":{"5":{"item":{"price":NUMBER},"buy_id":1,"offer_status":"accepted","balance_debited_sum":NUMBER}}}'
)
EVENT = (
    '{"event":"buy_item","data":{"item":{"price":NUMBER},"buy_id":"1","offer_status":"accepted",'
    '"balance_debited_sum":NUMBER}}'
)


def answer(read, text, method="orders"):
    body = (text if '"status"' in text else text.replace("{", '{"status":"success",', 1)).encode()
    return read_answer(method, 200, body, read)


def deposit(number):
    return answer(
        DepositReport.from_wire, '{"status":"success","amount":NUMBER,"user_amount":NUMBER}'.replace("NUMBER", number)
    )


AMOUNTS = {
    "orderstatus": lambda number: deposit(number).user_amount,
    "orders": lambda number: (
        answer(Page.reader(DepositReport.from_wire), f'{{"items":[{{"user_amount":{number}}}]}}').items[0].user_amount
    ),
    "create_from_user_inventory": lambda number: (
        answer(InventoryDeposit.from_wire, f'{{"data":{{"transaction_id":1,"local_sum":{number}}}}}').amount_local
    ),
    "user_inventory": lambda number: (
        answer(Inventory.from_wire, f'{{"items":[{{"item":{{"asset_id":"1"}},"price":{number}}}]}}').items[0].price
    ),
    "market_getinfo": lambda number: (
        answer(PurchaseReport.list_from_wire, GETINFO.replace("NUMBER", number))[0].debited_amount
    ),
    "market_batch_buy": lambda number: (
        answer(lambda fields: BatchResult.from_wire(fields, {}), BATCH.replace("NUMBER", number)).purchased[0].price
    ),
    "market_search": lambda number: (
        answer(list_reader(Skin.from_wire), f'{{"items":[{{"id":1,"name":"A","price":{number}}}]}}')[0].price
    ),
    "market_pricelist": lambda number: price_list(f'[{{"name":"A","price":{number}}}]'),
    "market_pricelist, row by row": lambda number: price_list(f'{{"1":{{"name":"A","price":{number}}}}}'),
    "balance": lambda number: answer(Balance.from_wire, f'{{"balance_in_currencies":{{"usd":{number}}}}}').usd,
    "debt": lambda number: -answer(Balance.from_wire, f'{{"balance_in_currencies":{{"usd":-{number}}}}}').usd,
    "currencies": lambda number: (
        answer(list_reader(CurrencyRate.from_wire), f'{{"items":[{{"code":"usd","rate":{number}}}]}}')[0].rate
    ),
    "the event buy_item": lambda number: (
        parse_event((EVENT.replace("NUMBER", number)).encode(), "application/json").purchase.debited_amount
    ),
    "the event balance_change": lambda number: (
        parse_event(f'{{"event":"balance_change","data":{{"balance_value":{number}}}}}'.encode(), "").balance
    ),
}


def price_list(items):
    [row] = PriceListReader([f'{{"status":"success","items":{items}}}'.encode()])
    return row.price


@pytest.mark.parametrize("read", AMOUNTS.values(), ids=AMOUNTS)
class TestEveryAnswer:
    def test_a_float_in_full_length_is_the_amount_that_php_means(self, read):
        assert read(NOISY) == EXACT
        assert read("0.30000000000000004") == Decimal("0.3")

    def test_the_limit_of_digits_is_applied_after_that(self, read):
        assert read("1234567890.1234567") == Decimal("1234567890.1235")

    def test_a_number_of_fifteen_digits_is_unchanged(self, read):
        assert read("123456789.123456") == Decimal("123456789.123456")


@pytest.mark.parametrize("read", [read for name, read in AMOUNTS.items() if name not in {"debt", "currencies"}])
def test_a_text_is_read_unchanged(read):
    assert read('"40.76"') == EXACT
    assert read(f'"{NOISY}"') == Decimal("40.759999")


@pytest.mark.parametrize(
    ("lexeme", "text"),
    [
        (NOISY, "40.76"),
        ("869.9999999999999", "870"),
        ("-869.9999999999999", "-870"),
        ("123456789.123456", "123456789.123456"),
        ("0.000000123456789012345", "0.000000123456789012345"),
        ("0.0000001234567890123456", "1.2345678901235E-7"),
        ("1234567890123.4500", "1234567890123.4500"),
        ("4.0759999999999998e1", "40.76"),
        ("1e400", "1e400"),
        ("2.00", "2.00"),
    ],
)
def test_only_a_number_of_more_than_fifteen_significant_digits_is_changed(lexeme, text):
    assert number_text(lexeme) == text


def test_display_data_has_no_float_noise():
    report = answer(
        DepositReport.from_wire,
        '{"status":"in_hold","skins":[{"price":NUMBER}],"user_risk":{"total_deposits_sum":NUMBER,"n":2}}'.replace(
            "NUMBER", NOISY
        ),
        method="orderstatus",
    )

    assert (report.skins, report.user_risk) == ([{"price": "40.76"}], {"total_deposits_sum": "40.76", "n": 2})


@given(st.decimals("0", "99999999", places=6))
def test_an_amount_of_up_to_six_decimals_is_read_from_a_list_as_from_a_notification(amount):
    for lexeme in (f"{float(amount):.17g}", repr(float(amount)), json.dumps(float(amount))):
        assert deposit(lexeme).user_amount == amount
