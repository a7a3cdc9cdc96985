"""Whether what is installed now begins: found out by a process of its own before anybody goes.

An exec cannot be taken back: a keeper that went over to what does not begin would take with it all
that it holds, and the manager that followed it would fare no better. So the words of the keeper's
own command are tried, each program as far as it can be without being it: by its interpreter, from
its path, in our environment (which is the keeper's), everything but the last statement, which runs
it; then what is imported only later.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from stoker.linux import Loop

__all__ = ["trial", "try_out"]

_PATIENCE = 20  # seconds; with what is waited for afterwards less than a client's 60
_ISOLATED = ["-I", "-S", "-c"]
# Where they are (another version may have others), what programs import when they need it.
_LATER = ("stoker.recorder.program", "stoker.interfaces.rpc", "stoker.interfaces.http")
_FIRST = "import os; os.dup2(1, 2)"  # whatever is wrong is said to us
_LAST = """
from importlib.util import find_spec
for name in {0!r}:
    if find_spec(name.rpartition(".")[0]) and find_spec(name):
        __import__(name)
"""

Ended = Callable[[int, bytes], object]


class Running(Protocol):
    """A process that was started."""

    def cancel(self) -> None:
        """End it; nobody is told."""


def try_out(
    loop: Loop,
    run: Callable[[tuple[str, ...], Mapping[str, str], Ended], Running],
    command: Sequence[str],
    done: Callable[[str], object],
) -> None:
    """`done(why)`, now or from the loop: "" when all programs in a keeper's command begin. `run` as
    `Helpers.run`.
    """
    argv = trial(command)
    if not argv:
        done("")
        return

    def ended(status: int, output: bytes) -> None:
        alarm.cancel()
        done(_why(status, output.decode("utf-8", "replace")) if status != 0 else "")

    def late() -> None:
        program.cancel()
        done(f"it has not come to an end within {_PATIENCE} s")

    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("STOKER_")
    }
    try:
        program = run(argv, environment, ended)
    except OSError as error:
        done(f"{argv[0]}: {error.strerror or error}")
        return
    alarm = loop.at(time.monotonic_ns() + _PATIENCE * 1_000_000_000, late)


def trial(command: Sequence[str]) -> tuple[str, ...]:
    """The command that tries a keeper's; () for one that is not written as ours are."""
    words = list(command)
    texts = [
        words[at + len(_ISOLATED)].rpartition(";")[0]
        for at in range(len(words) - len(_ISOLATED))
        if words[at : at + len(_ISOLATED)] == _ISOLATED
    ]
    if not texts:
        return ()
    return (words[0], *_ISOLATED, "\n".join([_FIRST, *texts, _LAST.format(_LATER)]))


def _why(status: int, output: str) -> str:
    """What a traceback comes down to: the error, and where."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    places = [line for line in lines if line.startswith('File "')]
    if not lines:
        return f"it ended with {status}"
    return f"{lines[-1]} ({places[-1]})" if places else lines[-1]
