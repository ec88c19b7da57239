"""Reading lists page by page: lists that end, and lists that would never end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.flows.pages import PageReader
from django_skinsback.wire.types import Page


def page(items, start_from="", *, more=True, total=None):
    return Page(items=list(items), start_from=start_from, has_more=more, total_count=total)


def read(pages, start_from=""):
    """Read a list given as a dict of its pages by their ``start_from``."""
    requested = []

    def fetch(start_from):
        requested.append(start_from)
        return pages[start_from]

    reader = PageReader(fetch, lambda row: row, start_from)
    return reader, [row for rows in reader for row in rows], requested


def test_a_list_is_read_to_its_end():
    pages = {None: page("ab", "2", total=3), "2": page("c", "0", more=False, total=3)}

    reader, rows, requested = read(pages)

    assert (rows, requested) == (["a", "b", "c"], [None, "2"])
    assert (reader.complete, reader.has_all_rows, reader.error) == (True, True, "")


def test_an_empty_list_has_all_rows():
    reader, rows, _requested = read({None: page([], more=False, total=0)})

    assert (rows, reader.has_all_rows) == ([], True)


@pytest.mark.parametrize(
    ("pages", "text"),
    [
        ({None: page("ab", "2"), "2": page("cd", "2")}, "did not say where"),
        ({None: page("ab", "2"), "2": page("cd", "3"), "3": page("ef", "2")}, "did not say where"),
        ({None: page("ab", "")}, "did not say where"),
        ({None: page("ab", "2"), "2": page("ab", "3")}, "same rows"),
        ({None: page("ab", "2"), "2": page("", "3")}, "empty page"),
    ],
    ids=["points to itself", "points back", "points nowhere", "rows repeat", "more of nothing"],
)
def test_reading_stops_with_the_reason_at_pages_that_lead_to_no_end(pages, text):
    reader, _rows, requested = read(pages)

    assert text in reader.error
    assert not reader.complete
    assert not reader.has_all_rows
    assert len(requested) == len(set(requested))


def test_a_page_that_repeats_rows_is_not_returned():
    _reader, rows, _requested = read({None: page("ab", "2"), "2": page("ab", "3")})

    assert rows == ["a", "b"]


def test_a_list_that_never_ends_is_read_up_to_the_limit(monkeypatch):
    monkeypatch.setattr("django_skinsback.flows.pages.MAX_PAGES", 50)
    reader = PageReader(lambda start_from: page([start_from], str(int(start_from or 0) + 1)), lambda row: row)

    assert len(list(reader)) == 50
    assert "more than 50 pages" in reader.error


@pytest.mark.parametrize(("length", "complete"), [(2, True), (3, False)])
def test_at_the_limit_start_from_is_the_next_page(length, complete):
    def fetch(start_from):
        number = int(start_from or 0)
        return page([number], str(number + 1), more=number + 1 < length)

    reader = PageReader(fetch, lambda row: row, max_pages=2)

    assert list(reader) == [[0], [1]]
    assert (reader.complete, reader.reached_limit) == (complete, not complete)
    assert reader.start_from == ("1" if complete else "2")


def test_start_from_is_the_page_whose_rows_were_not_dealt_with():
    pages = {None: page("ab", "2"), "2": page("cd", "3"), "3": page("e", more=False)}
    reader = PageReader(pages.__getitem__, lambda row: row)

    for rows in reader:
        if "c" in rows:
            break

    assert reader.start_from == "2"
    assert read(pages, reader.start_from)[1] == ["c", "d", "e"]


def test_a_total_that_falls_means_the_list_shrank():
    pages = {None: page("ab", "2", total=5), "2": page("cd", more=False, total=4)}

    reader, _rows, _requested = read(pages)

    assert (reader.shrank, reader.complete, reader.has_all_rows) == (True, True, False)


def test_fewer_rows_than_the_total_are_not_all_rows():
    reader, _rows, _requested = read({None: page("ab", more=False, total=9)})

    assert (reader.complete, reader.has_all_rows) == (True, False)


def test_totals_that_count_the_rows_of_one_page_are_ignored():
    pages = {None: page("abc", "2", total=3), "2": page("d", more=False, total=1)}

    reader, _rows, _requested = read(pages)

    assert (reader.shrank, reader.has_all_rows) == (False, True)


start_froms = st.sampled_from(["", "0", "1", "2", "3", "x"])
any_page = st.builds(
    Page,
    items=st.lists(st.integers(0, 5), max_size=4),
    start_from=start_froms,
    has_more=st.booleans(),
    total_count=st.none() | st.integers(0, 9),
)


@given(st.dictionaries(start_froms, any_page), any_page, start_froms)
def test_reading_ends_and_requests_no_page_twice_for_any_pages(pages, other, start_from):
    requested = []

    def fetch(start_from):
        requested.append(start_from or "")
        return pages.get(start_from or "", other)

    reader = PageReader(fetch, lambda row: row, start_from)
    given_pages = [tuple(rows) for rows in reader if rows]

    assert len(requested) == len(set(requested)) == reader.pages
    assert len(given_pages) == len(set(given_pages))
    assert reader.complete is not bool(reader.error)
    assert not (reader.has_all_rows and reader.shrank)


@given(st.integers(0, 60), st.integers(1, 20))
def test_a_consistent_list_of_any_length_is_read_completely_and_in_order(count, size):
    def fetch(start_from):
        begin = int(start_from or 0)
        rows = list(range(count))[begin : begin + size]
        more = begin + size < count
        return Page(items=rows, start_from=str(begin + size) if more else "0", has_more=more, total_count=count)

    reader = PageReader(fetch, lambda row: row)

    assert [row for rows in reader for row in rows] == list(range(count))
    assert reader.has_all_rows
