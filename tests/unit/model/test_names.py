"""Names between what people write and canonical FMRIs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.errors import NoSuchService, UsageError
from stoker.model import (
    canonical,
    did_you_mean,
    display,
    escape,
    fmri,
    is_instance,
    matching,
    of_name,
    service_of,
    split,
    unescape,
)

# What a directory entry may be called: any text but "/" and NUL, here with bytes that are no UTF-8.
RAW = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs",))
    | st.integers(0xDC80, 0xDCFF).map(chr),
    min_size=1,
)


@given(RAW)
def test_escaping_is_reversible(raw: str) -> None:
    # Surrogates that os.fsdecode never makes cannot come from a file name.
    if raw != raw.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape"):
        return
    text = escape(raw)
    assert unescape(text) == raw
    assert text.isascii() and not set(text) & set(" :/%\n") - {"%"}


@st.composite
def raw_names(draw: st.DrawFn) -> str:
    raw = draw(RAW)
    same = raw.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") == raw
    return raw if same else "plain"


@given(raw_names(), raw_names())
def test_an_fmri_gives_its_names_back(service: str, instance: str) -> None:
    name = fmri(service, instance)
    assert split(name) == (service, instance)
    assert is_instance(name) and name.startswith(service_of(name) + ":")


@given(raw_names(), raw_names())
def test_both_spellings_are_accepted(service: str, instance: str) -> None:
    """What is shown, and the FMRI itself, are read back as the same instance."""
    name = fmri(service, instance)
    assert canonical(name) == name
    assert canonical(display(name)) == name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("web", "svc:/web:default"),
        ("svc:/web", "svc:/web:default"),
        ("svc:/web:blue", "svc:/web:blue"),
        ("web:blue", "svc:/web:blue"),
        ("web@blue", "svc:/web:blue"),
        ("/web", "svc:/web:default"),
        ("svc://localhost/web", "svc:/web:default"),
        ("network/web", "svc:/network/web:default"),
        ("my web", "svc:/my%20web:default"),
        ("my%20web", "svc:/my%20web:default"),
        ("8080", "svc:/8080:default"),
        ("c++~1.2", "svc:/c++~1.2:default"),
        ("é", "svc:/%C3%A9:default"),
    ],
)
def test_what_people_type(typed: str, meant: str) -> None:
    assert canonical(typed) == meant


def test_without_an_instance_the_service_is_meant() -> None:
    assert canonical("web", "") == "svc:/web"
    assert canonical("web:blue", "") == "svc:/web:blue"


@pytest.mark.parametrize("typed", ["", ":", "web:", ":blue", "/", "a//b", "a/", "svc:/"])
def test_what_is_no_name(typed: str) -> None:
    with pytest.raises(UsageError):
        canonical(typed)


@given(st.text("%aF0é", min_size=1, max_size=8))
def test_a_percent_sign_is_spelled_out_where_it_must_be(raw: str) -> None:
    """A percent sign is spelled out only where it would be read as the beginning of a byte."""
    shown = display(fmri(raw))
    assert canonical(shown) == fmri(raw)
    assert (shown == raw) == (unescape(raw) == raw)


def test_a_name_with_a_pattern_in_it_is_found_by_its_name() -> None:
    known = [fmri("a*b"), fmri("axb"), fmri("[ab]")]
    assert [display(name) for name in known] == ["a*b", "axb", "[ab]"]
    assert matching(["a*b"], known) == known[:1]
    assert matching(["[ab]"], known) == known[2:]
    assert matching(["a?b"], known) == known[:2]


def test_half_a_surrogate_pair_is_no_name() -> None:
    for text in ("\ud800", "web:\ud800", "%41\udfff"):
        with pytest.raises(UsageError):
            canonical(text)
        with pytest.raises((UsageError, NoSuchService)):
            matching([text], ["svc:/web:default"])


def test_a_name_cannot_lead_out_of_a_directory() -> None:
    assert fmri("..") == "svc:/%2E%2E:default"
    assert fmri("a/../b", "..") == "svc:/a/%2E%2E/b:%2E%2E"
    assert canonical("..") == "svc:/%2E%2E:default"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("svc:/web:default", "web"),
        ("svc:/web:blue", "web:blue"),
        ("svc:/my%20web:default", "my web"),
        ("svc:/a%0Ab:default", "a%0Ab"),
        ("svc:/a%3Ab:default", "a%3Ab"),
        ("svc:/a%2A:default", "a*"),
        ("svc:/%C3%A9:default", "é"),
        ("svc:/100%25%C3%A9:default", "100%é"),
        ("svc:/100%25:default", "100%"),
        ("svc:/50%25off:default", "50%off"),
        ("svc:/a%2520b:default", "a%2520b"),
        ("svc:/%25%2541:default", "%%2541"),
        ("file:///etc/x", "file:///etc/x"),
        ("input:TIME", "input:TIME"),
    ],
)
def test_what_people_see(name: str, shown: str) -> None:
    assert display(name) == shown


def test_an_instance_in_the_name() -> None:
    assert of_name("web@blue") == ("web", "blue")
    assert of_name("web") == ("web", "default")
    assert of_name("@web") == ("@web", "default")
    assert of_name("web@") == ("web@", "default")
    assert of_name("a@b@c") == ("a", "b@c")


KNOWN = [
    "svc:/network/smtp:sendmail",
    "svc:/web:default",
    "svc:/web:blue",
    "svc:/mail/web:default",
    "svc:/my%20db:default",
]


@pytest.mark.parametrize(
    "typed", ["sendmail", ":sendmail", "smtp", "smtp:sendmail", "network/smtp"]
)
def test_an_abbreviation_is_the_end_of_a_name(typed: str) -> None:
    assert matching([typed], KNOWN) == ["svc:/network/smtp:sendmail"]


@pytest.mark.parametrize("typed", ["mail", "network", "network/smt", "endmail"])
def test_what_is_no_abbreviation(typed: str) -> None:
    with pytest.raises(NoSuchService) as caught:
        matching([typed], KNOWN)
    assert caught.value.exit_status == 4


def test_an_exact_service_is_all_its_instances() -> None:
    assert matching(["web"], KNOWN) == ["svc:/web:default", "svc:/web:blue"]
    assert matching(["web:default"], KNOWN) == ["svc:/web:default"]
    assert matching(["my db"], KNOWN) == matching(["my%20db"], KNOWN) == ["svc:/my%20db:default"]


def test_globs_cross_slashes_and_see_shown_names() -> None:
    assert matching(["*web*"], KNOWN) == [
        "svc:/web:default",
        "svc:/web:blue",
        "svc:/mail/web:default",
    ]
    assert matching(["w?b"], KNOWN) == ["svc:/web:default"]
    assert matching(["my *"], KNOWN) == ["svc:/my%20db:default"]


def test_several_patterns_name_each_once() -> None:
    assert matching(["smtp", "*smtp*", "my db"], KNOWN) == [
        "svc:/network/smtp:sendmail",
        "svc:/my%20db:default",
    ]


def test_an_ambiguous_name_lists_the_candidates() -> None:
    known = ["svc:/a/db:default", "svc:/b/db:default"]
    with pytest.raises(NoSuchService) as caught:
        matching(["db"], known)
    assert caught.value.candidates == ["a/db", "b/db"]
    assert "a/db, b/db" in str(caught.value)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(NoSuchService) as caught:
        matching(["wbe"], ["svc:/web:default", "svc:/store:default"])
    assert caught.value.hint == "did you mean web?"


def test_a_file_called_like_an_escape_is_found_by_its_name() -> None:
    name = fmri("a%20b")
    assert name == "svc:/a%2520b:default"
    assert matching(["a%20b"], [name]) == [name]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("exec_strat", "exec_start"), ("execstart", "exec_start"), ("unrelated", None), ("", None)],
)
def test_did_you_mean(word: str, meant: str | None) -> None:
    assert did_you_mean(word, ["exec_start", "environment", "user"]) == meant
