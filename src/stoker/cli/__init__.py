"""The command `stoker`: one module for each verb, and one table that says what each takes.

`table.VERBS` drives everything: parsing, help, completion, manual pages, the documentation and its
tests. A verb's module has one function, `run(call) -> exit status`.

Invariants: exit statuses are those of the table (0 done, 1 it failed or is not so, 2 usage, 3 no
manager here, 4 no such service, 5 not yet so when the time was over); standard output has what was
asked for, standard error everything else; `--json` prints one object with a `version`. A fast verb
imports neither argparse nor rich nor msgspec.

Must not: decide anything about services; read a service's output or state except through `client`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .table import VERBS, Argument, Option, Verb

__all__ = ["VERBS", "Argument", "Option", "Verb", "main", "parser", "verbs"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (by default the program's own) and return its exit status."""
    from .entry import run

    return run(argv)


def verbs() -> tuple[Verb, ...]:
    """The table of verbs, in the order in which people should meet them."""
    from .table import VERBS

    return VERBS


def parser() -> argparse.ArgumentParser:
    """The same table as an argparse parser: for manual pages and completion at build time."""
    from .as_argparse import parser as make

    return make()


def __getattr__(name: str) -> object:
    if name in ("VERBS", "Argument", "Option", "Verb"):
        from . import table

        return getattr(table, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
