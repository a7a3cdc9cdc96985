"""How SMF's commands read their operands and lines."""

from __future__ import annotations

import pytest

from stoker.compat import run
from stoker.compat.smf import matching, words
from stoker.errors import NoSuchService, UsageError

KNOWN = [
    "svc:/network/smtp:sendmail",
    "svc:/network/http:apache",
    "svc:/x/foo:default",
    "svc:/y/foo:default",
    "svc:/a1/b1:i",
]
SERVICES = ["svc:/network/smtp", "svc:/network/http", "svc:/x/foo", "svc:/y/foo", "svc:/a1/b1"]


@pytest.mark.parametrize(
    "text", ["svc://localhost/a1/b1:i", "/a1/b1:i", "a1/b1:i", "svc:/a1/b1:i", "svc:a1/b1:i"]
)
def test_t04_one_canonical_form(text: str) -> None:
    assert matching.instances(text, KNOWN) == ["svc:/a1/b1:i"]


@pytest.mark.parametrize(
    "text", ["sendmail", ":sendmail", "smtp", "smtp:sendmail", "network/smtp", "svc:/network/smtp"]
)
def test_t05_parts_of_a_name(text: str) -> None:
    assert matching.instances(text, KNOWN) == ["svc:/network/smtp:sendmail"]


@pytest.mark.parametrize("text", ["mail", "network", "network/smt", "svc", "svc:", "", ":"])
def test_t06_what_is_no_part(text: str) -> None:
    with pytest.raises(NoSuchService):
        matching.instances(text, KNOWN)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("net*smtp*", ["svc:/network/smtp:sendmail"]),
        ("*send*", ["svc:/network/smtp:sendmail"]),
        ("svc:/network/[sh]*", KNOWN[:2]),
        ("/x/fo?:default", ["svc:/x/foo:default"]),
    ],
)
def test_t07_globs_cross_slashes(text: str, found: list[str]) -> None:
    assert matching.instances(text, KNOWN) == found


def test_t08_every_instance_of_that_name() -> None:
    assert matching.instances("default", KNOWN) == ["svc:/x/foo:default", "svc:/y/foo:default"]


def test_a_service_stands_for_itself_where_services_are_meant() -> None:
    assert matching.entities("network/smtp", KNOWN, SERVICES) == ["svc:/network/smtp"]
    assert matching.entities("smtp", KNOWN, SERVICES) == ["svc:/network/smtp:sendmail"]
    assert matching.entities("empty", KNOWN, [*SERVICES, "svc:/an/empty"]) == ["svc:/an/empty"]


def test_the_property_part_of_an_operand() -> None:
    split = matching.property_of
    assert split("svc:/a:b/:properties/pg/prop") == ("svc:/a:b", "pg", "prop")
    assert split("svc:/a/:properties/pg") == ("svc:/a", "pg", "")
    assert split("a") == ("a", "", "")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a  b", ["a", "b"]),
        ('setprop a/b = astring: "x y"', ["setprop", "a/b", "=", "astring:", "x y"]),
        (r'a "q\"q" \( ', ["a", 'q"q', "("]),
        ('= ("a" "b")', ["=", "(", "a", "b", ")"]),
        ("a # all this", ["a"]),
        ("a#b", ["a#b"]),
        ('""', [""]),
        ("", []),
    ],
)
def test_lines_become_words(line: str, found: list[str]) -> None:
    assert words.split_line(line) == found


def test_a_quotation_mark_that_is_not_closed() -> None:
    with pytest.raises(UsageError):
        words.split_line('a "b')


@pytest.mark.parametrize("text", ["plain", "two words", 'with "marks"', "a\\b", "", "(x)"])
def test_values_as_they_are_shown_can_be_read_again(text: str) -> None:
    assert words.split_line(words.quoted(text)) == [text]


@pytest.mark.parametrize(
    "call",
    [
        ("svccfg", "-z"),
        ("svccfg", "-s"),
        ("svccfg", "-f", "x", "list"),
        ("svcprop",),
        ("svcprop", "-C", "-c", "x"),
        ("svcprop", "-C", "-s", "running", "x"),
        ("svcprop", "-w", "a", "b"),
        ("svcprop", "-y", "a"),
    ],
)
def test_what_is_not_understood_ends_with_2(
    call: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(call[0], call[1:]) == 2
    assert f"usage: {call[0]}" in capsys.readouterr().err
