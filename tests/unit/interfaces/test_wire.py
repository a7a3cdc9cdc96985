"""Targets: read as `urllib.parse` reads them, which is the judge here."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.interfaces import wire

PIECES = st.sampled_from(["%", "%41", "%4", "%zz", "%C3%A4", "%c3", "%00", "+", "=", "a", "ä", "/"])
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@given(TEXTS)
def test_unquote_is_that_of_the_library(text: str) -> None:
    assert wire.unquote(text) == unquote(text)


@given(st.lists(TEXTS, max_size=4).map("&".join))
def test_queries_are_those_of_the_library(text: str) -> None:
    assert wire.parse_query(text) == parse_qs(text, keep_blank_values=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("&&", {}),
        ("a", {"a": [""]}),
        ("a=1&b=%20&a=x+y", {"a": ["1", "x y"], "b": [" "]}),
        ("a=b=c", {"a": ["b=c"]}),
    ],
)
def test_queries(text: str, found: dict[str, list[str]]) -> None:
    assert wire.parse_query(text) == found
