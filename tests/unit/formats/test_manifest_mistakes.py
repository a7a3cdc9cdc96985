"""What is wrong in a service bundle is told with line and element; nothing outside it is read."""

from __future__ import annotations

import pytest

from stoker.formats import read_bundle
from stoker.formats.manifest import Bundle

DOCTYPE = "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"


def bundle(text: str, *, doctype: str = DOCTYPE) -> Bundle:
    return read_bundle("/m.xml", f"{doctype}{text}".encode())


def service(body: str) -> Bundle:
    """A bundle whose `body` begins in line 3."""
    return bundle(
        "<service_bundle type='manifest' name='t'><service name='a' type='service' version='1'>\n"
        f"{body}</service></service_bundle>"
    )


def told(found: Bundle) -> list[tuple[int | None, str | None, str]]:
    assert all(one.file == "/m.xml" for one in found.mistakes)
    return [(one.line, one.key, one.message) for one in found.mistakes]


def group(body: str) -> str:
    return f"<property_group name='c' type='application'>\n{body}</property_group>"


@pytest.mark.parametrize(
    ("body", "line", "key", "text"),
    [
        ("<instance name='x'/>", 3, 'instance "x"', '"enabled" is missing'),
        ("<instance name='x' enabled='yes'/>", 3, 'instance "x"', 'cannot be "yes"'),
        ("<nonsense/>", 3, "nonsense", "there is no such element"),
        (
            "<stability value='Stable'/><single_instance/>",
            3,
            "single_instance",
            "stands in the wrong place",
        ),
        ("<propval name='x' type='count' value='1'/>", 3, 'propval "x"', "may not stand in"),
        ("<restarter/>", 3, "restarter", "lacks service_fmri"),
        ("<single_instance size='1'/>", 3, "single_instance", 'no attribute "size"'),
        ("words", 2, 'service "a"', "text may not stand here"),
        (group("<propval name='x' type='count' value='abc'/>"), 4, 'propval "x"', "is no count"),
        (group("<propval name='x' type='boolean' value='2'/>"), 4, 'propval "x"', "is no boolean"),
        (group("<propval name='x' type='time' value='now'/>"), 4, 'propval "x"', "is no time"),
        (group("<propval name='x' type='opaque' value='abc'/>"), 4, 'propval "x"', "is no opaque"),
        (group("<propval name='x' type='odd' value='a'/>"), 4, 'propval "x"', 'cannot be "odd"'),
        (group("<propval name='9' type='count' value='1'/>"), 4, 'propval "9"', "is no name"),
        (
            group(
                "<property name='x' type='count'><astring_list><value_node value='1'/>"
                "</astring_list></property>"
            ),
            4,
            'property "x"',
            "holds a astring_list",
        ),
        (
            group("<propval name='x' type='count' value='1'/>\n" * 2),
            5,
            'propval "x"',
            "is given twice",
        ),
        (
            "<dependency name='d' grouping='require_all' restart_on='none' type='service'>\n"
            "<service_fmri value='/etc/x'/></dependency>",
            4,
            "service_fmri",
            "names no service",
        ),
        (
            "<dependency name='d' grouping='require_all' restart_on='none' type='path'>\n"
            "<service_fmri value='svc:/x'/></dependency>",
            4,
            "service_fmri",
            "names no file",
        ),
        (
            "<dependency name='d' grouping='all' restart_on='none' type='service'/>",
            3,
            'dependency "d"',
            'cannot be "all"',
        ),
        ("<instance name='8080' enabled='true'/>", 3, 'instance "8080"', "is no name"),
        (
            "<instance name='x' enabled='true'/>\n" * 2,
            4,
            'instance "x"',
            "is described twice",
        ),
    ],
)
def test_violations_are_told_at_their_element(body: str, line: int, key: str, text: str) -> None:
    found = service(body)
    assert [(one[0], one[1]) for one in told(found)] == [(line, key)]
    assert text in told(found)[0][2]
    assert found.services == [] or not found.good


def test_all_mistakes_of_a_file_at_once() -> None:
    found = service(
        group("<propval name='x' type='count' value='abc'/>\n")
        + "<instance name='9' enabled='true'/>\n<template/>\n"
    )
    # What the DTD does not allow is told before what the values mean.
    assert [one[1] for one in told(found)] == ["template"]
    found = service(
        group("<propval name='x' type='count' value='abc'/>\n")
        + "<instance name='9' enabled='true'/>\n"
    )
    assert [one[1] for one in told(found)] == ['propval "x"', 'instance "9"']


