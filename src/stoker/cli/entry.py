"""From a command line's words to a verb's `run`, and from what that raises to an exit status."""

from __future__ import annotations

import sys

from .call import Call
from .parse import parse
from .table import verb_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["run"]

INTERRUPTED = 130
"""As shells say that a command ended by SIGINT."""


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status. Raises only what is a mistake of ours."""
    words = sys.argv[1:] if argv is None else list(argv)
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _fill_standard()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name may hold bytes that are no text here
            stream.reconfigure(errors="backslashreplace")
    try:
        other = _of_another_system(argv, words)
        status = _run(parse(list(words))) if other is None else other
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return _nobody_reads()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # standard output is full, say
        return _system_says(error)
    except Exception as error:
        from stoker.errors import StokerError

        if not isinstance(error, StokerError):
            raise
        from .say import complain

        try:
            complain(error)
        except BrokenPipeError:
            return _nobody_reads()
        return error.exit_status


def _fill_standard() -> None:
    """Who started us has closed some of the first three: a socket of ours must not get such a
    number, for what is printed would go there.
    """
    import os

    while (fd := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(fd, True)
    os.close(fd)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if number else "r"  # for as long as we live:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _of_another_system(argv: Sequence[str] | None, words: Sequence[str]) -> int | None:
    """The status of a command of another system: `stoker svctl …`, or a link of that name to us.
    None when it is one of our own.
    """
    name = sys.argv[0].rpartition("/")[2] if argv is None else "stoker"
    ours = not words or words[0].startswith("-") or verb_named(words[0]) is not None
    if name == "stoker" and ours:
        return None
    from stoker.compat import COMMANDS, run

    if name in COMMANDS:
        return run(name, words)
    return None if ours or words[0] not in COMMANDS else run(words[0], words[1:])


def _run(call: Call) -> int:
    name = call.verb.name.replace("-", "_")
    module = __import__(f"stoker.cli.commands.{name}", fromlist=["run"])
    try:
        return int(module.run(call))
    finally:
        call.close()


def _system_says(error: OSError) -> int:
    where = f"{error.filename}: " if error.filename else ""
    print(f"stoker: {where}{error.strerror or error}", file=sys.stderr)
    _nobody_reads()
    return 1


def _nobody_reads() -> int:
    """Whoever read our output has what it wanted (`stoker ls | head -1`)."""
    import os

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # so that the interpreter's own flush at the end finds a reader
    return 0
