"""Where a key stands."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stoker.formats.positions import Path, line_of, lines

TEXT = '''\
# a comment = 1
a = 1
"b c".d = [ # "]
  "x",
  "z=[\\"", # ]
  ["n",
   'm'],
]
e = { f = 1, "g.h" = [1, {i = 2}] }
m = """
x = 1
[no]
"""
after = 1

[[dependency]]
targets = ["a",
  "b"]
[[dependency]]
targets = ["c"]
  [dependency.sub]
  q = \'\'\'
multi\'\'\'
  r = 2
[ instances . "blue" . restart ]
delay = "x"
'''


def test_lines() -> None:
    found = lines(TEXT)
    assert tomllib.loads(TEXT)
    expected: dict[Path, int] = {
        ("a",): 2,
        ("b c", "d"): 3,
        ("b c", "d", 0): 4,
        ("b c", "d", 1): 5,
        ("b c", "d", 2): 6,
        ("b c", "d", 2, 1): 7,
        ("e", "f"): 9,
        ("e", "g.h"): 9,
        ("e", "g.h", 1, "i"): 9,
        ("m",): 10,
        ("after",): 14,
        ("dependency", 0): 16,
        ("dependency", 0, "targets"): 17,
        ("dependency", 0, "targets", 1): 18,
        ("dependency", 1): 19,
        ("dependency", 1, "targets"): 20,
        ("dependency", 1, "sub"): 21,
        ("dependency", 1, "sub", "q"): 22,
        ("dependency", 1, "sub", "r"): 24,
        ("instances", "blue", "restart"): 25,
        ("instances", "blue", "restart", "delay"): 26,
    }
    assert {path: found.get(path) for path in expected} == expected
    assert not any("no" in path or "x" in path for path in found)


def test_the_nearest_place_around() -> None:
    found = lines(TEXT)
    assert line_of(found, ("dependency", 1, "missing", 4)) == 19
    assert line_of(found, ("nothing",)) is None


def test_windows_line_ends() -> None:
    assert lines("a = 1\r\n[t]\r\nb = 2\r\n") == {("a",): 1, ("t",): 2, ("t", "b"): 3}


def paths(value: Any, above: Path = ()) -> list[Path]:
    """Every key and element of a parsed document."""
    found: list[Path] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for part, inner in items:
        path = (*above, part)
        found.append(path)
        if isinstance(inner, dict | list):
            found += paths(inner, path)
    return found


KEYS = st.text("ab.#\"\\ =[]{},é'", min_size=1, max_size=4)
STRINGS = st.text("ab#\"\\ =[]{},'é", max_size=6)
INLINE = st.recursive(
    st.integers(-9, 9) | st.booleans() | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + "".join(f"\n  {written(item)}, # ]\n" for item in value) + "]"
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{quoted(key)} = {written(item)}" for key, item in value.items())
            + " }"
        )
    return str(value)


@given(
    st.dictionaries(KEYS, INLINE, max_size=4), st.lists(st.dictionaries(KEYS, INLINE, max_size=2))
)
def test_every_key_of_a_valid_document_is_found(top: dict[str, Any], rows: list[Any]) -> None:
    """And the line that is named is one on which the key is written."""
    text = "".join(f"# {key!r} = 1\n{quoted(key)} = {written(item)}\n" for key, item in top.items())
    for row in rows:
        text += "[[ rows ]]\n" if "rows" not in top else "# no rows\n"
        for key, item in row.items() if "rows" not in top else ():
            text += f"{quoted(key)} = {written(item)}\n"
    data = tomllib.loads(text)
    found, source = lines(text), text.split("\n")
    for path in paths(data):
        assert path in found
        key = path[-1]
        if isinstance(key, str) and key != "rows":
            assert quoted(key) in source[found[path] - 1]


@given(st.text("ab\"'=[]{},.#\\\n", max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in lines(text).values())


def test_a_million_brackets() -> None:
    assert lines("a = " + "[" * 200_000)[("a",)] == 1
    assert lines("a = " + '"' * 200_000 + "\nb = 1\n")[("a",)] == 1
