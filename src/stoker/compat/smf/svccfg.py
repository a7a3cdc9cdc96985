"""svccfg: look at and change what services are configured as (svccfg(8))."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from stoker.errors import StokerError, UsageError

from .options import letters
from .selection import complain
from .session import COMMANDS, Session
from .words import split_line

__all__ = ["main"]

USAGE = """usage: svccfg [-v] [-s FMRI] COMMAND [ARGUMENT…]
       svccfg [-v] [-s FMRI] -f FILE
       svccfg [-v] [-s FMRI]"""


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 done, 1 a command failed, 2 usage."""
    try:
        words = list(arguments)
        flags, options = _options(words)
    except UsageError as error:
        print(f"svccfg: {error.message}\n{USAGE}", file=sys.stderr)
        return 2
    if flags & {"?", "h"}:
        print(USAGE)
        return 0
    try:
        session = Session(verbose="v" in flags)
        if "s" in options:
            session.select(options["s"])
        if "f" in options:
            return _file(session, options["f"])
        if words:
            session.do(split_line(" ".join(words)) if len(words) > 1 else [*split_line(words[0])])
            return 1 if session.failed else 0
        return _interactive(session)
    except StokerError as error:
        complain(error)
        return 1
    except (OSError, KeyboardInterrupt) as error:
        print(f"svccfg: {error or 'interrupted'}", file=sys.stderr)
        return 1


def _options(words: list[str]) -> tuple[set[str], dict[str, str]]:
    flags, values = letters(words, "?hv", "sf")
    if "f" in values and words:
        raise UsageError("-f and a command exclude each other")
    return flags, values


def _file(session: Session, path: str) -> int:
    """Run the commands of a file; it stops at the first that fails."""
    if path == "-":
        lines = sys.stdin.read().splitlines()
    else:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    for number, line in _logical(lines):
        try:
            session.do(split_line(line))
        except StokerError as error:
            complain(error, f"{path}:{number}")
            return 1
        if session.failed:
            return 1
        if session.ended:
            break
    return 0


def _logical(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Lines with those joined that end in a backslash, each with its first number."""
    found: list[tuple[int, str]] = []
    held, at = "", 0
    for number, line in enumerate(lines, 1):
        at = at or number
        if line.endswith("\\") and not line.endswith("\\\\"):
            held += line[:-1]
            continue
        found.append((at, held + line))
        held, at = "", 0
    if held:
        found.append((at, held))
    return found


def _interactive(session: Session) -> int:
    """Commands from a person, or from a pipe: then it stops at the first that fails."""
    person = sys.stdin.isatty()
    ask = _prompted(session) if person else _plain
    while not session.ended:
        line = ask()
        if line is None:
            break
        session.failed = False
        try:
            session.do(split_line(line))
        except StokerError as error:
            complain(error)
            session.failed = True
        if session.failed and not person:
            return 1
    return 0


def _plain() -> str | None:
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None


def _prompted(session: Session) -> Callable[[], str | None]:
    """Ask with a prompt, completion and history, where this Python has readline."""
    try:
        import readline
    except ImportError:
        pass  # without it there is no completion; everything else is the same
    else:

        def complete(text: str, state: int) -> str | None:
            first = not readline.get_line_buffer()[: readline.get_begidx()].strip()
            words = sorted(COMMANDS) if first else session.completions(text)
            found = [word + " " for word in words if word.startswith(text)]
            return found[state] if state < len(found) else None

        readline.set_completer(complete)
        readline.set_completer_delims(" \t")
        readline.parse_and_bind("tab: complete")

    def ask() -> str | None:
        try:
            return input(f"{session.prompt}> ")
        except EOFError:
            print()
            return None

    return ask
