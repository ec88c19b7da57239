"""Lists of SkinsBack's that end, and lists that never would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.flows import pages
from django_skinsback.flows.pages import PageReader
from django_skinsback.wire.types import Page


def page(items, start_from="", *, more=True, total=None):
    return Page(items=list(items), start_from=start_from, has_more=more, total_count=total)


def read(pages, start_from=""):
    """Read a list given as a dict of its pages by their ``start_from``."""
    asked = []

    def fetch(place):
        asked.append(place)
        return pages[place]

    reader = PageReader(fetch, lambda row: row, start_from)
    return reader, [row for rows in reader for row in rows], asked


def test_a_list_is_read_to_its_end_with_what_each_page_said():
    pages = {None: page("ab", "2", total=3), "2": page("c", "0", more=False, total=3)}

    reader, rows, asked = read(pages)

    assert (rows, asked) == (["a", "b", "c"], [None, "2"])
    assert (reader.complete, reader.has_all_rows, reader.error) == (True, True, "")


def test_an_empty_list_is_whole():
    reader, rows, _asked = read({None: page([], more=False, total=0)})

    assert (rows, reader.has_all_rows) == ([], True)


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ({None: page("ab", "2"), "2": page("cd", "2")}, "did not say where"),
        ({None: page("ab", "2"), "2": page("cd", "3"), "3": page("ef", "2")}, "did not say where"),
        ({None: page("ab", "")}, "did not say where"),
        ({None: page("ab", "2"), "2": page("ab", "3")}, "same rows twice"),
        ({None: page("ab", "2"), "2": page("", "3")}, "empty page"),
    ],
    ids=["points to itself", "points back", "points nowhere", "rows repeat", "more of nothing"],
)
def test_pages_that_lead_nowhere_end_it_and_say_why(pages, words):
    reader, _rows, asked = read(pages)

    assert words in reader.error
    assert not reader.complete
    assert not reader.has_all_rows
    assert len(asked) == len(set(asked))


def test_rows_that_are_repeated_are_not_given_twice():
    _reader, rows, _asked = read({None: page("ab", "2"), "2": page("ab", "3")})

    assert rows == ["a", "b"]


def test_a_list_that_never_ends_is_left(monkeypatch):
    monkeypatch.setattr(pages, "MAX_PAGES", 50)
    reader = PageReader(lambda place: page([place], str(int(place or 0) + 1)), lambda row: row)

    assert len(list(reader)) == 50
    assert "did not end" in reader.error


def test_it_goes_on_with_the_page_whose_rows_were_not_dealt_with():
    pages = {None: page("ab", "2"), "2": page("cd", "3"), "3": page("e", more=False)}
    reader = PageReader(pages.__getitem__, lambda row: row)

    for rows in reader:
        if "c" in rows:
            break

    assert reader.start_from == "2"
    assert read(pages, reader.start_from)[1] == ["c", "d", "e"]


def test_rows_that_leave_the_list_meanwhile_are_noticed():
    pages = {None: page("ab", "2", total=5), "2": page("cd", more=False, total=4)}

    reader, _rows, _asked = read(pages)

    assert (reader.shrank, reader.complete, reader.has_all_rows) == (True, True, False)


def test_fewer_rows_than_the_list_says_it_has_are_not_the_whole_of_it():
    reader, _rows, _asked = read({None: page("ab", more=False, total=9)})

    assert (reader.complete, reader.has_all_rows) == (True, False)


def test_totals_that_count_the_rows_of_each_page_are_no_totals():
    pages = {None: page("abc", "2", total=3), "2": page("d", more=False, total=1)}

    reader, _rows, _asked = read(pages)

    assert (reader.shrank, reader.has_all_rows) == (False, True)


places = st.sampled_from(["", "0", "1", "2", "3", "x"])
any_page = st.builds(
    Page,
    items=st.lists(st.integers(0, 5), max_size=4),
    start_from=places,
    has_more=st.booleans(),
    total_count=st.none() | st.integers(0, 9),
)


@given(st.dictionaries(places, any_page), any_page, places)
def test_whatever_the_pages_say_reader_ends_and_asks_for_none_of_them_twice(pages, other, start_from):
    asked = []

    def fetch(place):
        asked.append(place or "")
        return pages.get(place or "", other)

    reader = PageReader(fetch, lambda row: row, start_from)
    given_pages = [tuple(rows) for rows in reader if rows]

    assert len(asked) == len(set(asked)) == reader.pages
    assert len(given_pages) == len(set(given_pages))
    assert reader.complete is not bool(reader.error)
    assert not (reader.has_all_rows and reader.shrank)


@given(st.integers(0, 60), st.integers(1, 20))
def test_an_honest_list_of_any_length_comes_whole_and_in_order(count, size):
    def fetch(place):
        begin = int(place or 0)
        rows = list(range(count))[begin : begin + size]
        more = begin + size < count
        return Page(items=rows, start_from=str(begin + size) if more else "0", has_more=more, total_count=count)

    reader = PageReader(fetch, lambda row: row)

    assert [row for rows in reader for row in rows] == list(range(count))
    assert reader.has_all_rows
