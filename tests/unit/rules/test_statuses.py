"""The rules about statuses, compared with tables written by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback import statuses
from django_skinsback.statuses import (
    DEPOSIT_ENTRY,
    DEPOSIT_FINAL,
    DEPOSIT_OPEN,
    DEPOSIT_OURS,
    PURCHASE_ENTRY,
    PURCHASE_FAILURES,
    PURCHASE_FINAL,
    PURCHASE_OURS,
    PURCHASE_ROLLBACKS,
    DepositStatus,
    EntryKind,
    PurchaseStatus,
    Verdict,
    is_theirs,
    judge,
)

LETTERS = {
    "A": Verdict.ADVANCE,
    "R": Verdict.REPEAT,
    "S": Verdict.STALE,
    "C": Verdict.CONFLICT,
}

# A line for each status of the row, a letter for each reported status, in the order of the lines.
DEPOSITS = """
    created        R A A A A A A A
    pending        S R A A A A A A
    in_hold        S S R A A A A S
    hold_approved  S S S R A C A S
    success        S S S S R C C S
    fail           S S S C C R C S
    hold_returned  S S S S C C R S
    abandoned      S A A A A A A R
"""

PURCHASES = """
    requested            R A A A A A A A A A A A A
    unknown              S R A A A A A A A A A A A
    creating_trade       S S R A A A A A A A S A A
    waiting_accept       S S S R A A A A A A S A A
    accepted             S S S S R C C C C C C A A
    canceled             S S S S C R C C C C C A A
    timeout              S S S S C C R C C C C A A
    invalid_trade_token  S S S S C C C R C C C A A
    user_not_tradable    S S S S C C C C R C C A A
    trade_create_error   S S S S C C C C C R C A A
    refused              S S C C C C C C C C R A A
    rollback_user        S S S S S S S S S S S R A
    rollback_supplier    S S S S S S S S S S S C R
