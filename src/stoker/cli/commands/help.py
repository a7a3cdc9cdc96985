"""Explain a verb, or list all."""

from __future__ import annotations

import sys

from ..call import Call
from ..say import coloured, paint
from ..table import GLOBAL, STATUSES, VERBS, Argument, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]


def run(call: Call) -> int:
    """Print from the table."""
    word = call.arguments["verb"]
    verb = None
    if word is not None:
        from ..parse import parse

        verb = parse([word, "--help"]).arguments[
            "verb"
        ]  # finds abbreviations, and says what is near
    chosen = [one for one in VERBS if one.name == verb] if verb else list(VERBS)
    if call.json:
        from ..say import dump

        dump({"version": 1, "verbs": [as_data(one) for one in chosen]})
    elif verb:
        print("\n".join(page(chosen[0])))
    else:
        print("\n".join(overview()))
    return 0


def overview() -> list[str]:
    """All verbs, each with its line."""
    from stoker.compat import COMMANDS

    bold = coloured(sys.stdout)
    width = max(len(verb.name) for verb in VERBS)
    lines = ["usage: stoker [-C DIR | --user | --system] VERB …", ""]
    for verb in VERBS:
        lines.append(f"  {paint(verb.name.ljust(width), 'bold', bold)}  {verb.summary}")
    lines += ["", *_wrapped(f"Commands of other systems: {', '.join(COMMANDS)}."), ""]
    lines += [*_options("Before or after any verb:", GLOBAL), ""]
    lines += ["A verb may be abbreviated. `stoker help VERB` says the rest.", ""]
    lines += ["Exit statuses:", *(f"  {n}  {text}" for n, text in STATUSES.items())]
    return lines


def page(verb: Verb) -> list[str]:
    """Everything about one verb."""
    lines = [f"usage: {verb.usage}", "", f"{verb.summary[0].upper()}{verb.summary[1:]}.", ""]
    lines += _wrapped(verb.text)
    if verb.arguments:
        lines.append("")
        width = max(len(one.word) for one in verb.arguments)
        lines += [f"  {one.word.ljust(width)}  {one.summary}" for one in verb.arguments]
    if verb.options:
        lines += ["", *_options("Options:", verb.options)]
    lines += ["", "Exit statuses:"]
    lines += [f"  {number}  {verb.statuses[number]}" for number in sorted(verb.statuses)]
    return lines


def _options(title: str, options: tuple[Option, ...]) -> list[str]:
    heads = []
    for one in options:
        short = f"{one.short}, " if one.short else "    "
        heads.append(short + one.long + (f" {one.value}" if one.value else ""))
    width = max(map(len, heads))
    rows = zip(heads, options, strict=True)
    return [title, *(f"  {head.ljust(width)}  {one.summary}" for head, one in rows)]


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > 78:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, line]


def as_data(verb: Verb) -> dict[str, Any]:
    """A row of the table, for programs."""

    def argument(one: Argument) -> dict[str, Any]:
        return {
            "name": one.name,
            "summary": one.summary,
            "many": one.many,
            "kind": one.kind,
            "choices": list(one.choices),
        }

    def option(one: Option) -> dict[str, Any]:
        return {
            "long": one.long,
            "short": one.short,
            "value": one.value,
            "summary": one.summary,
            "choices": list(one.choices),
        }

    return {
        "name": verb.name,
        "summary": verb.summary,
        "text": verb.text,
        "usage": verb.usage,
        "arguments": [argument(one) for one in verb.arguments],
        "options": [option(one) for one in verb.options],
        "exit_statuses": {str(n): text for n, text in sorted(verb.statuses.items())},
    }
