"""The table as an argparse parser: for manual pages and completion made at build time.

The command itself does not use it: importing argparse takes longer than a fast verb may.
"""

from __future__ import annotations

import argparse

from .table import GLOBAL, STATUSES, VERBS, Argument, Option, Verb

__all__ = ["parser"]

DESCRIPTION = (
    "stoker keeps services running: one manager, one dependency graph and one set of commands."
)


def parser() -> argparse.ArgumentParser:
    """All verbs as sub-parsers."""
    top = argparse.ArgumentParser("stoker", description=DESCRIPTION, add_help=False)
    top.epilog = _statuses(STATUSES)
    for option in GLOBAL:
        _option(top, option)
    below = top.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    for verb in VERBS:
        text = f"{verb.summary[0].upper()}{verb.summary[1:]}. {verb.text}"
        sub = below.add_parser(
            verb.name,
            help=_plain(verb.summary),
            description=_plain(text),
            epilog=_statuses(verb.statuses),
            add_help=False,
        )
        _fill(sub, verb)
    return top


def _fill(sub: argparse.ArgumentParser, verb: Verb) -> None:
    for argument in verb.arguments:
        _argument(sub, argument)
    for option in verb.options:
        _option(sub, option)
    sub.add_argument("-h", "--help", action="store_true", help="explain, and do nothing")


def _argument(to: argparse.ArgumentParser, argument: Argument) -> None:
    kind = {"": None, "rest": "*"}.get(argument.many, argument.many)
    name = "directory" if argument.kind == "directory" else argument.name
    to.add_argument(
        name,
        nargs=kind,
        help=_plain(argument.summary),
        choices=argument.choices or None,
        metavar=None if argument.choices else argument.word,
    )


def _option(to: argparse.ArgumentParser, option: Option) -> None:
    names = [name for name in (option.short, option.long, option.other) if name]
    if not option.value:
        to.add_argument(*names, action="store_true", help=_plain(option.summary), dest=option.name)
        return
    to.add_argument(
        *names,
        help=_plain(option.summary),
        metavar=option.value,
        choices=option.choices or None,
        dest=option.name,
    )


def _plain(text: str) -> str:
    return text.replace("%", "%%")


def _statuses(statuses: dict[int, str]) -> str:
    rows = (f"{number}: {text}" for number, text in sorted(statuses.items()))
    return _plain("Exit statuses: " + "; ".join(rows) + ".")