def test_a_bomb_is_refused_where_it_is_declared() -> None:
    bomb = "<!DOCTYPE service_bundle [\n<!ENTITY a 'aaaaaaaa'>\n<!ENTITY b '&a;&a;&a;&a;'>\n]>\n"
    found = bundle("<service_bundle type='manifest' name='&b;'/>", doctype=bomb)
    ((line, _, message),) = told(found)
    assert line == 2
    assert message == "declares the entity 'a'"


@pytest.mark.parametrize(
    "declared",
    [
        "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
        "<!ENTITY % x SYSTEM 'http://127.0.0.1:1/'>",
        "<!ENTITY x PUBLIC 'y' 'z'>",
    ],
)
def test_external_entities_are_refused_where_they_are_declared(declared: str) -> None:
    found = bundle(
        "<service_bundle type='manifest' name='t'/>",
        doctype=f"<!DOCTYPE service_bundle [\n{declared}\n]>\n",
    )
    ((line, _, message),) = told(found)
    assert line == 2
    assert "declares the entity 'x'" in message


def test_an_entity_that_nobody_declares() -> None:
    found = bundle(
        "<!-- &this; is no reference -->\n"
        "<service_bundle type='manifest' name='a &amp; b'>\n<service name='&x;'/></service_bundle>"
    )
    ((line, _, message),) = told(found)
    assert (line, message) == (4, "the entity &x; is not defined")


@pytest.mark.parametrize(
    ("text", "line"),
    [("<service_bundle", 2), ("<service_bundle>\n</x>", 3), ("<a/><b/>", 2), ("\n\n<a b=1/>", 4)],
)
def test_what_is_no_xml(text: str, line: int) -> None:
    ((found, _, message),) = told(bundle(text))
    assert found == line
    assert message.startswith("is not well-formed XML")


def test_a_file_that_is_empty_or_no_text() -> None:
    for data in (b"", b"\xff\xfe\x00", b"\0" * 100):
        (one,) = read_bundle("/m.xml", data).mistakes
        assert one.message.startswith(("is not well-formed", "cannot be decoded"))
    (one,) = read_bundle("/m.xml", b"<?xml version='1.0' encoding='nonsense'?><a/>").mistakes
    assert one.line == 1


def test_elements_nested_without_end() -> None:
    deep = "<service_bundle type='manifest' name='x'>" * 500 + "</service_bundle>" * 500
    ((_, _, message),) = told(bundle(deep))
    assert message == "elements are nested too deeply"


def test_what_is_no_bundle() -> None:
    ((_, _, message),) = told(bundle("<html/>"))
    assert "begins with <html>" in message
    ((_, key, message),) = told(bundle("<service_bundle type='other' name='x'/>"))
    assert key == 'service_bundle "x"'
    assert "type cannot be 'other'" in message


def test_the_doctype_is_needed() -> None:
    text = "<service_bundle type='manifest' name='x'/>"
    ((_, _, message),) = told(bundle(text, doctype=""))
    assert message == "has no DOCTYPE"
    ((_, _, message),) = told(bundle(text, doctype="<!DOCTYPE service_bundle SYSTEM 'x.dtd'>\n"))
    assert "'x.dtd'" in message


def test_a_value_may_be_4095_bytes_long() -> None:
    value = "<propval name='x' type='astring' value='{}'/>"
    assert service(group(value.format("a" * 4095))).good
    ((line, _, message),) = told(service(group(value.format("a" * 4096))))
    assert (line, message) == (4, "the value is too long (4096 bytes)")
    assert not service(group(value.format("é" * 2048))).good


def test_a_manifest_of_10_megabytes_is_read_and_one_beyond_bounds_refused() -> None:
    padding = "<!-- " + "x" * 10_000_000 + " -->"
    assert service("<single_instance/>" + padding).good
    ((_, _, message),) = told(service(padding + padding))
    assert "larger than" in message


def test_a_manifest_includes_nothing() -> None:
    include = (
        "<service_bundle type='manifest' name='x' xmlns:xi='http://www.w3.org/2001/XInclude'>"
        "<xi:include href='file:/etc/passwd'/></service_bundle>"
    )
    ((_, key, message),) = told(bundle(include))
    assert key == "xi:include"
    assert "cannot be included" in message
    found = bundle(include.replace("'manifest'", "'profile'"))
    assert found.good
    assert found.includes == ["file:/etc/passwd"]


def test_a_profile_may_leave_types_out() -> None:
    body = (
        "<service name='a' type='service' version='1'><instance name='x'>"
        "<property_group name='c'><propval name='p' value='1'/></property_group></instance>"
        "</service></service_bundle>"
    )
    assert bundle("<service_bundle type='profile' name='t'>" + body).good
    found = bundle("<service_bundle type='manifest' name='t'>" + body)
    assert [one[2] for one in told(found)] == [
        'the attribute "enabled" is missing',
        'the attribute "type" is missing',
        'the attribute "type" is missing',
    ]
