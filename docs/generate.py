"""Write the reference pages from the code's own tables.

Run by ``conf.py`` before each build; ``python docs/generate.py DIRECTORY`` writes them for a look.
A page cannot drift from the code: what it says is read from the enumerations, the error classes,
the table of keys and the packages' ``__all__`` at the time of the build.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

LIBRARY = ("stoker.client", "stoker.testing", "stoker.model", "stoker.errors")


def version() -> str:
    """The version of the package that is documented."""
    return str(importlib.import_module("stoker").__version__)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table; a cell's own bars and line breaks are made harmless."""

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(" ".join(str(c).replace("|", "\\|").split()) for c in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows), ""]


def prose(thing: object) -> str:
    """A docstring as Markdown: double backquotes become single ones."""
    return (inspect.getdoc(thing) or "").replace("``", "`")


def first_sentence(thing: object) -> str:
    """The first sentence of a docstring, on one line."""
    text = " ".join(prose(thing).split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", text)[0]


def states() -> list[str]:
    """The states and stages, and how the first are computed from the second."""
    model = importlib.import_module("stoker.model")
    lines = ["# States and stages", ""]
    for words in (model.State, model.Stage, model.Phase):
        lines += [f"## {words.__name__}", "", prose(words), ""]
        lines += [", ".join(f"`{word}`" for word in words), ""]
    return [*lines, "## What is shown of a stage", "", *state_table()]


def state_table() -> list[str]:
    """The engine's own table of what is shown of a stage, which a test holds to the code."""
    text = inspect.getdoc(importlib.import_module("stoker.engine")) or ""
    begin = text.index("    stage    state")
    block, about, _ = text[begin:].split("\n\n", 2)
    rows = []
    for row in block.splitlines()[1:]:
        stage, state, rest = row.split(None, 2)
        following, phase = rest.rsplit(None, 1)
        rows.append((f"`{stage}`", state, following.strip(), phase))
    return [*table(("stage", "state", "next state", "phase"), rows), about, ""]


def words() -> list[str]:
    """The words that a definition may use where a key takes one of a few."""
    model = importlib.import_module("stoker.model")
    lines = ["# Words in definitions", ""]
    for name in model.__all__:
        offered = getattr(model, name)
        if not (isinstance(offered, type) and issubclass(offered, StrEnum)):
            continue
        if name in ("State", "Stage", "Phase"):
            continue
        lines += [f"## {name}", "", prose(offered), ""]
        lines += [", ".join(f"`{word}`" for word in offered), ""]
    return lines


def keys() -> list[str]:
    """Every key of a TOML definition."""
    return ["# Keys of a definition", "", *reference("definition")]


def settings() -> list[str]:
    """Every key of our own settings file."""
    return ["# Settings of a place", "", *reference("settings")]


def reference(which: str) -> list[str]:
    """The rows of one of the tables of keys, a section for each table in it."""
    formats = importlib.import_module("stoker.formats")
    sections: dict[str, list[Sequence[str]]] = {}
    for row in formats.reference_rows(which):
        default = (
            f"`{row['default']}`" if row["default"] not in ("", "required") else row["default"]
        )
        cells = (f"`{row['key']}`", row["type"], default, row["effect"], row["doc"])
        sections.setdefault(row["table"], []).append(cells)
    head = ("key", "type", "default", "a change", "meaning")
    lines = []
    for name, rows in sections.items():
        lines += [f"## `{name}`" if name else "## Top level", "", *table(head, rows)]
    return lines


def verbs() -> list[str]:
    """Usage, options and exit statuses of every verb, from the command's table."""
    cli = importlib.import_module("stoker.cli")
    lines = ["# Usage of the verbs", "", "What each guarantees stands on its own page.", ""]
    for verb in cli.verbs():
        lines += [f"## {verb.name}", "", f"    {verb.usage}", "", f"{verb.text}", ""]
        rows = [(f"`{one.name.upper()}`", one.summary) for one in verb.arguments]
        rows += [(option_names(one), one.summary) for one in verb.options]
        if rows:
            lines += table(("", "meaning"), rows)
        lines += table(("exit status", "meaning"), sorted(verb.statuses.items()))
    return lines


def option_names(option: Any) -> str:
    """``-d``, ``--detach``; with the word for its value."""
    names = [name for name in (option.short, option.long, option.other) if name]
    return ", ".join(f"`{name} {option.value}`" if option.value else f"`{name}`" for name in names)


def exits() -> list[str]:
    """The tree of errors, each with the exit status of the command that meets it."""
    errors = importlib.import_module("stoker.errors")

    def below(kind: type, depth: int) -> Iterator[tuple[str, int, str]]:
        yield ("· " * depth + f"`{kind.__name__}`", kind.exit_status, first_sentence(kind))
        for child in sorted(kind.__subclasses__(), key=lambda one: one.__name__):
            if child.__module__ == errors.__name__:
                yield from below(child, depth + 1)

    return [
        "# Errors and exit statuses",
        "",
        prose(errors),
        "",
        *table(("error", "exit status", "meaning"), below(errors.StokerError, 0)),
    ]


def library() -> list[str]:
    """What the public packages offer, a line for each name."""
    lines = ["# The library", ""]
    for name in LIBRARY:
        package = importlib.import_module(name)
        lines += [f"## {name}", "", prose(package), ""]
        offered = [(one, getattr(package, one)) for one in package.__all__]
        rows = [
            (f"`{one}`", first_sentence(thing) if callable(thing) else "") for one, thing in offered
        ]
        lines += table(("name", "meaning"), rows)
    return lines


PAGES = {
    "usage": verbs,
    "states": states,
    "words": words,
    "keys": keys,
    "settings": settings,
    "exits": exits,
    "library": library,
}


def write_all(directory: Path) -> None:
    """Write every page into ``directory``, leaving those that have not changed untouched."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        path = directory / f"{name}.md"
        text = "\n".join(make()).rstrip() + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