"""


def _pairs(table):
    lines = [line.split() for line in table.split("\n") if line.strip()]
    words = [line[0] for line in lines]
    return [
        (line[0], reported, LETTERS[letter]) for line in lines for reported, letter in zip(words, line[1:], strict=True)
    ]


DEPOSIT_PAIRS, PURCHASE_PAIRS = _pairs(DEPOSITS), _pairs(PURCHASES)


@pytest.mark.parametrize(("current", "reported", "verdict"), DEPOSIT_PAIRS)
def test_every_pair_of_deposit_statuses_is_judged_by_the_table(current, reported, verdict):
    assert judge(current, reported) is verdict


@pytest.mark.parametrize(("current", "reported", "verdict"), PURCHASE_PAIRS)
def test_every_pair_of_purchase_statuses_is_judged_by_the_table(current, reported, verdict):
    assert judge(current, reported) is verdict


def test_the_tables_have_a_line_for_every_status():
    assert {current for current, *_ in DEPOSIT_PAIRS} == set(DepositStatus)
    assert {current for current, *_ in PURCHASE_PAIRS} == set(PurchaseStatus)
    assert len(DEPOSIT_PAIRS) == len(DepositStatus) ** 2
    assert len(PURCHASE_PAIRS) == len(PurchaseStatus) ** 2


def test_the_statuses_are_skinsbacks_and_ours():
    theirs = {"pending", "in_hold", "hold_approved", "success", "fail", "hold_returned"}
    assert set(DepositStatus) == theirs | {"created", "abandoned"}
    theirs = {
        "creating_trade",
        "waiting_accept",
        "accepted",
        "canceled",
        "timeout",
        "invalid_trade_token",
        "user_not_tradable",
        "trade_create_error",
        "rollback_user",
        "rollback_supplier",
    }
    assert set(PurchaseStatus) == theirs | {"requested", "unknown", "refused"}
    assert set(EntryKind) == {"credit", "reversal", "charge", "refund"}


def test_no_status_belongs_to_both_deposits_and_purchases():
    assert not set(DepositStatus) & set(PurchaseStatus)


@pytest.mark.parametrize("word", [*DepositStatus, *PurchaseStatus])
def test_only_statuses_that_skinsback_may_report_are_theirs(word):
    assert is_theirs(word) is (word not in {"created", "abandoned", "requested", "unknown", "refused"})


def test_the_sets_of_statuses_agree_with_the_rules():
    assert {"created", "abandoned"} == DEPOSIT_OURS
    assert {"success", "fail", "hold_returned"} == DEPOSIT_FINAL
    assert {"created", "pending", "in_hold", "hold_approved"} == DEPOSIT_OPEN
    assert {"requested", "unknown", "refused"} == PURCHASE_OURS
    failures = {"canceled", "timeout", "invalid_trade_token", "user_not_tradable", "trade_create_error", "refused"}
    assert failures == PURCHASE_FAILURES
    assert {"rollback_user", "rollback_supplier"} == PURCHASE_ROLLBACKS
    assert PURCHASE_FINAL == PURCHASE_FAILURES | PURCHASE_ROLLBACKS


def test_money_moves_at_these_statuses_and_at_no_other():
    assert DEPOSIT_ENTRY == {"hold_approved": "credit", "success": "credit", "hold_returned": "reversal"}
    assert PURCHASE_ENTRY == {
        "canceled": "refund",
        "timeout": "refund",
        "invalid_trade_token": "refund",
        "user_not_tradable": "refund",
        "trade_create_error": "refund",
        "refused": "refund",
        "rollback_supplier": "refund",
    }


def test_the_tables_of_entries_contain_statuses_and_kinds():
    assert set(DEPOSIT_ENTRY) <= set(DepositStatus)
    assert set(PURCHASE_ENTRY) <= set(PurchaseStatus)
    assert {*DEPOSIT_ENTRY.values(), *PURCHASE_ENTRY.values()} <= set(EntryKind)


ROWS = [DepositStatus, PurchaseStatus]
some_row = st.sampled_from(ROWS)
any_pair = some_row.flatmap(lambda words: st.tuples(st.sampled_from(list(words)), st.sampled_from(list(words))))
any_triple = some_row.flatmap(lambda words: st.tuples(*[st.sampled_from(list(words))] * 3))


@given(any_pair)
def test_only_an_equal_status_is_a_repeat(pair):
    current, reported = pair
    assert (judge(current, reported) is Verdict.REPEAT) is (current == reported)


@given(some_row.flatmap(lambda words: st.sampled_from(list(words))), st.text())
def test_a_status_that_is_not_in_the_list_is_unknown(current, word):
    known = DepositStatus if current in set(DepositStatus) else PurchaseStatus
    assert (judge(current, word) is Verdict.UNKNOWN) is (word not in set(known))


@pytest.mark.parametrize("word", ["", "SUCCESS", "Success", "success ", "success\n", "paid", "None", "true"])
def test_a_status_in_another_spelling_is_unknown(word):
    assert judge("pending", word) is Verdict.UNKNOWN


@given(st.sampled_from(list(DepositStatus)), st.sampled_from(list(PurchaseStatus)))
def test_a_status_of_the_other_kind_of_row_is_unknown(deposit_status, purchase_status):
    assert judge(deposit_status, purchase_status) is Verdict.UNKNOWN
    assert judge(purchase_status, deposit_status) is Verdict.UNKNOWN


@given(any_pair)
def test_plain_text_is_judged_as_the_enum_is(pair):
    current, reported = pair
    assert judge(str(current), str(reported)) is judge(current, reported)


@given(any_pair)
def test_a_final_status_is_left_only_for_a_rollback(pair):
    current, reported = pair
    if current in DEPOSIT_FINAL | PURCHASE_FINAL and judge(current, reported) is Verdict.ADVANCE:
        assert current in PURCHASE_FAILURES | {"rollback_user"}
        assert reported in PURCHASE_ROLLBACKS


@given(any_pair)
def test_no_status_goes_back_except_from_abandoned(pair):
    current, reported = pair
    if DepositStatus.ABANDONED not in pair and judge(current, reported) is Verdict.ADVANCE:
        assert judge(reported, current) is not Verdict.ADVANCE


@given(any_triple)
def test_a_step_may_be_skipped(triple):
    first, second, third = triple
    if judge(first, second) is judge(second, third) is Verdict.ADVANCE and first != third:
        assert judge(first, third) is Verdict.ADVANCE


@given(st.sampled_from(list(PurchaseStatus)), st.sampled_from(sorted(PURCHASE_ROLLBACKS)))
def test_a_rollback_advances_every_purchase_that_was_not_rolled_back(current, rollback):
    if current not in PURCHASE_ROLLBACKS:
        assert judge(current, rollback) is Verdict.ADVANCE


DEPOSIT_TRACES = [
    "pending success",
    "pending fail",
    "pending in_hold success",
    "pending in_hold fail",
    "pending in_hold hold_approved success",
    "pending in_hold hold_approved hold_returned",
]
_SENT = ["", "creating_trade", "waiting_accept", "creating_trade waiting_accept"]
PURCHASE_TRACES = [
    *(f"{way} {end}" for way in _SENT for end in sorted(PURCHASE_FAILURES - PURCHASE_OURS)),
    *(f"{way} accepted" for way in _SENT),
    *(f"{way} accepted {end}" for way in _SENT for end in sorted(PURCHASE_ROLLBACKS)),
]


def _arrivals(trace):
    """The reported statuses, each once or more, in any order."""
    words = trace.split()
    return st.lists(st.sampled_from(words), max_size=6).flatmap(lambda again: st.permutations(words + again))


def _end(start, arrivals):
    current = start
    for word in arrivals:
        verdict = judge(current, word)
        assert verdict in {Verdict.ADVANCE, Verdict.REPEAT, Verdict.STALE}, (current, word)
        current = word if verdict is Verdict.ADVANCE else current
    return current


@given(
    st.sampled_from(["created", "pending", "abandoned"]),
    st.sampled_from(DEPOSIT_TRACES).flatmap(lambda trace: st.tuples(st.just(trace), _arrivals(trace))),
)
def test_a_deposit_has_the_same_final_status_in_any_order_of_reports(start, reports):
    trace, arrivals = reports
    assert _end(start, arrivals) == trace.split()[-1]


@given(
    st.sampled_from(["requested", "unknown"]),
    st.sampled_from(PURCHASE_TRACES).flatmap(lambda trace: st.tuples(st.just(trace), _arrivals(trace))),
)
def test_a_purchase_has_the_same_final_status_in_any_order_of_reports(start, reports):
    trace, arrivals = reports
    assert _end(start, arrivals) == trace.split()[-1]


@given(some_row.flatmap(lambda words: st.tuples(st.sampled_from(list(words)), st.lists(st.sampled_from(list(words))))))
def test_the_same_reports_a_second_time_change_nothing(row):
    start, stream = row

    def play(current):
        for word in stream:
            current = word if judge(current, word) is Verdict.ADVANCE else current
        return current

    if DepositStatus.ABANDONED not in {start, *stream}:
        assert play(play(start)) == play(start)


def test_the_diagram_contains_every_status():
    drawing = (statuses.__doc__ or "").partition("Deposit::")[2]
    drawn = {word.strip("─►|└┴┬ ") for word in drawing.split()}
    left_to_the_dots = {"timeout", "invalid_trade_token", "user_not_tradable", "trade_create_error"}
    assert {*DepositStatus, *PurchaseStatus} - left_to_the_dots <= drawn
